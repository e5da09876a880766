/* SPDX-License-Identifier: MIT */
#include "strand.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clean.h"

enum { FRAME_OPEN = 1, FRAME_DATA, FRAME_END, FRAME_CLOSE };

struct frame {
	uint8_t kind;
	uint8_t target;
	uint16_t length; /* of what follows; 0 unless DATA */
};

_Static_assert(sizeof(struct frame) == CTSH_STRAND_HEADER, "frame");

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* -- one flow ------------------------------------------------------------- */

static void flow_clear(struct ctsh_flow *f)
{
	f->start = f->ok = f->end = 0;
}

static size_t flow_ready(const struct ctsh_flow *f)
{
	return f->ok - f->start;
}

/* What was judged has gone; the rest moves to the front. */
static void flow_compact(struct ctsh_flow *f)
{
	size_t rest = f->end - f->start;

	if (f->start == 0)
		return;
	memmove(f->data, f->data + f->start, rest);
	f->ok -= f->start;
	f->start = 0;
	f->end = rest;
}

/* -1: these bytes must not pass. */
static int flow_judge(struct ctsh_flow *f, void *context)
{
	ssize_t pass = (ssize_t)(f->end - f->ok);

	if (f->judge)
		pass = f->judge(context, f->data + f->ok, f->end - f->ok);
	if (pass < 0)
		return -1;
	f->ok += (size_t)pass;
	return 0;
}

/* -- the connection ------------------------------------------------------- */

static void forget_connection(struct ctsh_strand *s)
{
	s->open = s->say_open = s->say_close = false;
	s->said_end = s->said_close = s->heard_end = s->heard_close = false;
	s->at_end = s->deaf = false;
	s->left = 0;
	flow_clear(&s->down);
	flow_clear(&s->up);
}

void ctsh_strand_init(struct ctsh_strand *s, int in, int out, bool opener,
                      struct ctsh_strand_room *room)
{
	s->in = in;
	s->out = out;
	s->sock = -1;
	s->opener = opener;
	s->down.data = room->down;
	s->up.data = room->up;
	forget_connection(s);
}

void ctsh_strand_end(struct ctsh_strand *s)
{
	ctsh_close_fd(&s->sock);
	ctsh_close_fd(&s->in);
	ctsh_close_fd(&s->out);
	forget_connection(s);
}

bool ctsh_strand_is_free(const struct ctsh_strand *s)
{
	return s->out >= 0 && !s->open;
}

void ctsh_strand_open(struct ctsh_strand *s, int sock, uint8_t target)
{
	s->sock = sock;
	s->target = target;
	s->open = s->say_open = true;
}

/* Both directions at once, whatever is still on its way in. */
static void hang_up(struct ctsh_strand *s)
{
	ctsh_close_fd(&s->sock);
	flow_clear(&s->down);
	s->at_end = s->say_close = true;
}

void ctsh_strand_take(struct ctsh_strand *s, int sock)
{
	s->sock = sock;
	if (sock < 0)
		hang_up(s);
}

static void read_connection(struct ctsh_strand *s)
{
	struct ctsh_flow *f = &s->up;
	ssize_t got;

	flow_compact(f);
	got = recv(s->sock, f->data + f->end, CTSH_STRAND_ROOM - f->end,
	           MSG_DONTWAIT);
	if (got < 0 && is_passing(errno))
		return;
	if (got < 0) {
		hang_up(s);
		return;
	}
	s->at_end = got == 0;
	f->end += (size_t)got;
	if (flow_judge(f, s->context)) {
		flow_clear(f);
		hang_up(s);
	}
}

static void write_connection(struct ctsh_strand *s)
{
	struct ctsh_flow *f = &s->down;
	ssize_t sent = send(s->sock, f->data + f->start, flow_ready(f),
	                    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && is_passing(errno))
		return;
	if (sent < 0) {
		s->deaf = true;
		flow_clear(f);
		return;
	}
	f->start += (size_t)sent;
}

/* -- frames --------------------------------------------------------------- */

/* 1: written, 0: not now, -1: nobody reads. */
static int put_frame(const struct ctsh_strand *s, uint8_t kind,
                     const char *data, size_t length)
{
	struct {
		struct frame head;
		char body[CTSH_STRAND_ROOM];
	} whole;
	ssize_t size = (ssize_t)(sizeof(whole.head) + length);
	ssize_t sent;

	whole.head = (struct frame){kind, s->target, (uint16_t)length};
	if (length)
		memcpy(whole.body, data, length);
	sent = write(s->out, &whole, (size_t)size);
	if (sent == size)
		return 1;
	return sent < 0 && is_passing(errno) ? 0 : -1;
}

static bool end_is_due(const struct ctsh_strand *s)
{
	return s->at_end && !s->said_end && !s->say_close;
}

static bool has_to_say(const struct ctsh_strand *s)
{
	return s->open && (s->say_open || flow_ready(&s->up) || end_is_due(s) ||
	                   (s->say_close && !s->said_close));
}

