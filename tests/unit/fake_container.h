/* SPDX-License-Identifier: MIT */
/*
 * fake_container.h - an init in namespaces of its own, for tests.
 *
 * The init shares the host's root directory and sleeps until it is ended.
 * Privilege: root.
 * Trust:     test code.
 */
#ifndef CTSH_FAKE_CONTAINER_H
#define CTSH_FAKE_CONTAINER_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/enter/container.h"
#include "../../lib/model/target.h"

#define FAKE_ALL                                                    \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | \
	 CLONE_NEWPID | CLONE_NEWCGROUP)

/* What the init does once it lives in its namespaces; 0 or the test fails. */
typedef int fake_setup(void);

/* Starts it; returns its PID as the host counts.  It dies with the caller. */
static inline pid_t fake_start(int namespaces, fake_setup *setup)
{
	int ready[2];
	char byte = 'x';
	pid_t pid;

	if (pipe(ready))
		abort();
	pid = (pid_t)syscall(SYS_clone, (unsigned long)namespaces | SIGCHLD, 0,
	                     NULL, NULL, 0);
	if (pid < 0)
		abort();
	if (pid == 0) {
		/* The write end closes with exec: then it has begun. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)fcntl(ready[1], F_SETFD, FD_CLOEXEC);
		if (!setup || !setup())
			(void)execl("/bin/sleep", "sleep", "100000", NULL);
		(void)!write(ready[1], &byte, 1);
		_exit(1);
	}
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) != 0)
		abort();
	(void)close(ready[0]);
	return pid;
}

static inline void fake_stop(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* A claim about it that holds: it is older than now. */
static inline struct ctsh_target fake_target(pid_t pid)
{
	struct ctsh_target target = {.pid = pid};

	strcpy(target.engine, "fake");
	strcpy(target.name, "fake");
	strcpy(target.id, "fake");
	(void)clock_gettime(CLOCK_REALTIME, &target.not_after);
	return target;
}

/* Pins and proves it; on failure nothing is held. */
static inline int fake_open(struct ctsh_container *c,
                            const struct ctsh_target *target,
                            const struct ctsh_terms *terms,
                            struct ctsh_error *err)
{
	if (ctsh_container_pin(c, target, terms->owner, err))
		return -1;
	if (ctsh_container_prove(c, target, terms, err) == 0)
		return 0;
	ctsh_container_close(c);
	return -1;
}

#endif
