/* SPDX-License-Identifier: MIT */
/*
 * orphan.c - loaded before a login service: kills, at its birth, the child that
 * is forked with all signals blocked, as the killer of a machine without memory
 * may.  That is the witness of join=all.
 */
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
	pid_t child = real();
	sigset_t mask;

	if (child == 0 && sigprocmask(SIG_BLOCK, NULL, &mask) == 0 &&
	    sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD))
		(void)kill(getpid(), SIGKILL);
	return child;
}
