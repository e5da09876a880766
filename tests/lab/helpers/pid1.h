/* SPDX-License-Identifier: MIT */
/*
 * pid1.h - the first process of a container.
 *
 * Privilege: none.
 * Trust:     test code.
 */
#ifndef PID1_H
#define PID1_H

#include <signal.h>
#include <sys/wait.h>

/* Reaps, and ends on SIGTERM if it still can. */
static int init(void)
{
	sigset_t all;
	int which;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (sigwait(&all, &which) == 0 && which != SIGTERM)
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	return 0;
}

#endif
