/* SPDX-License-Identifier: MIT */
/*
 * text.h - text into values, strictly.  Pure: opens, allocates and keeps
 * nothing.
 *
 * Privilege: none.
 * Trust:     every argument may be hostile.
 */
#ifndef CTSH_TEXT_H
#define CTSH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clean.h"

/* Decimal digits only: no sign, blank, or leading zero but "0" itself.
 * False, and `*out` untouched, on anything else or above `max`. */
CTSH_MUST_CHECK bool ctsh_text_number(const char *text, uint64_t max,
                                      uint64_t *out);

/* A uid or gid: a number below 4294967295, which means "no change" to the
 * kernel (CVE-2019-14287, CVE-2026-30892). */
CTSH_MUST_CHECK bool ctsh_text_id(const char *text, uint32_t *out);

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,127} */
bool ctsh_text_is_container_name(const char *text);

/* [A-Za-z0-9_][A-Za-z0-9_.@-]*, shorter than CTSH_NAME_MAX: a user name that
 * may name a file. */
bool ctsh_text_is_file_user(const char *text);

/* [A-Za-z_][A-Za-z0-9_]* in the first `length` characters. */
bool ctsh_text_is_env_name(const char *text, size_t length);

/* Absolute, at most `max` - 1 long, printable ASCII, no "." or ".." part. */
bool ctsh_text_is_absolute(const char *text, size_t max);

/* Whether every byte of `text` is printable ASCII. */
bool ctsh_text_is_printable(const char *text);

/* Whether `text` fits the shell pattern: `*`, `?`, `[...]`; nothing special
 * about dots, slashes or backslashes. */
bool ctsh_text_glob(const char *pattern, const char *text);

/* Copies `text` into `out` with quotes, backslashes and everything that is
 * not printable ASCII as \xHH, so that it can stand between quotes in a log
 * line.  Cut to fit; always terminated.  `size` > 0. */
void ctsh_text_escape(char *out, size_t size, const char *text);

/* Copies and terminates; false, with `out` empty, if it does not fit. */
CTSH_MUST_CHECK bool ctsh_text_copy(char *out, size_t size, const char *text);

#endif
