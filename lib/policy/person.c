/* SPDX-License-Identifier: MIT */
#include "person.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "../base/child.h"
#include "../base/text.h"
#include "person_files.h"

/* A group lists its members, and a directory may list them all. */
#define FIRST_BUFFER ((size_t)16 * 1024)
#define LAST_BUFFER ((size_t)16 * 1024 * 1024)

/* Everything from here to the next heading runs in a child. */

/*
 * Doubles the buffer.  0, or the errno that ends the lookup.
 *
 * When no service could be asked, glibc returns what errno happens to be; were
 * that 0, an outage would look like an account that does not exist.
 */
static int grow(char **buffer, size_t *size)
{
	char *grown;

	if (*size >= LAST_BUFFER)
		return ERANGE;
	*size = *size ? *size * 2 : FIRST_BUFFER;
	grown = realloc(*buffer, *size);
	if (!grown)
		return ENOMEM;
	*buffer = grown;
	errno = EIO;
	return 0;
}

/* All four: 0, with `*found` NULL if there is no such entry; or an errno when
 * the name service failed.  What is found lives in `*buffer`, the caller's. */

static int user_by_uid(uid_t uid, struct passwd *entry, char **buffer,
                       struct passwd **found)
{
	size_t size = 0;
	int failed;

	do {
		failed = grow(buffer, &size);
		if (failed)
			return failed;
		failed = getpwuid_r(uid, entry, *buffer, size, found);
	} while (failed == ERANGE);
	return failed;
}

static int user_by_name(const char *name, struct passwd *entry, char **buffer,
                        struct passwd **found)
{
	size_t size = 0;
	int failed;

	do {
		failed = grow(buffer, &size);
		if (failed)
			return failed;
		failed = getpwnam_r(name, entry, *buffer, size, found);
	} while (failed == ERANGE);
	return failed;
}

static int group_by_gid(gid_t gid, struct group *entry, char **buffer,
                        struct group **found)
{
	size_t size = 0;
	int failed;

	do {
		failed = grow(buffer, &size);
		if (failed)
			return failed;
		failed = getgrgid_r(gid, entry, *buffer, size, found);
	} while (failed == ERANGE);
	return failed;
}

static int group_by_name(const char *name, struct group *entry, char **buffer,
                         struct group **found)
{
	size_t size = 0;
	int failed;

	do {
		failed = grow(buffer, &size);
		if (failed)
			return failed;
		failed = getgrnam_r(name, entry, *buffer, size, found);
	} while (failed == ERANGE);
	return failed;
}

/* Two accounts with one uid are told apart by nothing; whoever the name leads
 * back to must be the one who asks. */
static int check_back(const struct ctsh_person *person, struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct passwd entry, *found = NULL;
	int failed = user_by_name(person->name, &entry, &buffer, &found);

	if (failed)
		return ctsh_fail(err, CTSH_E_SYSTEM, failed, "look up user %s",
		                 person->name);
	if (!found || found->pw_uid != person->uid)
		return ctsh_fail(err, CTSH_E_DENIED, 0,
		                 "uid %u is user %s, who is not uid %u",
		                 person->uid, person->name, person->uid);
	return 0;
}

static int fill_name(struct ctsh_person *person, struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct passwd entry, *found = NULL;
	int failed = user_by_uid(person->uid, &entry, &buffer, &found);

	if (failed)
		return ctsh_fail(err, CTSH_E_SYSTEM, failed, "look up uid %u",
		                 person->uid);
	if (!found)
		return ctsh_fail(err, CTSH_E_DENIED, 0, "uid %u has no account",
		                 person->uid);
	if (*found->pw_name == '\0' ||
	    !ctsh_text_copy(person->name, sizeof(person->name), found->pw_name))
		return ctsh_fail(err, CTSH_E_DENIED, 0,
		                 "uid %u has a name that cannot be used",
		                 person->uid);
	person->gid = found->pw_gid;
	return 0;
}

static int fill_group(struct ctsh_person *person, struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct group entry, *found = NULL;
	int failed = group_by_gid(person->gid, &entry, &buffer, &found);

	/* It serves %g alone, which refuses without; an administrator on
	 * break-glass must get in without the group service. */
	if (failed)
		return 0;
	if (found && !ctsh_text_copy(person->group, sizeof(person->group),
	                             found->gr_name))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the name of gid %u is too long", person->gid);
	return 0;
}

