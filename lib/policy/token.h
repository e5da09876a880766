/* SPDX-License-Identifier: MIT */
/*
 * token.h - the bytes of a configuration file into words, strings and marks.
 *
 * The lower half of scan.h: what libconfuse would read differently from how a
 * person reads it is refused here, byte by byte.  Comments become blanks in
 * the text itself.
 *
 * Privilege: none.
 * Trust:     the text may be anything at all.
 */
#ifndef CTSH_TOKEN_H
#define CTSH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"

#define CTSH_TOKEN_MAX 4096 /* length of one word or string */

enum ctsh_token_kind {
	CTSH_TOKEN_END,
	CTSH_TOKEN_WORD,   /* [A-Za-z0-9_./-]+                        */
	CTSH_TOKEN_STRING, /* between double quotes, on one line      */
	CTSH_TOKEN_MARK,   /* one of {}=,                             */
};

struct ctsh_token {
	enum ctsh_token_kind kind;
	char mark;
	const char *start; /* into the text, without the quotes       */
	size_t length;     /* escapes still in there                  */
	int line;
};

/* A place in a text.  `text` has a NUL at `length`. */
struct ctsh_tokens {
	const char *file; /* for messages                            */
	char *text;
	size_t length;
	size_t at;
	int line; /* of the byte at `at`, from 1             */
	struct ctsh_error *err;
};

/*
 * Reads the next token and blanks the comments before it.  At the end of the
 * text it is CTSH_TOKEN_END, again and again.  0, or -1 with E_CONFIG,
 * "FILE:LINE: REASON".
 */
CTSH_MUST_CHECK int ctsh_token_next(struct ctsh_tokens *s,
                                    struct ctsh_token *token);

/* Whether it is this mark. */
bool ctsh_token_is(const struct ctsh_token *token, char mark);

/* Sets the error to "FILE:LINE: " and the text, and returns -1. */
int ctsh_token_fail(const struct ctsh_tokens *s, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
