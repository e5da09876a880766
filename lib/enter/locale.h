/* SPDX-License-Identifier: MIT */
/*
 * locale.h - which locales an image has, as glibc would look for them.
 *
 * A name of the caller's that the image lacks makes perl, bash and apt
 * complain at every call; so lib/route/environment.c replaces it.  Where glibc
 * looks: a directory below usr/lib/locale, or usr/lib/locale/locale-archive.
 * An image without usr/lib/locale (musl, static programs) takes any name.
 *
 * Bounded: for each of at most CTSH_LOCALES_MAX names two directories, and in
 * the archive some reads of twelve or 64 bytes, however large it is.  Aliases
 * (locale.alias), LOCPATH and LOCALE_ARCHIVE are not looked at.
 *
 * Privilege: none; runs in the powerless child of step 7.
 * Trust:     every byte is hostile; what cannot be read is not there.
 */
#ifndef CTSH_LOCALE_H
#define CTSH_LOCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "../model/interior.h"

/* Which of these have a directory below the root: bit N of the result for
 * name N.  In `*archive` the archive, to be read, if there is one and some are
 * missing; else -1. */
uint32_t ctsh_locale_look(int root, const struct ctsh_locales *asked,
                          int *archive);

/* The same, by what stands in the archive.  Reads by pread(2) alone. */
uint32_t ctsh_locale_read(int archive, const struct ctsh_locales *asked);

/* The name under which glibc installs a locale: "de_DE.UTF-8@x" is
 * "de_DE.utf8@x".  False, with `out` empty, if it does not fit. */
bool ctsh_locale_normal(char out[CTSH_LOCALE_MAX], const char *name);

#endif
