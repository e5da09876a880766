/* SPDX-License-Identifier: MIT */
#include "named.h"

#include <string.h>

#include "../base/text.h"
#include "../policy/person.h"
#include "../policy/rule.h"

#define LIST_MAX 4096
#define GROUPS_MAX 64

int ctsh_named_person(const char *name, struct ctsh_person *person,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	uid_t uid;

	if (ctsh_person_uid(name, &uid, deadline_ms, err)) {
		if (err->code == CTSH_E_USAGE)
			err->code = CTSH_E_DENIED;
		return -1;
	}
	if (uid == 0) {
		*person = (struct ctsh_person){.uid = 0};
		return 0;
	}
	if (ctsh_person_load(uid, person, deadline_ms, err))
		return -1;
	if (strcmp(person->name, name) != 0)
		return ctsh_fail(err, CTSH_E_DENIED, 0, "%s has the uid of %s",
		                 name, person->name);
	return 0;
}

/* One list, taken apart in a copy. */
struct reading {
	char text[LIST_MAX];
	const char *groups[GROUPS_MAX];
	size_t group_count;
	bool named;
};

static int take_word(struct reading *r, const char *word, const char *name,
                     struct ctsh_error *err)
{
	const char *group = word + 1;

	if (*word != '@') {
		if (!*word)
			return ctsh_fail(err, CTSH_E_CONFIG, 0,
			                 "users: an empty name");
		r->named = r->named || strcmp(word, name) == 0;
		return 0;
	}
	if (!*group)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "users: a group without a name");
	if (r->group_count == GROUPS_MAX)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "users: more than %d groups", GROUPS_MAX);
	r->groups[r->group_count++] = group;
	return 0;
}

static int take_apart(struct reading *r, const char *list, const char *name,
                      struct ctsh_error *err)
{
	char *rest = r->text, *word;

	if (!ctsh_text_copy(r->text, sizeof(r->text), list))
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "users: too long");
	while ((word = strsep(&rest, ",")) != NULL)
		if (take_word(r, word, name, err))
			return -1;
	return 0;
}

static int ask_groups(const struct reading *r, struct ctsh_person *person,
                      bool *listed, int64_t deadline_ms, struct ctsh_error *err)
{
	gid_t gids[GROUPS_MAX];
	const char *lost = NULL;

	if (ctsh_person_groups(r->groups, r->group_count, gids, deadline_ms,
	                       err) ||
	    ctsh_person_memberships(person, deadline_ms, err))
		return -1;
	for (size_t i = 0; i < r->group_count; i++) {
		if (gids[i] == CTSH_NO_GROUP)
			lost = r->groups[i];
		else if (ctsh_rule_is_member(person, gids[i]))
			*listed = true;
	}
	/* It may be one that the person is in: an outage looks just like it. */
	if (!*listed && lost)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "users: no group %s",
		                 lost);
	return 0;
}

int ctsh_named_in(const char *list, struct ctsh_person *person, bool *listed,
                  int64_t deadline_ms, struct ctsh_error *err)
{
	struct reading r = {.group_count = 0};

	*listed = false;
	if (take_apart(&r, list, person->name, err))
		return -1;
	*listed = r.named;
	if (r.named || r.group_count == 0)
		return 0;
	return ask_groups(&r, person, listed, deadline_ms, err);
}
