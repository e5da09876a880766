/* SPDX-License-Identifier: MIT */
/*
 * config_start.h - the keys about a container that is not there yet.
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

#endif
