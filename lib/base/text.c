/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>

#include "../model/person.h"

/* <ctype.h> asks the locale, which in the PAM module is the application's. */
static bool between(char c, char low, char high)
{
	return c >= low && c <= high;
}

static bool is_alpha(char c)
{
	return between(c, 'a', 'z') || between(c, 'A', 'Z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || between(c, '0', '9');
}

static bool is_printable(char c)
{
	return between(c, 0x20, 0x7e);
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

bool ctsh_text_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		uint64_t digit = (unsigned char)*text - (uint64_t)'0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool ctsh_text_id(const char *text, uint32_t *out)
{
	uint64_t value;

	if (!ctsh_text_number(text, UINT32_MAX - 1, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

bool ctsh_text_is_container_name(const char *text)
{
	size_t i;

	if (!is_alnum(text[0]))
		return false;
	for (i = 1; i < 128 && text[i]; i++)
		if (!is_alnum(text[i]) && !is_one_of(text[i], "_.-"))
			return false;
	return !text[i];
}

bool ctsh_text_is_file_user(const char *text)
{
	size_t i;

	if (!is_alnum(text[0]) && text[0] != '_')
		return false;
	for (i = 1; i < CTSH_NAME_MAX - 1 && text[i]; i++)
		if (!is_alnum(text[i]) && !is_one_of(text[i], "_.@-"))
			return false;
	return !text[i];
}

bool ctsh_text_is_env_name(const char *text, size_t length)
{
	if (!length || between(text[0], '0', '9'))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alnum(text[i]) && text[i] != '_')
			return false;
	return true;
}

/* Whether the part of a path that starts here is "." or "..". */
static bool is_dot_part(const char *part)
{
	size_t dots = strspn(part, ".");

	return (dots == 1 || dots == 2) && (!part[dots] || part[dots] == '/');
}

bool ctsh_text_is_absolute(const char *text, size_t max)
{
	size_t length = strnlen(text, max);

	if (text[0] != '/' || length == max || !ctsh_text_is_printable(text))
		return false;
	for (; *text; text++)
		if (*text == '/' && is_dot_part(text + 1))
			return false;
	return true;
}

bool ctsh_text_is_printable(const char *text)
{
	for (; *text; text++)
		if (!is_printable(*text))
			return false;
	return true;
}

void ctsh_text_escape(char *out, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = is_printable(*text) && !strchr("\"'\\", *text);

		/* Never half an escape: a reader would decode what follows. */
		if (size - used <= (plain ? 1 : 4))
			break;
		if (plain) {
			out[used++] = *text;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = hex[c >> 4];
		out[used++] = hex[c & 15];
	}
	out[used] = '\0';
}

bool ctsh_text_copy(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size) {
		if (size)
			out[0] = '\0';
		return false;
	}
	memcpy(out, text, length + 1);
	return true;
}
