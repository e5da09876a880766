/* SPDX-License-Identifier: MIT */
/*
 * fake_strangers.h - what a fake daemon does to be another than root's on this
 * host: for `before` and `after` of fake_daemon.h.
 *
 * Privilege: root.
 * Trust:     none needed.
 */
#ifndef CTSH_FAKE_STRANGERS_H
#define CTSH_FAKE_STRANGERS_H

#include <sched.h>

#include "fake_daemon.h"

#define STRANGER 1000

static inline void become_stranger(void)
{
	if (setresgid(STRANGER, STRANGER, STRANGER) ||
	    setresuid(STRANGER, STRANGER, STRANGER))
		_exit(1);
}

static inline void enter_user_namespace(void)
{
	if (unshare(CLONE_NEWUSER))
		_exit(1);
}

/* The new namespace is for children only. */
static inline void enter_pid_namespace(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(1);
	if (pid) {
		waitpid(pid, NULL, 0);
		_exit(0);
	}
}

/* Who listened ends, a child keeps the socket: as lxc-start does. */
static inline void leave_it_to_a_child(void)
{
	pid_t pid = fork();

	if (pid)
		_exit(pid < 0);
	alarm(FAKE_LIFETIME_S);
}

#endif
