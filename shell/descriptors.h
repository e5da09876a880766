/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - what the caller's 0 to 2 are, and what the container gets.
 *
 * No object of the host's may become reachable through a descriptor: container
 * root can reopen a file through /proc/PID/fd and write to it, walk up from a
 * directory, or speak to the host's network through a socket.  So only a pipe
 * passes as it is: even the mode of the host's /dev/null could be changed.
 *
 * Privilege: none.
 * Trust:     the descriptors are the caller's and hostile.
 */
#ifndef CTSH_DESCRIPTORS_H
#define CTSH_DESCRIPTORS_H

#include <stdbool.h>

#include "../lib/base/error.h"

enum ctsh_passage {
	CTSH_PASS,     /* a pipe: as it is                           */
	CTSH_NULL,     /* /dev/null: one that cannot be chmod'ed     */
	CTSH_TERMINAL, /* becomes the container's own pty            */
	CTSH_RELAY,    /* through a pipe that the supervisor pumps   */
	CTSH_TAPPED,   /* a pipe that could pass, relayed all the
	                  same; to its end, see channels.h           */
};

struct ctsh_descriptors {
	enum ctsh_passage passage[3];
	bool any_terminal;
};

/* Judges 0 to 2, each alone.  0; or -1 with E_USAGE for anything that may
 * neither pass nor be relayed (directory, O_PATH, other device, namespace,
 * pidfd, epoll, ...). */
CTSH_MUST_CHECK int ctsh_descriptors_judge(struct ctsh_descriptors *d,
                                           struct ctsh_error *err);

/*
 * For a rule that wants to know what passes (recording, idle time): whatever
 * carries the session's bytes goes through the supervisor, stdin included, so
 * that no descriptor inside leads past it.  What it costs is one copy.
 */
void ctsh_descriptors_tap(struct ctsh_descriptors *d);

/* Whether 1 and 2 are tapped and one and the same pipe: then they are one
 * inside as well, or what is written to them would change places. */
bool ctsh_descriptors_one_output(const struct ctsh_descriptors *d);

#endif
