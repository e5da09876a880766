/* SPDX-License-Identifier: MIT */
/* waiter [ANYTHING]... - has a command line, and waits.  A child waits with it
 * in a PID namespace of its own where that may be had. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(void)
{
	pid_t child;

	(void)!unshare(CLONE_NEWPID);
	child = fork();
	if (child == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}
