/* SPDX-License-Identifier: MIT */
/*
 * named.h - for a caller that knows a name and not a uid, and a list of names.
 *
 * Privilege: root, on the host.
 * Trust:     the name is the login service's word and has to map to a uid and
 *            back; the list is the administrator's.
 */
#ifndef CTSH_ROUTE_NAMED_H
#define CTSH_ROUTE_NAMED_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"

/*
 * The account of exactly that name: of two names with one uid only that which
 * the uid maps to.  uid 0 is anybody's whose name maps to it: then the rest of
 * `*person` is not looked up.  0, or -1 with E_DENIED or E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_named_person(const char *name,
                                      struct ctsh_person *person,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

/*
 * Whether NAME,@GROUP,... has the person, whose memberships are filled in if
 * that takes a group.  0 and `*listed`; or -1: E_CONFIG if the list is
 * malformed or names a group that does not exist, and does not name the person
 * otherwise; E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_named_in(const char *list, struct ctsh_person *person,
                                  bool *listed, int64_t deadline_ms,
                                  struct ctsh_error *err);

#endif
