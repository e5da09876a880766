/* SPDX-License-Identifier: MIT */
/*
 * guest_keys.h - what of a rule nobody can carry out but a session of ours.
 *
 * Where a service enters the container by itself (pam_ctsh, join=all) there is
 * no supervisor, and the service decides what a login shell would.
 *
 * Privilege: none; pure.
 * Trust:     the rule is checked.
 */
#ifndef CTSH_POLICY_GUEST_KEYS_H
#define CTSH_POLICY_GUEST_KEYS_H

#include "../base/error.h"
#include "../model/rule.h"
#include "config_values.h"

/* As struct ctsh_rule_key wants it: the one key that is about such services. */
CTSH_MUST_CHECK int ctsh_rule_set_trust_container(
	struct ctsh_rule *rule, const struct ctsh_setting *setting,
	struct ctsh_error *err);

/* That each of these keys has the value that it has unwritten.  0, or -1 with
 * E_CONFIG, which names the first that has not, and E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_guest_keys_check(const struct ctsh_rule *rule,
                                          struct ctsh_error *err);

#endif
