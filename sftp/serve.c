/* SPDX-License-Identifier: MIT */
/* Packets in and answers out, with a bound on both. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

#define LENGTH_SIZE 4

/* The two ends of one session. */
struct ends {
	int in, out;
	bool done;   /* the client has said all */
	size_t sent; /* of what is to be written */
};

int sftp_server_open(struct sftp_server *s)
{
	s->users.file = "/etc/passwd";
	s->groups.file = "/etc/group";
	s->handles.max = sftp_handles_limit();
	s->in = malloc(SFTP_IN_SIZE);
	s->out.start = malloc(SFTP_OUT_SIZE);
	s->out.size = SFTP_OUT_SIZE;
	return s->in && s->out.start ? 0 : -1;
}

void sftp_server_close(struct sftp_server *s)
{
	sftp_handles_free(&s->handles);
	sftp_names_free(&s->users);
	sftp_names_free(&s->groups);
	free(s->in);
	free(s->out.start);
	*s = (struct sftp_server){.in = NULL};
}

/* Room for the largest answer: else the client has to read first. */
static bool may_answer(const struct sftp_server *s)
{
	return s->out.size - s->out.used > SFTP_PACKET_MAX + LENGTH_SIZE;
}

/* A whole packet from `at` on: its length; 0: not there yet; -1: none that we
 * would take. */
static ssize_t packet_at(const struct sftp_server *s, size_t at)
{
	struct sftp_reader r = {.at = s->in + at, .left = s->in_used - at};
	uint32_t length = sftp_get_u32(&r);

	if (r.bad)
		return 0;
	if (length == 0 || length > SFTP_PACKET_MAX)
		return -1;
	return r.left >= length ? (ssize_t)length : 0;
}

/* Answers what is there; 0, or -1 for nonsense. */
static int answer_all(struct sftp_server *s)
{
	size_t at = 0;
	ssize_t length = 0;

	while (may_answer(s) && (length = packet_at(s, at)) > 0) {
		if (sftp_answer(s, s->in + at + LENGTH_SIZE, (size_t)length))
			return -1;
		at += LENGTH_SIZE + (size_t)length;
	}
	memmove(s->in, s->in + at, s->in_used - at);
	s->in_used -= at;
	return length < 0 ? -1 : 0;
}

static int read_more(struct sftp_server *s, struct ends *e)
{
	ssize_t n = read(e->in, s->in + s->in_used, SFTP_IN_SIZE - s->in_used);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	e->done = n == 0;
	s->in_used += (size_t)n;
	return 0;
}

static int write_more(struct sftp_server *s, struct ends *e)
{
	ssize_t n =
		write(e->out, s->out.start + e->sent, s->out.used - e->sent);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	e->sent += (size_t)n;
	if (e->sent == s->out.used)
		s->out.used = e->sent = 0;
	return 0;
}

/* Waits for what can be done now.  A client that does not read its answers is
 * not listened to either. */
static int wait_and_move(struct sftp_server *s, struct ends *e)
{
	bool listen = !e->done && s->in_used < SFTP_IN_SIZE && may_answer(s);
	struct pollfd polls[2] = {
		{.fd = listen ? e->in : -1, .events = POLLIN},
		{.fd = s->out.used > 0 ? e->out : -1, .events = POLLOUT},
	};

	if (poll(polls, 2, -1) < 0)
		return errno == EINTR ? 0 : -1;
	if (polls[1].revents && write_more(s, e))
		return -1;
	return polls[0].revents ? read_more(s, e) : 0;
}

int sftp_serve(struct sftp_server *s, int in, int out)
{
	struct ends e = {.in = in, .out = out};

	while (!e.done || s->out.used > 0) {
		if (wait_and_move(s, &e))
			return -1;
		if (answer_all(s)) {
			errno = EBADMSG;
			return -1;
		}
	}
	return 0;
}
