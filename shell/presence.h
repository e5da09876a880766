/* SPDX-License-Identifier: MIT */
/*
 * presence.h - whether the caller is still there.
 *
 * A terminal hangs up; without one nobody is told when an ssh client vanishes,
 * and on a plain host nothing happens until something is written.  A session
 * that is to end with its caller looks at the process that started the login:
 * sshd's, or su.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     that process is the caller's; by its end a session ends, no more.
 */
#ifndef CTSH_PRESENCE_H
#define CTSH_PRESENCE_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

struct ctsh_presence {
	int parent; /* readable at its end, owned; -1: not looked at */
};

/* Looks at nothing. */
#define CTSH_PRESENCE_INIT    \
	{                     \
		.parent = -1, \
	}

/* Opens what there is to look at, before the filter: `caller`, our parent when
 * the login began.  What cannot be had (0: it is outside our PID namespace) is
 * not looked at. */
void ctsh_presence_open(struct ctsh_presence *presence, pid_t caller);

/* Whether the caller has gone, after poll(2) of that descriptor for POLLIN.
 * Said once. */
bool ctsh_presence_gone(struct ctsh_presence *presence,
                        const struct pollfd *polled);

void ctsh_presence_close(struct ctsh_presence *presence);

#endif
