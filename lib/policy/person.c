/* SPDX-License-Identifier: MIT */
#include "person.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/child.h"
#include "../base/clean.h"
#include "names.h"
#include "person_files.h"

/* With room for texts of `size`; NULL when out of memory. */
static struct ctsh_names_question *question(enum ctsh_names_what what,
                                            size_t size)
{
	struct ctsh_names_question *q = calloc(1, sizeof(*q) + size);

	if (q) {
		q->what = what;
		q->size = sizeof(*q) + size;
	}
	return q;
}

/* The question for names. */
static struct ctsh_names_question *about(enum ctsh_names_what what,
                                         const char *const *names, size_t count)
{
	struct ctsh_names_question *q;
	size_t size = 0;
	char *to;

	for (size_t i = 0; i < count; i++)
		size += strlen(names[i]) + 1;
	q = question(what, size);
	if (!q)
		return NULL;
	q->count = count;
	to = q->names;
	for (size_t i = 0; i < count; i++)
		to = (char *)mempcpy(to, names[i], strlen(names[i]) + 1);
	return q;
}

static int ask(const char *who, struct ctsh_names_question *q, void *answer,
               size_t size, int64_t deadline_ms, struct ctsh_error *err)
{
	if (!q)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s: memory", who);
	q->answer_size = size;
	return ctsh_child_call(who, ctsh_names_ask, q, answer, size, NULL,
	                       deadline_ms, err);
}

int ctsh_person_load(uid_t uid, struct ctsh_person *person, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_names_question *q = NULL;

	if (ctsh_person_from_files(uid, person))
		return 0;
	q = question(CTSH_NAMES_PERSON, 0);
	if (q)
		q->person.uid = uid;
	return ask("person", q, person, sizeof(*person), deadline_ms, err);
}

int ctsh_person_memberships(struct ctsh_person *person, int64_t deadline_ms,
                            struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_names_question *q = NULL;

	if (person->group_count > 0)
		return 0;
	q = question(CTSH_NAMES_MEMBERSHIPS, 0);
	if (q)
		q->person = *person;
	return ask("memberships", q, person, sizeof(*person), deadline_ms, err);
}

int ctsh_person_uid(const char *name, uid_t *uid, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_names_question *q =
		about(CTSH_NAMES_UID, &name, 1);

	return ask("person", q, uid, sizeof(*uid), deadline_ms, err);
}

int ctsh_person_groups(const char *const *names, size_t count, gid_t *gids,
                       int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_names_question *q = NULL;

	if (count == 0)
		return 0;
	q = about(CTSH_NAMES_GIDS, names, count);
	return ask("groups", q, gids, count * sizeof(*gids), deadline_ms, err);
}
