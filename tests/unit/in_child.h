/* SPDX-License-Identifier: MIT */
/*
 * in_child.h - try what cannot be undone in a process of its own.
 *
 * Privilege: that of the test.
 * Trust:     none.
 */
#ifndef CTSH_TEST_IN_CHILD_H
#define CTSH_TEST_IN_CHILD_H

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's own verdict: 0 is success, else the line that failed. */
#define CHILD_EXPECT(condition)                    \
	do {                                       \
		if (!(condition))                  \
			_exit(__LINE__ % 250 + 1); \
	} while (0)

typedef void in_child_fn(void *argument);

static inline pid_t start_child(in_child_fn *fn, void *argument)
{
	struct rlimit none = {0, 0};
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)setrlimit(RLIMIT_CORE, &none);
	fn(argument);
	_exit(0);
}

static inline int status_of(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Runs `fn` in a child; its wait(2) status. */
static inline int in_child(in_child_fn *fn, void *argument)
{
	return status_of(start_child(fn, argument));
}

#endif
