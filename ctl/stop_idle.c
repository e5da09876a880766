/* SPDX-License-Identifier: MIT */
/*
 * The keeper of a container with stop_after (lib/route/keep.h): waits until
 * nobody has used it for so long, and has it stopped.
 *
 * What is to be stopped is asked anew, by the way that a login of the user
 * would go; the process that the login found must come out.  So nothing but
 * that process's number and start time is handed over, and an administrator's
 * last word counts.
 */
#include "command.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/line.h"
#include "../lib/base/text.h"
#include "../lib/registry/uses.h"
#include "../lib/route/route.h"

/* For the way to the container, and for its end by itself. */
#define PROVE_MS 20000
#define STOP_MS 120000

/* Until the next try, of what could not be done. */
#define AGAIN_S 60

struct watch {
	struct ctsh_keeper keeper;
	pid_t pid;
	uint64_t start;
	char user[CTSH_LINE_USER];                         /* whose rule */
	char last[sizeof(((struct ctsh_error *)0)->what)]; /* reason */
};

/* Not again and again. */
static void log_failure(struct watch *w, const struct ctsh_error *err)
{
	char text[2 * sizeof(err->what)];

	if (strcmp(w->last, err->what) == 0)
		return;
	(void)!ctsh_text_copy(w->last, sizeof(w->last), err->what);
	ctsh_text_escape(text, sizeof(text), err->what);
	syslog(LOG_NOTICE, "unstopped user=%s pid=%d code=%s reason=\"%s\"",
	       w->user, (int)w->pid, ctsh_code_name(err->code), text);
}

static void log_stopped(const struct watch *w, const struct ctsh_target *t,
                        uint32_t seconds)
{
	syslog(LOG_INFO,
	       "stopped user=%s container=%s:%s id=%.*s pid=%d unused=%u",
	       w->user, t->engine, t->name, ctsh_target_id_shown(t), t->id,
	       (int)w->pid, seconds);
}

/* -- one try ------------------------------------------------------------ */

enum outcome { STOPPED, LEFT, LATER };

/* `*more`: seconds that the rule by now wants beyond those that have passed. */
static enum outcome decide(struct ctsh_route *route, const struct ctsh_use *by,
                           int64_t deadline_ms, uint32_t *more,
                           struct ctsh_error *err)
{
	if (ctsh_route_decide(route, by->uid, deadline_ms, err))
		return LATER;
	if (route->host || route->rule->stop_after == 0) {
		(void)ctsh_fail(err, CTSH_E_CONFIG, 0,
		                "uid %u has no stop_after any more", by->uid);
		return LEFT;
	}
	if (route->rule->stop_after <= by->seconds)
		return STOPPED;
	*more = route->rule->stop_after - by->seconds;
	return LATER;
}

static int stop(const struct watch *w, struct ctsh_route *route,
                int64_t deadline_ms, struct ctsh_error *err)
{
	if (ctsh_route_prove(route, deadline_ms, err))
		return -1;
	if (route->container.pid != w->pid ||
	    route->container.start_ticks != w->start)
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "the rule leads to pid %d",
		                 (int)route->container.pid);
	return ctsh_route_stop(route, ctsh_now_ms() + STOP_MS, err);
}

static void name_user(struct watch *w, const struct ctsh_person *person,
                      uint32_t uid)
{
	if (person->name[0])
		ctsh_line_quote(w->user, sizeof(w->user), person->name);
	else
		(void)snprintf(w->user, sizeof(w->user), "#%u", uid);
}

static enum outcome attempt(struct watch *w, const struct ctsh_use *by,
                            uint32_t *wait)
{
	static struct ctsh_route route;
	int64_t deadline_ms = ctsh_now_ms() + PROVE_MS;
	struct ctsh_error err = {.what = ""};
	enum outcome outcome;
	uint32_t more = 0;

	ctsh_route_init(&route);
	route.looks_only = true;
	outcome = decide(&route, by, deadline_ms, &more, &err);
	name_user(w, &route.person, by->uid);
	if (outcome == STOPPED && stop(w, &route, deadline_ms, &err))
		outcome = LATER;
	if (outcome == STOPPED)
		log_stopped(w, &route.target, by->seconds);
	else if (!more)
		log_failure(w, &err);
	*wait = more ? more : AGAIN_S;
	ctsh_route_close(&route);
	return outcome;
}

