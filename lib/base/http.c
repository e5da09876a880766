/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "fdio.h"
#include "text.h"

#define FIRST_ROOM 8192

struct buffer {
	char *data;
	size_t used, room;
};

static int nonsense(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_ENGINE, 0, "HTTP answer %s", what);
}

/* Printable ASCII and tabs on lines that end with CR LF, nothing else: what
 * parsers read differently is not in it. */
static bool head_is_clean(const char *head, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (head[i] == '\r') {
			if (i + 1 == length || head[i + 1] != '\n')
				return false;
			i++;
		} else if (head[i] != '\t' &&
		           (head[i] < 0x20 || head[i] > 0x7e)) {
			return false;
		}
	}
	return length >= 4 && !memcmp(head + length - 4, "\r\n\r\n", 4);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.x NNN"; a reason may follow after a blank. */
static int parse_status(const char *line, size_t length, unsigned *status)
{
	const char *code = line + 9;

	if (length < 12 || memcmp(line, "HTTP/1.", 7) ||
	    (line[7] != '0' && line[7] != '1') || line[8] != ' ')
		return -1;
	if (code[0] < '2' || code[0] > '5' || !is_digit(code[1]) ||
	    !is_digit(code[2]) || (length > 12 && line[12] != ' '))
		return -1;
	*status = (unsigned)(code[0] - '0') * 100 +
	          (unsigned)(code[1] - '0') * 10 + (unsigned)(code[2] - '0');
	return 0;
}

static int parse_length(const char *value, size_t length,
                        struct ctsh_http_head *out)
{
	char digits[24];
	uint64_t number;

