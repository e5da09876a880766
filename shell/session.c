/* SPDX-License-Identifier: MIT */
/*
 * ctsh-session - the way of a login, top to bottom (docs/ARCHITECTURE.md).
 *
 * Privilege: all ids 0; not setuid itself.  The supervisor that it becomes has
 *            none.
 * Trust:     the stub's handover for the ids; the command and the variables
 *            with the caller's prefix are hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "../lib/enter/enter.h"
#include "../lib/enter/host.h"
#include "../lib/enter/interior.h"
#include "../lib/enter/sandbox.h"
#include "../lib/registry/registry.h"
#include "../lib/route/plan.h"
#include "../lib/route/route.h"
#include "descriptors.h"
#include "handover.h"
#include "host_shell.h"
#include "invocation.h"
#include "report.h"
#include "stdio.h"
#include "supervisor.h"
#include "terminal.h"
#include "watchdog.h"

/* Waiting for a slot, then for steps 2 to 9 together. */
#define SLOT_WAIT_MS 10000
#define DEADLINE_MS 20000
#define REAP_MS 500

/* One login; every member is empty until its step. */
struct login {
	struct ctsh_report report;
	struct ctsh_invocation invocation;
	struct ctsh_descriptors descriptors;
	int slot;
	bool is_caller;     /* root is given up; not asked of the kernel */
	int64_t session_ms; /* when the session began */
	int network; /* that the caller was in, if not the host's, or -1 */
	struct ctsh_watchdog dog;
	int64_t deadline_ms;
	struct ctsh_route route;
	struct ctsh_plan plan;
	struct ctsh_terminal terminal;
	struct ctsh_stdio io;
	struct ctsh_session_leader leader;
};

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

/* Step 1. */
static int begin(struct login *l, int argc, char **argv, struct ctsh_error *err)
{
	int rc = check_ids(err);

	if (rc == 0)
		rc = ctsh_invocation_parse(argc, argv, environ, &l->invocation,
		                           err);
	ctsh_report_open(&l->report, rc ? (uid_t)-1 : l->invocation.uid);
	if (rc == 0)
		(void)!ctsh_text_copy(l->report.from, sizeof(l->report.from),
		                      l->invocation.from);
	return rc;
}

/* What must hold before anything is asked. */
static int guard(struct login *l, struct ctsh_error *err)
{
	l->slot = ctsh_slot_take(l->invocation.uid,
	                         ctsh_now_ms() + SLOT_WAIT_MS, err);
	if (l->slot < 0)
		return -1;
	l->deadline_ms = ctsh_now_ms() + DEADLINE_MS;
	return ctsh_watchdog_start(&l->dog, &l->report, l->deadline_ms, err);
}

/*
 * Steps 2 to 4.  A full /run or the like must not stand between an
 * administrator and the host: such a failure of the guard refuses only who is
 * not on break-glass.  uid 0 needs no guard at all.
 */
static int decide(struct login *l, struct ctsh_error *err)
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
		if (ctsh_host_network(&l->network, err))
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

/* Steps 5 to 8.  The descriptors matter only now: on the host they go on as
 * they are. */
static int plan(struct login *l, struct ctsh_error *err)
{
	struct ctsh_request request = {
		.command = l->invocation.command,
		.caller = l->invocation.caller,
		.umask = l->invocation.umask,
	};

	if (ctsh_descriptors_judge(&l->descriptors, err))
		return -1;
	request.terminal = l->descriptors.any_terminal;
	if (ctsh_route_find(&l->route, request.terminal, l->deadline_ms, err) ||
	    ctsh_plan_build(l->route.rule, &l->route.person,
	                    &l->route.container, &l->route.interior, &request,
	                    &l->plan, err))
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

static int make_stdio(struct login *l, struct ctsh_error *err)
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
	struct login *l = context;

	return ctsh_watchdog_watch(&l->dog, pidfd, err);
}

