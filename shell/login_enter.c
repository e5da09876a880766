/* SPDX-License-Identifier: MIT */
/* Steps 5 to 9 of a login. */
#include <string.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/interior.h"
#include "../lib/enter/userdir.h"
#include "../lib/route/environment.h"
#include "../lib/route/sftp.h"
#include "login.h"

/* A directory below /run/user, where the container has such. */
static int give_userdir(struct ctsh_login *l, struct ctsh_error *err)
{
	bool usable;

	if (!l->route.interior.run_user)
		return 0;
	if (ctsh_userdir_make(&l->route.container, &l->plan, &usable,
	                      l->deadline_ms, err))
		return -1;
	return usable ? ctsh_environment_add_userdir(&l->plan, err) : 0;
}

/* Without it, a container without an sftp-server has none: that is so where
 * there is no static libc to build it with. */
static void open_program(struct ctsh_login *l, bool wanted)
{
	struct ctsh_error ignored;

	if (wanted)
		l->program = ctsh_program_open(CTSH_SFTP_PATH, &ignored);
}

/* Steps 5 to 8.  The descriptors matter only now: on the host they go on as
 * they are. */
static int plan(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_request request = {
		.command = l->invocation.command,
		.caller = l->invocation.caller,
		.umask = l->invocation.umask,
	};

	if (ctsh_descriptors_judge(&l->descriptors, err))
		return -1;
	request.terminal = l->descriptors.any_terminal;
	l->route.caller = l->invocation.caller;
	l->route.want_sftp = ctsh_sftp_wanted(request.command);
	open_program(l, l->route.want_sftp);
	request.own_sftp = l->program >= 0;
	if (ctsh_route_find(&l->route, request.terminal, l->deadline_ms, err) ||
	    (request.terminal &&
	     ctsh_terminal_number(l->route.terminal, &request.terminal_number,
	                          err)) ||
	    ctsh_plan_build(l->route.rule, &l->route.person,
	                    &l->route.container, &l->route.interior, &request,
	                    &l->plan, err) ||
	    give_userdir(l, err))
		return -1;
	/* The plan has copies.  S is a fork of this process and visible inside:
	 * what the caller keeps to itself is not to be found in it. */
	ctsh_invocation_wipe(&l->invocation);
	return 0;
}

/* The caller's terminal: the first of 0 to 2 that is one. */
static int callers_terminal(const struct ctsh_descriptors *d)
{
	for (int fd = 0; fd < 3; fd++)
		if (d->passage[fd] == CTSH_TERMINAL)
			return fd;
	return -1;
}

static int make_stdio(struct ctsh_login *l, struct ctsh_error *err)
{
	int slave = -1;

	if (l->descriptors.any_terminal) {
		slave = ctsh_terminal_peer(l->route.terminal, l->plan.host_uid,
		                           err);
		if (slave < 0)
			return -1;
	}
	if (ctsh_stdio_make(&l->io, &l->descriptors, slave, l->plan.host_uid,
	                    err))
		return -1;
	if (slave < 0)
		return 0;
	return ctsh_terminal_copy(
		&l->terminal, callers_terminal(&l->descriptors), slave, err);
}

static int watch(void *context, int pidfd, struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	return ctsh_watchdog_watch(&l->dog, pidfd, err);
}

/* Step 9. */
static int enter(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_entry entry = {
		.container = &l->route.container,
		.plan = &l->plan,
		.program = l->program,
		.watch = watch,
		.context = l,
		.deadline_ms = l->deadline_ms,
	};

	if (make_stdio(l, err))
		return -1;
	memcpy(entry.stdio, l->io.inside, sizeof(entry.stdio));
	entry.terminal = l->io.terminal;
	if (ctsh_enter(&entry, &l->leader, err))
		return -1;
	ctsh_close_fd(&l->program);
	ctsh_stdio_close_inside(&l->io);
	return 0;
}

int ctsh_login_enter(struct ctsh_login *l, struct ctsh_error *err)
{
	return plan(l, err) ? -1 : enter(l, err);
}
