/* SPDX-License-Identifier: MIT */
/*
 * identity.h - who the session will be inside: ids, groups, name and home.
 * Pure.
 *
 * Privilege: none.
 * Trust:     the interior is hostile: whatever it claims, the ids that come
 *            out are ones that the rule allows and the container has mapped.
 */
#ifndef CTSH_IDENTITY_H
#define CTSH_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"
#include "../model/interior.h"
#include "../model/person.h"
#include "../model/rule.h"

/* Strings are borrowed from rule, person or interior. */
struct ctsh_identity {
	uid_t uid, host_uid;
	gid_t gid, host_gid;
	size_t group_count;
	gid_t groups[CTSH_GROUPS_MAX]; /* `gid` first, each once            */
	gid_t host_groups[CTSH_GROUPS_MAX];
	const char *name;
	const char *home;  /* begins with '/'                               */
	const char *shell; /* the passwd entry's, as it stands; "" if none  */
};

/*
 * Decides it.  0; or -1 with E_IDENTITY or E_UNSAFE as ctsh_plan_build() and
 * `*identity` undefined.
 */
CTSH_MUST_CHECK int ctsh_identity_find(const struct ctsh_rule *rule,
                                       const struct ctsh_person *person,
                                       const struct ctsh_container *container,
                                       const struct ctsh_interior *interior,
                                       struct ctsh_identity *identity,
                                       struct ctsh_error *err);

#endif
