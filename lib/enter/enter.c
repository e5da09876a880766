/* SPDX-License-Identifier: MIT */
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "cgroup.h"
#include "container.h"
#include "schedule.h"
#include "stage.h"
#include "verify.h"

/* After SIGKILL; a process in a frozen v1 group dies only when thawed, and is
 * then nobody's problem but its own: it has no way on. */
#define REAP_MS 1000

/* One entry under way, seen from P. */
struct passage {
	const struct ctsh_entry *entry;
	int sock;
	pid_t m, s;
	int m_fd, s_fd;
	unsigned own_filters; /* that M inherits from us */
};

static const struct {
	const char *what;
	enum ctsh_code code;
} failures[CTSH_STAGE_COUNT] = {
	[CTSH_STAGE_KEYRING] = {"new session keyring", CTSH_E_SYSTEM},
	[CTSH_STAGE_LABEL] = {"ask for the security label", CTSH_E_UNSAFE},
	[CTSH_STAGE_TRAITS] = {"personality and timer slack", CTSH_E_SYSTEM},
	[CTSH_STAGE_SECUREBITS] = {"clear the secure bits", CTSH_E_UNSAFE},
	[CTSH_STAGE_LIMITS] = {"resource limits", CTSH_E_UNSAFE},
	[CTSH_STAGE_SETNS] = {"join the namespaces", CTSH_E_UNSAFE},
	[CTSH_STAGE_ROOT] = {"change root", CTSH_E_UNSAFE},
	[CTSH_STAGE_MAPPED_ROOT] = {"become the container's root",
                                    CTSH_E_UNSAFE},
	[CTSH_STAGE_DESCRIPTORS] = {"place descriptors", CTSH_E_SYSTEM},
	[CTSH_STAGE_BOUNDING] = {"cut the bounding set", CTSH_E_UNSAFE},
	[CTSH_STAGE_GROUPS] = {"set groups", CTSH_E_UNSAFE},
	[CTSH_STAGE_IDS] = {"set ids", CTSH_E_UNSAFE},
	[CTSH_STAGE_CAPABILITIES] = {"drop capabilities", CTSH_E_UNSAFE},
	[CTSH_STAGE_PROOF] = {"prove the drop", CTSH_E_UNSAFE},
	[CTSH_STAGE_NO_NEW_PRIVS] = {"set no_new_privs", CTSH_E_UNSAFE},
	[CTSH_STAGE_FILTERS] = {"load the seccomp filters", CTSH_E_UNSAFE},
	[CTSH_STAGE_CLONE] = {"fork inside (pids limit?)", CTSH_E_SYSTEM},
	[CTSH_STAGE_TERMINAL] = {"controlling terminal", CTSH_E_SYSTEM},
	[CTSH_STAGE_SIGNALS] = {"reset the signals", CTSH_E_SYSTEM},
	[CTSH_STAGE_DIRECTORY] = {"change directory", CTSH_E_UNSAFE},
	[CTSH_STAGE_TRANSITION] = {"take on the security label", CTSH_E_UNSAFE},
	[CTSH_STAGE_EXEC] = {"execute the shell", CTSH_E_SHELL},
};

static int told_failure(const struct ctsh_message *message,
                        struct ctsh_error *err)
{
	uint32_t stage = message->stage;

	if (stage >= CTSH_STAGE_COUNT || !failures[stage].what)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "unexpected message %u while entering", stage);
	return ctsh_fail(err, failures[stage].code, message->sys, "%s",
	                 failures[stage].what);
}

/* Waits for exactly that message, and says who sent it. */
static int expect(const struct passage *p, enum ctsh_stage stage, pid_t *sender,
                  struct ctsh_error *err)
{
	struct ctsh_message message;
	ssize_t n = ctsh_receive(p->sock, &message, sizeof(message), NULL,
	                         sender, p->entry->deadline_ms);

	/* Reset: it had not read our last message yet. */
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return ctsh_fail(err, CTSH_E_GONE, 0,
		                 "the entering process was ended");
	if (n < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "wait for the entering process");
	if (n != sizeof(message))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "malformed message while entering");
	return message.stage == stage ? 0 : told_failure(&message, err);
}

static int go(const struct passage *p, struct ctsh_error *err)
{
	if (ctsh_send(p->sock, "g", 1, -1))
		return ctsh_fail(err, CTSH_E_GONE, errno,
		                 "the entering process was ended");
	return 0;
}

