/* SPDX-License-Identifier: MIT */
/*
 * opening.h - one call of pam_sm_open_session(), and what is left of it.
 *
 * Privilege: none.
 * Trust:     see pam_ctsh.c.
 */
#ifndef CTSH_PAM_OPENING_H
#define CTSH_PAM_OPENING_H

#include <security/pam_modules.h>

#include "../lib/base/line.h"
#include "../lib/route/route.h"
#include "../lib/route/visit.h"
#include "arguments.h"

/* An open session, until it is closed. */
struct visit {
	bool all;     /* there is no way back                  */
	int previous; /* the network to go back to, or -1      */
	int64_t since_ms;
	char ref[CTSH_LINE_REF];
	char user[CTSH_LINE_USER]; /* quoted */
};

/* Large, so on the heap. */
struct opening {
	pam_handle_t *pamh;
	int flags;
	struct ctsh_pam_arguments arguments;
	struct ctsh_person person;
	struct ctsh_route route;
	struct ctsh_route_visit inside; /* with join=all */
	struct visit visit;
	int use; /* of a container with stop_after, or -1 */
	int64_t deadline_ms;
};

#endif
