/* SPDX-License-Identifier: MIT */
#include "visit.h"

#include <sched.h>
#include <string.h>

#include "../base/filters.h"
#include "../base/proc.h"
#include "../policy/guest_keys.h"

/* A root process of the host's goes to live there. */
static int check_trust(const struct ctsh_rule *rule,
                       const struct ctsh_container *c, struct ctsh_error *err)
{
	if (c->join & CLONE_NEWUSER || rule->trust_container)
		return 0;
	return ctsh_fail(err, CTSH_E_CONFIG, 0,
	                 "%s:%d: join=all enters a container without a user "
	                 "namespace only with 'trust_container = true'",
	                 rule->file, rule->line);
}

/* What the service needs at the least, and what cannot be taken on without an
 * exec. */
static int check_possible(const struct ctsh_container *c,
                          struct ctsh_error *err)
{
	uint32_t outside;

	if (c->label.file)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its init has the security label '%s', which "
		                 "a service does not take on with join=all",
		                 c->label.shown);
	if (~c->bounding & ctsh_visit_must)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the init could not become another user, and "
		                 "a service has to");
	if (!ctsh_idmap_out(&c->uids, 0, &outside) ||
	    !ctsh_idmap_out(&c->gids, 0, &outside))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "nobody is root in the container");
	/* The service believes what setuid(2) and fork(2) say: it would run the
	 * shell as root, or itself, with a PID of the host's. */
	if (ctsh_filters_pretend(&c->filters))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "a seccomp filter of its init lets calls that "
		                 "are not made look like a success, which a "
		                 "service believes");
	return 0;
}

/* The service becomes whom it knows: by the host's name, uid and gid. */
static int check_same(const struct ctsh_route *route,
                      const struct ctsh_identity *identity,
                      struct ctsh_error *err)
{
	const struct ctsh_person *person = &route->person;

	if (route->interior.account != CTSH_ACCOUNT_FOUND)
		return ctsh_fail(err, CTSH_E_IDENTITY, 0,
		                 "no account in the container for %s",
		                 person->name);
	if (identity->uid == person->uid && identity->gid == person->gid &&
	    strcmp(identity->name, person->name) == 0)
		return 0;
	return ctsh_fail(err, CTSH_E_IDENTITY, 0,
	                 "with join=all the account inside must be %s with "
	                 "uid %u and gid %u, and is %s with %u and %u",
	                 person->name, person->uid, person->gid, identity->name,
	                 identity->uid, identity->gid);
}

int ctsh_route_visit_find(struct ctsh_route *route,
                          struct ctsh_route_visit *visit, int64_t deadline_ms,
                          struct ctsh_error *err)
{
	const struct ctsh_container *c = &route->container;

	if (ctsh_guest_keys_check(route->rule, err) ||
	    ctsh_route_find(route, false, deadline_ms, err) ||
	    check_trust(route->rule, c, err) || check_possible(c, err) ||
	    ctsh_identity_find(route->rule, &route->person, c, &route->interior,
	                       &visit->identity, err))
		return -1;
	return check_same(route, &visit->identity, err);
}

int ctsh_route_visit_go(struct ctsh_route *route,
                        const struct ctsh_route_visit *visit,
                        ctsh_visit_told *told, void *context,
                        int64_t deadline_ms, struct ctsh_error *err)
{
	struct ctsh_visit v = {
		.container = &route->container,
		.group_count = visit->identity.group_count,
		.groups = visit->identity.host_groups,
		.gid = visit->identity.gid,
		.told = told,
		.context = context,
		.deadline_ms = deadline_ms,
	};

	return ctsh_visit(&v, err);
}
