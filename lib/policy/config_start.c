/* SPDX-License-Identifier: MIT */
#include "config_start.h"

#include "config_rule.h"

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

int ctsh_rule_set_bundle(struct ctsh_rule *rule,
                         const struct ctsh_setting *setting,
                         struct ctsh_error *err)
{
	if (ctsh_setting_path(setting, false, &rule->bundle, err) < 0)
		return -1;
	if (!ctsh_setting_expands(rule->bundle))
		return ctsh_setting_fail(
			setting, 0, err,
			"only %%u, %%U, %%g and %%%% may follow a '%%'");
	return 0;
}

int ctsh_rule_set_stop_after(struct ctsh_rule *rule,
                             const struct ctsh_setting *setting,
                             struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_SECONDS_MAX, &rule->stop_after,
	                           err);
}

void ctsh_rule_note_engine(struct ctsh_rule *rule,
                           const struct ctsh_setting *setting)
{
	const struct ctsh_engine_kind *kind = ctsh_engine_kind_of(
		setting->policy, setting->kinds, rule->container);

	rule->engine_starts = kind && kind->starts;
	rule->engine_bundles = kind && kind->has_bundle;
	rule->engine_stops = kind && kind->stops;
}

const char *ctsh_rule_start_fault(const struct ctsh_rule *rule)
{
	if (!rule->container)
		return NULL;
	if (rule->stop_after && !rule->engine_stops)
		return "'stop_after': this engine stops no containers";
	if (rule->stop_after && rule->owner)
		return "'stop_after' does not go with 'owner'";
	if (rule->bundle && !rule->engine_bundles)
		return "'bundle': this engine has none";
	if (rule->bundle && !rule->start)
		return "'bundle' needs 'start = ondemand'";
	if (!rule->start)
		return NULL;
	if (!rule->engine_starts)
		return "'start': this engine starts no containers";
	if (rule->wait == 0)
		return "'start' needs a 'wait' above 0";
	if (rule->engine_bundles && !rule->bundle)
		return "'start' needs a 'bundle' with this engine";
	return NULL;
}
