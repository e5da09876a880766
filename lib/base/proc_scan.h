/* SPDX-License-Identifier: MIT */
/*
 * proc_scan.h - the tokens that the formats of /proc are made of.  For the
 * parsers behind proc.h only.
 *
 * A scan takes from `*cursor` and moves it behind what it took; after a
 * failure the cursor means nothing.  None reads past a NUL.
 *
 * Privilege: none.
 * Trust:     the text may be hostile.
 */
#ifndef CTSH_PROC_SCAN_H
#define CTSH_PROC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Blanks and tabs, also none. */
static inline void ctsh_scan_blanks(const char **cursor)
{
	*cursor += strspn(*cursor, " \t");
}

/* Exactly this character. */
static inline bool ctsh_scan_char(const char **cursor, char c)
{
	if (!c || **cursor != c)
		return false;
	++*cursor;
	return true;
}

/* Decimal digits, no sign and no leading zero, at most `max`. */
static inline bool ctsh_scan_number(const char **cursor, uint64_t max,
                                    uint64_t *out)
{
	size_t length = strspn(*cursor, "0123456789");
	uint64_t value = 0;

	if (!length || (length > 1 && **cursor == '0'))
		return false;
	for (; length; length--, ++*cursor) {
		uint64_t digit = (uint64_t)(**cursor - '0');

		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

/* The same behind blanks, as a number of 32 bits. */
static inline bool ctsh_scan_u32(const char **cursor, uint32_t max,
                                 uint32_t *out)
{
	uint64_t value;

	ctsh_scan_blanks(cursor);
	if (!ctsh_scan_number(cursor, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

#endif
