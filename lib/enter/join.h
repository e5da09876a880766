/* SPDX-License-Identifier: MIT */
/*
 * join.h - out of the host's namespaces and into the container's.
 *
 * What of it is left is given up in confine.h.
 *
 * Privilege: root on the host before, all capabilities of the container's user
 *            namespace after.
 * Trust:     the container is proved.  Nothing here decides, looks up, logs or
 *            allocates.
 */
#ifndef CTSH_ENTER_JOIN_H
#define CTSH_ENTER_JOIN_H

#include <stddef.h>

#include "../model/container.h"
#include "stage.h"

/*
 * A keyring of its own, the init's label for the next exec, traits and limits,
 * these groups (as the host counts), all namespaces in one step; not dumpable.
 * 0, or the stage that failed, with errno.
 */
CTSH_MUST_CHECK enum ctsh_stage ctsh_join(const struct ctsh_container *c,
                                          size_t group_count,
                                          const gid_t *groups);

/* The init's root directory, as root and working directory.  As above. */
CTSH_MUST_CHECK enum ctsh_stage ctsh_take_root(const struct ctsh_container *c);

#endif
