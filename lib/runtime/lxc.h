/* SPDX-License-Identifier: MIT */
/*
 * lxc.h - what LXC, LXD and Incus have in common: a monitor for each container.
 *
 * Privilege: root, on the host.
 * Trust:     see lxc_command.h.
 */
#ifndef CTSH_RUNTIME_LXC_H
#define CTSH_RUNTIME_LXC_H

#include "../base/error.h"
#include "../model/target.h"
#include "lxc_command.h"

/*
 * Asks the monitor.  Its container's init must be a child of the very process
 * that answers, which is what the kernel says and the monitor cannot: that
 * child's start time, read then, is the proof that goes into the target.
 *
 * 0, and everything but `name` and `engine` filled; or -1 as find() in
 * runtime.h.
 */
CTSH_MUST_CHECK int ctsh_lxc_find(const struct ctsh_lxc_monitor *monitor,
                                  struct ctsh_target *target,
                                  struct ctsh_error *err);

#endif