/* -- waiting for it ------------------------------------------------------ */

/* From the end of the last session: 0 if somebody has come, 1 if there is
 * nothing left to do. */
static int count(struct watch *w, const struct ctsh_use *by)
{
	struct ctsh_use passed = *by;
	uint32_t wait = by->seconds;

	for (;;) {
		switch (ctsh_keeper_wait(&w->keeper, wait)) {
		case CTSH_KEEPING_GONE:
			return 1;
		case CTSH_KEEPING_USED:
			return 0;
		case CTSH_KEEPING_IDLE:
			break;
		}
		if (attempt(w, &passed, &wait) != LATER)
			return 1;
		passed.seconds += wait;
		ctsh_keeper_open(&w->keeper);
	}
}

static int keep(struct watch *w, struct ctsh_error *err)
{
	struct ctsh_use by;

	for (;;) {
		if (ctsh_keeper_unused(&w->keeper, &by, err)) {
			log_failure(w, err);
			return -1;
		}
		if (count(w, &by))
			return 0;
	}
}

/* -- the beginning ------------------------------------------------------- */

/* What a login's caller has chosen for all its children becomes what the host's
 * first process has, as far as that may be done. */
static void take_standard_limits(void)
{
	const struct sched_param none = {.sched_priority = 0};
	struct rlimit standard, own;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		__rlimit_resource_t which = (__rlimit_resource_t)i;

		if (prlimit(1, which, NULL, &standard) ||
		    setrlimit(which, &standard) == 0 || getrlimit(which, &own))
			continue;
		own.rlim_cur = own.rlim_max;
		(void)setrlimit(which, &own);
	}
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
}

/* Nor is it to be the first to go where memory is short. */
static void spare(void)
{
	ctsh_autoclose int fd =
		open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char first = '-';

	if (fd >= 0 && read(fd, &first, 1) == 1 && first != '-')
		(void)!write(fd, "0", 1);
}

/* Nobody's child.  0, or -1; the process that called ends here. */
static int go_to_background(void)
{
	if (daemon(0, 0))
		return -1;
	take_standard_limits();
	spare();
	return 0;
}

int ctsh_command_stop_idle(int argc, char **argv)
{
	bool background = argc == 3 && strcmp(argv[1], "--background") == 0;
	struct watch w = {.keeper = CTSH_KEEPER_INIT, .user = "none"};
	struct ctsh_error err;
	int rc;

	if (argc - background != 2 ||
	    ctsh_uses_parse(argv[argc - 1], &w.pid, &w.start)) {
		(void)fputs("usage: ctshctl stop-idle [--background] "
		            "PID-START\n",
		            stderr);
		return CTSH_CTL_USAGE;
	}
	if (geteuid() != 0) {
		(void)fputs("ctshctl: stop-idle must be run as root\n", stderr);
		return CTSH_CTL_USAGE;
	}
	if (background && go_to_background())
		return CTSH_CTL_BAD;
	openlog("ctsh", LOG_PID, LOG_AUTHPRIV);
	if (ctsh_keeper_begin(&w.keeper, argv[argc - 1], &err)) {
		/* It has ended, or is in good hands. */
		if (err.code == CTSH_E_GONE || err.code == CTSH_E_LIMIT)
			return CTSH_CTL_OK;
		log_failure(&w, &err);
		return CTSH_CTL_BAD;
	}
	rc = keep(&w, &err);
	ctsh_keeper_end(&w.keeper);
	return rc ? CTSH_CTL_BAD : CTSH_CTL_OK;
}
