/* SPDX-License-Identifier: MIT */
/*
 * owner.h - an engine that is a user's own is asked by a process that is that
 * user.
 *
 * Everything below the owner's home and run directory is only their word, and
 * may be a FIFO, a link or bytes made to break a parser.  So a child with the
 * owner's ids, without any power, few system calls and little memory, opens,
 * reads and parses it.
 *
 * Privilege: root, on the host, above the barrier.
 * Trust:     the answer is the owner's claim; who owns the user namespace
 *            (lib/enter/proof.h) decides.
 */
#ifndef CTSH_ROUTE_OWNER_H
#define CTSH_ROUTE_OWNER_H

#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"
#include "../model/rule.h"
#include "../runtime/runtime.h"

/* Who a rule's `owner` is: the person who logs in, or another user, who is
 * looked up.  0; or -1 with E_CONFIG if there is no such user or it is root,
 * E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_owner_resolve(const struct ctsh_rule *rule,
                                       const struct ctsh_person *person,
                                       struct ctsh_owner *owner,
                                       int64_t deadline_ms,
                                       struct ctsh_error *err);

/*
 * find() of the runtime, for where->owner.  Whatever the owner has made of
 * their files, the sentence is one of two: -1 with E_ABSENT, or E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_owner_ask(const struct ctsh_runtime *runtime,
                                   const struct ctsh_where *where,
                                   const char *name, int64_t deadline_ms,
                                   struct ctsh_target *target,
                                   struct ctsh_error *err);

/*
 * Has the container of exactly that name started, for where->owner, with that
 * owner's power and no other; as start() of the runtime, and the sentences are
 * as above, or that of E_CONFIG.
 */
CTSH_MUST_CHECK int ctsh_owner_start(const struct ctsh_runtime *runtime,
                                     const struct ctsh_where *where,
                                     const char *name, int64_t deadline_ms,
                                     struct ctsh_error *err);

#endif
