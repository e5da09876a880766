/* SPDX-License-Identifier: MIT */
/*
 * login_use.h - the part of a login that counts as use of a container which is
 * stopped when nobody uses it (stop_after).  Nothing of it happens without that
 * key.
 *
 * Privilege: root, as the steps of login.h.
 * Trust:     as lib/registry/uses.h says.
 */
#ifndef CTSH_LOGIN_USE_H
#define CTSH_LOGIN_USE_H

#include "login.h"

/* With step 5, as ctsh_route_reached; the context is the login. */
int ctsh_login_use(void *context, const struct ctsh_container *c,
                   struct ctsh_error *err);

/*
 * Once the container is proved: from now on the watchdog holds the use, to the
 * session's end, and there is who stops the container then; also if this login
 * lands nowhere, since it may have started it.  0, or -1.
 */
CTSH_MUST_CHECK int ctsh_login_used(struct ctsh_login *l,
                                    struct ctsh_error *err);

#endif
