/* SPDX-License-Identifier: MIT */
/*
 * linger.c - preloaded to a service: it takes its time to become the user, and
 * again before it executes their shell.
 */
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

static void rest(void)
{
	struct timespec pause = {.tv_nsec = 20000000};

	nanosleep(&pause, NULL);
}

int setuid(uid_t uid)
{
	int (*next)(uid_t);
	int rc;

	*(void **)&next = dlsym(RTLD_NEXT, "setuid");
	rest();
	rc = next(uid);
	rest();
	return rc;
}
