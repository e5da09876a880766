/* SPDX-License-Identifier: MIT */
/*
 * locale.h - locales of the caller's that the image may lack.  Pure.
 *
 * What is asked for is looked up by lib/enter/locale.h; a name that is not
 * there is replaced by C.UTF-8, or by C where the image lacks that, too.
 *
 * Privilege: none.
 * Trust:     the values are the caller's, checked by environment.c; what is
 *            there is the container's word.
 */
#ifndef CTSH_ROUTE_LOCALE_H
#define CTSH_ROUTE_LOCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "../model/interior.h"

/* Whether libc takes the value of that variable for the name of a locale.
 * Terminals send other things under LC_*, which are nobody's business. */
bool ctsh_locale_is_named_by(const char *variable);

/* Adds a name to ask for, and C.UTF-8 with the first; not twice, and not C and
 * POSIX, which are always there.  What finds no room counts as missing. */
void ctsh_locale_ask(struct ctsh_locales *asked, const char *name);

/* Whether the image has it; `seen` as in struct ctsh_interior. */
bool ctsh_locale_is_there(const struct ctsh_locales *asked, uint32_t seen,
                          const char *name);

/* What stands in for one that is missing.  Static. */
const char *ctsh_locale_instead(const struct ctsh_locales *asked,
                                uint32_t seen);

#endif
