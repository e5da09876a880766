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

int ctsh_rule_check_owner(const struct ctsh_rule *rule, const char *file,
                          const struct ctsh_policy *policy,
                          const struct ctsh_engine_kind *kinds,
                          struct ctsh_error *err)
{
	const struct ctsh_engine_kind *kind;

	if (!rule->owner || !rule->container)
		return 0;
	kind = ctsh_engine_kind_of(policy, kinds, rule->container);
	if (kind && !kind->has_owner)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s:%d: 'owner' does not go with %s", file,
		                 rule->line, kind->name);
	return 0;
}
