/* SPDX-License-Identifier: MIT */
/*
 * channels.h - all channels of one session: which descriptor feeds which.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     as relay.h.
 */
#ifndef CTSH_CHANNELS_H
#define CTSH_CHANNELS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "../lib/base/error.h"
#include "descriptors.h"
#include "relay.h"

enum {
	CTSH_TTY_IN,  /* caller's terminal to pty         */
	CTSH_TTY_OUT, /* and back                         */
	CTSH_RELAY_0, /* caller's descriptor 0 to a pipe  */
	CTSH_RELAY_1, /* a pipe to caller's descriptor 1  */
	CTSH_RELAY_2, /* and 2                            */
	CTSH_CHANNELS,
};

/* Entries for poll(2). */
#define CTSH_CHANNELS_POLLS (2 * CTSH_CHANNELS)

struct ctsh_channels {
	struct ctsh_channel one[CTSH_CHANNELS];
	int output;    /* a terminal opened for writing, or -1   */
	bool outlives; /* the leader has ended, a tapped output not  */
	char *buffers; /* one mapping for all, or NULL           */
	size_t buffers_size;
};

/* Without any channel; the only valid start. */
void ctsh_channels_init(struct ctsh_channels *channels);

/*
 * Connects what `d` says: terminals with `master` (-1: none; borrowed), the
 * relayed and tapped ones of 0 to 2 with the pipes `relay`.  Descriptor and
 * pipe belong to the channel from then on, and the pipe's place is -1.  Memory
 * is taken only if there is anything to relay.
 *
 * 0; or -1 with E_SYSTEM.  ctsh_channels_close() in both cases.
 */
CTSH_MUST_CHECK int ctsh_channels_connect(struct ctsh_channels *channels,
                                          const struct ctsh_descriptors *d,
                                          int master, int relay[3],
                                          struct ctsh_error *err);

/* Fills CTSH_CHANNELS_POLLS entries. */
void ctsh_channels_poll(const struct ctsh_channels *channels,
                        struct pollfd *polls);

/* Moves what can be moved, after poll(2) filled them. */
void ctsh_channels_move(struct ctsh_channels *channels,
                        const struct pollfd *polls);

/* Whether bytes were read that are still to be written; once the leader has
 * ended, also whether a tapped output may still bring some. */
bool ctsh_channels_pending(const struct ctsh_channels *channels);

/* Whether any bytes came or went since it was last asked. */
bool ctsh_channels_moved(struct ctsh_channels *channels);

/*
 * The session's leader has ended: nothing goes in any more, and what comes out
 * is bounded, by amount, to what the kernel may hold now: a process in the
 * background may keep the far ends open and never stop writing.
 *
 * Not so a tapped pipe, if the session has no terminal: had it passed, whoever
 * reads it (sshd) would wait for its end, however late, and stdin would be read
 * until then.
 */
void ctsh_channels_leader_ended(struct ctsh_channels *channels);

/* The session is told to end: its leader's end will be that of tapped pipes
 * too. */
void ctsh_channels_hang_up(struct ctsh_channels *channels);

/* Ends all channels and gives the memory back.  Harmless twice. */
void ctsh_channels_close(struct ctsh_channels *channels);

#endif
