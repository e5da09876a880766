/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

#define BUCKETS 1024
#define NOTHING SIZE_MAX

struct scanner {
	struct ctsh_tokens tokens;
	const struct ctsh_scan_limits *limits;
	struct ctsh_scan *out;
	size_t buckets[BUCKETS]; /* sections by type and title */
};

/* Makes room for one more element behind `count` of them.  Sizes double, so
 * the capacity follows from the count alone. */
static int grow(struct scanner *s, void **array, size_t count, size_t size)
{
	size_t room = count ? count * 2 : 1;
	void *grown;

	if (count & (count - 1))
		return 0;
	grown = reallocarray(*array, room, size);
	if (!grown)
		return ctsh_fail(s->tokens.err, CTSH_E_SYSTEM, ENOMEM, "%s",
		                 s->tokens.file);
	*array = grown;
	return 0;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [a-z][a-z0-9_]*.  That leaves out the "__eof__" that config.c appends. */
static bool is_name(const struct ctsh_token *token)
{
	if (token->kind != CTSH_TOKEN_WORD ||
	    token->length >= CTSH_SCAN_KEY_MAX || !is_lower(*token->start))
		return false;
	for (size_t i = 0; i < token->length; i++)
		if (!is_lower(token->start[i]) && !is_digit(token->start[i]) &&
		    token->start[i] != '_')
			return false;
	return true;
}

/* A word without a slash that begins with a letter or digit. */
static bool is_title(const struct ctsh_token *token)
{
	return token->length < CTSH_SCAN_TITLE_MAX &&
	       !memchr(token->start, '/', token->length) &&
	       *token->start != '_' && *token->start != '.' &&
	       *token->start != '-';
}

static int take_name(struct scanner *s, const struct ctsh_token *token,
                     char *name)
{
	if (token->kind == CTSH_TOKEN_MARK)
		return ctsh_token_fail(&s->tokens, token->line,
		                       "unexpected '%c'", token->mark);
	if (!is_name(token))
		return ctsh_token_fail(&s->tokens, token->line,
		                       "'%.*s' cannot be a key",
		                       (int)token->length, token->start);
	memcpy(name, token->start, token->length);
	name[token->length] = '\0';
	return 0;
}

static int take_title(struct scanner *s, const struct ctsh_token *token,
                      char *title)
{
	if (!is_title(token))
		return ctsh_token_fail(&s->tokens, token->line,
		                       "'%.*s' cannot be a title",
		                       (int)token->length, token->start);
	memcpy(title, token->start, token->length);
	title[token->length] = '\0';
	return 0;
}

static int add_value(struct scanner *s, const struct ctsh_token *token)
{
	void *lines = s->out->value_lines;

	if (token->kind == CTSH_TOKEN_END)
		return ctsh_token_fail(&s->tokens, token->line,
		                       "the file ends too early");
	if (token->kind == CTSH_TOKEN_MARK)
		return ctsh_token_fail(&s->tokens, token->line,
		                       "a value is missing before '%c'",
		                       token->mark);
	if (grow(s, &lines, s->out->value_count, sizeof(int)) < 0)
		return -1;
	s->out->value_lines = lines;
	s->out->value_lines[s->out->value_count++] = token->line;
	return 0;
}

/* The values of a list behind its '{'. */
static int read_list(struct scanner *s, int opened)
{
	struct ctsh_token token;

	if (ctsh_token_next(&s->tokens, &token) < 0)
		return -1;
	if (ctsh_token_is(&token, '}'))
		return 0;
	for (;;) {
		if (token.kind == CTSH_TOKEN_END)
			return ctsh_token_fail(&s->tokens, opened,
			                       "list is not closed");
		if (add_value(s, &token) < 0 ||
		    ctsh_token_next(&s->tokens, &token) < 0)
			return -1;
		if (ctsh_token_is(&token, '}'))
			return 0;
		if (token.kind != CTSH_TOKEN_END && !ctsh_token_is(&token, ','))
			return ctsh_token_fail(&s->tokens, token.line,
			                       "',' or '}' expected in a list");
		if (token.kind != CTSH_TOKEN_END &&
		    ctsh_token_next(&s->tokens, &token) < 0)
			return -1;
	}
}

/* Appends a key to its section, unless it is there already. */
static int add_key(struct scanner *s, size_t section,
                   const struct ctsh_scan_key *key)
{
	struct ctsh_scan_section *in = &s->out->sections[section];
	void *keys = s->out->keys;

	for (size_t i = in->last_key; i != NOTHING;
	     i = s->out->keys[i].previous)
		if (strcmp(s->out->keys[i].name, key->name) == 0)
			return ctsh_token_fail(&s->tokens, key->line,
			                       "repeated key '%s'", key->name);
	if (in->key_count == CTSH_SCAN_KEYS_MAX)
		return ctsh_token_fail(&s->tokens, key->line,
		                       "too many keys in one section");
	if (grow(s, &keys, s->out->key_count, sizeof(*key)) < 0)
		return -1;
	s->out->keys = keys;
	s->out->keys[s->out->key_count] = *key;
	s->out->keys[s->out->key_count].section = section;
	s->out->keys[s->out->key_count].previous = in->last_key;
	in->last_key = s->out->key_count++;
	in->key_count++;
	return 0;
}

/* The rest of a setting behind its '='. */
static int read_setting(struct scanner *s, size_t section, const char *name,
                        int line)
{
	struct ctsh_scan_key key = {.line = line,
	                            .first_value = s->out->value_count};
	struct ctsh_token token;
	int done;

	if (ctsh_token_next(&s->tokens, &token) < 0)
		return -1;
	key.list = ctsh_token_is(&token, '{');
	done = key.list ? read_list(s, token.line) : add_value(s, &token);
	if (done < 0)
		return -1;
	key.value_count = s->out->value_count - key.first_value;
	memcpy(key.name, name, sizeof(key.name));
	return add_key(s, section, &key);
}

static size_t bucket_of(const struct ctsh_scan_section *section)
{
	uint32_t hash = 2166136261u;

	for (const char *c = section->type; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	for (const char *c = section->title; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash % BUCKETS;
}

/* Appends a section, unless it is there already. */
static int add_section(struct scanner *s, struct ctsh_scan_section *section)
{
	size_t *bucket = &s->buckets[bucket_of(section)];
	void *sections = s->out->sections;

	for (size_t i = *bucket; i != NOTHING; i = s->out->sections[i].chain)
		if (strcmp(s->out->sections[i].type, section->type) == 0 &&
		    strcmp(s->out->sections[i].title, section->title) == 0)
			return ctsh_token_fail(
				&s->tokens, section->line,
				"repeated section '%s%s%s'", section->type,
				*section->title ? " " : "", section->title);
	if (s->out->section_count > s->limits->sections)
		return ctsh_token_fail(&s->tokens, section->line,
		                       "more than %zu sections",
		                       s->limits->sections);
	if (grow(s, &sections, s->out->section_count, sizeof(*section)) < 0)
		return -1;
	section->last_key = NOTHING;
	section->chain = *bucket;
	*bucket = s->out->section_count;
	s->out->sections = sections;
	s->out->sections[s->out->section_count++] = *section;
	return 0;
}

/* The settings of a section behind its '{'. */
static int read_section(struct scanner *s, size_t index)
{
	const struct ctsh_scan_section *opened = &s->out->sections[index];
	char name[CTSH_SCAN_KEY_MAX] = "";
	struct ctsh_token token, mark;

	for (;;) {
		if (ctsh_token_next(&s->tokens, &token) < 0)
			return -1;
		if (ctsh_token_is(&token, '}'))
			return 0;
		if (token.kind == CTSH_TOKEN_END)
			return ctsh_token_fail(&s->tokens, opened->line,
			                       "section '%s' is not closed",
			                       opened->type);
		if (take_name(s, &token, name) < 0 ||
		    ctsh_token_next(&s->tokens, &mark) < 0)
			return -1;
		if (mark.kind != CTSH_TOKEN_END && !ctsh_token_is(&mark, '='))
			return ctsh_token_fail(
				&s->tokens, token.line,
				"'=' expected behind '%s' (sections do "
				"not nest)",
				name);
		if (mark.kind != CTSH_TOKEN_END &&
		    read_setting(s, index, name, token.line) < 0)
			return -1;
	}
}

/* A section whose type is read; `token` is the one behind the type. */
static int open_section(struct scanner *s, struct ctsh_scan_section *section,
                        struct ctsh_token *token)
{
	if (s->limits->sections == 0)
		return ctsh_token_fail(
			&s->tokens, section->line,
			"'=' expected behind '%s' (no sections in this "
			"file)",
			section->type);
	if (token->kind == CTSH_TOKEN_STRING)
		return ctsh_token_fail(&s->tokens, token->line,
		                       "a title is not quoted");
	if (token->kind == CTSH_TOKEN_WORD &&
	    (take_title(s, token, section->title) < 0 ||
	     ctsh_token_next(&s->tokens, token) < 0))
		return -1;
	if (!ctsh_token_is(token, '{'))
		return ctsh_token_fail(&s->tokens, section->line,
		                       "'=' or '{' expected behind '%s'",
		                       *section->title ? section->title
		                                       : section->type);
	if (add_section(s, section) < 0)
		return -1;
	return read_section(s, s->out->section_count - 1);
}

static int read_file(struct scanner *s)
{
	struct ctsh_scan_section root = {.line = 1};
	struct ctsh_token token;

	if (add_section(s, &root) < 0)
		return -1;
	for (;;) {
		struct ctsh_scan_section section = {0};

		if (ctsh_token_next(&s->tokens, &token) < 0)
			return -1;
		if (token.kind == CTSH_TOKEN_END)
			return 0;
		if (ctsh_token_is(&token, '}'))
			return ctsh_token_fail(&s->tokens, token.line,
			                       "'}' without '{'");
		section.line = token.line;
		if (take_name(s, &token, section.type) < 0 ||
		    ctsh_token_next(&s->tokens, &token) < 0)
			return -1;
		if (ctsh_token_is(&token, '=')) {
			if (read_setting(s, 0, section.type, section.line) < 0)
				return -1;
		} else if (open_section(s, &section, &token) < 0) {
			return -1;
		}
	}
}

int ctsh_scan(const char *file, char *text, size_t length,
              const struct ctsh_scan_limits *limits, struct ctsh_scan *scan,
              struct ctsh_error *err)
{
	struct scanner s = {.tokens = {.file = file,
	                               .text = text,
	                               .length = length,
	                               .line = 1,
	                               .err = err},
	                    .limits = limits,
	                    .out = scan};

	memset(scan, 0, sizeof(*scan));
	for (size_t i = 0; i < BUCKETS; i++)
		s.buckets[i] = NOTHING;
	if (length > limits->bytes)
		return ctsh_token_fail(&s.tokens, 1,
		                       "the file is larger than %zu KiB",
		                       limits->bytes / 1024);
	if (read_file(&s) < 0) {
		ctsh_scan_free(scan);
		return -1;
	}
	return 0;
}

void ctsh_scan_free(struct ctsh_scan *scan)
{
	free(scan->sections);
	free(scan->keys);
	free(scan->value_lines);
	memset(scan, 0, sizeof(*scan));
}
