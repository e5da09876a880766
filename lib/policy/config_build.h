/* SPDX-License-Identifier: MIT */
/*
 * config_build.h - parsed files into a struct ctsh_policy.
 *
 * Knows which sections there are and how they refer to one another, and
 * nothing about how files are read or parsed.
 *
 * Privilege: none.
 * Trust:     as config_values.h.
 */
#ifndef CTSH_CONFIG_BUILD_H
#define CTSH_CONFIG_BUILD_H

#include "../base/error.h"
#include "../model/rule.h"
#include "config.h"
#include "config_values.h"
#include "scan.h"

/* A parsed file: what stands where, and the setting for each key. */
struct ctsh_parsed {
	const char *file;
	const struct ctsh_scan *scan;
	const struct ctsh_setting *settings; /* as many as scan->keys      */
};

/* Fills an empty policy from ctsh.conf.  0; or -1 with E_CONFIG or E_SYSTEM,
 * and the policy is to be freed. */
CTSH_MUST_CHECK int ctsh_build_policy(const struct ctsh_parsed *parsed,
                                      const struct ctsh_engine_kind *kinds,
                                      struct ctsh_policy *policy,
                                      struct ctsh_error *err);

/* Fills policy->own, which is NULL, from a users/NAME.  0; or -1 with
 * E_CONFIG or E_SYSTEM and own NULL. */
CTSH_MUST_CHECK int ctsh_build_own(const struct ctsh_parsed *parsed,
                                   struct ctsh_policy *policy,
                                   struct ctsh_error *err);

#endif
