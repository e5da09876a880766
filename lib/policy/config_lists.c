/* SPDX-License-Identifier: MIT */
#include "config_values.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "../model/forward.h"
#include "../model/person.h"

#define ENV_GLOB \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_*?"

void ctsh_strings_free(char ***list)
{
	for (char **item = *list; item && *item; item++)
		free(*item);
	free(*list);
	*list = NULL;
}

int ctsh_strings_copy(const char *const *words, size_t count, char ***out)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(words[i]);
		if (!copy[i])
			ctsh_strings_free(&copy);
	}
	if (!copy)
		return -1;
	*out = copy;
	return 0;
}

static int replace(const struct ctsh_setting *setting, char ***out,
                   struct ctsh_error *err)
{
	char **copy = NULL;

	if (ctsh_strings_copy(setting->values, setting->count, &copy) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s",
		                 setting->file);
	ctsh_strings_free(out);
	*out = copy;
	return 0;
}

/* -- match ------------------------------------------------------------- */

/* Why `name` cannot be what a user or group is called, or NULL.  Blanks belong
 * to some groups of directory services, but "alice bob" as a user would be a
 * rule that silently never matches; so would "alice,bob" or "!alice". */
static const char *name_fault(const char *name, enum ctsh_match_kind kind)
{
	size_t length = strlen(name);

	if (length == 0)
		return "is empty";
	if (length >= CTSH_NAME_MAX)
		return "is too long";
	if (!ctsh_text_is_printable(name) || strchr(name, ',') ||
	    (kind != CTSH_MATCH_GLOB && strchr(name, ':')))
		return "has a character that no name has";
	if (strchr(" !@#", *name) || name[length - 1] == ' ')
		return "begins or ends as no name does";
	if (kind != CTSH_MATCH_GROUP && strchr(name, ' '))
		return "has a blank: write one name per string";
	if (kind == CTSH_MATCH_GROUP && strpbrk(name, "*?["))
		return "is a pattern: groups are named in full";
	return NULL;
}

/* What follows the set whose '[' stands before `set`, or NULL if no ']' ends
 * it: then the '[' would stand for itself, which no name has. */
static const char *behind_set(const char *set)
{
	if (*set == '!' || *set == '^')
		set++;
	if (*set == ']')
		set++;
	while (*set && *set != ']') {
		const char *end = set[0] == '[' && set[1] == ':'
		                          ? strstr(set + 2, ":]")
		                          : NULL;

		set = end ? end + 2 : set + 1;
	}
	return *set ? set + 1 : NULL;
}

static bool sets_close(const char *glob)
{
	while ((glob = strchr(glob, '['))) {
		glob = behind_set(glob + 1);
		if (!glob)
			return false;
	}
	return true;
}

/* UID or UID-UID behind the '#'. */
static const char *parse_uids(const char *text, struct ctsh_match *match)
{
	const char *dash = strchr(text, '-');
	size_t length = dash ? (size_t)(dash - text) : strlen(text);
	uint32_t low, high;
	char first[16];

	if (length >= sizeof(first))
		return "is not #UID or #UID-UID";
	memcpy(first, text, length);
	first[length] = '\0';
	if (!ctsh_text_id(first, &low) ||
	    !ctsh_text_id(dash ? dash + 1 : first, &high))
		return "is not #UID or #UID-UID";
	if (low > high)
		return "ends before it begins";
	if (low == 0 && high != 0)
		return "is a range with uid 0, which no range matches";
	match->kind = CTSH_MATCH_UIDS;
	match->low = low;
	match->high = high;
	return NULL;
}

/* Fills all of the match but `text`.  NULL, or what is wrong. */
static const char *parse_match(const char *text, struct ctsh_match *match)
{
	if (*text == '#')
		return parse_uids(text + 1, match);
	if (*text == '@') {
		match->kind = CTSH_MATCH_GROUP;
		return name_fault(text + 1, match->kind);
	}
	if (*text && text[strspn(text, "*")] == '\0') {
		match->kind = CTSH_MATCH_ANY;
		return NULL;
	}
	match->kind = strpbrk(text, "*?[") ? CTSH_MATCH_GLOB : CTSH_MATCH_NAME;
	if (!sets_close(text))
		return "has a '[' without ']'";
	return name_fault(text, match->kind);
}

int ctsh_setting_matches(const struct ctsh_setting *setting,
                         struct ctsh_match **out, size_t *count,
                         struct ctsh_error *err)
{
	struct ctsh_match *matches;

	if (setting->count == 0)
		return ctsh_setting_fail(setting, 0, err, "matches nobody");
	matches = calloc(setting->count, sizeof(*matches));
	if (!matches)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s",
		                 setting->file);
	*out = matches;
	*count = setting->count;
	for (size_t i = 0; i < setting->count; i++) {
		const char *value = setting->values[i];
		const char *fault = parse_match(value, &matches[i]);

		if (fault)
			return ctsh_setting_fail(setting, i, err, "'%s' %s",
			                         value, fault);
		if (matches[i].kind == CTSH_MATCH_GROUP)
			value++;
		if (ctsh_setting_string(setting, value, &matches[i].text, err) <
		    0)
			return -1;
	}
	return 0;
}