/* getgrouplist(3) cannot say that it failed: an outage looks like fewer
 * groups.  That is why a group that a file names must be found. */
static int fill_groups(struct ctsh_person *person, struct ctsh_error *err)
{
	int count = CTSH_HOST_GROUPS_MAX;

	if (getgrouplist(person->name, person->gid, person->groups, &count) <
	            0 ||
	    count < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "%s is in more than %d groups", person->name,
		                 CTSH_HOST_GROUPS_MAX);
	person->group_count = (unsigned)count;
	return 0;
}

static int find_person(void *argument, int channel, void *answer, int *fd,
                       struct ctsh_error *err)
{
	struct ctsh_person *person = answer;

	(void)channel;
	(void)fd;
	memset(person, 0, sizeof(*person));
	person->uid = *(const uid_t *)argument;
	if (fill_name(person, err) < 0 || check_back(person, err) < 0)
		return -1;
	return fill_group(person, err);
}

static int find_memberships(void *argument, int channel, void *answer, int *fd,
                            struct ctsh_error *err)
{
	(void)channel;
	(void)fd;
	memcpy(answer, argument, sizeof(struct ctsh_person));
	return fill_groups(answer, err);
}

static int find_uid(void *argument, int channel, void *answer, int *fd,
                    struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct passwd entry, *found = NULL;
	const char *name = argument;
	int failed = user_by_name(name, &entry, &buffer, &found);

	(void)channel;
	(void)fd;
	if (failed)
		return ctsh_fail(err, CTSH_E_SYSTEM, failed, "look up user %s",
		                 name);
	if (!found)
		return ctsh_fail(err, CTSH_E_USAGE, 0, "no user %s", name);
	*(uid_t *)answer = found->pw_uid;
	return 0;
}

struct group_question {
	const char *const *names;
	size_t count;
};

static int find_groups(void *argument, int channel, void *answer, int *fd,
                       struct ctsh_error *err)
{
	const struct group_question *question = argument;
	gid_t *gids = answer;

	(void)channel;
	(void)fd;
	for (size_t i = 0; i < question->count; i++) {
		ctsh_autofree char *buffer = NULL;
		struct group entry, *found = NULL;
		const char *name = question->names[i];
		int failed = group_by_name(name, &entry, &buffer, &found);

		if (failed)
			return ctsh_fail(err, CTSH_E_SYSTEM, failed,
			                 "look up group %s", name);
		gids[i] = found ? found->gr_gid : CTSH_NO_GROUP;
	}
	return 0;
}

/* -- the interface ----------------------------------------------------- */

int ctsh_person_load(uid_t uid, struct ctsh_person *person, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	struct ctsh_person answer;

	if (ctsh_person_from_files(uid, person))
		return 0;
	if (ctsh_child_call("person", find_person, &uid, &answer,
	                    sizeof(answer), NULL, deadline_ms, err) < 0)
		return -1;
	*person = answer;
	return 0;
}

int ctsh_person_memberships(struct ctsh_person *person, int64_t deadline_ms,
                            struct ctsh_error *err)
{
	struct ctsh_person answer;

	if (person->group_count > 0)
		return 0;
	if (ctsh_child_call("memberships", find_memberships, person, &answer,
	                    sizeof(answer), NULL, deadline_ms, err) < 0)
		return -1;
	*person = answer;
	return 0;
}

int ctsh_person_uid(const char *name, uid_t *uid, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	ctsh_autofree char *copy = strdup(name);
	uid_t answer;

	if (!copy)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "look up user");
	if (ctsh_child_call("person", find_uid, copy, &answer, sizeof(answer),
	                    NULL, deadline_ms, err) < 0)
		return -1;
	*uid = answer;
	return 0;
}

int ctsh_person_groups(const char *const *names, size_t count, gid_t *gids,
                       int64_t deadline_ms, struct ctsh_error *err)
{
	struct group_question question = {names, count};

	if (count == 0)
		return 0;
	return ctsh_child_call("groups", find_groups, &question, gids,
	                       count * sizeof(*gids), NULL, deadline_ms, err);
}
