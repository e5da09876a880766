/* SPDX-License-Identifier: MIT */
/*
 * config.h - files below /etc/ctsh into a struct ctsh_policy.
 *
 * The only user of libconfuse.  A strict scanner (scan.h) runs before it,
 * because libconfuse alone accepts what must be refused.
 *
 * Privilege: root, to be held to the rules on ownership; the parsing needs
 *            none.
 * Trust:     files that pass the check of ownership are the administrator's;
 *            their content may still be wrong and is checked in full.
 */
#ifndef CTSH_CONFIG_H
#define CTSH_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"
#include "../model/rule.h"

/* An engine that a container may belong to, and what an `engine` section of
 * this type may say.  Lists of them end with a NULL name. */
struct ctsh_engine_kind {
	const char *name; /* "docker"; static */
	bool has_socket;
	bool has_root;
	bool has_run_root;
	bool starts;     /* whether it can start a container     */
	bool stops;      /* and stop one                         */
	bool has_bundle; /* and needs a bundle for it            */
	bool has_owner;  /* it may be another one's than root's  */
};

/*
 * Reads DIR/ctsh.conf.  Syntax, keys, values and references are checked;
 * groups are not looked up yet.
 *
 * `trusted` demands root's ownership of the file and all directories above
 * it; without it (a draft) nothing is demanded of the owner.  `kinds` are the
 * engines there are.
 *
 * 0, with `*policy` owned by the caller (ctsh_policy_free()); or -1 with
 * E_CONFIG, "FILE:LINE: REASON" ("FILE: REASON" if it cannot be read at all),
 * or E_SYSTEM when out of memory, and `*policy` empty.
 */
CTSH_MUST_CHECK int ctsh_config_load(const char *file, bool trusted,
                                     const struct ctsh_engine_kind *kinds,
                                     struct ctsh_policy *policy,
                                     struct ctsh_error *err);

/*
 * Reads DIR/users/NAME for that name into policy->own: the keys of one rule
 * for exactly that user, on top of the policy's defaults.  No such file is
 * success with own NULL; so is a name that cannot name a file.  `kinds` as
 * before.  0, or -1 with E_CONFIG or E_SYSTEM and own NULL.
 */
CTSH_MUST_CHECK int ctsh_config_load_own(const char *dir, const char *name,
                                         const struct ctsh_engine_kind *kinds,
                                         struct ctsh_policy *policy,
                                         struct ctsh_error *err);

/* Fills `gid` of every group match, asking the name service once if there is
 * any.  0, or -1 with E_CONFIG or E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_config_resolve(struct ctsh_policy *policy,
                                        int64_t deadline_ms,
                                        struct ctsh_error *err);

/* Frees what a policy holds and empties it.  Harmless on an empty one. */
void ctsh_policy_free(struct ctsh_policy *policy);

#endif
