/* SPDX-License-Identifier: MIT */
/*
 * http.h - one HTTP/1.0 GET, empty POST or PUT over a connected unix socket.
 *
 * As little of HTTP as asking an engine needs: no chunks, no redirects, no
 * second question on the same connection.  libcurl would bring some thirty
 * libraries into a root process.
 *
 * Privilege: none.
 * Trust:     the answer is hostile: every size and the time are bounded, and
 *            what is not understood is refused.
 *
 * Every failure is E_ENGINE, but E_SYSTEM when memory or poll(2) fails.
 */
#ifndef CTSH_HTTP_H
#define CTSH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* An engine's answer about one container is below 100 KiB.  JSON may take
 * eighty times its length in memory, so there is no generosity here. */
#define CTSH_HTTP_HEAD_MAX 16384
#define CTSH_HTTP_BODY_MAX (1024 * 1024)

struct ctsh_http_head {
	unsigned status;    /* 200 to 599                             */
	bool has_length;    /* Content-Length was given               */
	size_t body_length; /* then this, at most CTSH_HTTP_BODY_MAX  */
};

struct ctsh_http_answer {
	unsigned status; /* 200 to 599                             */
	size_t length;   /* of the body, in bytes                  */
	char *body;      /* heap, with a NUL behind it             */
};

/*
 * Asks for `path` (which starts with a slash and needs no escaping) over
 * `sock`, a connected stream socket, and reads the whole answer until the
 * deadline.  The socket is used up but stays the caller's.
 *
 * 0, with `answer->body` owned by the caller; or -1 with `*answer` untouched.
 */
CTSH_MUST_CHECK int ctsh_http_get(int sock, const char *path,
                                  int64_t deadline_ms,
                                  struct ctsh_http_answer *answer,
                                  struct ctsh_error *err);

/* The same as a POST with an empty body. */
CTSH_MUST_CHECK int ctsh_http_post(int sock, const char *path,
                                   int64_t deadline_ms,
                                   struct ctsh_http_answer *answer,
                                   struct ctsh_error *err);

/* The same as a PUT of that text.  The path may have a query behind it. */
CTSH_MUST_CHECK int ctsh_http_put(int sock, const char *path, const char *body,
                                  int64_t deadline_ms,
                                  struct ctsh_http_answer *answer,
                                  struct ctsh_error *err);

/* And a GET whose path may have a query behind it. */
CTSH_MUST_CHECK int ctsh_http_query(int sock, const char *path,
                                    int64_t deadline_ms,
                                    struct ctsh_http_answer *answer,
                                    struct ctsh_error *err);

/* Takes a head of `length` bytes, up to and with the empty line, apart.
 * Pure.  0 or -1. */
CTSH_MUST_CHECK int ctsh_http_parse_head(const char *head, size_t length,
                                         struct ctsh_http_head *out,
                                         struct ctsh_error *err);

#endif
