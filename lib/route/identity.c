/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../base/proc.h"

#define NO_ID UINT32_MAX /* "no change" to the kernel: nobody's id */

#define refuse(err, ...) ctsh_fail((err), CTSH_E_IDENTITY, 0, __VA_ARGS__)

/* The answer must be about whom the question was: the child that read the
 * container's files may have been taken over by them. */
static bool is_the_one(const struct ctsh_rule *rule,
                       const struct ctsh_person *person,
                       const struct ctsh_interior *interior)
{
	switch (rule->user) {
	case CTSH_USER_SAME_NAME:
		return !strcmp(interior->name, person->name);
	case CTSH_USER_NAME:
		return !strcmp(interior->name, rule->user_name);
	case CTSH_USER_SAME_UID:
		return interior->uid == person->uid;
	case CTSH_USER_NUMERIC:
		return interior->uid == rule->user_uid;
	}
	return false;
}

static int take_entry(const struct ctsh_rule *rule,
                      const struct ctsh_interior *interior,
                      struct ctsh_identity *identity)
{
	bool fixed_gid = rule->user == CTSH_USER_NUMERIC && rule->user_has_gid;

	identity->uid = interior->uid;
	identity->gid = fixed_gid ? rule->user_gid : interior->gid;
	identity->name = interior->name;
	identity->home = interior->home[0] == '/' ? interior->home : "/";
	identity->shell = interior->shell;
	return 0;
}

/* No entry: only an id that the rule gives, or allows, will do. */
static int do_without(const struct ctsh_rule *rule,
                      const struct ctsh_person *person,
                      struct ctsh_identity *identity, struct ctsh_error *err)
{
	identity->name = person->name;
	identity->home = "/";
	identity->shell = "";
	if (rule->user == CTSH_USER_NUMERIC) {
		if (!rule->user_has_gid)
			return refuse(err,
			              "uid %u is not in the container's passwd "
			              "and the rule gives no gid",
			              rule->user_uid);
		identity->uid = rule->user_uid;
		identity->gid = rule->user_gid;
		return 0;
	}
	if (!rule->missing_user_numeric)
		return refuse(err, "no account in the container for %s",
		              person->name);
	identity->uid = person->uid;
	identity->gid = person->gid;
	return 0;
}

static int choose(const struct ctsh_rule *rule,
                  const struct ctsh_person *person,
                  const struct ctsh_interior *interior,
                  struct ctsh_identity *identity, struct ctsh_error *err)
{
	switch (interior->account) {
	case CTSH_ACCOUNT_FOUND:
		if (!is_the_one(rule, person, interior))
			return refuse(err, "found the account of %s instead",
			              interior->name);
		return take_entry(rule, interior, identity);
	case CTSH_ACCOUNT_MISSING:
		return do_without(rule, person, identity, err);
	case CTSH_ACCOUNT_MALFORMED:
		break;
	}
	return refuse(err, "the container's account for %s is malformed",
	              person->name);
}

static bool holds(const struct ctsh_identity *identity, gid_t gid)
{
	size_t i;

	for (i = 0; i < identity->group_count; i++)
		if (identity->groups[i] == gid)
			return true;
	return false;
}

/* The primary group, then those of etc/group; never one of the host's. */
static int collect_groups(const struct ctsh_rule *rule,
                          const struct ctsh_interior *interior,
                          struct ctsh_identity *identity,
                          struct ctsh_error *err)
{
	unsigned i;

	identity->groups[0] = identity->gid;
	identity->group_count = 1;
	if (!rule->container_groups || interior->account != CTSH_ACCOUNT_FOUND)
		return 0;
	if (interior->group_count > CTSH_GROUPS_MAX)
		return refuse(err, "more than %d groups in the container",
		              CTSH_GROUPS_MAX);
	for (i = 0; i < interior->group_count; i++) {
		if (holds(identity, interior->groups[i]))
			continue;
		if (identity->group_count == CTSH_GROUPS_MAX)
			return refuse(err, "more than %d groups",
			              CTSH_GROUPS_MAX);
		identity->groups[identity->group_count++] = interior->groups[i];
	}
	return 0;
}

static bool to_host(const struct ctsh_idmap *map, uint32_t id, uint32_t *host)
{
	uint32_t outside;

	if (id == NO_ID || !ctsh_idmap_out(map, id, &outside) ||
	    outside == NO_ID)
		return false;
	*host = outside;
	return true;
}

static int map_ids(const struct ctsh_container *container,
                   struct ctsh_identity *identity, struct ctsh_error *err)
{
	size_t i;

	if (!to_host(&container->uids, identity->uid, &identity->host_uid))
		return refuse(err, "uid %u is not mapped", identity->uid);
	if (!to_host(&container->gids, identity->gid, &identity->host_gid))
		return refuse(err, "gid %u is not mapped", identity->gid);
	for (i = 0; i < identity->group_count; i++)
		if (!to_host(&container->gids, identity->groups[i],
		             &identity->host_groups[i]))
			return refuse(err, "group %u is not mapped",
			              identity->groups[i]);
	return 0;
}

/* Root of the host under another number is root as well: files do not know
 * of user namespaces. */
static int check_root(const struct ctsh_identity *identity,
                      struct ctsh_error *err)
{
	size_t i;

	if (!identity->uid || !identity->host_uid)
		return refuse(err, "uid %u is root", identity->uid);
	for (i = 0; i < identity->group_count; i++)
		if (!identity->groups[i] || !identity->host_groups[i])
			return refuse(err, "group %u is root's",
			              identity->groups[i]);
	return 0;
}

static bool may(const struct ctsh_container *container, unsigned capability)
{
	return container->bounding & (UINT64_C(1) << capability);
}

/* An init that could never have changed its ids must not be outdone, unless
 * the administrator wrote the id down. */
static int check_power(const struct ctsh_rule *rule,
                       const struct ctsh_container *container,
                       const struct ctsh_identity *identity,
                       struct ctsh_error *err)
{
	bool fixed_uid = rule->user == CTSH_USER_NUMERIC;
	bool fixed_gid = fixed_uid && rule->user_has_gid;

	if (!may(container, CAP_SETUID) && !fixed_uid &&
	    identity->host_uid != container->init_uid)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the init cannot become uid %u",
		                 identity->uid);
	if (may(container, CAP_SETGID))
		return 0;
	if (!fixed_gid && identity->host_gid != container->init_gid)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the init cannot become gid %u",
		                 identity->gid);
	if (identity->group_count > 1)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the init cannot take group %u",
		                 identity->groups[1]);
	return 0;
}

int ctsh_identity_find(const struct ctsh_rule *rule,
                       const struct ctsh_person *person,
                       const struct ctsh_container *container,
                       const struct ctsh_interior *interior,
                       struct ctsh_identity *identity, struct ctsh_error *err)
{
	if (choose(rule, person, interior, identity, err) ||
	    collect_groups(rule, interior, identity, err) ||
	    map_ids(container, identity, err))
		return -1;
	if (!rule->allow_root && check_root(identity, err))
		return -1;
	return check_power(rule, container, identity, err);
}
