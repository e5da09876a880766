/* SPDX-License-Identifier: MIT */
/*
 * full_id.h - names of containers as docker and podman have them: NAME, or
 * "id=" and the 64 digits of the ID.
 *
 * An ID counts in full alone: these engines take the beginning of one for a
 * name as well, and a user may be called like that.
 *
 * Privilege: none.
 * Trust:     none needed.
 */
#ifndef CTSH_RUNTIME_FULL_ID_H
#define CTSH_RUNTIME_FULL_ID_H

#include <stdbool.h>

#define CTSH_FULL_ID 64

/* Whether that is 64 hexadecimal digits. */
bool ctsh_full_id(const char *text);

/* What follows "id=", or NULL for a name. */
const char *ctsh_full_id_of(const char *name);

/* valid_name() of runtime.h for both. */
bool ctsh_full_id_or_name(const char *name);

#endif
