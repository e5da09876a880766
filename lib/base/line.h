/* SPDX-License-Identifier: MIT */
/*
 * line.h - how a login is told of: the lines for the log, the one for the user.
 *
 * Only their text; who sends them, and where to, is the caller's business.
 *
 * Privilege: none.
 * Trust:     strings from outside are escaped here.
 */
#ifndef CTSH_LINE_H
#define CTSH_LINE_H

#include <stddef.h>

#include "error.h"

#define CTSH_LINE_REF 9    /* eight hexadecimal digits          */
#define CTSH_LINE_USER 300 /* a quoted name, cut to fit         */
#define CTSH_LINE_SENTENCE 512
#define CTSH_LINE_REFUSED 1700 /* the longest reason, and the name  */

/* A new login's own reference, which ties its lines together. */
void ctsh_line_reference(char ref[CTSH_LINE_REF]);

/* A value of a field: bare if it is plain, else quoted, so that a user name
 * with a blank in it cannot pose as another field.  Cut to fit; `size` > 3. */
void ctsh_line_quote(char *out, size_t size, const char *text);

/* `refused user=... code=... reason="..."`, without the reference. */
void ctsh_line_refused(char *out, size_t size, const char *user,
                       const struct ctsh_error *err);

/* `ctsh: SENTENCE [CODE REF]`, for the user, without an end of line and
 * without a byte that a terminal would take for a command. */
void ctsh_line_sentence(char *out, size_t size, const char *ref,
                        const struct ctsh_error *err);

#endif
