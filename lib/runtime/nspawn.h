/* SPDX-License-Identifier: MIT */
/*
 * nspawn.h - systemd-nspawn: as machined wrote it down, or by its process.
 *
 * Privilege: root, on the host.
 * Trust:     machined's file is root's, and may be out of date.  A process is
 *            believed to be nspawn if it is all root, in our own user and PID
 *            namespace, and runs the installed program.
 */
#ifndef CTSH_RUNTIME_NSPAWN_H
#define CTSH_RUNTIME_NSPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/target.h"

/*
 * machined's file about one machine (a NUL behind it).  Pure.  0, and pid and
 * cgroup_id (the unit) filled; or -1: E_UNSAFE if it is not root's, E_ENGINE if
 * it is of something else or malformed.
 */
CTSH_MUST_CHECK int ctsh_nspawn_parse(const char *text, const char *name,
                                      struct ctsh_target *target,
                                      struct ctsh_error *err);

/*
 * Whether a command line, as /proc has it, is that of an nspawn which was told
 * to name its machine so.  Options end where nspawn takes them to end: what
 * comes behind is for the container.  Pure.
 */
bool ctsh_nspawn_names(const char *argv, size_t length, const char *name);

/*
 * Looks for the one nspawn process with that name in its arguments, and for the
 * init below it.  0, and pid and start_ticks filled; or -1: E_ABSENT, E_ENGINE
 * if there are two, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_nspawn_search(const char *name, int64_t deadline_ms,
                                       struct ctsh_target *target,
                                       struct ctsh_error *err);

#endif
