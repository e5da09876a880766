/* SPDX-License-Identifier: MIT */
#include "break_glass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "person.h"
#include "rule.h"
#include "source.h"

#define FILE_MAX ((size_t)64 * 1024)
#define GROUPS_MAX 64

/* What the file says about one person. */
struct reading {
	const char *file;
	struct ctsh_person *person;
	bool named;
	const char *groups[GROUPS_MAX]; /* borrowed from the text */
	size_t group_count;
	int line;
};

static int fail(const struct reading *r, struct ctsh_error *err,
                const char *reason)
{
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: %s", r->file, r->line,
	                 reason);
}

/* Cuts the comment off, and the blanks at both ends. */
static char *trim(char *line)
{
	size_t length;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	length = strlen(line);
	while (length > 0 && strchr(" \t", line[length - 1]))
		length--;
	line[length] = '\0';
	return line;
}

static int add_group(struct reading *r, const char *name,
                     struct ctsh_error *err)
{
	if (strchr(" @", *name) || strpbrk(name, "*?[]!,:\"'\\"))
		return fail(r, err, "not the name of a group");
	if (r->group_count == GROUPS_MAX)
		return fail(r, err, "more than 64 groups");
	r->groups[r->group_count++] = name;
	return 0;
}

static int read_line(struct reading *r, char *line, struct ctsh_error *err)
{
	const char *word = trim(line);

	if (!*word)
		return 0;
	if (!ctsh_text_is_printable(word))
		return fail(r, err, "not printable ASCII");
	if (strlen(word) >= CTSH_NAME_MAX)
		return fail(r, err, "the name is too long");
	if (*word == '@')
		return add_group(r, word + 1, err);
	if (strpbrk(word, " *?[]!,:=\"'{}@"))
		return fail(r, err, "one NAME or @GROUP a line");
	if (strcmp(word, r->person->name) == 0)
		r->named = true;
	return 0;
}

/* All lines, whoever is asked about: half a file is none. */
static int read_lines(struct reading *r, char *text, size_t length,
                      struct ctsh_error *err)
{
	char *line = text;

	while (line < text + length) {
		char *end = line + strcspn(line, "\n");

		r->line++;
		if (end < text + length && *end == '\0')
			return fail(r, err, "NUL byte");
		*end = '\0';
		if (read_line(r, line, err) < 0)
			return -1;
		line = end + 1;
	}
	return 0;
}

/* A stale group refuses, but not those whom another line names. */
static int ask_groups(const struct reading *r, bool *member,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	gid_t gids[GROUPS_MAX];
	const char *missing = NULL;

	if (ctsh_person_memberships(r->person, deadline_ms, err) < 0 ||
	    ctsh_person_groups(r->groups, r->group_count, gids, deadline_ms,
	                       err) < 0)
		return -1;
	for (size_t i = 0; i < r->group_count; i++) {
		if (gids[i] == CTSH_NO_GROUP)
			missing = r->groups[i];
		else if (ctsh_rule_is_member(r->person, gids[i]))
			*member = true;
	}
	if (*member || !missing)
		return 0;
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s: group %s does not exist",
	                 r->file, missing);
}

int ctsh_break_glass(const char *file, struct ctsh_person *person,
                     bool *qualifies, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	struct reading r = {.file = file, .person = person};
	ctsh_autofree char *text = NULL;
	bool member = false;
	size_t length = 0;

	if (ctsh_source_read(file, true, FILE_MAX, 0, &text, &length, err) <
	    0) {
		if (err->sys != ENOENT)
			return -1;
		*qualifies = false;
		return 0;
	}
	if (read_lines(&r, text, length, err) < 0)
		return -1;
	if (!r.named && r.group_count > 0 &&
	    ask_groups(&r, &member, deadline_ms, err) < 0)
		return -1;
	*qualifies = r.named || member;
	return 0;
}
