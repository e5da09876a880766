/* SPDX-License-Identifier: MIT */
/*
 * Part of text.h.  Not fnmatch(3): that one follows the locale, which in the
 * PAM module is the application's.
 */
#include <string.h>

#include "text.h"

/* Pairs of first and last character. */
static const struct {
	const char *name;
	const char *ranges;
} classes[] = {
	{"alnum", "09AZaz"},   {"alpha", "AZaz"},
	{"blank", "\t\t  "},   {"cntrl", "\001\037\177\177"},
	{"digit", "09"},       {"graph", "!~"},
	{"lower", "az"},       {"print", " ~"},
	{"punct", "!/:@[`{~"}, {"space", "\t\r  "},
	{"upper", "AZ"},       {"xdigit", "09AFaf"},
};

/* The end of a "[:name:]" that starts here, or NULL. */
static const char *class_end(const char *p)
{
	size_t length;

	if (p[0] != '[' || p[1] != ':')
		return NULL;
	length = strspn(p + 2, "abcdefghijklmnopqrstuvwxyz");
	return p[2 + length] == ':' && p[3 + length] == ']' ? p + 4 + length
	                                                    : NULL;
}

/* Whether `c` is in the class `name`; no character is in an unknown one. */
static bool in_class(const char *name, size_t length, unsigned char c)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		const char *r = classes[i].ranges;

		if (strlen(classes[i].name) != length ||
		    memcmp(classes[i].name, name, length) != 0)
			continue;
		for (; *r; r += 2)
			if (c >= (unsigned char)r[0] &&
			    c <= (unsigned char)r[1])
				return true;
	}
	return false;
}

static const char *after_negation(const char *set)
{
	return *set == '!' || *set == '^' ? set + 1 : set;
}

/* The "]" that closes the set behind a "[", or NULL: the "[" is plain. */
static const char *set_end(const char *set)
{
	const char *first = after_negation(set);
	const char *p = first;

	while (*p && (*p != ']' || p == first))
		p = class_end(p) ?: p + 1;
	return *p ? p : NULL;
}

static bool in_set(const char *set, const char *end, unsigned char c)
{
	const char *p = after_negation(set);
	bool negated = p != set;
	bool found = false;

	while (p < end) {
		const char *behind = class_end(p);
		unsigned char low = (unsigned char)*p;
		unsigned char high = low;

		if (behind) {
			size_t length = (size_t)(behind - p) - 4;

			found |= in_class(p + 2, length, c);
			p = behind;
			continue;
		}
		if (p[1] == '-' && p + 2 < end) {
			high = (unsigned char)p[2];
			p += 2;
		}
		found |= c >= low && c <= high;
		p++;
	}
	return found != negated;
}

/* The pattern behind its first element if that fits `c`, else NULL. */
static const char *step(const char *pattern, char c)
{
	const char *end = *pattern == '[' ? set_end(pattern + 1) : NULL;

	if (end)
		return in_set(pattern + 1, end, (unsigned char)c) ? end + 1
		                                                  : NULL;
	return *pattern == '?' || *pattern == c ? pattern + 1 : NULL;
}

/* Only the last star is ever tried again, so the time is a product of the
 * lengths and not exponential in the number of stars. */
bool ctsh_text_glob(const char *pattern, const char *text)
{
	const char *star = NULL; /* the pattern behind the last star */
	const char *from = NULL; /* where in the text it was tried   */

	while (*text) {
		const char *next;

		if (*pattern == '*') {
			star = ++pattern;
			from = text;
			continue;
		}
		next = *pattern ? step(pattern, *text) : NULL;
		if (next) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}
