/* SPDX-License-Identifier: MIT */
/*
 * config_owner.h - the key about whose engine it is.
 *
 * Privilege: none.
 * Trust:     as config_values.h.
 */
#ifndef CTSH_CONFIG_OWNER_H
#define CTSH_CONFIG_OWNER_H

#include "config_values.h"

/* `owner`: "root", which gives NULL, "%u" or the name of a user.  As struct
 * ctsh_rule_key wants it. */
CTSH_MUST_CHECK int ctsh_rule_set_owner(struct ctsh_rule *rule,
                                        const struct ctsh_setting *setting,
                                        struct ctsh_error *err);

/* Whether the engine that a rule names can be somebody else's than root's, if
 * the rule says so.  0, or -1 with E_CONFIG. */
CTSH_MUST_CHECK int ctsh_rule_check_owner(const struct ctsh_rule *rule,
                                          const char *file,
                                          const struct ctsh_policy *policy,
                                          const struct ctsh_engine_kind *kinds,
                                          struct ctsh_error *err);

#endif
