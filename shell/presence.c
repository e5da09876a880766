/* SPDX-License-Identifier: MIT */
#include "presence.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/base/clean.h"

/* A pipe that nobody writes to: poll(2) reports its end at once. */
static int open_ended(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	(void)close(ends[1]);
	return ends[0];
}

void ctsh_presence_open(struct ctsh_presence *presence, pid_t caller)
{
	presence->parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
	/* A login takes its time, and whoever takes the place of a parent that
	 * has ended is a process that does not end. */
	if (getppid() == caller)
		return;
	ctsh_close_fd(&presence->parent);
	presence->parent = open_ended();
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
