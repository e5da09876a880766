/* SPDX-License-Identifier: MIT */
/*
 * forward.h - the host's side of the sockets that are recreated inside.
 *
 * The porter (lib/model/forward.h) listens inside and carries what it gets over
 * pipes.  This side runs in the supervisor and connects, each time anew: to the
 * caller's agent, if what listens there is the caller's own, and then only
 * messages of an agent pass (agent.h); to sshd's display on the loopback; to
 * the paths of `forward_socket`.
 *
 * A supervisor that somebody took over through these pipes could connect to
 * whatever the user may connect to, and to nothing else: it is the user, with
 * no group but the primary one.  Without X11 it can make unix sockets only.
 *
 * Privilege: none; ctsh_forward_* run as the user.
 * Trust:     none in the porter, nor in what is connected to.
 */
#ifndef CTSH_SHELL_FORWARD_H
#define CTSH_SHELL_FORWARD_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#include "../lib/base/error.h"
#include "../lib/base/strand.h"
#include "../lib/model/forward.h"

/* Entries for poll(2). */
#define CTSH_FORWARD_POLLS (CTSH_PORTER_SLOTS * CTSH_STRAND_POLLS)

/* What the login leaves to the supervisor. */
struct ctsh_forwarding {
	struct ctsh_forward plan;
	uint32_t listening;        /* 1 << target, of those that were ordered;
	                              0: nothing is forwarded                 */
	uid_t uid;                 /* the caller's                            */
	int order;                 /* the porter lives until this is closed   */
	int in[CTSH_PORTER_SLOTS]; /* the strands' pipes; or -1        */
	int out[CTSH_PORTER_SLOTS];
	struct ctsh_forward_slots *slots; /* a mapping, or NULL          */
};

/* Nothing is forwarded yet; `plan` stays. */
void ctsh_forward_init(struct ctsh_forwarding *f);

/*
 * For the supervisor, before its filter.  Takes memory, and fills 0 to 2 where
 * they are closed: a socket that got such a number would get what is said on
 * stderr.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_forward_begin(struct ctsh_forwarding *f,
                                       struct ctsh_error *err);

/* The calls that it needs beside the supervisor's, for a filter; static. */
const int *ctsh_forward_calls(size_t *count);

/* Allows sockets of these families alone from now on. */
CTSH_MUST_CHECK int ctsh_forward_confine(const struct ctsh_forwarding *f,
                                         struct ctsh_error *err);

/* Fills CTSH_FORWARD_POLLS entries. */
void ctsh_forward_poll(const struct ctsh_forwarding *f, struct pollfd *polls);

/* Moves what can be moved, after poll(2) filled them. */
void ctsh_forward_move(struct ctsh_forwarding *f, const struct pollfd *polls);

/* The porter ends by it, too.  Harmless twice, and where nothing is
 * forwarded. */
void ctsh_forward_end(struct ctsh_forwarding *f);

#endif
