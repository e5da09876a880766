/* SPDX-License-Identifier: MIT */
/*
 * login_forward.h - the part of a login that makes the caller's sockets appear
 * inside.  Nothing of it happens where neither caller nor rule asks for it.
 *
 * Privilege: root, as the steps of login.h.
 * Trust:     as lib/route/forward.h and lib/model/forward.h say.
 */
#ifndef CTSH_LOGIN_FORWARD_H
#define CTSH_LOGIN_FORWARD_H

#include "login.h"

/* With step 8, while the caller's variables are there.  0, or -1. */
CTSH_MUST_CHECK int ctsh_login_forward_plan(struct ctsh_login *l,
                                            struct ctsh_error *err);

/*
 * Before step 9: the porter enters like the shell will, and the plan's
 * environment says what it made.  Where it could not make anything the login
 * goes on without, and `forwarding.listening` is 0.  -1 with E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_login_forward_enter(struct ctsh_login *l,
                                             const struct ctsh_entry *like,
                                             struct ctsh_error *err);

#endif
