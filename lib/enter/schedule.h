/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - how the kernel serves the init: processor and disk.
 *
 * A login inherits these from the service that the user came by, which may run
 * with more weight than the container was given.
 *
 * Privilege: root, on the host; CAP_SYS_NICE where something has to change.
 * Trust:     the kernel's word about the pinned init.  A container root can
 *            choose all of it within its limits.
 */
#ifndef CTSH_ENTER_SCHEDULE_H
#define CTSH_ENTER_SCHEDULE_H

#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"

/* Fills c->schedule of the process c->pid, which must be pinned: whether it
 * lived through this is for the caller to see.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_schedule_read(struct ctsh_container *c,
                                       struct ctsh_error *err);

/*
 * Gives the process, our own child, the init's affinity; and of policy, nice
 * value and disk priority what is worse, the init's or its own: never more
 * than the container has, never more than the caller had.  No real-time policy
 * of either side goes on: one that keeps a processor busy can take it from the
 * host for good (sched(7)).  To be called when it is in the container's cpuset,
 * whose joining resets the affinity.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_schedule_give(const struct ctsh_container *c,
                                       pid_t pid, struct ctsh_error *err);

/*
 * Gives the process the init's oom_score_adj: below it the kernel's killer
 * would spare us for the init.  To lower it needs SYS_RESOURCE, and without
 * that ours is the higher one, which is no power.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_oom_give(const struct ctsh_container *c, pid_t pid,
                                  struct ctsh_error *err);

#endif
