/* SPDX-License-Identifier: MIT */
/*
 * asciicast.h - a session's output as lines of asciicast v2, the format of
 * asciinema.  Pure: writes to the buffer given and nowhere else.
 *
 * A line is one JSON value, whatever the bytes are: they cannot end it, and
 * what is no UTF-8 becomes U+FFFD, one for each part that could have begun a
 * character (as Python, browsers and terminals do it).  A character that two
 * reads cut in two is put together again.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     every byte is the container's or the caller's, and hostile.
 */
#ifndef CTSH_ASCIICAST_H
#define CTSH_ASCIICAST_H

#include <stddef.h>
#include <stdint.h>

/* The most that goes into one event, and the longest line that makes: a byte
 * of input becomes six at most ("\u001b"). */
#define CTSH_CAST_PORTION 2048
#define CTSH_CAST_LINE (6 * CTSH_CAST_PORTION + 128)

/* The beginning of a character whose end has not come. */
struct ctsh_cast_stream {
	unsigned char held[4];
	unsigned char count; /* of bytes held                       */
	unsigned char need;  /* bytes that are missing              */
	unsigned char low;   /* between these is the next one       */
	unsigned char high;
};

struct ctsh_cast_header {
	unsigned columns; /* 0: not known, as `rows`             */
	unsigned rows;
	int64_t time;      /* seconds since 1970                  */
	const char *title; /* cut when too long, as the next two  */
	const char *term;  /* TERM, or NULL                       */
	const char *shell; /* SHELL, or NULL                      */
};

/* All of them write one line with a newline and no NUL to `out`, which has
 * CTSH_CAST_LINE bytes, and return its length.  Times are microseconds since
 * the beginning. */

size_t ctsh_cast_header(const struct ctsh_cast_header *header, char *out);

/* "o": at most CTSH_CAST_PORTION bytes.  0 if there is no whole character. */
size_t ctsh_cast_output(struct ctsh_cast_stream *stream, int64_t time_us,
                        const char *bytes, size_t length, char *out);

/* "o": what is held, since nothing will follow.  0 if nothing is. */
size_t ctsh_cast_flush(struct ctsh_cast_stream *stream, int64_t time_us,
                       char *out);

/* "r": the terminal has another size. */
size_t ctsh_cast_resize(int64_t time_us, unsigned columns, unsigned rows,
                        char *out);

/* "m": a remark of ours, at most CTSH_CAST_PORTION bytes; players that do not
 * know it skip it. */
size_t ctsh_cast_marker(int64_t time_us, const char *text, char *out);

#endif
