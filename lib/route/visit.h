/* SPDX-License-Identifier: MIT */
/*
 * visit.h - a service goes into the container itself: may it, and as whose.
 *
 * Privilege: root, on the host.
 * Trust:     the interior is hostile; who the user is inside is the same as
 *            outside, or there is no visit.
 */
#ifndef CTSH_ROUTE_VISIT_H
#define CTSH_ROUTE_VISIT_H

#include "../enter/visit.h"
#include "identity.h"
#include "route.h"

/* Large: not for the stack. */
struct ctsh_route_visit {
	struct ctsh_identity identity;
};

/*
 * Steps 5 to 8 for a decided rule: finds the container, and sees that the
 * service may enter it and that the user is themselves there.  0, or -1 with
 * nothing changed: what ctsh_route_find() says; E_CONFIG for a key that only a
 * session of ours carries out, and for a container without a user namespace
 * that the rule does not trust; E_IDENTITY; E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_route_visit_find(struct ctsh_route *route,
                                          struct ctsh_route_visit *visit,
                                          int64_t deadline_ms,
                                          struct ctsh_error *err);

/* Step 9, as ctsh_visit(). */
CTSH_MUST_CHECK int ctsh_route_visit_go(struct ctsh_route *route,
                                        const struct ctsh_route_visit *visit,
                                        ctsh_visit_told *told, void *context,
                                        int64_t deadline_ms,
                                        struct ctsh_error *err);

#endif
