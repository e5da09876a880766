/* SPDX-License-Identifier: MIT */
/*
 * await.h - a container that is not there yet, but comes.
 *
 * One loop for all engines: they say whether somebody is starting it, and here
 * they are asked again until it is there, stays away or the rule's time is up.
 *
 * Privilege: root, for /run/ctsh, and that of what is called.
 * Trust:     what an engine says of a container that is not there delays the
 *            login of those whom a rule sends there, no longer than `wait`.
 */
#ifndef CTSH_ROUTE_AWAIT_H
#define CTSH_ROUTE_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"

struct ctsh_await {
	/* Takes hold of the container.  0, or -1; E_ABSENT with err->coming is
	 * worth another call. */
	int (*reach)(void *context, int64_t deadline_ms,
	             struct ctsh_error *err);

	/* Before the first wait: moves the deadline of whoever else has one;
	 * `starts`: it is to be started.  0, or -1; may be NULL. */
	int (*begin)(void *context, unsigned seconds, bool starts,
	             struct ctsh_error *err);

	/* Has it started.  0, or -1; NULL: it may not be. */
	int (*start)(void *context, int64_t deadline_ms,
	             struct ctsh_error *err);

	const char *container; /* "UID ENGINE:NAME", for whose turn it is to
	                          start */
	void *context;
	unsigned seconds; /* how long; 0: not at all */
};

/*
 * Reaches it, now or when it has come; what only seems to be coming, or has
 * just ended, is given a second.  One that stays away is started if it may be,
 * by one login of all that want it, and must then come and stay.  A wait moves
 * the deadline by `seconds`.  0; or -1 with the last error of `reach`, which is
 * E_ABSENT if it did not come, or that of `start`.
 */
CTSH_MUST_CHECK int ctsh_await(const struct ctsh_await *await,
                               int64_t *deadline_ms, struct ctsh_error *err);

#endif
