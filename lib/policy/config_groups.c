/* SPDX-License-Identifier: MIT */
/* Part of config.h: the names of groups in a policy into gids. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "person.h"

static size_t gather(const struct ctsh_policy *policy,
                     struct ctsh_match **found)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct ctsh_rule *rule = &policy->rules[i];

		for (size_t k = 0; k < rule->match_count; k++) {
			if (rule->matches[k].kind != CTSH_MATCH_GROUP)
				continue;
			if (found)
				found[count] = &rule->matches[k];
			count++;
		}
	}
	return count;
}

static int by_text(const void *left, const void *right)
{
	const struct ctsh_match *const *a = left;
	const struct ctsh_match *const *b = right;

	return strcmp((*a)->text, (*b)->text);
}

/* Each name once, so that a group in a thousand rules is one question. */
static size_t distinct(struct ctsh_match **found, size_t count,
                       const char **names)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (used == 0 || strcmp(names[used - 1], found[i]->text) != 0)
			names[used++] = found[i]->text;
	return used;
}

static void assign(struct ctsh_match **found, size_t count,
                   const char *const *names, const gid_t *gids)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[n], found[i]->text) != 0)
			n++;
		found[i]->gid = gids[n];
	}
}

static int require_all(const struct ctsh_policy *policy, struct ctsh_error *err)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct ctsh_rule *rule = &policy->rules[i];

		for (size_t k = 0; k < rule->match_count; k++)
			if (rule->matches[k].kind == CTSH_MATCH_GROUP &&
			    rule->matches[k].gid == CTSH_NO_GROUP)
				return ctsh_fail(err, CTSH_E_CONFIG, 0,
				                 "%s:%d: group %s does not "
				                 "exist",
				                 rule->file, rule->line,
				                 rule->matches[k].text);
	}
	return 0;
}

int ctsh_config_resolve(struct ctsh_policy *policy, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	size_t count = gather(policy, NULL), unique;
	ctsh_autofree struct ctsh_match **found = NULL;
	ctsh_autofree const char **names = NULL;
	ctsh_autofree gid_t *gids = NULL;

	if (count == 0)
		return 0;
	found = calloc(count, sizeof(*found));
	names = calloc(count, sizeof(*names));
	gids = calloc(count, sizeof(*gids));
	if (!found || !names || !gids)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s",
		                 policy->file);
	(void)gather(policy, found);
	qsort(found, count, sizeof(*found), by_text);
	unique = distinct(found, count, names);
	if (ctsh_person_groups(names, unique, gids, deadline_ms, err) < 0)
		return -1;
	assign(found, count, names, gids);
	return require_all(policy, err);
}
