/* SPDX-License-Identifier: MIT */
/*
 * source.h - a small text file of the administrator's, read whole.
 *
 * Privilege: root, to be held to the rules on ownership.
 * Trust:     a file that passed the check of ownership is the
 *            administrator's; the bytes in it are not checked here.
 */
#ifndef CTSH_SOURCE_H
#define CTSH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"

/*
 * Reads `file` if it is a regular file of at most `max` bytes.  With
 * `trusted` only if root alone can have written it, directories included
 * (fdio.h).  `spare` more bytes than the file has, and a NUL, fit into the
 * text.
 *
 * 0, with `*text` the caller's and its length in `*length`; or -1 with
 * E_CONFIG, "FILE: REASON", ENOENT in `err->sys` if it does not exist; or
 * E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_source_read(const char *file, bool trusted, size_t max,
                                     size_t spare, char **text, size_t *length,
                                     struct ctsh_error *err);

#endif
