/* SPDX-License-Identifier: MIT */
#include "person_files.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "../base/fdio.h"
#include "../base/text.h"

#define NSSWITCH_MAX 65536

/* A longer entry is for the name service, whose buffers grow. */
#define ENTRY_MAX 4096

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define autoclose_file __attribute__((cleanup(close_file)))

/* What stands behind "DATABASE:" in the one line that has it; NULL if there is
 * none or more than one. */
static const char *services_of(const char *text, const char *database)
{
	size_t length = strlen(database);
	const char *services = NULL;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (strncmp(line, database, length) || line[length] != ':')
			continue;
		if (services)
			return NULL;
		services = line + length + 1;
	}
	return services;
}

/* With an [action] behind, a later service could contradict the files. */
static bool begins_with_files(const char *text, const char *database)
{
	const char *blanks = " \t", *word = "files";
	const char *at = services_of(text, database);

	if (!at)
		return false;
	at += strspn(at, blanks);
	if (strncmp(at, word, strlen(word)))
		return false;
	at += strlen(word);
	if (!strchr(" \t\n", *at))
		return false;
	at += strspn(at, blanks);
	return *at != '[';
}

/* NULL unless it is a file of root's and opening it cannot wait. */
static FILE *open_database(const char *path)
{
	struct ctsh_error ignored;
	ctsh_autoclose int fd =
		ctsh_open_trusted(path, CTSH_E_SYSTEM, &ignored);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file)
		return NULL;
	(void)ctsh_steal_fd(&fd);
	/* From now on libc knows where it is; else it asks at each entry. */
	rewind(file);
	return file;
}

static bool files_come_first(void)
{
	ctsh_autofree char *text = NULL;

	text = ctsh_read_file_at(AT_FDCWD, "/etc/nsswitch.conf", NSSWITCH_MAX,
	                         NULL);
	return text && begins_with_files(text, "passwd") &&
	       begins_with_files(text, "group");
}

/* Lines of the "compat" service, which "files" reads in its own way. */
static bool is_odd(const char *name)
{
	return !name[0] || name[0] == '+' || name[0] == '-';
}

/* Up to the entry that decides; the first with that name must be it. */
static bool find_user(FILE *file, struct ctsh_person *person)
{
	char buffer[ENTRY_MAX];
	struct passwd entry, *found;

	while (fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		if (is_odd(found->pw_name))
			return false;
		if (found->pw_uid != person->uid)
			continue;
		person->gid = found->pw_gid;
		if (!ctsh_text_is_absolute(found->pw_dir,
		                           sizeof(person->home)) ||
		    !ctsh_text_copy(person->home, sizeof(person->home),
		                    found->pw_dir))
			person->home[0] = '\0';
		return ctsh_text_copy(person->name, sizeof(person->name),
		                      found->pw_name);
	}
	return false;
}

static bool leads_back(FILE *file, const struct ctsh_person *person)
{
	char buffer[ENTRY_MAX];
	struct passwd entry, *found;

	rewind(file);
	while (fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0)
		if (strcmp(found->pw_name, person->name) == 0)
			return found->pw_uid == person->uid;
	return false;
}

static bool find_group(struct ctsh_person *person)
{
	autoclose_file FILE *file = open_database("/etc/group");
	char buffer[ENTRY_MAX];
	struct group entry, *found;

	while (file &&
	       fgetgrent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		if (is_odd(found->gr_name))
			return false;
		if (found->gr_gid == person->gid)
			return ctsh_text_copy(person->group,
			                      sizeof(person->group),
			                      found->gr_name);
	}
	return false;
}

bool ctsh_person_from_files(uid_t uid, struct ctsh_person *person)
{
	autoclose_file FILE *file = NULL;
	struct ctsh_person found = {.uid = uid};

	if (!files_come_first())
		return false;
	file = open_database("/etc/passwd");
	if (!file || !find_user(file, &found) || !leads_back(file, &found) ||
	    !find_group(&found))
		return false;
	*person = found;
	return true;
}
