/* SPDX-License-Identifier: MIT */
#include "config_start.h"

int ctsh_rule_set_wait(struct ctsh_rule *rule,
                       const struct ctsh_setting *setting,
                       struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_WAIT_MAX, &rule->wait, err);
}
