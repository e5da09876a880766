/* SPDX-License-Identifier: MIT */
/*
 * relay.h - bytes between the caller's descriptors and the container's.
 *
 * A channel copies one way through a fixed buffer; when the far side does not
 * take, the near side is not read, so memory stays flat.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     the bytes are nobody's business; both ends may stall or vanish.
 */
#ifndef CTSH_RELAY_H
#define CTSH_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTSH_RELAY_BUFFER 65536

/* The most that goes at once to a descriptor that may block. */
#define CTSH_RELAY_PORTION 4096

/* Told what a channel has read, before any of it goes on. */
typedef void ctsh_channel_seen(void *context, const char *bytes, size_t length);

/*
 * O_NONBLOCK belongs to the open file, which the caller's other processes
 * share, so it is set on our own ends only; a terminal is opened anew for that
 * (channels.c).  On the caller's, sockets are told not to wait call by call,
 * and everything else gets, after poll(2) said that there is room, at most
 * CTSH_RELAY_PORTION bytes: a pipe with room takes PIPE_BUF (4,096) without
 * waiting.  A terminal that could not be opened anew may take less at once and
 * hold us for the rest, until its reader goes on or hangs up; what starves
 * meanwhile is this session alone, whose user is that reader.
 */
struct ctsh_channel {
	int from;         /* -1: closed                                  */
	int to;           /* -1: closed                                  */
	bool from_socket; /* the caller's socket                         */
	bool to_socket;
	bool from_ours;    /* O_NONBLOCK is set: take all there is        */
	bool to_ours;      /* the same: give it all there is              */
	bool close_ends;   /* the channel owns both: an end that is over is
	                      closed, a reader that is gone is noticed    */
	bool half_close;   /* shut the socket for writing when all is
	                      written                                     */
	bool to_its_end;   /* goes on when the session's leader has ended */
	size_t read_left;  /* bytes that may still be read; SIZE_MAX: no
	                      limit                                       */
	size_t start, end; /* what is in the buffer                       */
	bool moved;        /* bytes came or went since this was cleared   */
	char *buffer;      /* CTSH_RELAY_BUFFER bytes, borrowed           */
	ctsh_channel_seen *seen; /* or NULL                               */
	void *context;           /* for it, borrowed                      */
};

/* Whether the channel has nothing left to do. */
bool ctsh_channel_done(const struct ctsh_channel *channel);

/* Whether it holds bytes that are still to be written. */
bool ctsh_channel_pending(const struct ctsh_channel *channel);

/* Fills two entries for poll(2), reading side first; fd -1 where it wants
 * nothing. */
void ctsh_channel_poll(const struct ctsh_channel *channel, struct pollfd *two);

/* Takes both sides off, whatever is still to be written. */
void ctsh_channel_end(struct ctsh_channel *channel);

/* Moves what can be moved without blocking, after poll filled `two`.  A side
 * that ended is taken off the channel (-1): the far side only when all is
 * written or it failed. */
void ctsh_channel_move(struct ctsh_channel *channel, const struct pollfd *two);

#endif
