/* SPDX-License-Identifier: MIT */
#include "presence.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/base/clean.h"

void ctsh_presence_open(struct ctsh_presence *presence)
{
	/* It may have ended already: then whoever took its place, a process
	 * that does not end, or for one outside our namespace nobody. */
	presence->parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
}

bool ctsh_presence_gone(struct ctsh_presence *presence,
                        const struct pollfd *polled)
{
	if (presence->parent < 0 || !polled->revents)
		return false;
	ctsh_presence_close(presence);
	return true;
}

void ctsh_presence_close(struct ctsh_presence *presence)
{
	ctsh_close_fd(&presence->parent);
}
