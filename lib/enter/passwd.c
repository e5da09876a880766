/* SPDX-License-Identifier: MIT */
#include "passwd.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../base/text.h"

enum {
	PW_NAME,
	PW_PASSWORD,
	PW_UID,
	PW_GID,
	PW_GECOS,
	PW_HOME,
	PW_SHELL,
	PW_FIELDS
};
enum { GR_NAME, GR_PASSWORD, GR_GID, GR_MEMBERS, GR_FIELDS };

/* Part of the text; not terminated. */
struct span {
	const char *at;
	size_t length;
};

/* Moves what stands before `separator` from `*rest` to `*part`; false if
 * nothing is left.  A separator at the very end starts no further part. */
static bool next_part(struct span *rest, char separator, struct span *part)
{
	const char *end;
	size_t used;

	if (!rest->length)
		return false;
	end = memchr(rest->at, separator, rest->length);
	part->at = rest->at;
	part->length = end ? (size_t)(end - rest->at) : rest->length;
	used = part->length + (end ? 1 : 0);
	rest->at += used;
	rest->length -= used;
	return true;
}

/* Splits at colons into at most `max` fields.  The number of fields that the
 * line has, or `max` + 1 for more; fields that it has not are empty. */
static size_t split(struct span line, struct span *fields, size_t max)
{
	size_t count = 0;

	memset(fields, 0, max * sizeof(*fields));
	while (count < max) {
		const char *colon =
			line.length ? memchr(line.at, ':', line.length) : NULL;
		size_t used;

		fields[count++] = line;
		if (!colon)
			return count;
		fields[count - 1].length = (size_t)(colon - line.at);
		used = fields[count - 1].length + 1;
		line.at += used;
		line.length -= used;
	}
	return max + 1;
}

static bool is_text(struct span span, const char *text, size_t length)
{
	return span.length == length && length &&
	       !memcmp(span.at, text, length);
}

static bool has_nul(struct span span)
{
	return span.length && memchr(span.at, '\0', span.length);
}

static bool to_id(struct span span, uint32_t *id)
{
	char digits[sizeof("4294967295")];

	if (!span.length || span.length >= sizeof(digits) || has_nul(span))
		return false;
	memcpy(digits, span.at, span.length);
	digits[span.length] = '\0';
	return ctsh_text_id(digits, id);
}

/* Whether the text fits in `size` with its end and has no control
 * character. */
static bool is_clean(struct span span, size_t size)
{
	size_t i;

	if (span.length >= size)
		return false;
	for (i = 0; i < span.length; i++) {
		unsigned char c = (unsigned char)span.at[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

static void copy(struct span span, char *out)
{
	if (span.length)
		memcpy(out, span.at, span.length);
	out[span.length] = '\0';
}

/* Lines for the name service switch, and comments. */
static bool is_nobodys(struct span line)
{
	return !line.length || line.at[0] == '+' || line.at[0] == '-' ||
	       line.at[0] == '#';
}

static bool is_asked_for(const struct span *fields,
                         const struct ctsh_query *query, size_t name_length)
{
	uint32_t uid;

	if (query->by_uid)
		return to_id(fields[PW_UID], &uid) && uid == query->uid;
	return is_text(fields[PW_NAME], query->name, name_length);
}

static bool take_account(const struct span *fields,
                         struct ctsh_interior *interior)
{
	uint32_t uid, gid;

	if (!to_id(fields[PW_UID], &uid) || !to_id(fields[PW_GID], &gid))
		return false;
	if (!fields[PW_NAME].length ||
	    !is_clean(fields[PW_NAME], sizeof(interior->name)) ||
	    !is_clean(fields[PW_HOME], sizeof(interior->home)) ||
	    !is_clean(fields[PW_SHELL], sizeof(interior->shell)))
		return false;
	interior->uid = uid;
	interior->gid = gid;
	copy(fields[PW_NAME], interior->name);
	copy(fields[PW_HOME], interior->home);
	copy(fields[PW_SHELL], interior->shell);
	return true;
}

/* The first line that is the one asked for decides. */
static void find_line(struct span rest, const struct ctsh_query *query,
                      size_t name_length, struct ctsh_interior *interior)
{
	struct span line, fields[PW_FIELDS];

	while (next_part(&rest, '\n', &line)) {
		size_t count = split(line, fields, PW_FIELDS);

		if (is_nobodys(line) ||
		    !is_asked_for(fields, query, name_length))
			continue;
		if (count == PW_FIELDS && !has_nul(line) &&
		    line.length <= CTSH_PASSWD_LINE_MAX &&
		    take_account(fields, interior))
			interior->account = CTSH_ACCOUNT_FOUND;
		else
			interior->account = CTSH_ACCOUNT_MALFORMED;
		return;
	}
}

void ctsh_passwd_find(const char *text, size_t length,
                      const struct ctsh_query *query,
                      struct ctsh_interior *interior)
{
	size_t name_length = strnlen(query->name, sizeof(query->name));

	interior->account = CTSH_ACCOUNT_MISSING;
	interior->uid = (uid_t)-1;
	interior->gid = (gid_t)-1;
	interior->name[0] = interior->home[0] = interior->shell[0] = '\0';
	/* A question without a name must not look like a missing account. */
	if (!query->by_uid && !name_length)
		interior->account = CTSH_ACCOUNT_MALFORMED;
	else
		find_line((struct span){text, length}, query, name_length,
		          interior);
}

static bool has_member(struct span members, const char *name, size_t length)
{
	struct span member;

	while (next_part(&members, ',', &member))
		if (is_text(member, name, length))
			return true;
	return false;
}

void ctsh_group_collect(const char *text, size_t length, const char *name,
                        gid_t gid, struct ctsh_interior *interior)
{
	size_t name_length = strlen(name);
	struct span rest = {text, length}, line, fields[GR_FIELDS];
	uint32_t found;

	interior->group_count = 0;
	while (next_part(&rest, '\n', &line)) {
		if (is_nobodys(line) || has_nul(line) ||
		    split(line, fields, GR_FIELDS) != GR_FIELDS ||
		    !has_member(fields[GR_MEMBERS], name, name_length) ||
		    !to_id(fields[GR_GID], &found) || found == gid)
			continue;
		if (interior->group_count == CTSH_GROUPS_MAX) {
			interior->group_count++;
			return;
		}
		interior->groups[interior->group_count++] = found;
	}
}