/* The next frame, if there is one. */
static void speak(struct ctsh_strand *s)
{
	size_t ready = flow_ready(&s->up);
	uint8_t kind = s->say_open     ? FRAME_OPEN
	               : ready         ? FRAME_DATA
	               : end_is_due(s) ? FRAME_END
	                               : FRAME_CLOSE;
	int done = put_frame(s, kind, s->up.data + s->up.start,
	                     kind == FRAME_DATA ? ready : 0);

	if (done < 0)
		ctsh_strand_end(s);
	if (done <= 0)
		return;
	if (kind == FRAME_OPEN)
		s->say_open = false;
	else if (kind == FRAME_DATA)
		s->up.start += ready;
	else if (kind == FRAME_END)
		s->said_end = true;
	else
		s->said_close = true;
}

/* Whether such a frame may come now. */
static bool is_in_place(const struct ctsh_strand *s, const struct frame *frame)
{
	if (frame->kind == FRAME_DATA
	            ? frame->length == 0 || frame->length > CTSH_STRAND_ROOM
	            : frame->length != 0)
		return false;
	if (frame->kind == FRAME_OPEN)
		return !s->opener && !s->open;
	if (!s->open || s->heard_close)
		return false;
	return frame->kind == FRAME_CLOSE ||
	       ((frame->kind == FRAME_DATA || frame->kind == FRAME_END) &&
	        !s->heard_end);
}

/* True if a frame came; one out of place, or the end of the pipe, is the end
 * of all. */
static bool hear(struct ctsh_strand *s, struct frame *frame)
{
	ssize_t got = read(s->in, frame, sizeof(*frame));

	if (got < 0 && is_passing(errno))
		return false;
	if (got == sizeof(*frame) && is_in_place(s, frame))
		return true;
	ctsh_strand_end(s);
	return false;
}

/* What of a DATA frame fits; with nobody to take it, it is dropped. */
static void read_data(struct ctsh_strand *s)
{
	struct ctsh_flow *f = &s->down;
	size_t room;
	ssize_t got;

	flow_compact(f);
	room = CTSH_STRAND_ROOM - f->end;
	got = read(s->in, f->data + f->end, s->left < room ? s->left : room);
	if (got < 0 && is_passing(errno))
		return;
	if (got <= 0) {
		ctsh_strand_end(s);
		return;
	}
	s->left -= (size_t)got;
	f->end += (size_t)got;
	if (s->sock < 0 || s->deaf) {
		flow_clear(f);
	} else if (flow_judge(f, s->context)) {
		hang_up(s);
	}
}

/* True if it was an OPEN. */
static bool listen_to(struct ctsh_strand *s)
{
	struct frame frame;

	if (s->left == 0) {
		if (!hear(s, &frame))
			return false;
		s->left = frame.length;
		if (frame.kind == FRAME_OPEN) {
			s->target = frame.target;
			s->open = true;
			return true;
		}
		s->heard_end |= frame.kind == FRAME_END;
		s->heard_close |= frame.kind == FRAME_CLOSE;
	}
	if (s->left)
		read_data(s);
	return false;
}

/* -- together ------------------------------------------------------------- */

/* What follows from what was said and heard. */
static void settle(struct ctsh_strand *s)
{
	bool down_over = s->heard_end && flow_ready(&s->down) == 0;

	if (!s->open)
		return;
	if (s->heard_close && !s->say_close) {
		flow_clear(&s->up);
		hang_up(s);
	}
	if (down_over && !s->deaf && s->sock >= 0) {
		(void)shutdown(s->sock, SHUT_WR);
		s->deaf = true;
	}
	if (down_over && s->said_end && !s->say_close)
		hang_up(s);
	if (s->said_close && s->heard_close)
		forget_connection(s);
}

static short wanted(const struct ctsh_strand *s)
{
	short events = 0;

	if (!s->at_end && s->up.end - s->up.start < CTSH_STRAND_ROOM)
		events |= POLLIN;
	if (flow_ready(&s->down))
		events |= POLLOUT;
	return events;
}

void ctsh_strand_poll(const struct ctsh_strand *s, struct pollfd *polls)
{
	short events = wanted(s);

	for (int i = 0; i < CTSH_STRAND_POLLS; i++)
		polls[i] = (struct pollfd){.fd = -1};
	/* What came before is delivered before more is read. */
	if (flow_ready(&s->down) == 0)
		polls[0] = (struct pollfd){.fd = s->in, .events = POLLIN};
	/* One that has ended its side is watched for its hangup; one that we
	 * have no room for would wake us for ever by it. */
	if (s->sock >= 0 && (events || s->at_end))
		polls[1] = (struct pollfd){.fd = s->sock, .events = events};
	if (has_to_say(s))
		polls[2] = (struct pollfd){.fd = s->out, .events = POLLOUT};
}

bool ctsh_strand_move(struct ctsh_strand *s, const struct pollfd *polls)
{
	short come = polls[1].revents;
	bool opened = false;

	if (polls[2].revents && s->out >= 0 && has_to_say(s))
		speak(s);
	if (come & (POLLOUT | POLLERR) && s->sock >= 0 && flow_ready(&s->down))
		write_connection(s);
	if (come && s->sock >= 0 && s->at_end && come & (POLLHUP | POLLERR))
		hang_up(s);
	else if (come & ~POLLOUT && s->sock >= 0 && !s->at_end &&
	         wanted(s) & POLLIN)
		read_connection(s);
	if (polls[0].revents && s->in >= 0)
		opened = listen_to(s);
	settle(s);
	return opened;
}
