/* SPDX-License-Identifier: MIT */
/*
 * verify.h - what the entering process has become, seen from outside.
 *
 * Privilege: root, on the host.
 * Trust:     the host's /proc alone.  The process itself is not asked.
 */
#ifndef CTSH_ENTER_VERIFY_H
#define CTSH_ENTER_VERIFY_H

#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"
#include "../model/plan.h"
#include "enter.h"

/*
 * That M is in the init's cgroups, or the session's own below, and, for its
 * children in the case of PID, in each of its namespaces; and has its root
 * directory, no wider limits, and of descriptors the entry's at 0 to 2 and two
 * more, and the program that the plan has with its baggage.  Nothing of that
 * changes any more when M, which nobody else can see or trace, goes on to give
 * up its power.  0, or -1 with E_UNSAFE, E_GONE.
 */
CTSH_MUST_CHECK int ctsh_verify_joined(pid_t m, const struct ctsh_entry *e,
                                       struct ctsh_error *err);

/*
 * That M has the planned ids and groups, no capability, no wider bounding set,
 * no_new_privs and as many filters as the init on top of `own_filters`, and is
 * not dumpable.  0, or -1 with E_UNSAFE, E_GONE.
 */
CTSH_MUST_CHECK int ctsh_verify_confined(pid_t m, const struct ctsh_entry *e,
                                         unsigned own_filters,
                                         struct ctsh_error *err);

/* The same of S, which is our own child, forked by M, and itself in the PID
 * namespace; the others are M's. */
CTSH_MUST_CHECK int ctsh_verify_born(pid_t s, const struct ctsh_container *c,
                                     const struct ctsh_plan *plan,
                                     unsigned own_filters,
                                     struct ctsh_error *err);

/* That S executed something after its birth, and did not only end, and took on
 * the init's security label.  S is not reaped yet, and may have ended.  0, or
 * -1 with E_GONE, E_UNSAFE. */
CTSH_MUST_CHECK int ctsh_verify_executed(pid_t s,
                                         const struct ctsh_container *c,
                                         struct ctsh_error *err);

/*
 * The same of a service that stays root inside (visit.h): in the init's
 * cgroups and namespaces, its children's in the case of PID, with its root
 * directory and no wider limits; the container's root in that group (as it
 * counts), with no other capability than the init's of `keep`, and confined as
 * M is.
 */
CTSH_MUST_CHECK int ctsh_verify_service(pid_t service,
                                        const struct ctsh_container *c,
                                        uint64_t keep, gid_t gid,
                                        unsigned own_filters,
                                        struct ctsh_error *err);

/*
 * That the init is still what it was when it was opened: what M became is
 * compared with that, and an init that has given up something since would be
 * outdone.  0, or -1 with E_UNSAFE, E_GONE.
 */
CTSH_MUST_CHECK int ctsh_verify_unchanged(const struct ctsh_container *c,
                                          struct ctsh_error *err);

/*
 * To be called after a check of a living process failed: if that process, by
 * its pidfd, has ended or ends in a moment, that is why, and `*err` becomes
 * E_GONE with its reason kept.  An engine that ends a container ends M with it,
 * whose files in /proc go first.  Returns -1.
 */
int ctsh_verify_failed(int pidfd, struct ctsh_error *err);

/* That the process, by its /proc directory, is in the container's network.
 * 0 or -1. */
CTSH_MUST_CHECK int ctsh_verify_network(int proc,
                                        const struct ctsh_container *c,
                                        struct ctsh_error *err);

#endif
