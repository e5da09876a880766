/* SPDX-License-Identifier: MIT */
/* Steps 1 to 4 of a login. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "../lib/enter/host.h"
#include "../lib/enter/network.h"
#include "../lib/registry/registry.h"
#include "handover.h"
#include "login.h"

/* Waiting for a slot, then for steps 2 to 9 together. */
#define SLOT_WAIT_MS 10000
#define DEADLINE_MS 20000

/* Only the stub, or root at a prompt, gets here; both have these ids. */
static int check_ids(struct ctsh_error *err)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) || getresgid(&g[0], &g[1], &g[2]) ||
	    u[0] || u[1] || u[2] || g[0] || g[1] || g[2])
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "ctsh-session must be started by ctsh");
	return 0;
}

/* Whatever is executed from here does not get it.  Who called us by hand has
 * given none. */
static int take_mount(struct ctsh_login *l, struct ctsh_error *err)
{
	if (fcntl(CTSH_HANDOVER_MOUNT, F_SETFD, FD_CLOEXEC) == 0)
		l->mount = CTSH_HANDOVER_MOUNT;
	else if (errno != EBADF)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "the mount");
	return 0;
}

/* Step 1. */
static int begin(struct ctsh_login *l, int argc, char **argv,
                 struct ctsh_error *err)
{
	int rc = check_ids(err);

	if (rc == 0)
		rc = ctsh_invocation_parse(argc, argv, environ, &l->invocation,
		                           err);
	if (rc == 0)
		rc = take_mount(l, err);
	ctsh_report_open(&l->report, rc ? (uid_t)-1 : l->invocation.uid);
	if (rc == 0)
		(void)!ctsh_text_copy(l->report.from, sizeof(l->report.from),
		                      l->invocation.from);
	return rc;
}

/* What must hold before anything is asked. */
static int guard(struct ctsh_login *l, struct ctsh_error *err)
{
	l->slot = ctsh_slot_take(l->invocation.uid,
	                         ctsh_now_ms() + SLOT_WAIT_MS, err);
	if (l->slot < 0)
		return -1;
	l->deadline_ms = ctsh_now_ms() + DEADLINE_MS;
	if (ctsh_watchdog_start(&l->dog, &l->report, l->deadline_ms, err))
		return -1;
	return l->mount < 0 ? 0 : ctsh_watchdog_drop(&l->dog, &l->mount, err);
}

/*
 * Steps 2 to 4.  A full /run or the like must not stand between an
 * administrator and the host: such a failure of the guard refuses only who is
 * not on break-glass.  uid 0 needs no guard at all.
 */
static int choose(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_error held = {.code = CTSH_OK};
	int rc;

	l->deadline_ms = ctsh_now_ms() + DEADLINE_MS;
	if (l->invocation.uid != 0) {
		if (ctsh_host_check(err))
			return -1;
		if (guard(l, &held) && held.code == CTSH_E_LIMIT) {
			*err = held;
			return -1;
		}
		if (ctsh_network_host(&l->network, err))
			return -1;
	}
	rc = ctsh_route_decide(&l->route, l->invocation.uid, l->deadline_ms,
	                       err);

	/* A refusal is logged under the name, too, once that is known. */
	if (l->route.person.name[0])
		(void)!ctsh_text_copy(l->report.user, sizeof(l->report.user),
		                      l->route.person.name);
	if (rc == 0 && !l->route.host && held.code != CTSH_OK) {
		*err = held;
		return -1;
	}
	return rc;
}

int ctsh_login_decide(struct ctsh_login *l, int argc, char **argv,
                      struct ctsh_error *err)
{
	return begin(l, argc, argv, err) ? -1 : choose(l, err);
}
