/* SPDX-License-Identifier: MIT */
/*
 * userdir.h - the directory of the user's own below the container's /run/user.
 *
 * On a host systemd-logind makes it; XDG_RUNTIME_DIR names it.  It is made by a
 * child of ours that has the user's ids from the beginning and, in the
 * container's user namespace, one capability: DAC_OVERRIDE, for a single
 * mkdirat(2) in a directory that it holds open and has judged.  So the new
 * directory is the user's and 0700 at once, nothing is ever changed that was
 * there before, and there is no moment at which something could be put in its
 * place.
 *
 * The container's own root can do as much: the child makes nothing unless the
 * init is root with CHOWN in its bounding set, and /run/user root's alone.
 *
 * Privilege: root, on the host, above the barrier; the child as said.
 * Trust:     run/user is the container's: no symbolic link is followed, and
 *            what stands there already is used only if it is the user's own.
 */
#ifndef CTSH_USERDIR_H
#define CTSH_USERDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/container.h"
#include "../model/plan.h"

/*
 * Makes run/user/UID for the plan's ids unless it is there.  0, with in
 * `*usable` whether it now is a directory of the user's own with mode 0700; or
 * -1 with E_SYSTEM if the child failed or was late.
 */
CTSH_MUST_CHECK int ctsh_userdir_make(const struct ctsh_container *c,
                                      const struct ctsh_plan *plan,
                                      bool *usable, int64_t deadline_ms,
                                      struct ctsh_error *err);

#endif
