/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - remove what belongs to processes that have ended, or is outdated.
 *
 * Privilege: root.
 * Trust:     names in the directory are checked; others are left alone.
 */
#ifndef CTSH_SWEEP_H
#define CTSH_SWEEP_H

#include "../base/clean.h"

/*
 * Removes the files PID-START* below `dir` whose process does not run any more
 * with that start time; a lock file only under its own lock.  Of the process
 * that the copy `current` is of, all other copies: an init that executes itself
 * again and again would fill /run with them.  Housekeeping: what cannot be
 * removed now is left for the next time.  Preserves errno.
 */
void ctsh_registry_sweep(int dir, const char *current);

#endif
