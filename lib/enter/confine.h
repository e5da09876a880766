/* SPDX-License-Identifier: MIT */
/*
 * confine.h - give up everything that the init does not have, for ever.
 *
 * Privilege: starts with all capabilities of the container's user namespace,
 *            ends without any.
 * Trust:     once the first filter is loaded no result can be believed; P
 *            checks the outcome in the host's /proc.
 */
#ifndef CTSH_ENTER_CONFINE_H
#define CTSH_ENTER_CONFINE_H

#include "../model/container.h"
#include "../model/plan.h"
#include "stage.h"

/*
 * Mapped root, bounding set, groups, ids, no_new_privs, capabilities, seccomp,
 * in this order; see the comments for why.  0, or the stage that failed, with
 * errno.
 */
CTSH_MUST_CHECK enum ctsh_stage ctsh_confine(const struct ctsh_container *c,
                                             const struct ctsh_plan *plan);

/*
 * The same for a service that lives on inside as root and has still to become
 * the user: `keep`, which the init has, stays permitted and effective; its uid
 * is that of the container's root, its group already the user's: sudo(8) has
 * taken it on before a session opens, and does not again.
 */
CTSH_MUST_CHECK enum ctsh_stage ctsh_confine_service(
	const struct ctsh_container *c, uint64_t keep, gid_t gid);

#endif
