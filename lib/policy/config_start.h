/* SPDX-License-Identifier: MIT */
/*
 * config_start.h - the keys about a container that is not there yet, or no
 * longer needed.
 *
 * Privilege: none.
 * Trust:     as config_values.h.
 */
#ifndef CTSH_CONFIG_START_H
#define CTSH_CONFIG_START_H

#include "config_values.h"

/* Seconds.  A login that takes longer has been given up by whoever made it. */
#define CTSH_WAIT_DEFAULT 15
#define CTSH_WAIT_MAX 300

/* Each as struct ctsh_rule_key wants it. */
CTSH_MUST_CHECK int ctsh_rule_set_wait(struct ctsh_rule *rule,
                                       const struct ctsh_setting *setting,
                                       struct ctsh_error *err);

CTSH_MUST_CHECK int ctsh_rule_set_start(struct ctsh_rule *rule,
                                        const struct ctsh_setting *setting,
                                        struct ctsh_error *err);

CTSH_MUST_CHECK int ctsh_rule_set_bundle(struct ctsh_rule *rule,
                                         const struct ctsh_setting *setting,
                                         struct ctsh_error *err);

CTSH_MUST_CHECK int ctsh_rule_set_stop_after(struct ctsh_rule *rule,
                                             const struct ctsh_setting *setting,
                                             struct ctsh_error *err);

/* Once `container` is set: what its engine can do. */
void ctsh_rule_note_engine(struct ctsh_rule *rule,
                           const struct ctsh_setting *setting);

/* What is wrong with these keys of a finished rule, or NULL. */
const char *ctsh_rule_start_fault(const struct ctsh_rule *rule);

#endif
