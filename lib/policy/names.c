/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"

/* A group lists its members, and a directory may list them all. */
#define FIRST_BUFFER ((size_t)16 * 1024)
#define LAST_BUFFER ((size_t)16 * 1024 * 1024)

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
	if (!ctsh_text_is_absolute(found->pw_dir, sizeof(person->home)) ||
	    !ctsh_text_copy(person->home, sizeof(person->home), found->pw_dir))
		person->home[0] = '\0';
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

static int find_person(const struct ctsh_names_question *q,
                       struct ctsh_person *person, struct ctsh_error *err)
{
	memset(person, 0, sizeof(*person));
	person->uid = q->person.uid;
	if (fill_name(person, err) < 0 || check_back(person, err) < 0)
		return -1;
	return fill_group(person, err);
}

static int find_memberships(const struct ctsh_names_question *q,
                            struct ctsh_person *person, struct ctsh_error *err)
{
	*person = q->person;
	return fill_groups(person, err);
}

static int find_uid(const char *name, uid_t *uid, struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct passwd entry, *found = NULL;
	int failed = user_by_name(name, &entry, &buffer, &found);

	if (failed)
		return ctsh_fail(err, CTSH_E_SYSTEM, failed, "look up user %s",
		                 name);
	if (!found)
		return ctsh_fail(err, CTSH_E_USAGE, 0, "no user %s", name);
	*uid = found->pw_uid;
	return 0;
}

static int find_group(const char *name, gid_t *gid, struct ctsh_error *err)
{
	ctsh_autofree char *buffer = NULL;
	struct group entry, *found = NULL;
	int failed = group_by_name(name, &entry, &buffer, &found);

	if (failed)
		return ctsh_fail(err, CTSH_E_SYSTEM, failed, "look up group %s",
		                 name);
	*gid = found ? found->gr_gid : CTSH_NO_GROUP;
	return 0;
}

static int find_gids(const struct ctsh_names_question *q, gid_t *gids,
                     struct ctsh_error *err)
{
	const char *name = q->names;

	for (size_t i = 0; i < q->count; i++) {
		if (find_group(name, &gids[i], err))
			return -1;
		name += strlen(name) + 1;
	}
	return 0;
}

int ctsh_names_ask(void *argument, int channel, void *answer, int *fd,
                   struct ctsh_error *err)
{
	const struct ctsh_names_question *q = argument;

	(void)channel;
	(void)fd;
	switch (q->what) {
	case CTSH_NAMES_PERSON:
		return find_person(q, answer, err);
	case CTSH_NAMES_MEMBERSHIPS:
		return find_memberships(q, answer, err);
	case CTSH_NAMES_UID:
		return find_uid(q->names, answer, err);
	case CTSH_NAMES_GIDS:
		return find_gids(q, answer, err);
	}
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "names: no such question");
}
