/* SPDX-License-Identifier: MIT */
/*
 * presence.h - whether the caller is still there.
 *
 * A terminal hangs up; without one nobody is told when an ssh client vanishes,
 * and on a plain host nothing happens until something is written.  A session
 * that is to end with its caller looks at two things: the process that started
 * the login (sshd's, or su), and whoever reads the outputs, which is all that
 * one of several sessions over one connection has to itself.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     the caller's own processes; they can end their session so.
 */
#ifndef CTSH_PRESENCE_H
#define CTSH_PRESENCE_H

#include <poll.h>
#include <stdbool.h>

/* Entries for poll(2): the parent, descriptors 1 and 2. */
#define CTSH_PRESENCE_POLLS 3

struct ctsh_presence {
	int fd[CTSH_PRESENCE_POLLS]; /* owned; -1: not looked at */
	bool outputs; /* there is an output whose reader counts     */
};

/* Looks at nothing. */
#define CTSH_PRESENCE_INIT           \
	{                            \
		.fd = { -1, -1, -1 } \
	}

/* Opens what there is to look at, before the filter.  What cannot be had is not
 * looked at. */
void ctsh_presence_open(struct ctsh_presence *presence);

/* Fills the entries. */
void ctsh_presence_poll(const struct ctsh_presence *presence,
                        struct pollfd *polls);

/* Whether the caller has gone: the parent has ended, or no output has a reader
 * any more.  Said once. */
bool ctsh_presence_gone(struct ctsh_presence *presence,
                        const struct pollfd *polls);

void ctsh_presence_close(struct ctsh_presence *presence);

#endif
