/* SPDX-License-Identifier: MIT */
#include "presence.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/base/clean.h"

/* A copy of the output, if it is one that notices when its reader goes. */
static int open_output(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return -1;
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void ctsh_presence_open(struct ctsh_presence *presence)
{
	/* It may have ended already: then whoever took its place, a process
	 * that does not end, or for one outside our namespace nobody. */
	presence->fd[0] = (int)syscall(SYS_pidfd_open, getppid(), 0);
	presence->fd[1] = open_output(STDOUT_FILENO);
	presence->fd[2] = open_output(STDERR_FILENO);
	presence->outputs = presence->fd[1] >= 0 || presence->fd[2] >= 0;
}

void ctsh_presence_poll(const struct ctsh_presence *presence,
                        struct pollfd *polls)
{
	/* A pidfd reports the end as readable, an output as an error. */
	for (int i = 0; i < CTSH_PRESENCE_POLLS; i++)
		polls[i] = (struct pollfd){.fd = presence->fd[i],
		                           .events = i ? 0 : POLLIN};
}

bool ctsh_presence_gone(struct ctsh_presence *presence,
                        const struct pollfd *polls)
{
	bool gone = presence->fd[0] >= 0 && polls[0].revents;

	for (int i = 1; i < CTSH_PRESENCE_POLLS; i++)
		if (presence->fd[i] >= 0 && polls[i].revents)
			ctsh_close_fd(&presence->fd[i]);
	if (presence->outputs && presence->fd[1] < 0 && presence->fd[2] < 0)
		gone = true;
	if (gone)
		ctsh_presence_close(presence);
	return gone;
}

void ctsh_presence_close(struct ctsh_presence *presence)
{
	for (int i = 0; i < CTSH_PRESENCE_POLLS; i++)
		ctsh_close_fd(&presence->fd[i]);
	presence->outputs = false;
}
