/* SPDX-License-Identifier: MIT */
/*
 * stop.h - the two ways of stopping that are not a daemon's.
 *
 * Privilege: root, on the host.
 * Trust:     who is stopped was proved; what a program says is the engine's.
 */
#ifndef CTSH_RUNTIME_STOP_H
#define CTSH_RUNTIME_STOP_H

#include <stdint.h>

#include "../base/error.h"

/*
 * As crun and runc do it, which know no other way: SIGTERM, and ten seconds
 * later SIGKILL, to the process behind `init`, a pidfd.  0, or -1 with
 * E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_stop_signal(int init, int64_t deadline_ms,
                                     struct ctsh_error *err);

/*
 * By an engine's command, as struct ctsh_service has it: of the service
 * manager's where there is one, or else of ours, since it leaves nothing
 * behind.  0 if it ended well; or -1.
 */
CTSH_MUST_CHECK int ctsh_stop_command(const char *const *argv,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

#endif
