/* SPDX-License-Identifier: MIT */
/*
 * lxd.h - what LXD and Incus are asked for over their REST interface: to start
 * an instance.  To find one they are not asked, see lxd.c.
 *
 * Privilege: root, on the host.
 * Trust:     as docker's (docker.c): who answers is checked, what is said is
 *            the engine's word.
 */
#ifndef CTSH_RUNTIME_LXD_H
#define CTSH_RUNTIME_LXD_H

#include <stdint.h>

#include "../base/error.h"

/*
 * Has the daemon whose directory that is start the instance "NAME" or
 * "PROJECT/NAME", which is valid.  0, also if it runs; or -1 with E_ABSENT if
 * there is none or it cannot be started, with the daemon's own words, or it
 * takes longer; E_PAUSED if it is frozen; E_ENGINE, E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_lxd_start(const char *directory, const char *name,
                                   int64_t deadline_ms, struct ctsh_error *err);

#endif
