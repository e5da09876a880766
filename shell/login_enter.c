/* SPDX-License-Identifier: MIT */
/* Steps 5 to 9 of a login. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/interior.h"
#include "../lib/enter/userdir.h"
#include "../lib/registry/registry.h"
#include "../lib/route/environment.h"
#include "../lib/route/sftp.h"
#include "login.h"
#include "login_forward.h"
#include "login_use.h"
#include "progress.h"

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

/* The login's own clock, and the watchdog's; and the person's. */
static int waits(void *context, unsigned seconds, bool starts,
                 struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	l->deadline_ms += (int64_t)seconds * 1000;
	if (ctsh_slot_yield(l->invocation.uid, &l->slot, &l->place, err) ||
	    ctsh_watchdog_wait(&l->dog, seconds, err))
		return -1;
	if (l->descriptors.passage[STDERR_FILENO] == CTSH_TERMINAL)
		ctsh_progress(&l->invocation, starts);
	return 0;
}

/* From here on it works again, as one of a few. */
static int came(void *context, struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	return ctsh_slot_regain(l->invocation.uid, &l->slot, &l->place,
	                        l->deadline_ms, err);
}

/* Steps 5 to 7. */
static int find(struct ctsh_login *l, bool terminal, struct ctsh_error *err)
{
	struct ctsh_error later;

	l->route.caller = l->invocation.caller;
	l->route.waits = waits;
	l->route.came = came;
	l->route.waits_context = l;
	if (l->route.rule->stop_after)
		l->route.reached = ctsh_login_use;
	if (ctsh_route_find(&l->route, terminal, l->deadline_ms, err) == 0)
		return ctsh_login_used(l, err);
	(void)!ctsh_login_used(l, &later);
	return -1;
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
	if (l->route.rule->idle_timeout || l->route.rule->record_output)
		ctsh_descriptors_tap(&l->descriptors);
	request.terminal = l->descriptors.any_terminal;
	l->route.want_sftp = ctsh_sftp_wanted(request.command);
	open_program(l, l->route.want_sftp);
	request.own_sftp = l->program >= 0;
	if (find(l, request.terminal, err) ||
	    (request.terminal &&
	     ctsh_terminal_number(l->route.terminal, &request.terminal_number,
	                          err)) ||
	    ctsh_plan_build(l->route.rule, &l->route.person,
	                    &l->route.container, &l->route.interior, &request,
	                    &l->plan, err) ||
	    give_userdir(l, err) || ctsh_login_forward_plan(l, err))
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
	                    err) ||
	    (l->io.mount >= 0 &&
	     ctsh_watchdog_drop(&l->dog, &l->io.mount, err)))
		return -1;
	if (slave < 0)
		return 0;
	return ctsh_terminal_copy(
		&l->terminal, callers_terminal(&l->descriptors), slave, err);
}

/* The value of a variable of the session's, or NULL. */
static const char *in_plan(const struct ctsh_plan *plan, const char *name)
{
	size_t length = strlen(name);

	for (char *const *variable = plan->env; *variable; variable++)
		if (strncmp(*variable, name, length) == 0 &&
		    (*variable)[length] == '=')
			return *variable + length + 1;
	return NULL;
}

/* Before the shell starts: without its recording there is no session. */
static int start_record(struct ctsh_login *l, struct ctsh_error *err)
{
	const struct ctsh_rule *rule = l->route.rule;
	const struct ctsh_target *t = &l->route.target;
	char container[CTSH_NAME_MAX * 2];
	struct ctsh_record_wish wish = {
		.directory = rule->record_dir ?: CTSH_LOGDIR,
		.max_mib = rule->record_max,
		.stop_when_full = rule->record_stops,
		.container = container,
		.term = in_plan(&l->plan, "TERM"),
		.shell = in_plan(&l->plan, "SHELL"),
		.terminal = callers_terminal(&l->descriptors),
	};

	(void)snprintf(container, sizeof(container), "%s:%s", t->engine,
	               t->name);
	return ctsh_record_create(&l->record, &wish, &l->report, err);
}

static int watch(void *context, int pidfd, struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	return ctsh_watchdog_watch(&l->dog, pidfd, err);
}

static int watched(void *context, struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	return ctsh_watchdog_watches(&l->dog, err);
}

/* With on_disconnect = "kill".  The watchdog answers for it from the moment it
 * exists, so that no end of this process leaves it behind. */
static int make_group(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_session_group *g = &l->group;

	if (ctsh_session_group_make(g, &l->route.container, l->report.ref, err))
		return -1;
	if (ctsh_watchdog_hold(&l->dog, CTSH_HOLD_PARENT, g->parent, err) ||
	    ctsh_watchdog_hold(&l->dog, CTSH_HOLD_EVENTS, g->events, err) ||
	    ctsh_watchdog_hold(&l->dog, CTSH_HOLD_KILL, g->kill, err)) {
		ctsh_session_group_remove(g);
		return -1;
	}
	return 0;
}

/* Step 9. */
static int enter(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_entry entry = {
		.container = &l->route.container,
		.plan = &l->plan,
		.program = l->program,
		.heap = l->heap,
		.watch = watch,
		.watched = watched,
		.context = l,
		.deadline_ms = l->deadline_ms,
	};

	if (ctsh_login_forward_enter(l, &entry, err))
		return -1;
	if (l->route.rule->kill_at_end) {
		if (make_group(l, err))
			return -1;
		entry.group = &l->group;
	}
	if (make_stdio(l, err))
		return -1;
	memcpy(entry.stdio, l->io.inside, sizeof(entry.stdio));
	entry.terminal = l->io.terminal;
	if (l->route.rule->record_output && start_record(l, err))
		return -1;
	if (ctsh_enter(&entry, &l->leader, err)) {
		ctsh_record_discard(&l->record);
		return -1;
	}
	ctsh_close_fd(&l->program);
	ctsh_session_group_close(&l->group);
	ctsh_stdio_close_inside(&l->io);
	return 0;
}

/* With max_sessions.  The watchdog has it to itself, and lives exactly as long
 * as the session. */
static int take_seat(struct ctsh_login *l, struct ctsh_error *err)
{
	ctsh_autoclose int seat = -1;

	if (l->route.rule->max_sessions == 0)
		return 0;
	seat = ctsh_seat_take(l->invocation.uid, l->route.rule->max_sessions,
	                      err);
	if (seat < 0)
		return -1;
	return ctsh_watchdog_hold(&l->dog, CTSH_HOLD_SEAT, seat, err);
}

int ctsh_login_enter(struct ctsh_login *l, struct ctsh_error *err)
{
	if (take_seat(l, err))
		return -1;
	return plan(l, err) ? -1 : enter(l, err);
}
