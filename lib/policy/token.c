/* SPDX-License-Identifier: MIT */
#include "token.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ctsh_token_fail(const struct ctsh_tokens *s, int line, const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(reason, sizeof(reason), fmt, ap) < 0)
		reason[0] = '\0';
	va_end(ap);
	return ctsh_fail(s->err, CTSH_E_CONFIG, 0, "%s:%d: %s", s->file, line,
	                 reason);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_mark(char c)
{
	return c == '{' || c == '}' || c == '=' || c == ',';
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '-' && c <= '9') || c == '_'; /* - . / 0 to 9 */
}

/* Bytes that may stand nowhere, not even in a comment: what a terminal would
 * obey, and a NUL, which would hide the rest from libconfuse. */
static int check_byte(struct ctsh_tokens *s, unsigned char c)
{
	if (c == '\0')
		return ctsh_token_fail(s, s->line, "NUL byte");
	if (c == '\r')
		return ctsh_token_fail(s, s->line, "carriage return");
	if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
		return ctsh_token_fail(s, s->line, "control character 0x%02x",
		                       c);
	return 0;
}

/* Blanks the byte at the cursor and moves on. */
static int blank_one(struct ctsh_tokens *s)
{
	char *c = &s->text[s->at];

	if (check_byte(s, (unsigned char)*c) < 0)
		return -1;
	if (*c == '\n')
		s->line++;
	else
		*c = ' ';
	s->at++;
	return 0;
}

static int blank_line(struct ctsh_tokens *s)
{
	while (s->at < s->length && s->text[s->at] != '\n')
		if (blank_one(s) < 0)
			return -1;
	return 0;
}

static int blank_block(struct ctsh_tokens *s)
{
	int opened = s->line;
	char before = '\0', now = '\0';

	s->text[s->at++] = ' ';
	s->text[s->at++] = ' ';
	while (before != '*' || now != '/') {
		if (s->at == s->length)
			return ctsh_token_fail(s, opened,
			                       "comment is not closed");
		before = now;
		now = s->text[s->at];
		if (blank_one(s) < 0)
			return -1;
	}
	return 0;
}

static bool at_text(const struct ctsh_tokens *s, const char *text)
{
	return strncmp(s->text + s->at, text, strlen(text)) == 0;
}

/* Moves to the start of the next token or to the end. */
static int skip_blanks(struct ctsh_tokens *s)
{
	int done = 0;

	while (done == 0 && s->at < s->length) {
		if (at_text(s, "#") || at_text(s, "//"))
			done = blank_line(s);
		else if (at_text(s, "/*"))
			done = blank_block(s);
		else if (is_blank(s->text[s->at]))
			done = blank_one(s);
		else
			return 0;
	}
	return done;
}

/* Says what is wrong with a byte that may stand in no unquoted word. */
static int fail_byte(struct ctsh_tokens *s)
{
	unsigned char c = (unsigned char)s->text[s->at];

	if (check_byte(s, c) < 0)
		return -1;
	if (at_text(s, "${"))
		return ctsh_token_fail(s, s->line, "'${' is not expanded here");
	if (at_text(s, "+="))
		return ctsh_token_fail(s, s->line, "'+=' is not supported");
	if (c == '\'')
		return ctsh_token_fail(s, s->line,
		                       "single quotes: use double quotes");
	if (c >= 0x80)
		return ctsh_token_fail(s, s->line, "byte 0x%02x is not ASCII",
		                       c);
	return ctsh_token_fail(s, s->line,
	                       "'%c' in an unquoted value: quote it", c);
}

/* libconfuse ends a word at '#', "//" and many others and drops some without
 * a word, so only what cannot be misread passes unquoted. */
static int read_word(struct ctsh_tokens *s, struct ctsh_token *token)
{
	size_t start = s->at;

	while (s->at < s->length && !is_blank(s->text[s->at]) &&
	       !is_mark(s->text[s->at])) {
		if (!is_plain(s->text[s->at]))
			return fail_byte(s);
		if (at_text(s, "//"))
			return ctsh_token_fail(
				s, s->line,
				"'//' in an unquoted value: quote it");
		s->at++;
	}
	token->kind = CTSH_TOKEN_WORD;
	token->start = s->text + start;
	token->length = s->at - start;
	return 0;
}

/* One character of a string, escapes included. */
static int read_in_string(struct ctsh_tokens *s)
{
	unsigned char c = (unsigned char)s->text[s->at];

	if (check_byte(s, c) < 0)
		return -1;
	if (at_text(s, "${"))
		return ctsh_token_fail(s, s->line, "'${' is not expanded here");
	if (c >= 0x80)
		return ctsh_token_fail(s, s->line, "byte 0x%02x is not ASCII",
		                       c);
	if (c == '\\') {
		s->at++;
		if (s->text[s->at] != '"' && s->text[s->at] != '\\')
			return ctsh_token_fail(
				s, s->line,
				"only \\\" and \\\\ may follow a "
				"backslash");
	}
	s->at++;
	return 0;
}

static int read_string(struct ctsh_tokens *s, struct ctsh_token *token)
{
	size_t start = ++s->at;

	while (s->text[s->at] != '"' || s->at == s->length) {
		if (s->at == s->length || s->text[s->at] == '\n')
			return ctsh_token_fail(
				s, s->line, "string is not closed on its line");
		if (read_in_string(s) < 0)
			return -1;
	}
	token->kind = CTSH_TOKEN_STRING;
	token->start = s->text + start;
	token->length = s->at++ - start;
	return 0;
}

int ctsh_token_next(struct ctsh_tokens *s, struct ctsh_token *token)
{
	int done;

	memset(token, 0, sizeof(*token));
	if (skip_blanks(s) < 0)
		return -1;
	token->line = s->line;
	if (s->at == s->length)
		return 0;
	if (is_mark(s->text[s->at])) {
		token->kind = CTSH_TOKEN_MARK;
		token->mark = s->text[s->at++];
		return 0;
	}
	if (s->text[s->at] == '"')
		done = read_string(s, token);
	else
		done = read_word(s, token);
	if (done == 0 && token->length >= CTSH_TOKEN_MAX)
		return ctsh_token_fail(s, token->line, "value is too long");
	return done;
}

bool ctsh_token_is(const struct ctsh_token *token, char mark)
{
	return token->kind == CTSH_TOKEN_MARK && token->mark == mark;
}
