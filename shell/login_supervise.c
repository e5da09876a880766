/* SPDX-License-Identifier: MIT */
/* Step 10 of a login. */
#include <fcntl.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "../lib/enter/network.h"
#include "../lib/enter/sandbox.h"
#include "../lib/registry/registry.h"
#include "login.h"
#include "supervisor.h"

#define TIMER_LATER_NS 500000000

/* The audit session, which ties the line to the kernel's records. */
static void read_audit_session(char *text, size_t size)
{
	ctsh_autofree char *line = NULL;

	line = ctsh_read_file_at(AT_FDCWD, "/proc/self/sessionid", 32, NULL);
	if (!line || !ctsh_text_copy(text, size, line) ||
	    strcmp(line, "4294967295") == 0)
		(void)!ctsh_text_copy(text, size, "none");
}

static void log_open(const struct ctsh_login *l)
{
	const struct ctsh_target *t = &l->route.target;
	const char *file = l->record.fd < 0 ? "" : l->record.name;
	char audit[16];

	read_audit_session(audit, sizeof(audit));
	ctsh_report_log(
		&l->report, "open",
		"uid=%u container=%s:%s id=%.*s pid=%d as=%u:%u ses=%s%s%s",
		l->invocation.uid, t->engine, t->name, ctsh_target_id_shown(t),
		t->id, (int)t->pid, l->plan.uid, l->plan.gid, audit,
		*file ? " record=" : "", file);
}

/* Where a person begins, and not where they expected to: its name, or NULL.
 * Owned by the caller. */
static char *missed_directory(const struct ctsh_login *l)
{
	if (!l->leader.elsewhere || !l->plan.login ||
	    l->descriptors.passage[STDERR_FILENO] != CTSH_TERMINAL)
		return NULL;
	return strdup(l->plan.directories[0]);
}

/* max_session is the watchdog's to keep.  A moment later than the supervisor,
 * which then has a sentence for it; a stopped one has none. */
static int set_limits(struct ctsh_login *l, struct ctsh_limits *limits,
                      struct ctsh_error *err)
{
	const struct ctsh_rule *rule = l->route.rule;
	struct itimerspec once = {
		.it_value = {.tv_sec = rule->max_session,
	                     .tv_nsec = TIMER_LATER_NS},
	};
	ctsh_autoclose int timer = -1;

	ctsh_limits_begin(limits, rule->idle_timeout, rule->max_session,
	                  ctsh_limits_now());
	limits->ref = l->report.ref;
	if (rule->max_session == 0)
		return 0;
	timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer < 0 || timerfd_settime(timer, 0, &once, NULL))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "timer");
	return ctsh_watchdog_hold(&l->dog, CTSH_HOLD_TIMER, timer, err);
}

/*
 * The display is the caller's, and so is the network in which it is: an sshd
 * that pam_ctsh(8) took to the container's listens there.  Whatever else is
 * connected to has a path, which is the same in each.
 */
static int return_to_display(struct ctsh_login *l, struct ctsh_error *err)
{
	if (l->forwarding.listening & 1U << CTSH_TARGET_X11)
		return ctsh_network_back(&l->network, err);
	ctsh_close_fd(&l->network);
	return 0;
}

/*
 * Step 10.  The container and the registry are closed first: the supervisor
 * holds nothing but the session's own descriptors.
 */
int ctsh_login_supervise(struct ctsh_login *l, int *status,
                         struct ctsh_error *err)
{
	struct ctsh_supervision s = {
		.leader = l->leader.pid,
		.leader_pidfd = l->leader.pidfd,
		.master = ctsh_steal_fd(&l->route.terminal),
		.relay = {l->io.relay[0], l->io.relay[1], l->io.relay[2]},
		.descriptors = l->descriptors,
		.terminal = l->terminal,
		.watchdog = l->dog.sock,
		.caller = l->caller,
		.kill_at_end = l->route.rule->kill_at_end,
		.limits = CTSH_LIMITS_INIT,
		.forwarding = l->forwarding.listening ? &l->forwarding : NULL,
		.record = l->record.fd < 0 ? NULL : &l->record,
	};
	int rc;
	gid_t gid = l->route.person.gid;
	ctsh_autofree char *missed = missed_directory(l);

	l->session_ms = ctsh_now_ms();
	if (set_limits(l, &s.limits, err) ||
	    ctsh_watchdog_session(&l->dog, err))
		return -1;
	if (ctsh_record_begin(&l->record, err))
		return -1;
	log_open(l);
	ctsh_plan_free(&l->plan);
	ctsh_route_close(&l->route);
	if (return_to_display(l, err) ||
	    ctsh_become(l->invocation.uid, gid, err))
		return -1;
	l->is_caller = true;
	ctsh_slot_release(&l->slot);
	if (missed)
		ctsh_report_elsewhere(missed);
	rc = ctsh_supervise(&s, status, err);
	l->ending = s.ending;
	l->told = s.told;
	return rc;
}
