/* SPDX-License-Identifier: MIT */
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "cgroup.h"
#include "container.h"
#include "parcel.h"
#include "schedule.h"
#include "stage.h"
#include "talk.h"
#include "verify.h"

/* After SIGKILL; a process in a frozen v1 group dies only when thawed, and is
 * then nobody's problem but its own: it has no way on. */
#define REAP_MS 1000

/* One entry under way, seen from P. */
struct passage {
	const struct ctsh_entry *entry;
	struct ctsh_talk talk;
	pid_t m, s;
	int m_fd, s_fd;
	unsigned own_filters; /* that M inherited: we load none meanwhile */
	bool elsewhere;
};

/* 0 in the child, which then is M; or -1 with errno. */
static long fork_m(struct passage *p)
{
	const struct ctsh_entry *e = p->entry;
	int cgroup2 = e->group ? e->group->group : e->container->cgroup2;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)&p->m_fd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup2 >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup2;
	}
	return syscall(SYS_clone3, &args, sizeof(args));
}

static int start_with(struct passage *p, const struct ctsh_parcel *parcel,
                      struct ctsh_line line, struct ctsh_error *err)
{
	long pid;

	if (ctsh_parcel_leave_heap(parcel, true))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "leave the heap");
	pid = fork_m(p);
	if (pid == 0) {
		/* Or our own copies would keep P's ends open beyond P's
		 * death. */
		ctsh_close_fd(&p->talk.reports);
		ctsh_close_fd(&p->talk.go);
		ctsh_inside(parcel->entry, line);
	}
	if (pid < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "fork into the container's cgroup");
	p->m = (pid_t)pid;
	if (ctsh_parcel_leave_heap(parcel, false))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "keep the heap");
	return p->entry->watch(p->entry->context, p->m_fd, err);
}

static int start_m(struct passage *p, struct ctsh_error *err)
{
	struct ctsh_parcel parcel = {.memory = NULL};
	struct ctsh_line line = {-1, -1};
	int rc = -1;

	if (ctsh_talk_open(&p->talk, &line, err) == 0 &&
	    ctsh_parcel_pack(p->entry, &parcel, err) == 0)
		rc = start_with(p, &parcel, line, err);
	ctsh_parcel_free(&parcel);
	ctsh_close_fd(&line.report);
	return rc;
}

static int count_own_filters(struct passage *p, struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(getpid(), err);
	struct ctsh_proc_status status;

	if (proc < 0 || ctsh_proc_read_status(proc, &status, err))
		return -1;
	p->own_filters = status.seccomp_filters;
	return 0;
}

/* Never before the watchdog has said that it can end who goes. */
static int let_go(struct passage *p, struct ctsh_error *err)
{
	return p->entry->watched(p->entry->context, err)
	               ? -1
	               : ctsh_talk_go(&p->talk, err);
}

/* M goes on while it is looked at: if it ended of what it could not do, its
 * last word says so. */
static int not_joined(struct passage *p, struct ctsh_error *err)
{
	struct ctsh_error last;
	int32_t ignored;

	(void)ctsh_verify_failed(p->m_fd, err);
	if (err->code == CTSH_E_GONE &&
	    ctsh_talk_expect(&p->talk, p->m_fd, CTSH_STAGE_CONFINED, &ignored,
	                     &last))
		*err = last;
	return -1;
}

static int guide_m(struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_entry *e = p->entry;
	int32_t ignored;

	if (start_m(p, err) || ctsh_cgroup_join(e->container, p->m, err) ||
	    ctsh_oom_give(e->container, p->m, err) ||
	    ctsh_schedule_give(e->container, p->m, err) ||
	    count_own_filters(p, err) ||
	    ctsh_talk_expect(&p->talk, p->m_fd, CTSH_STAGE_JOINED, &ignored,
	                     err))
		return -1;
	/* While M goes on. */
	if (ctsh_verify_joined(p->m, e, err))
		return not_joined(p, err);
	if (ctsh_talk_expect(&p->talk, p->m_fd, CTSH_STAGE_CONFINED, &ignored,
	                     err))
		return -1;
	if (ctsh_verify_confined(p->m, e, p->own_filters, err))
		return ctsh_verify_failed(p->m_fd, err);
	return let_go(p, err);
}

