/* SPDX-License-Identifier: MIT */
/*
 * strand.h - one connection at a time, carried over two pipes.
 *
 * A socket would tell whoever connects to it which process sends, and hand out
 * a pidfd of it (SO_PEERPIDFD, SO_PASSPIDFD); a pipe tells nobody anything.  So
 * between the container and the supervisor there are only pipes, and each pair
 * of them carries one connection after the other, in frames: OPEN, DATA, END (a
 * half-close), CLOSE (said once by either side; when both have said it the pair
 * is free again).
 *
 * A frame has at most PIPE_BUF bytes, so it is written whole or not at all.
 * What the far side does not take is not read on the near side: memory is what
 * struct ctsh_strand has and borrows, and no more.
 *
 * Privilege: none.
 * Trust:     none in the other side: a frame out of place ends the strand for
 *            good.  The bytes are nobody's business, but for a judge.
 */
#ifndef CTSH_STRAND_H
#define CTSH_STRAND_H

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CTSH_STRAND_HEADER 4
#define CTSH_STRAND_ROOM (PIPE_BUF - CTSH_STRAND_HEADER)

/* Entries for poll(2): the pipe to read, the connection, the pipe to write. */
#define CTSH_STRAND_POLLS 3

/*
 * Says how many of these bytes may pass now; those behind come again, with more
 * behind them.  -1: none of them, and the connection is to be closed.
 */
typedef ssize_t ctsh_strand_judge(void *context, const char *data,
                                  size_t length);

/* Bytes on their way in one direction. */
struct ctsh_flow {
	ctsh_strand_judge *judge; /* NULL: all may pass             */
	size_t start, ok, end;    /* ok: judged up to here          */
	char *data;               /* CTSH_STRAND_ROOM, borrowed     */
};

struct ctsh_strand {
	int in, out; /* our ends of the pipes, O_NONBLOCK, owned; -1: broken */
	int sock;    /* the connection, O_NONBLOCK, owned; or -1             */
	bool opener; /* this side opens, and the other one never             */
	bool open;   /* from OPEN to the second CLOSE                        */
	uint8_t target;
	bool say_open, say_close; /* to be written                    */
	bool said_end, said_close, heard_end, heard_close;
	bool at_end;   /* nothing more comes from the connection              */
	bool deaf;     /* it takes nothing more                               */
	size_t left;   /* of a DATA frame, still in the pipe                  */
	void *context; /* for the judges                                      */
	struct ctsh_flow down; /* pipe to connection                  */
	struct ctsh_flow up;   /* connection to pipe                  */
};

/* What a strand's bytes are kept in: apart, so that a strand that carries
 * nothing costs next to nothing. */
struct ctsh_strand_room {
	char down[CTSH_STRAND_ROOM];
	char up[CTSH_STRAND_ROOM];
};

/* Without a connection.  The pipes belong to the strand, the room is borrowed;
 * judges stay as they are. */
void ctsh_strand_init(struct ctsh_strand *s, int in, int out, bool opener,
                      struct ctsh_strand_room *room);

/* Whether a new connection can be opened over it. */
bool ctsh_strand_is_free(const struct ctsh_strand *s);

/* The opener's: this connection, now the strand's, to that target. */
void ctsh_strand_open(struct ctsh_strand *s, int sock, uint8_t target);

/* Fills CTSH_STRAND_POLLS entries; fd -1 where it wants nothing. */
void ctsh_strand_poll(const struct ctsh_strand *s, struct pollfd *polls);

/*
 * Moves what can be moved without waiting, after poll(2) filled the entries.
 * True if the other side has just opened a connection to `target`: then
 * ctsh_strand_take() must follow.
 */
bool ctsh_strand_move(struct ctsh_strand *s, const struct pollfd *polls);

/* The connection for what was opened, now the strand's; -1: there is none. */
void ctsh_strand_take(struct ctsh_strand *s, int sock);

/* Closes all three; it is broken then.  Harmless twice. */
void ctsh_strand_end(struct ctsh_strand *s);

#endif
