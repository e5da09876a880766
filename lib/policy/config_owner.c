/* SPDX-License-Identifier: MIT */
#include "config_owner.h"

#include <stdlib.h>
#include <string.h>

#include "../base/text.h"

int ctsh_rule_set_owner(struct ctsh_rule *rule,
                        const struct ctsh_setting *setting,
                        struct ctsh_error *err)
{
	const char *value = setting->values[0];

	if (strcmp(value, "root") == 0) {
		ctsh_free_at(&rule->owner);
		return 0;
	}
	if (strcmp(value, "%u") != 0 && !ctsh_text_is_file_user(value))
		return ctsh_setting_fail(setting, 0, err,
		                         "'%s' is neither %%u nor the name of "
		                         "a user",
		                         value);
	return ctsh_setting_string(setting, value, &rule->owner, err);
}

/* The type of the engine in "ENGINE:NAME", which may be that of a section. */
static const struct ctsh_engine_kind *kind_of(
	const char *container, const struct ctsh_policy *policy,
	const struct ctsh_engine_kind *kinds)
{
	size_t length = strcspn(container, ":");
	const char *type = container;

	for (size_t i = 0; i < policy->engine_count; i++) {
		const struct ctsh_engine *engine = &policy->engines[i];

		if (strlen(engine->name) == length &&
		    memcmp(engine->name, container, length) == 0) {
			type = engine->type;
			length = strlen(type);
			break;
		}
	}
	for (; kinds->name; kinds++)
		if (strlen(kinds->name) == length &&
		    memcmp(kinds->name, type, length) == 0)
			return kinds;
	return NULL;
}

int ctsh_rule_check_owner(const struct ctsh_rule *rule, const char *file,
                          const struct ctsh_policy *policy,
                          const struct ctsh_engine_kind *kinds,
                          struct ctsh_error *err)
{
	const struct ctsh_engine_kind *kind;

	if (!rule->owner || !rule->container)
		return 0;
	kind = kind_of(rule->container, policy, kinds);
	if (kind && !kind->has_owner)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s:%d: 'owner' does not go with %s", file,
		                 rule->line, kind->name);
	return 0;
}