static int start_m(struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_container *c = p->entry->container;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)&p->m_fd,
		.exit_signal = SIGCHLD,
	};
	int pair[2];
	int on = 1;
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "socketpair");
	p->sock = pair[0];
	if (c->cgroup2 >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)c->cgroup2;
	}
	pid = setsockopt(p->sock, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))
	              ? -1
	              : syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		/* Or our own copy would keep P's end open beyond P's death. */
		ctsh_close_fd(&pair[0]);
		ctsh_inside(p->entry, pair[1]);
	}
	ctsh_close_fd(&pair[1]);
	if (pid < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "fork into the container's cgroup");
	p->m = (pid_t)pid;
	return p->entry->watch(p->entry->context, p->m_fd, err);
}

/* Below the init's value the kernel's killer would spare us for the init; to
 * lower it needs SYS_RESOURCE, and without that ours is the higher one, which
 * is no power. */
static int set_oom_score_adj(const struct passage *p, struct ctsh_error *err)
{
	char path[48], text[16];
	ctsh_autoclose int fd = -1;
	int length;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)p->m);
	length = snprintf(text, sizeof(text), "%d",
	                  p->entry->container->oom_score_adj);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 ||
	    (write(fd, text, (size_t)length) != length && errno != EACCES))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "set oom_score_adj");
	return 0;
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

static int guide_m(struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_entry *e = p->entry;

	if (count_own_filters(p, err) || start_m(p, err) ||
	    ctsh_cgroup_join(e->container, p->m, err) ||
	    set_oom_score_adj(p, err) ||
	    ctsh_schedule_give(e->container, p->m, err) ||
	    expect(p, CTSH_STAGE_CONFINED, NULL, err) ||
	    ctsh_verify_confined(p->m, e->container, e->plan, e->stdio,
	                         p->own_filters, err))
		return -1;
	return go(p, err);
}

/* The kernel says who reports itself as S; a filter that fakes the result of
 * clone(2) may let M believe that it is S. */
static int meet_s(struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_entry *e = p->entry;
	pid_t sender = 0;

	if (expect(p, CTSH_STAGE_STARTED, &sender, err))
		return -1;
	if (sender <= 0 || sender == p->m)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the shell was not born inside");
	p->s = sender;
	p->s_fd = (int)syscall(SYS_pidfd_open, p->s, 0);
	if (p->s_fd < 0)
		return ctsh_fail(err, CTSH_E_GONE, errno, "pidfd_open");
	if (ctsh_verify_born(p->s, e->container, e->plan, p->own_filters,
	                     err) ||
	    ctsh_verify_unchanged(e->container, err))
		return -1;
	return e->watch(e->context, p->s_fd, err);
}

/* End of file: both ends inside are closed, by execve. */
static int await_exec(const struct passage *p, struct ctsh_error *err)
{
	struct ctsh_message message;
	ssize_t n = ctsh_receive(p->sock, &message, sizeof(message), NULL, NULL,
	                         p->entry->deadline_ms);

	if (n == 0)
		return ctsh_verify_executed(p->s, p->entry->container, err);
	if (n == sizeof(message))
		return told_failure(&message, err);
	return ctsh_fail(
		err, n < 0 && errno == ECONNRESET ? CTSH_E_GONE : CTSH_E_SYSTEM,
		n < 0 ? errno : 0, "the shell did not start");
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
		.sock = -1,
		.m = -1,
		.s = -1,
		.m_fd = -1,
		.s_fd = -1,
	};
	int rc = -1;

	if (guide_m(&p, err) == 0 && meet_s(&p, err) == 0 && go(&p, err) == 0 &&
	    await_exec(&p, err) == 0)
		rc = reap_m(&p, err);
	/* Closing it ends an S that nobody knows of: it waits for our go. */
	ctsh_close_fd(&p.sock);
	if (rc) {
		(void)ctsh_container_failed(entry->container, err);
		kill_and_reap(p.m, p.m_fd);
		kill_and_reap(p.s, p.s_fd);
		ctsh_close_fd(&p.s_fd);
	} else {
		leader->pid = p.s;
		leader->pidfd = p.s_fd;
	}
	ctsh_close_fd(&p.m_fd);
	return rc;
}
