/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - remove what belongs to processes that have ended.
 *
 * Privilege: root.
 * Trust:     names in the directory are checked; others are left alone.
 */
#ifndef CTSH_SWEEP_H
#define CTSH_SWEEP_H

#include "../base/clean.h"

/*
 * Removes the files PID-START* below `dir` whose process does not run any more
 * with that start time; a lock file only under its own lock.  Housekeeping:
 * what cannot be removed now is left for the next time.  Preserves errno.
 */
void ctsh_registry_sweep(int dir);

/*
 * Opens the lock file `name` (`flags`: O_CREAT or 0) and locks it without
 * waiting.  1, with the descriptor in `*lock`, owned by the caller; 0 if
 * somebody else holds it or the file was removed meanwhile; -1 with errno.
 */
CTSH_MUST_CHECK int ctsh_registry_try_lock(int dir, const char *name, int flags,
                                           int *lock);

#endif
