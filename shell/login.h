/* SPDX-License-Identifier: MIT */
/*
 * login.h - one login on its way, and the steps that carry it on.
 *
 * Each step fills what the next one reads; session.c calls them in order
 * (docs/ARCHITECTURE.md).
 *
 * Privilege: root, up to where ctsh_login_supervise() gives it up.
 * Trust:     as each member's own header says.
 */
#ifndef CTSH_LOGIN_H
#define CTSH_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/base/error.h"
#include "../lib/enter/enter.h"
#include "../lib/route/plan.h"
#include "../lib/route/route.h"
#include "descriptors.h"
#include "forward.h"
#include "invocation.h"
#include "record.h"
#include "report.h"
#include "stdio.h"
#include "terminal.h"
#include "watchdog.h"

/* One login; every member is empty until its step. */
struct ctsh_login {
	const void *heap; /* ctsh_parcel_mark() */
	struct ctsh_report report;
	struct ctsh_invocation invocation;
	struct ctsh_descriptors descriptors;
	pid_t caller; /* our parent when the login began */
	int slot;
	int use;        /* of the container, until the watchdog has it; or -1 */
	int place;      /* instead of it, while the container is waited for */
	bool is_caller; /* root is given up; not asked of the kernel */
	int64_t session_ms; /* when the session began */
	int network; /* that the caller was in, if not the host's, or -1 */
	struct ctsh_watchdog dog;
	struct ctsh_session_group group; /* if the rule wants one */
	enum ctsh_ending ending;         /* before the shell's own, why */
	int64_t deadline_ms;
	struct ctsh_route route;
	struct ctsh_plan plan;
	struct ctsh_terminal terminal;
	struct ctsh_stdio io;
	int mount;   /* that this program was executed from, or -1 */
	int program; /* of ours for the inside, or -1 */
	struct ctsh_forwarding forwarding;
	struct ctsh_record record;
	bool told; /* why the session was ended */
	struct ctsh_session_leader leader;
};

/* Steps 1 to 4: who asks for what, and by which rule.  Opens the report first.
 * 0, with `route.host` set for who goes to the host; or -1. */
CTSH_MUST_CHECK int ctsh_login_decide(struct ctsh_login *l, int argc,
                                      char **argv, struct ctsh_error *err);

/* Steps 5 to 9: the container, the plan and the way in.  0 once the shell runs,
 * with `leader` filled; or -1 with nothing of it left. */
CTSH_MUST_CHECK int ctsh_login_enter(struct ctsh_login *l,
                                     struct ctsh_error *err);

/* Step 10: becomes the caller for good and supervises the session.  0 and the
 * shell's wait(2) status; or -1: the shell may still run. */
CTSH_MUST_CHECK int ctsh_login_supervise(struct ctsh_login *l, int *status,
                                         struct ctsh_error *err);

#endif