/* By the kernel's word, and by no other. */
static bool is_our_child(int pidfd)
{
	siginfo_t info;

	return waitid(P_PIDFD, (id_t)pidfd, &info,
	              WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * M says which process is S: by the kernel's word, but whoever took S over may
 * have been faster and have named anybody.  Only a child of ours is ended with
 * us, and only one of them is in the container.
 */
static int meet_s(struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_entry *e = p->entry;
	ctsh_autoclose int pidfd = -1;
	struct ctsh_error changed;
	int32_t child = 0;
	int rc;

	/* While M forks.  What comes of it waits until S is known and can be
	 * ended. */
	rc = ctsh_verify_unchanged(e->container, &changed);
	if (ctsh_talk_expect(&p->talk, p->m_fd, CTSH_STAGE_STARTED, &child,
	                     err))
		return -1;
	if (child <= 0 || child == p->m)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the shell was not born inside");
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (pidfd < 0)
		return ctsh_fail(err, CTSH_E_GONE, errno, "pidfd_open");
	if (!is_our_child(pidfd))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the shell is not our child");
	p->s = child;
	p->s_fd = ctsh_steal_fd(&pidfd);
	if (e->watch(e->context, p->s_fd, err))
		return -1;
	if (ctsh_verify_born(p->s, e->container, e->plan, p->own_filters, err))
		return ctsh_verify_failed(p->s_fd, err);
	if (rc)
		*err = changed;
	return rc;
}

/* Only S knows which one it was. */
static void name_shell(const struct passage *p,
                       const struct ctsh_message *message,
                       struct ctsh_error *err)
{
	const struct ctsh_plan *plan = p->entry->plan;
	uint32_t shell = message->stage - CTSH_STAGE_EXEC;

	if (shell < plan->shell_count)
		ctsh_error_name_shell(err, plan->shells[shell].path);
}

/* End of file: all ends inside are closed, by execve. */
static int await_exec(struct passage *p, struct ctsh_error *err)
{
	struct ctsh_message message;
	ssize_t n = ctsh_talk_hear(&p->talk, p->s_fd, &message);

	if (n == sizeof(message) && message.stage == CTSH_STAGE_ELSEWHERE) {
		p->elsewhere = true;
		n = ctsh_talk_hear(&p->talk, p->s_fd, &message);
	}
	if (n == 0)
		return ctsh_verify_executed(p->s, p->entry->container, err);
	if (n == sizeof(message)) {
		(void)ctsh_talk_failure(&message, err);
		name_shell(p, &message, err);
		return -1;
	}
	return ctsh_fail(err, CTSH_E_SYSTEM, n < 0 ? errno : 0,
	                 "the shell did not start");
}

static void kill_and_reap(pid_t pid, int pidfd)
{
	int64_t until = ctsh_now_ms() + REAP_MS;

	if (pid <= 0)
		return;
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitpid(pid, NULL, WNOHANG) == 0 && ctsh_now_ms() < until)
		ctsh_nap_us(200);
}

/* A tracer, an administrator's strace say, sees the end before we may. */
static int reap_m(struct passage *p, struct ctsh_error *err)
{
	pid_t got = 0;

	while (ctsh_wait_fd(p->m_fd, POLLIN, p->entry->deadline_ms) == 1 &&
	       (got = waitpid(p->m, NULL, WNOHANG)) == 0 &&
	       ctsh_now_ms() < p->entry->deadline_ms)
		ctsh_nap_us(200);
	if (got != p->m)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the entering process did not end");
	p->m = -1;
	return 0;
}

int ctsh_enter(const struct ctsh_entry *entry,
               struct ctsh_session_leader *leader, struct ctsh_error *err)
{
	struct passage p = {
		.entry = entry,
		.talk = CTSH_TALK_INIT(entry->deadline_ms),
		.m = -1,
		.s = -1,
		.m_fd = -1,
		.s_fd = -1,
	};
	int rc = -1;

	if (guide_m(&p, err) == 0 && meet_s(&p, err) == 0 &&
	    let_go(&p, err) == 0 && await_exec(&p, err) == 0)
		rc = reap_m(&p, err);
	ctsh_talk_close(&p.talk);
	if (rc) {
		(void)ctsh_container_failed(entry->container, err);
		kill_and_reap(p.m, p.m_fd);
		kill_and_reap(p.s, p.s_fd);
		ctsh_close_fd(&p.s_fd);
	} else {
		leader->pid = p.s;
		leader->pidfd = p.s_fd;
		leader->elsewhere = p.elsewhere;
	}
	ctsh_close_fd(&p.m_fd);
	return rc;
}
