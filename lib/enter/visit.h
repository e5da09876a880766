/* SPDX-License-Identifier: MIT */
/*
 * visit.h - the calling process itself goes into the container, for good.
 *
 * For a login service's process (V), which was not born to enter: it has its
 * own descriptors, memory and PID, and keeps them.  A witness (W), forked
 * before the first step, stays on the host:
 *
 *  W (root, host)                        V (the service)
 *   cgroups, oom, scheduling of V         waits
 *   go ---------------------------------> keyring, limits, groups, setns, root,
 *                                         closes, uid 0, bounding,
 *                                         capabilities, nnp, seccomp
 *   holds V against the host's /proc <--- confined
 *   go ---------------------------------> returns to the service
 *   says what came of it, and ends
 *
 * Of the system calls that V makes below the filters no result can be believed,
 * so it is W that says yes, and W that ends V by its pidfd if anything is not
 * as it has to be, or late.  From the first go there is no way back: V then
 * returns inside, or never.
 *
 * Privilege: root, on the host, single-threaded, unfiltered.
 * Trust:     the container is proved.  What V does inside afterwards is the
 *            service's: the one exception to "nothing runs there with
 *            privilege".
 */
#ifndef CTSH_ENTER_VISIT_H
#define CTSH_ENTER_VISIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"

/* What the service needs of the init's capabilities to become the user. */
extern const uint64_t ctsh_visit_needs;

/* Without these no service can. */
extern const uint64_t ctsh_visit_must;

/* Called once, in W: NULL, or why V is about to be ended. */
typedef void ctsh_visit_told(void *context, const struct ctsh_error *err);

struct ctsh_visit {
	struct ctsh_container *container; /* its descriptors are closed */
	size_t group_count;
	const gid_t *groups; /* V's own, as the host counts; borrowed    */
	gid_t gid;           /* V's, as the container counts             */
	ctsh_visit_told *told;
	void *context;
	int64_t deadline_ms;
};

/*
 * Goes.  0 inside; -1 with nothing changed, and E_SYSTEM.  No SIGCHLD handler
 * of the service's may reap W meanwhile.
 */
CTSH_MUST_CHECK int ctsh_visit(const struct ctsh_visit *visit,
                               struct ctsh_error *err);

#endif
