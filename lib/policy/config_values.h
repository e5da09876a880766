/* SPDX-License-Identifier: MIT */
/*
 * config_values.h - the words of one setting into checked values.
 *
 * Between config.c, which knows libconfuse, and config_rule.c, which knows
 * the keys.  Every function reads one setting and says file, line and key
 * when its words make no sense.
 *
 * Privilege: none.
 * Trust:     the words are the administrator's and may be wrong; they are
 *            printable ASCII, shorter than CTSH_TOKEN_MAX.
 */
#ifndef CTSH_CONFIG_VALUES_H
#define CTSH_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"
#include "../model/rule.h"
#include "config.h"

/* One `key = value` or `key = {value, ...}`.  Borrows everything. */
struct ctsh_setting {
	const char *file;
	const char *key;
	int line;     /* of the key                        */
	size_t count; /* 1 unless it is a list             */
	const char *const *values;
	const int *lines; /* of each value                     */

	/* What a container may refer to. */
	const struct ctsh_engine_kind *kinds;
	const struct ctsh_policy *policy;
};

/* All of these: 0, or -1 with E_CONFIG, "FILE:LINE: KEY: REASON", or E_SYSTEM
 * when out of memory.  A string that is given out is on the heap, the
 * caller's, and replaces what was in its place. */

/* `index` is that of the value to blame. */
int ctsh_setting_fail(const struct ctsh_setting *setting, size_t index,
                      struct ctsh_error *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

CTSH_MUST_CHECK int ctsh_setting_string(const struct ctsh_setting *setting,
                                        const char *value, char **out,
                                        struct ctsh_error *err);

/* One of the two words; `*second` says which. */
CTSH_MUST_CHECK int ctsh_setting_choice(const struct ctsh_setting *setting,
                                        const char *first_word,
                                        const char *second_word, bool *second,
                                        struct ctsh_error *err);

/* An absolute path; with `may_auto` also "auto", which gives NULL. */
CTSH_MUST_CHECK int ctsh_setting_path(const struct ctsh_setting *setting,
                                      bool may_auto, char **out,
                                      struct ctsh_error *err);

/* A sentence for the user: printable and shorter than ctsh_error.say. */
CTSH_MUST_CHECK int ctsh_setting_sentence(const struct ctsh_setting *setting,
                                          char **out, struct ctsh_error *err);

/* Whether what stands behind each '%' is one of u, U, g and %. */
bool ctsh_setting_expands(const char *text);

/* The list `match`.  `*out` must be empty before; on failure the caller still
 * frees what is in it. */
CTSH_MUST_CHECK int ctsh_setting_matches(const struct ctsh_setting *setting,
                                         struct ctsh_match **out, size_t *count,
                                         struct ctsh_error *err);

/* `container`: the engine is known, the expansions exist. */
CTSH_MUST_CHECK int ctsh_setting_container(const struct ctsh_setting *setting,
                                           char **out, struct ctsh_error *err);

/* `user`, into the user_ fields of the rule. */
CTSH_MUST_CHECK int ctsh_setting_user(const struct ctsh_setting *setting,
                                      struct ctsh_rule *rule,
                                      struct ctsh_error *err);

/* A count from 0 to `max`, in decimal digits. */
CTSH_MUST_CHECK int ctsh_setting_number(const struct ctsh_setting *setting,
                                        unsigned max, unsigned *out,
                                        struct ctsh_error *err);

/* `keep_env`: globs of names of variables; ends with NULL. */
CTSH_MUST_CHECK int ctsh_setting_keep_env(const struct ctsh_setting *setting,
                                          char ***out, struct ctsh_error *err);

/* `set_env`: "NAME=value"; ends with NULL. */
CTSH_MUST_CHECK int ctsh_setting_set_env(const struct ctsh_setting *setting,
                                         char ***out, struct ctsh_error *err);

/* `forward_socket`: "HOST:CONTAINER", two absolute paths that a socket can
 * have, with expansions; ends with NULL. */
CTSH_MUST_CHECK int ctsh_setting_forward_socket(
	const struct ctsh_setting *setting, char ***out,
	struct ctsh_error *err);

/* `share`: names of namespaces. */
CTSH_MUST_CHECK int ctsh_setting_share(const struct ctsh_setting *setting,
                                       ctsh_ns_set *out,
                                       struct ctsh_error *err);

/* Frees a list of strings that ends with NULL, and clears the pointer. */
void ctsh_strings_free(char ***list);

/* Copies the words into a list of strings that ends with NULL.  -1 when out
 * of memory, with `*out` untouched. */
CTSH_MUST_CHECK int ctsh_strings_copy(const char *const *words, size_t count,
                                      char ***out);

/* The kind of that name, or NULL. */
const struct ctsh_engine_kind *ctsh_engine_kind_find(
	const struct ctsh_engine_kind *kinds, const char *name);

/* The kind of the engine in "ENGINE:NAME", which may be that of a section; or
 * NULL. */
const struct ctsh_engine_kind *ctsh_engine_kind_of(
	const struct ctsh_policy *policy, const struct ctsh_engine_kind *kinds,
	const char *container);

#endif
