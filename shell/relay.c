/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/base/clean.h"

#define PAGES_A_TURN 16

/* How much of a pty's output may wait for a far side that is slower.  More
 * would fill the buffer for good, and to make room in a full one moves all of
 * it. */
#define AHEAD_MAX ((size_t)4 * CTSH_RELAY_PORTION)

bool ctsh_channel_pending(const struct ctsh_channel *channel)
{
	return channel->start < channel->end;
}

bool ctsh_channel_done(const struct ctsh_channel *channel)
{
	return channel->from < 0 && channel->to < 0;
}

static bool may_read(const struct ctsh_channel *channel)
{
	if (channel->from_ours && channel->end - channel->start >= AHEAD_MAX)
		return false;
	return channel->from >= 0 && channel->read_left > 0 &&
	       channel->end < CTSH_RELAY_BUFFER;
}

void ctsh_channel_poll(const struct ctsh_channel *channel, struct pollfd *two)
{
	bool pending = ctsh_channel_pending(channel);

	two[0] = (struct pollfd){.fd = -1};
	two[1] = (struct pollfd){.fd = -1};
	if (may_read(channel))
		two[0] = (struct pollfd){.fd = channel->from, .events = POLLIN};
	/* That a reader is gone is news for the writer even while there is
	 * nothing to write.  Not so with a pty: without openers it reports a
	 * hangup for ever, though it may be opened again. */
	if (pending || channel->close_ends)
		two[1] = (struct pollfd){.fd = channel->to,
		                         .events = pending ? POLLOUT : 0};
}

static void end_side(const struct ctsh_channel *channel, int *side)
{
	if (channel->close_ends)
		ctsh_close_fd(side);
	*side = -1;
}

void ctsh_channel_end(struct ctsh_channel *channel)
{
	end_side(channel, &channel->from);
	end_side(channel, &channel->to);
	channel->start = channel->end = 0;
}

/* All is written and nothing will follow. */
static void finish(struct ctsh_channel *channel)
{
	if (channel->half_close)
		(void)shutdown(channel->to, SHUT_WR);
	ctsh_channel_end(channel);
}

static ssize_t write_some(const struct ctsh_channel *channel)
{
	const char *data = channel->buffer + channel->start;
	size_t length = channel->end - channel->start;

	if (channel->to_socket)
		return send(channel->to, data, length,
		            MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!channel->to_ours && length > CTSH_RELAY_PORTION)
		length = CTSH_RELAY_PORTION;
	return write(channel->to, data, length);
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Makes room at the end of the buffer if there is little. */
static void compact(struct ctsh_channel *channel)
{
	size_t length = channel->end - channel->start;

	if (length && CTSH_RELAY_BUFFER - channel->end >= CTSH_RELAY_PORTION)
		return;
	memmove(channel->buffer, channel->buffer + channel->start, length);
	channel->start = 0;
	channel->end = length;
}

static void move_out(struct ctsh_channel *channel)
{
	ssize_t sent = write_some(channel);

	if (sent < 0 && !is_passing(errno))
		ctsh_channel_end(channel);
	if (sent <= 0)
		return;
	channel->start += (size_t)sent;
	channel->moved = true;
	compact(channel);
}

/* Whether so much came that there may be more at once. */
static bool move_in(struct ctsh_channel *channel)
{
	char *at = channel->buffer + channel->end;
	size_t room = CTSH_RELAY_BUFFER - channel->end;
	ssize_t got;

	if (room > channel->read_left)
		room = channel->read_left;
	if (channel->from_socket)
		got = recv(channel->from, at, room, MSG_DONTWAIT);
	else
		got = read(channel->from, at, room);
	if (got < 0 && is_passing(errno))
		return false;
	/* Any error is an end: EIO is how a pty says that nobody has its
	 * other side open any more. */
	if (got <= 0) {
		end_side(channel, &channel->from);
		return false;
	}
	if (channel->seen)
		channel->seen(channel->context, at, (size_t)got);
	channel->end += (size_t)got;
	channel->moved = true;
	if (channel->read_left != SIZE_MAX)
		channel->read_left -= (size_t)got;
	return got >= CTSH_RELAY_PORTION / 2;
}

/* A pty gives a page at once, and has often the next one by then: so many calls
 * of poll(2) less for the same bytes.  Each goes on before the next is read, so
 * that both ends have work meanwhile. */
static void move_all(struct ctsh_channel *channel)
{
	bool more = true;

	/* Bounded: signals and limits are looked at in between. */
	for (int i = 0; i < PAGES_A_TURN && more && may_read(channel); i++) {
		more = move_in(channel) && channel->from_ours;
		if (channel->to_ours && ctsh_channel_pending(channel))
			move_out(channel);
	}
}

void ctsh_channel_move(struct ctsh_channel *channel, const struct pollfd *two)
{
	bool try_in = two[0].revents;

	if (two[1].revents && ctsh_channel_pending(channel)) {
		move_out(channel);
		/* The next page is likely there, and who waits for room is not
		 * asked about it. */
		try_in |= channel->from_ours;
	} else if (two[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
		ctsh_channel_end(channel);
	}
	if (try_in)
		move_all(channel);
	if (channel->from < 0 && channel->to >= 0 &&
	    !ctsh_channel_pending(channel))
		finish(channel);
}
