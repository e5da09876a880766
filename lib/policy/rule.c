/* SPDX-License-Identifier: MIT */
#include "rule.h"

#include <stdio.h>
#include <string.h>

#include "../base/text.h"

/* -- who is meant ------------------------------------------------------ */

bool ctsh_rule_is_member(const struct ctsh_person *person, gid_t gid)
{
	for (unsigned i = 0; i < person->group_count; i++)
		if (person->groups[i] == gid)
			return true;
	return person->gid == gid;
}

static bool fits(const struct ctsh_match *match,
                 const struct ctsh_person *person)
{
	switch (match->kind) {
	case CTSH_MATCH_NAME:
		return strcmp(match->text, person->name) == 0;
	case CTSH_MATCH_GLOB:
		return ctsh_text_glob(match->text, person->name);
	case CTSH_MATCH_ANY:
		return person->uid != 0;
	case CTSH_MATCH_GROUP:
		return ctsh_rule_is_member(person, match->gid);
	case CTSH_MATCH_UIDS:
		if (person->uid == 0 && match->low != match->high)
			return false;
		return person->uid >= match->low && person->uid <= match->high;
	}
	return false;
}

bool ctsh_rule_matches(const struct ctsh_match *matches, size_t count,
                       const struct ctsh_person *person)
{
	for (size_t i = 0; i < count; i++)
		if (fits(&matches[i], person))
			return true;
	return false;
}

/* -- which rule decides ------------------------------------------------ */

/* A last `match = {"*"} deny = "..."` is the sentence for everybody without a
 * container, and must not come before the person's own file. */
static bool is_catch_all(const struct ctsh_rule *rule)
{
	for (size_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].kind != CTSH_MATCH_ANY)
			return false;
	return true;
}

static int refuse(const struct ctsh_rule *rule, struct ctsh_error *err)
{
	(void)ctsh_fail(err, CTSH_E_DENIED, 0, "rule %s (%s:%d) denies",
	                rule->title, rule->file, rule->line);
	(void)snprintf(err->say, sizeof(err->say), "%s", rule->deny);
	return -1;
}

static int take(const struct ctsh_rule *found, const struct ctsh_rule **rule,
                struct ctsh_error *err)
{
	if (found->deny)
		return refuse(found, err);
	*rule = found;
	return 0;
}

bool ctsh_rule_wants_groups(const struct ctsh_policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t k = 0; k < policy->rules[i].match_count; k++)
			if (policy->rules[i].matches[k].kind ==
			    CTSH_MATCH_GROUP)
				return true;
	return false;
}

int ctsh_rule_find(const struct ctsh_policy *policy,
                   const struct ctsh_person *person,
                   const struct ctsh_rule **rule, struct ctsh_error *err)
{
	/* An unknown membership would be taken for none. */
	if (person->group_count == 0 && ctsh_rule_wants_groups(policy))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the groups of %s are not known",
		                 person->name);
	if (policy->closed) {
		(void)ctsh_fail(err, CTSH_E_DENIED, 0, "closed in %s",
		                policy->file);
		(void)snprintf(err->say, sizeof(err->say), "%s",
		               policy->closed);
		return -1;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct ctsh_rule *r = &policy->rules[i];

		if (r->deny && !is_catch_all(r) &&
		    ctsh_rule_matches(r->matches, r->match_count, person))
			return refuse(r, err);
	}
	if (policy->own)
		return take(policy->own, rule, err);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct ctsh_rule *r = &policy->rules[i];

		if (ctsh_rule_matches(r->matches, r->match_count, person))
			return take(r, rule, err);
	}
	return ctsh_fail(err, CTSH_E_DENIED, 0, "no rule in %s matches",
	                 policy->file);
}

/* -- which container --------------------------------------------------- */

/* A name that may become part of another one: it brings no separator of any
 * engine ("id=", "NS/POD", "../") and cannot stand for a place. */
static bool is_safe_part(const char *text)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789_.-";

	return *text && *text != '.' && *text != '-' &&
	       text[strspn(text, safe)] == '\0';
}

/* Puts what stands for `letter` into `out`.  NULL, or what is wrong. */
static const char *expand_one(char letter, const struct ctsh_person *person,
                              char *out, size_t size)
{
	const char *text = letter == 'u' ? person->name : person->group;

	if (letter == '%')
		return ctsh_text_copy(out, size, "%") ? NULL : "too long";
	if (letter == 'U') {
		int length = snprintf(out, size, "%u", person->uid);

		return length > 0 && (size_t)length < size ? NULL : "too long";
	}
	if (letter != 'u' && letter != 'g')
		return "unknown expansion";
	if (!is_safe_part(text))
		return letter == 'u'
		               ? "the user's name cannot be part of a name"
		               : "the group's name cannot be part of a name";
	return ctsh_text_copy(out, size, text) ? NULL : "too long";
}

static const char *expand(const char *from, const struct ctsh_person *person,
                          char *out, size_t size)
{
	const char *fault = NULL;
	size_t used = 0;

	while (*from && !fault) {
		if (used + 1 >= size)
			return "too long";
		if (*from == '%') {
			fault = expand_one(from[1], person, out + used,
			                   size - used);
			from += 2;
			if (!fault)
				used += strlen(out + used);
		} else {
			out[used++] = *from++;
			out[used] = '\0';
		}
	}
	return used ? fault : "empty";
}

int ctsh_rule_expand_path(const struct ctsh_rule *rule, const char *key,
                          const char *text, const struct ctsh_person *person,
                          char *out, size_t size, struct ctsh_error *err)
{
	const char *fault = expand(text, person, out, size);

	if (!fault && !ctsh_text_is_absolute(out, size))
		fault = "no absolute path";
	if (fault)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: %s: '%s': %s",
		                 rule->file, rule->line, key, text, fault);
	return 0;
}

int ctsh_rule_expand(const struct ctsh_rule *rule,
                     const struct ctsh_person *person, char *engine,
                     size_t engine_size, char *name, size_t name_size,
                     struct ctsh_error *err)
{
	const char *colon = strchr(rule->container, ':');
	const char *fault = "not ENGINE:NAME";

	engine[0] = name[0] = '\0';
	if (colon && (size_t)(colon - rule->container) < engine_size) {
		memcpy(engine, rule->container,
		       (size_t)(colon - rule->container));
		engine[colon - rule->container] = '\0';
		fault = expand(colon + 1, person, name, name_size);
	}
	if (!fault)
		return 0;
	engine[0] = name[0] = '\0';
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: container: '%s': %s",
	                 rule->file, rule->line, rule->container, fault);
}
