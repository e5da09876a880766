/* SPDX-License-Identifier: MIT */
/*
 * forward.h - which of the caller's sockets are recreated inside.  Pure.
 *
 * Privilege: none.
 * Trust:     the rule is the administrator's.  SSH_AUTH_SOCK, DISPLAY,
 *            XAUTHORITY and HOME are the caller's and hostile: one that is not
 * just as a login service writes it counts as none.  Nothing is opened here.
 */
#ifndef CTSH_FORWARD_H
#define CTSH_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/forward.h"
#include "../model/person.h"
#include "../model/rule.h"

/*
 * `caller` is "NAME=value", unprefixed, ending with NULL; `*forward` is all
 * zero before.  0, and `forward->order.wanted` says whether there is anything
 * to do; then directories are still to be named, and for X11 the cookie to be
 * read. -1 with E_CONFIG.
 */
CTSH_MUST_CHECK int ctsh_forward_plan(const struct ctsh_rule *rule,
                                      const struct ctsh_person *person,
                                      const char *const *caller,
                                      struct ctsh_forward *forward,
                                      struct ctsh_error *err);

/* Where the private directory may be, of whoever has that uid inside, by a name
 * that nobody can guess. */
void ctsh_forward_places(struct ctsh_porter_order *order, uid_t uid,
                         uint64_t random);

/* Whether a variable of that name names something on the host: the caller's
 * never comes inside. */
bool ctsh_forward_decides(const char *name);

/* Puts NAME=VALUE in the place of what has that name in an environment as
 * environment.h makes it.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_forward_set(char ***env, const char *name,
                                     const char *value, struct ctsh_error *err);

/* Leaves of the porter's answer only what was ordered and can be; then `place`
 * names one of the order's directories in any case. */
void ctsh_forward_believe(const struct ctsh_porter_order *order,
                          struct ctsh_porter_answer *answer);

/* "localhost:N" or "localhost:N.S", as sshd sets it. */
bool ctsh_forward_display(const char *text, uint32_t *number);

/*
 * The MIT-MAGIC-COOKIE-1 for that display from an Xauthority file; false if
 * there is none.  What is cut off or makes no sense ends the search.
 */
bool ctsh_forward_cookie(const char *text, size_t length, uint32_t display,
                         struct ctsh_porter_order *order);

#endif
