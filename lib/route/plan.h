/* SPDX-License-Identifier: MIT */
/*
 * plan.h - step 8: from what is known to what will be done.  Pure.
 *
 * Privilege: none.
 * Trust:     the interior is hostile: its ids are held against the rule and
 *            the container's maps, its strings only ever reach a process
 *            without power.  The request is the caller's and hostile too.
 */
#ifndef CTSH_PLAN_H
#define CTSH_PLAN_H

#include "../base/error.h"
#include "../model/container.h"
#include "../model/interior.h"
#include "../model/person.h"
#include "../model/plan.h"
#include "../model/rule.h"

/* What the caller wants; borrowed strings. */
struct ctsh_request {
	const char *command;       /* for `SHELL -c`, or NULL: a login  */
	const char *const *caller; /* "NAME=value" of the caller, unprefixed,
	                              ends with NULL                    */
	bool terminal;
	unsigned terminal_number; /* N of its /dev/pts/N inside         */
	bool own_sftp;            /* our sftp-server may stand in for one   */
	mode_t umask;
};

/* What to look for inside, for lib/enter/interior.h.  `caller` as in struct
 * ctsh_request, or NULL. */
void ctsh_plan_query(const struct ctsh_rule *rule,
                     const struct ctsh_person *person, bool want_terminal,
                     const char *const *caller, struct ctsh_query *query);

/*
 * Builds the plan.  0, with `*plan` owned by the caller (ctsh_plan_free()); or
 * -1 with `*plan` empty:
 *   E_IDENTITY  no such account inside, a malformed one, an id that is not
 *               mapped, root without allow_root, more than CTSH_GROUPS_MAX
 *               groups
 *   E_UNSAFE    another id than the init's, not written in the rule, although
 *               the init could not have changed its own
 *   E_SYSTEM    no memory
 */
CTSH_MUST_CHECK int ctsh_plan_build(const struct ctsh_rule *rule,
                                    const struct ctsh_person *person,
                                    const struct ctsh_container *container,
                                    const struct ctsh_interior *interior,
                                    const struct ctsh_request *request,
                                    struct ctsh_plan *plan,
                                    struct ctsh_error *err);

/* Frees what a plan holds and empties it.  Harmless on an empty one. */
void ctsh_plan_free(struct ctsh_plan *plan);

#endif
