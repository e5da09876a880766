/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - give up power for good, and prove it.
 *
 * For processes of ours that go on with less: the reader of the container's
 * files, the supervisor, the watchdog.  What they keep is said at the call.
 *
 * Privilege: root before, what the call says after.
 * Trust:     none; every step is read back.
 */
#ifndef CTSH_SANDBOX_H
#define CTSH_SANDBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"

/*
 * Becomes uid and gid for ever: no supplementary groups but the primary one,
 * no capability in any set, empty bounding set, no_new_privs, not dumpable.
 * Tries to get root back and fails if that works.  0, or -1 with E_SYSTEM:
 * then the process must end.
 */
CTSH_MUST_CHECK int ctsh_become(uid_t uid, gid_t gid, struct ctsh_error *err);

/*
 * Stays root but keeps only the capabilities in `keep` (bits as in
 * linux/capability.h), with the same bounding set, no_new_privs and not
 * dumpable.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_keep_only(uint64_t keep, struct ctsh_error *err);

/*
 * Lets only these system calls pass from now on; any other one kills the
 * process.  `calls` are numbers of this architecture (SYS_read, ...).
 * Needs no_new_privs.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_allow_only(const int *calls, size_t count,
                                    struct ctsh_error *err);

/*
 * Lets socket(2) make, from now on, unix sockets and those of `family` alone;
 * anything else kills the process.  Before ctsh_allow_only().  Needs
 * no_new_privs.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_allow_sockets(int family, struct ctsh_error *err);

/*
 * Lets ioctl(2) ask, from now on, for what concerns terminals and for FIONREAD
 * alone; anything else kills the process.  Before ctsh_allow_only().  Needs
 * no_new_privs.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_allow_terminal_ioctls(struct ctsh_error *err);

/*
 * Kills the process from now on when it makes this call with another value
 * in that argument (0 to 5) than the one given.  Beside ctsh_allow_only(),
 * and before it.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_allow_argument(int call, unsigned argument,
                                        uint32_t value, struct ctsh_error *err);

/* Dumpable off; to be called first in every stage, since exec and every
 * change of ids may turn it on again.  Cannot fail. */
void ctsh_hide(void);

#endif