/* Step 9. */
static int enter(struct login *l, struct ctsh_error *err)
{
	struct ctsh_entry entry = {
		.container = &l->route.container,
		.plan = &l->plan,
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
	ctsh_stdio_close_inside(&l->io);
	return 0;
}

/* The audit session, which ties the line to the kernel's records. */
static void read_audit_session(char *text, size_t size)
{
	ctsh_autofree char *line = NULL;

	line = ctsh_read_file_at(AT_FDCWD, "/proc/self/sessionid", 32, NULL);
	if (!line || !ctsh_text_copy(text, size, line) ||
	    strcmp(line, "4294967295") == 0)
		(void)!ctsh_text_copy(text, size, "none");
}

static void log_open(const struct login *l)
{
	const struct ctsh_target *t = &l->route.target;
	char audit[16];

	read_audit_session(audit, sizeof(audit));
	ctsh_report_log(
		&l->report, "open",
		"uid=%u container=%s:%s id=%.12s pid=%d as=%u:%u ses=%s",
		l->invocation.uid, t->engine, t->name, t->id, (int)t->pid,
		l->plan.uid, l->plan.gid, audit);
}

/*
 * Step 10.  The container and the registry are closed first: the supervisor
 * holds nothing but the session's own descriptors.
 */
static int supervise(struct login *l, int *status, struct ctsh_error *err)
{
	struct ctsh_supervision s = {
		.leader = l->leader.pid,
		.leader_pidfd = l->leader.pidfd,
		.master = ctsh_steal_fd(&l->route.terminal),
		.relay = {l->io.relay[0], l->io.relay[1], l->io.relay[2]},
		.descriptors = l->descriptors,
		.terminal = l->terminal,
		.watchdog = l->dog.sock,
	};
	gid_t gid = l->route.person.gid;

	l->session_ms = ctsh_now_ms();
	if (ctsh_watchdog_session(&l->dog, err))
		return -1;
	log_open(l);
	ctsh_plan_free(&l->plan);
	ctsh_route_close(&l->route);
	ctsh_close_fd(&l->network);
	if (ctsh_become(l->invocation.uid, gid, err))
		return -1;
	l->is_caller = true;
	ctsh_slot_release(&l->slot);
	return ctsh_supervise(&s, status, err);
}

/* Step 11: as the shell ended, so do we; a caller such as sshd passes it on. */
static int end_like(int status)
{
	if (WIFSIGNALED(status))
		ctsh_end_by_signal(WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int exit_status(const struct ctsh_error *err)
{
	if (err->code != CTSH_E_SHELL)
		return CTSH_EXIT_FAILURE;
	return err->sys == ENOENT ? CTSH_EXIT_NOT_FOUND
	                          : CTSH_EXIT_NOT_STARTABLE;
}

/*
 * Nothing of root's is left when the caller's stderr is written to: what hangs
 * there hangs in the caller's name and without a slot.
 */
static int refuse(struct login *l, const struct ctsh_error *err)
{
	struct ctsh_error ignored;

	ctsh_report_refused(&l->report, err);
	ctsh_watchdog_dismiss(&l->dog);
	ctsh_route_close(&l->route);
	/* Closed, not unlocked: a child that hangs in a file system of the
	 * container's and cannot be killed keeps the slot, or one user could
	 * leave any number of them behind. */
	ctsh_close_fd(&l->slot);
	if (l->is_caller || ctsh_host_leave(l->invocation.uid,
	                                    l->invocation.gid, &ignored) == 0)
		ctsh_report_tell(&l->report, err);
	return exit_status(err);
}

/* The watchdog ends at once; or the host's shell would inherit a zombie. */
static void reap_watchdog(const struct ctsh_watchdog *dog)
{
	int64_t until = ctsh_now_ms() + REAP_MS;

	while (dog->pid > 0 && waitpid(dog->pid, NULL, WNOHANG) == 0 &&
	       ctsh_now_ms() < until)
		ctsh_nap_us(100);
}

/* Break-glass: the host's shell, and nothing of ours stays behind. */
static int go_to_host(struct login *l, struct ctsh_error *err)
{
	ctsh_report_log(&l->report, "host", "uid=%u", l->invocation.uid);
	ctsh_watchdog_dismiss(&l->dog);
	reap_watchdog(&l->dog);
	ctsh_slot_release(&l->slot);
	if (ctsh_host_network_back(&l->network, err))
		return -1;
	return ctsh_host_shell(&l->invocation, &l->route.person,
	                       l->route.host_shell, &l->is_caller, err);
}

int main(int argc, char **argv)
{
	static struct login l = {
		.invocation = {.uid = (uid_t)-1, .gid = (gid_t)-1},
		.slot = -1,
		.network = -1,
		.dog = CTSH_WATCHDOG_INIT,
		.terminal = CTSH_TERMINAL_INIT,
		.io = CTSH_STDIO_INIT,
	};
	struct ctsh_error err;
	int status;

	ctsh_hide();
	ctsh_route_init(&l.route);
	if (begin(&l, argc, argv, &err) || decide(&l, &err))
		return refuse(&l, &err);
	if (l.route.host) {
		(void)go_to_host(&l, &err);
		return refuse(&l, &err);
	}
	if (plan(&l, &err) || enter(&l, &err))
		return refuse(&l, &err);
	if (supervise(&l, &status, &err)) {
		/* If the watchdog is what failed, nobody else would. */
		if (ctsh_watchdog_gone(&l.dog))
			ctsh_report_closed(&l.report,
			                   ctsh_now_ms() - l.session_ms,
			                   "lost");
		(void)syscall(SYS_pidfd_send_signal, l.leader.pidfd, SIGKILL,
		              NULL, 0);
		return refuse(&l, &err);
	}
	ctsh_watchdog_closed(&l.dog, status);
	return end_like(status);
}
