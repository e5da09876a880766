/* SPDX-License-Identifier: MIT */
#include "config_start.h"

#include <string.h>

int ctsh_rule_set_wait(struct ctsh_rule *rule,
                       const struct ctsh_setting *setting,
                       struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_WAIT_MAX, &rule->wait, err);
}

int ctsh_rule_set_start(struct ctsh_rule *rule,
                        const struct ctsh_setting *setting,
                        struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "never", "ondemand", &rule->start,
	                           err);
}

/* The type of the engine that `container` names; NULL if there is none. */
static const struct ctsh_engine_kind *kind_of(
	const struct ctsh_setting *setting, const char *container)
{
	const struct ctsh_policy *policy = setting->policy;
	size_t length = strcspn(container, ":");
	char name[32];

	if (length >= sizeof(name))
		return NULL;
	memcpy(name, container, length);
	name[length] = '\0';
	for (size_t i = 0; i < policy->engine_count; i++)
		if (strcmp(policy->engines[i].name, name) == 0)
			return ctsh_engine_kind_find(setting->kinds,
			                             policy->engines[i].type);
	return ctsh_engine_kind_find(setting->kinds, name);
}

void ctsh_rule_note_engine(struct ctsh_rule *rule,
                           const struct ctsh_setting *setting)
{
	const struct ctsh_engine_kind *kind = kind_of(setting, rule->container);

	rule->engine_starts = kind && kind->starts;
}

const char *ctsh_rule_start_fault(const struct ctsh_rule *rule)
{
	if (!rule->start || !rule->container)
		return NULL;
	if (!rule->engine_starts)
		return "'start': this engine starts no containers";
	if (rule->wait == 0)
		return "'start' needs a 'wait' above 0";
	return NULL;
}