	while (length && (*value == ' ' || *value == '\t'))
		value++, length--;
	while (length &&
	       (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	if (length >= sizeof(digits) || out->has_length)
		return -1;
	memcpy(digits, value, length);
	digits[length] = '\0';
	if (!ctsh_text_number(digits, CTSH_HTTP_BODY_MAX, &number))
		return -1;
	out->has_length = true;
	out->body_length = (size_t)number;
	return 0;
}

static bool named(const char *line, size_t length, const char *name)
{
	return length == strlen(name) && !strncasecmp(line, name, length);
}

static int parse_field(const char *line, size_t length,
                       struct ctsh_http_head *out, struct ctsh_error *err)
{
	const char *colon = memchr(line, ':', length);
	size_t name = colon ? (size_t)(colon - line) : 0;

	/* No name, or a blank in it, which is also how a folded line looks. */
	if (!name || memchr(line, ' ', name) || memchr(line, '\t', name))
		return nonsense(err, "has a malformed field");
	if (named(line, name, "Transfer-Encoding"))
		return nonsense(err, "is in an encoding not asked for");
	if (named(line, name, "Content-Length") &&
	    parse_length(colon + 1, length - name - 1, out))
		return nonsense(err, "has an impossible length");
	return 0;
}

int ctsh_http_parse_head(const char *head, size_t length,
                         struct ctsh_http_head *out, struct ctsh_error *err)
{
	struct ctsh_http_head found = {0};
	const char *line, *end;

	if (!head_is_clean(head, length))
		return nonsense(err, "has a malformed head");
	end = memmem(head, length, "\r\n", 2);
	if (parse_status(head, (size_t)(end - head), &found.status))
		return nonsense(err, "has a malformed status line");
	/* The empty line ends it: head_is_clean() has seen that there is one,
	 * and one within the head is an empty name. */
	for (line = end + 2; line < head + length - 2; line = end + 2) {
		end = memmem(line, (size_t)(head + length - line), "\r\n", 2);
		if (parse_field(line, (size_t)(end - line), &found, err))
			return -1;
	}
	*out = found;
	return 0;
}

static int late(struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_ENGINE, ETIMEDOUT, "HTTP answer");
}

/* Waits for the socket; asked each time, so that an answer byte by byte does
 * not outlast the deadline. */
static int wait_for(int sock, short events, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	int ready = ctsh_wait_fd(sock, events, deadline_ms);

	if (ready < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "poll");
	return ready ? 0 : late(err);
}

struct request {
	const char *method, *path;
	const char *never;  /* what the path may not have       */
	const char *fields; /* what it needs beside the host    */
	const char *body;
};

#define NO_QUERY " #%?\\"
#define QUERY " #%\\"

static int send_request(int sock, const struct request *r, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	char text[1024];
	size_t sent = 0, length;
	ssize_t n;
	int printed;

	printed = snprintf(text, sizeof(text),
	                   "%s %s HTTP/1.0\r\nHost: localhost\r\n%s\r\n%s",
	                   r->method, r->path, r->fields, r->body);
	if (printed < 0 || (size_t)printed >= sizeof(text) ||
	    r->path[0] != '/' || !ctsh_text_is_printable(r->path) ||
	    strpbrk(r->path, r->never))
		return ctsh_fail(err, CTSH_E_SYSTEM, EINVAL, "HTTP path");
	length = (size_t)printed;
	while (sent < length) {
		if (wait_for(sock, POLLOUT, deadline_ms, err))
			return -1;
		n = send(sock, text + sent, length - sent,
		         MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return ctsh_fail(err, CTSH_E_ENGINE, errno,
			                 "HTTP request");
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* One byte is kept free for the NUL behind the body. */
static int make_room(struct buffer *b, struct ctsh_error *err)
{
	size_t room = b->room ? b->room * 2 : FIRST_ROOM;
	char *data;

	if (b->used + 1 < b->room)
		return 0;
	data = realloc(b->data, room);
	if (!data)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "HTTP answer");
	b->data = data;
	b->room = room;
	return 0;
}

/* Appends what is there.  1; 0 at the end of the answer; -1. */
static int fill(int sock, struct buffer *b, int64_t deadline_ms,
                struct ctsh_error *err)
{
	ssize_t n;

	if (make_room(b, err))
		return -1;
	do {
		if (ctsh_now_ms() >= deadline_ms)
			return late(err);
		if (wait_for(sock, POLLIN, deadline_ms, err))
			return -1;
		n = recv(sock, b->data + b->used, b->room - b->used - 1,
		         MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return ctsh_fail(err, CTSH_E_ENGINE, errno, "HTTP answer");
	b->used += (size_t)n;
	return n > 0;
}

static int read_head(int sock, struct buffer *b, int64_t deadline_ms,
                     size_t *length, struct ctsh_error *err)
{
	const char *end = NULL;
	int more;

	while (!end) {
		more = fill(sock, b, deadline_ms, err);
		if (more < 0)
			return -1;
		end = memmem(b->data, b->used, "\r\n\r\n", 4);
		if (!more)
			return nonsense(err, "ends within its head");
		if (!end && b->used >= CTSH_HTTP_HEAD_MAX)
			return nonsense(err, "has too long a head");
	}
	*length = (size_t)(end + 4 - b->data);
	if (*length > CTSH_HTTP_HEAD_MAX)
		return nonsense(err, "has too long a head");
	return 0;
}

/* Reads until the body is whole and says how long it is. */
static int read_body(int sock, struct buffer *b, size_t start,
                     const struct ctsh_http_head *head, int64_t deadline_ms,
                     size_t *length, struct ctsh_error *err)
{
	size_t most = head->has_length ? head->body_length : CTSH_HTTP_BODY_MAX;
	int more = 1;

	while (more && !(head->has_length && b->used - start >= most)) {
		more = fill(sock, b, deadline_ms, err);
		if (more < 0)
			return -1;
		if (b->used - start > most)
			break;
	}
	*length = b->used - start;
	if (*length > most)
		return nonsense(err, "is too long");
	if (head->has_length && *length < most)
		return nonsense(err, "is cut off");
	return 0;
}

static int take_answer(int sock, int64_t deadline_ms,
                       struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	ctsh_autofree char *data = NULL;
	struct buffer b = {0};
	struct ctsh_http_head head;
	size_t start = 0, length = 0;
	int failed;

	failed = read_head(sock, &b, deadline_ms, &start, err) ||
	         ctsh_http_parse_head(b.data, start, &head, err) ||
	         read_body(sock, &b, start, &head, deadline_ms, &length, err);
	data = b.data;
	if (failed)
		return -1;
	memmove(data, data + start, length);
	data[length] = '\0';
	answer->status = head.status;
	answer->length = length;
	answer->body = data;
	data = NULL;
	return 0;
}

static int ask(int sock, const struct request *r, int64_t deadline_ms,
               struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	if (send_request(sock, r, deadline_ms, err))
		return -1;
	return take_answer(sock, deadline_ms, answer, err);
}

int ctsh_http_get(int sock, const char *path, int64_t deadline_ms,
                  struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	return ask(sock, &(struct request){"GET", path, NO_QUERY, "", ""},
	           deadline_ms, answer, err);
}

int ctsh_http_query(int sock, const char *path, int64_t deadline_ms,
                    struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	return ask(sock, &(struct request){"GET", path, QUERY, "", ""},
	           deadline_ms, answer, err);
}

int ctsh_http_post(int sock, const char *path, int64_t deadline_ms,
                   struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	return ask(sock,
	           &(struct request){"POST", path, NO_QUERY,
	                             "Content-Length: 0\r\n", ""},
	           deadline_ms, answer, err);
}

int ctsh_http_put(int sock, const char *path, const char *body,
                  int64_t deadline_ms, struct ctsh_http_answer *answer,
                  struct ctsh_error *err)
{
	char fields[80];

	(void)snprintf(fields, sizeof(fields),
	               "Content-Type: application/json\r\n"
	               "Content-Length: %zu\r\n",
	               strlen(body));
	return ask(sock, &(struct request){"PUT", path, QUERY, fields, body},
	           deadline_ms, answer, err);
}