/* -- environment ------------------------------------------------------- */

int ctsh_setting_keep_env(const struct ctsh_setting *setting, char ***out,
                          struct ctsh_error *err)
{
	for (size_t i = 0; i < setting->count; i++) {
		const char *glob = setting->values[i];

		if (!*glob || glob[strspn(glob, ENV_GLOB)] != '\0')
			return ctsh_setting_fail(
				setting, i, err,
				"'%s' is not made of A-Z a-z 0-9 _ * ?", glob);
	}
	return replace(setting, out, err);
}

/* What is wrong with "NAME=value", or NULL.  Who one is inside is decided by
 * `user` and `shell` alone. */
static const char *assignment_fault(const char *text, size_t length)
{
	static const char *const ours[] = {"HOME", "USER", "LOGNAME", "SHELL"};

	if (text[length] != '=' || !ctsh_text_is_env_name(text, length))
		return "is not NAME=value";
	if (!ctsh_text_is_printable(text))
		return "is not printable";
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strlen(ours[i]) == length &&
		    memcmp(text, ours[i], length) == 0)
			return "cannot be set: it follows from who one is "
			       "inside";
	return NULL;
}

int ctsh_setting_set_env(const struct ctsh_setting *setting, char ***out,
                         struct ctsh_error *err)
{
	if (setting->count > 256)
		return ctsh_setting_fail(setting, 256, err,
		                         "more than 256 variables");
	for (size_t i = 0; i < setting->count; i++) {
		const char *text = setting->values[i];
		size_t length = strcspn(text, "=");
		const char *fault = assignment_fault(text, length);

		if (fault)
			return ctsh_setting_fail(setting, i, err, "'%s' %s",
			                         text, fault);
		for (size_t k = 0; k < i; k++)
			if (strncmp(setting->values[k], text, length + 1) == 0)
				return ctsh_setting_fail(setting, i, err,
				                         "'%.*s' is set twice",
				                         (int)length, text);
	}
	return replace(setting, out, err);
}

/* -- forward_socket ---------------------------------------------------- */

/* Absolute before the expansions, which bring no slash, and as long as a
 * socket's path may be. */
static bool is_socket_path(const char *text)
{
	size_t length = strlen(text);

	return ctsh_text_is_absolute(text, CTSH_PORTER_PATH) &&
	       text[length - 1] != '/' && ctsh_setting_expands(text);
}

static const char *socket_fault(const char *text)
{
	char host[CTSH_PORTER_PATH];
	size_t length = strcspn(text, ":");

	if (text[length] != ':' || strchr(text + length + 1, ':'))
		return "is not HOST:CONTAINER";
	if (length >= sizeof(host))
		return "is too long for a socket";
	memcpy(host, text, length);
	host[length] = '\0';
	if (!is_socket_path(host) || !is_socket_path(text + length + 1))
		return "is not two absolute paths with %u, %U, %g or %%";
	return NULL;
}

int ctsh_setting_forward_socket(const struct ctsh_setting *setting, char ***out,
                                struct ctsh_error *err)
{
	if (setting->count > CTSH_PORTER_PATHS)
		return ctsh_setting_fail(setting, CTSH_PORTER_PATHS, err,
		                         "more than %d sockets",
		                         CTSH_PORTER_PATHS);
	for (size_t i = 0; i < setting->count; i++) {
		const char *text = setting->values[i];
		const char *fault = socket_fault(text);

		if (fault)
			return ctsh_setting_fail(setting, i, err, "'%s' %s",
			                         text, fault);
	}
	return replace(setting, out, err);
}

/* -- share ------------------------------------------------------------- */

int ctsh_setting_share(const struct ctsh_setting *setting, ctsh_ns_set *out,
                       struct ctsh_error *err)
{
	static const struct {
		const char *name;
		ctsh_ns_set bit; /* 0: never */
	} names[] = {
		{"user", CLONE_NEWUSER},
		{"time", CLONE_NEWTIME},
		{"cgroup", CLONE_NEWCGROUP},
		{"net", CLONE_NEWNET},
		{"uts", CLONE_NEWUTS},
		{"ipc", CLONE_NEWIPC},
		{"mnt", 0},
		{"pid", 0},
	};
	ctsh_ns_set set = 0;

	for (size_t i = 0; i < setting->count; i++) {
		const char *value = setting->values[i];
		size_t n = 0;

		while (n < sizeof(names) / sizeof(*names) &&
		       strcmp(names[n].name, value) != 0)
			n++;
		if (n == sizeof(names) / sizeof(*names))
			return ctsh_setting_fail(setting, i, err,
			                         "unknown namespace '%s'",
			                         value);
		if (names[n].bit == 0)
			return ctsh_setting_fail(
				setting, i, err,
				"'%s' is never shared with the host", value);
		set |= names[n].bit;
	}
	*out = set;
	return 0;
}
