/* SPDX-License-Identifier: MIT */
/*
 * break_glass.h - who may always reach the host.
 *
 * Its own file with its own reader, so that a broken configuration locks no
 * administrator out.
 *
 * Privilege: root.
 * Trust:     DIR/break_glass, if it passes the check of ownership.
 */
#ifndef CTSH_BREAK_GLASS_H
#define CTSH_BREAK_GLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"

/*
 * Whether the person is named in FILE, one NAME or @GROUP a line, `#`
 * comments.  Fills in the person's memberships if the file has groups and does
 * not have the name.  uid 0 is not asked about here: it qualifies before any
 * lookup.
 *
 * 0 and `*qualifies`; a missing file qualifies nobody.  -1 with E_CONFIG if
 * the file is unsafe or malformed, or names a group that does not exist and
 * does not name the person otherwise: then nobody qualifies by it.
 */
CTSH_MUST_CHECK int ctsh_break_glass(const char *file,
                                     struct ctsh_person *person,
                                     bool *qualifies, int64_t deadline_ms,
                                     struct ctsh_error *err);

#endif
