/* SPDX-License-Identifier: MIT */
/* Part of json.h: most of what an engine records are lists, of calls that a
 * filter knows above all, and parsing those takes ten times as long as stepping
 * over them. */
#include "json.h"

#include <string.h>

/* One bit for each level. */
#define DEEPEST 64

/* Behind the string that begins at `at`; or `end`. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at++;
	}
	return end;
}

/* The ']' of the array that begins at `at`, if every bracket in it has its
 * other one; or NULL. */
static const char *find_end(const char *at, const char *end)
{
	uint64_t arrays = 0; /* which levels are some: the last bit is now's */
	unsigned depth = 0;

	while (at < end) {
		bool array = *at == '[' || *at == ']';

		switch (*at) {
		case '"':
			at = skip_string(at, end);
			continue;
		case '[':
		case '{':
			if (depth++ == DEEPEST)
				return NULL;
			arrays = arrays << 1 | array;
			break;
		case ']':
		case '}':
			if ((arrays & 1) != array)
				return NULL;
			if (--depth == 0)
				return at;
			arrays >>= 1;
			break;
		default:
			break;
		}
		at++;
	}
	return NULL;
}

static const char *next_array(const char *at, const char *end)
{
	while (at < end && *at != '[')
		at = *at == '"' ? skip_string(at, end) : at + 1;
	return at;
}

size_t ctsh_json_empty_arrays(char *text, size_t length)
{
	const char *from = text, *end = text + length;
	char *to = text;

	for (;;) {
		const char *open = next_array(from, end);
		const char *close = open < end ? find_end(open, end) : NULL;

		/* What is wrong the parser is to say. */
		if (!close)
			break;
		memmove(to, from, (size_t)(open + 1 - from));
		to += open + 1 - from;
		from = close;
	}
	memmove(to, from, (size_t)(end - from));
	return (size_t)(to - text) + (size_t)(end - from);
}
