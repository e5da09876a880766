/* SPDX-License-Identifier: MIT */
/*
 * rule.h - which rule decides about a person.  Pure: reads no file, asks
 * nobody.
 *
 * Privilege: none.
 * Trust:     person and policy are checked values.
 */
#ifndef CTSH_RULE_H
#define CTSH_RULE_H

#include "../base/error.h"
#include "../model/person.h"
#include "../model/rule.h"

/*
 * The rule that decides, borrowed from `policy`.  Order: `closed`; rules with
 * `deny`, except those that match "*" alone; the person's own file; the other
 * rules top to bottom; refusal.  "*" and ranges of more than one uid never
 * match uid 0.
 *
 * 0 and `*rule`; or -1 with E_SYSTEM if a rule matches by group and the
 * person's memberships are not known, or with E_DENIED, its `say` set when
 * `closed` or `deny` has a sentence, its reason naming the rule.
 */
CTSH_MUST_CHECK int ctsh_rule_find(const struct ctsh_policy *policy,
                                   const struct ctsh_person *person,
                                   const struct ctsh_rule **rule,
                                   struct ctsh_error *err);

/* Whether the person is in the group.  Memberships must be known. */
bool ctsh_rule_is_member(const struct ctsh_person *person, gid_t gid);

/* Whether any rule matches by group: then memberships must be known. */
bool ctsh_rule_wants_groups(const struct ctsh_policy *policy);

/* Whether one of the matches fits.  Group matches must be resolved, and the
 * person's memberships be known if there are any. */
bool ctsh_rule_matches(const struct ctsh_match *matches, size_t count,
                       const struct ctsh_person *person);

/*
 * "ENGINE:NAME" of the rule with %u, %U, %g and %% replaced, split at the
 * first colon.  0; or -1 with E_CONFIG if an expansion does not give a valid
 * name or does not fit.  The name is not yet checked against the engine's own
 * rules.
 */
CTSH_MUST_CHECK int ctsh_rule_expand(const struct ctsh_rule *rule,
                                     const struct ctsh_person *person,
                                     char *engine, size_t engine_size,
                                     char *name, size_t name_size,
                                     struct ctsh_error *err);

/*
 * One of the rule's paths, with the same replaced; `key` is for the message. 0,
 * or -1 with E_CONFIG if it does not fit or is no absolute path any more.
 */
CTSH_MUST_CHECK int ctsh_rule_expand_path(const struct ctsh_rule *rule,
                                          const char *key, const char *text,
                                          const struct ctsh_person *person,
                                          char *out, size_t size,
                                          struct ctsh_error *err);

#endif
