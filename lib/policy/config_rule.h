/* SPDX-License-Identifier: MIT */
/*
 * config_rule.h - the keys of a rule: what each is called, where it may
 * stand, and how its words get into a struct ctsh_rule.
 *
 * Privilege: none.
 * Trust:     as config_values.h.
 */
#ifndef CTSH_CONFIG_RULE_H
#define CTSH_CONFIG_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/rule.h"
#include "config_values.h"

/* Where a key may stand, as bits. */
enum ctsh_rule_place {
	CTSH_IN_RULE = 1,
	CTSH_IN_DEFAULTS = 2,
	CTSH_IN_USERS = 4,
};

struct ctsh_rule_key {
	const char *name;
	bool list;
	unsigned places;
	int (*set)(struct ctsh_rule *rule, const struct ctsh_setting *setting,
	           struct ctsh_error *err);
};

#define CTSH_RULE_KEYS 31

/* A hundred years, in seconds: whoever writes more has mistyped. */
#define CTSH_SECONDS_MAX UINT32_C(3153600000)
#define CTSH_SESSIONS_MAX 1000

/* MiB.  A terabyte: whoever writes more has mistyped. */
#define CTSH_RECORD_MAX (1024 * 1024)
#define CTSH_RECORD_MAX_DEFAULT 64

/* All keys of a rule. */
extern const struct ctsh_rule_key ctsh_rule_keys[CTSH_RULE_KEYS];

/* The key of that name, or NULL. */
const struct ctsh_rule_key *ctsh_rule_key_find(const char *name);

/* Fills the rule with what holds where nothing is written.  0, or -1 with
 * E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_rule_init(struct ctsh_rule *rule,
                                   struct ctsh_error *err);

/* Fills the rule with copies of the values in `from`; title, match, container
 * and deny stay empty.  0, or -1 with E_SYSTEM and the rule empty. */
CTSH_MUST_CHECK int ctsh_rule_inherit(struct ctsh_rule *rule,
                                      const struct ctsh_rule *from,
                                      struct ctsh_error *err);

/* Whether the values of a finished rule make sense together: exactly one of
 * `container` and `deny`, and so on.  `file` is for messages.  0, or -1 with
 * E_CONFIG. */
CTSH_MUST_CHECK int ctsh_rule_check(const struct ctsh_rule *rule,
                                    const char *file, bool need_match,
                                    struct ctsh_error *err);

/* Frees what the rule holds and empties it. */
void ctsh_rule_clear(struct ctsh_rule *rule);

/* Frees a rule on the heap with all it holds, and clears the pointer. */
void ctsh_rule_discard(struct ctsh_rule **rule);

#endif
