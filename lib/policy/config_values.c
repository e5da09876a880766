/* SPDX-License-Identifier: MIT */
#include "config_values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "../model/interior.h"
#include "../model/target.h"

int ctsh_setting_fail(const struct ctsh_setting *setting, size_t index,
                      struct ctsh_error *err, const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(reason, sizeof(reason), fmt, ap) < 0)
		reason[0] = '\0';
	va_end(ap);
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: %s: %s", setting->file,
	                 setting->count ? setting->lines[index] : setting->line,
	                 setting->key, reason);
}

static int fail_memory(const struct ctsh_setting *setting,
                       struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", setting->file);
}

int ctsh_setting_string(const struct ctsh_setting *setting, const char *value,
                        char **out, struct ctsh_error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return fail_memory(setting, err);
	free(*out);
	*out = copy;
	return 0;
}

int ctsh_setting_choice(const struct ctsh_setting *setting,
                        const char *first_word, const char *second_word,
                        bool *second, struct ctsh_error *err)
{
	bool is_second = strcmp(setting->values[0], second_word) == 0;

	if (!is_second && strcmp(setting->values[0], first_word) != 0)
		return ctsh_setting_fail(
			setting, 0, err, "'%s' is neither %s nor %s",
			setting->values[0], first_word, second_word);
	*second = is_second;
	return 0;
}

int ctsh_setting_number(const struct ctsh_setting *setting, unsigned max,
                        unsigned *out, struct ctsh_error *err)
{
	const char *value = setting->values[0];
	uint64_t number;

	if (!ctsh_text_number(value, max, &number))
		return ctsh_setting_fail(setting, 0, err,
		                         "'%s' is not a number from 0 to %u",
		                         value, max);
	*out = (unsigned)number;
	return 0;
}

int ctsh_setting_path(const struct ctsh_setting *setting, bool may_auto,
                      char **out, struct ctsh_error *err)
{
	const char *value = setting->values[0];

	if (may_auto && strcmp(value, "auto") == 0) {
		free(*out);
		*out = NULL;
		return 0;
	}
	if (!ctsh_text_is_absolute(value, CTSH_PATH_MAX))
		return ctsh_setting_fail(setting, 0, err,
		                         "'%s' is not an absolute path%s",
		                         value, may_auto ? " or auto" : "");
	return ctsh_setting_string(setting, value, out, err);
}

int ctsh_setting_sentence(const struct ctsh_setting *setting, char **out,
                          struct ctsh_error *err)
{
	const char *value = setting->values[0];

	if (!ctsh_text_is_printable(value))
		return ctsh_setting_fail(setting, 0, err, "not printable");
	if (strlen(value) >= sizeof(err->say))
		return ctsh_setting_fail(setting, 0, err,
		                         "longer than %zu characters",
		                         sizeof(err->say) - 1);
	return ctsh_setting_string(setting, value, out, err);
}

bool ctsh_setting_expands(const char *text)
{
	while ((text = strchr(text, '%'))) {
		if (text[1] == '\0' || !strchr("uUg%", text[1]))
			return false;
		text += 2;
	}
	return true;
}

const struct ctsh_engine_kind *ctsh_engine_kind_find(
	const struct ctsh_engine_kind *kinds, const char *name)
{
	for (; kinds->name; kinds++)
		if (strcmp(kinds->name, name) == 0)
			return kinds;
	return NULL;
}

const struct ctsh_engine_kind *ctsh_engine_kind_of(
	const struct ctsh_policy *policy, const struct ctsh_engine_kind *kinds,
	const char *container)
{
	size_t length = strcspn(container, ":");
	char name[sizeof(((struct ctsh_target *)0)->engine)];

	if (length >= sizeof(name))
		return NULL;
	memcpy(name, container, length);
	name[length] = '\0';
	for (size_t i = 0; i < policy->engine_count; i++)
		if (strcmp(policy->engines[i].name, name) == 0)
			return ctsh_engine_kind_find(kinds,
			                             policy->engines[i].type);
	return ctsh_engine_kind_find(kinds, name);
}

int ctsh_setting_container(const struct ctsh_setting *setting, char **out,
                           struct ctsh_error *err)
{
	const char *value = setting->values[0];
	const char *colon = strchr(value, ':');

	if (!colon || colon == value || colon[1] == '\0')
		return ctsh_setting_fail(setting, 0, err,
		                         "'%s' is not ENGINE:NAME", value);
	if (!ctsh_engine_kind_of(setting->policy, setting->kinds, value))
		return ctsh_setting_fail(setting, 0, err,
		                         "unknown engine '%.*s'",
		                         (int)(colon - value), value);
	if (!ctsh_setting_expands(colon + 1))
		return ctsh_setting_fail(
			setting, 0, err,
			"only %%u, %%U, %%g and %%%% may follow a '%%'");
	if (!ctsh_text_is_printable(value) || strchr(value, ' '))
		return ctsh_setting_fail(setting, 0, err,
		                         "a blank in the name");
	return ctsh_setting_string(setting, value, out, err);
}

/* UID or UID:GID.  False if it is neither. */
static bool parse_ids(const char *value, struct ctsh_rule *rule)
{
	size_t length = strcspn(value, ":");
	char uid[16];
	uint32_t id = 0;

	if (length >= sizeof(uid))
		return false;
	memcpy(uid, value, length);
	uid[length] = '\0';
	if (!ctsh_text_id(uid, &id))
		return false;
	rule->user_uid = id;
	rule->user_has_gid = value[length] == ':';
	if (rule->user_has_gid) {
		if (!ctsh_text_id(value + length + 1, &id))
			return false;
		rule->user_gid = id;
	}
	return true;
}

int ctsh_setting_user(const struct ctsh_setting *setting,
                      struct ctsh_rule *rule, struct ctsh_error *err)
{
	const char *value = setting->values[0];

	rule->user_has_gid = false;
	ctsh_free_at(&rule->user_name);
	if (strcmp(value, "same-name") == 0) {
		rule->user = CTSH_USER_SAME_NAME;
	} else if (strcmp(value, "same-uid") == 0) {
		rule->user = CTSH_USER_SAME_UID;
	} else if (value[strspn(value, "0123456789:")] == '\0') {
		rule->user = CTSH_USER_NUMERIC;
		if (!parse_ids(value, rule))
			return ctsh_setting_fail(setting, 0, err,
			                         "'%s' is not UID or UID:GID",
			                         value);
	} else {
		rule->user = CTSH_USER_NAME;
		if (!ctsh_text_is_file_user(value))
			return ctsh_setting_fail(setting, 0, err,
			                         "'%s' cannot be an account",
			                         value);
		return ctsh_setting_string(setting, value, &rule->user_name,
		                           err);
	}
	return 0;
}
