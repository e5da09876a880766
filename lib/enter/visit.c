/* SPDX-License-Identifier: MIT */
#include "visit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "cgroup.h"
#include "confine.h"
#include "container.h"
#include "join.h"
#include "sandbox.h"
#include "schedule.h"
#include "stage.h"
#include "talk.h"
#include "verify.h"

#define SUID_DUMPABLE "/proc/sys/fs/suid_dumpable"

#define BIT(cap) (UINT64_C(1) << (cap))

const uint64_t ctsh_visit_must = BIT(CAP_SETUID) | BIT(CAP_SETGID);

/*
 * SETUID, SETGID  the child becomes the user, with their groups
 * CHOWN, FOWNER   the terminal is given to the user and taken back again (sshd
 *                 and login: chown, chmod of /dev/pts/N)
 * DAC_OVERRIDE    sshd opens that terminal, when it is the user's already;
 *                 utmp, wtmp and lastlog may belong to somebody else
 * KILL            su and runuser hand on SIGTERM to the user's shell
 * AUDIT_WRITE     sshd and su tell the audit log of the login, and sshd built
 *                 with it gives up if it may not
 *
 * No SYS_CHROOT (ChrootDirectory), no FSETID, no SYS_RESOURCE: limits are set
 * before.  No more than the init has of these.
 */
const uint64_t ctsh_visit_needs =
	BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER) |
	BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

/* One visit, seen by both. */
struct passage {
	const struct ctsh_visit *visit;
	struct ctsh_talk talk; /* W's ends */
	struct ctsh_line line; /* V's ends */
	pid_t v;
	int v_fd;
	int procs; /* cgroup.procs of the unified group, or -1 */
	unsigned own_filters;
	sigset_t mask; /* V's */
};

/* -- W ------------------------------------------------------------------- */

static int join_groups(const struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_container *c = p->visit->container;
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", (int)p->v);

	if (p->procs >= 0 && write(p->procs, text, (size_t)length) != length)
		return ctsh_fail(err,
		                 errno == ENODEV ? CTSH_E_GONE : CTSH_E_SYSTEM,
		                 errno, "join the unified cgroup");
	return ctsh_cgroup_join(c, p->v, err);
}

/* By one of the host's, the user would be there (CVE-2024-21626). */
static int check_no_directory(const struct passage *p, struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(p->v, err);
	int fd = proc < 0 ? -1 : openat(proc, "fd", O_RDONLY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool found = false;
	struct stat st;

	if (!dir) {
		ctsh_close_fd(&fd);
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read fd");
	}
	errno = 0;
	while (!found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' &&
		        (fstatat(fd, entry->d_name, &st, 0) ||
		         S_ISDIR(st.st_mode));
	found = found || errno;
	(void)closedir(dir);
	return !found ? 0
	              : ctsh_fail(err, CTSH_E_UNSAFE, 0,
	                          "the service has a directory open");
}

static int guide(const struct passage *p, struct ctsh_error *err)
{
	const struct ctsh_container *c = p->visit->container;
	int32_t ignored;

	if (join_groups(p, err) || ctsh_oom_give(c, p->v, err) ||
	    ctsh_schedule_give(c, p->v, err) || ctsh_talk_go(&p->talk, err) ||
	    ctsh_talk_expect(&p->talk, p->v_fd, CTSH_STAGE_CONFINED, &ignored,
	                     err))
		return -1;
	if (ctsh_verify_service(p->v, c, ctsh_visit_needs, p->visit->gid,
	                        p->own_filters, err))
		return ctsh_verify_failed(p->v_fd, err);
	if (check_no_directory(p, err))
		return ctsh_verify_failed(p->v_fd, err);
	return ctsh_verify_unchanged(c, err);
}

/* It is ended before anything is told: that may take its time. */
static void end_v(const struct passage *p)
{
	(void)syscall(SYS_pidfd_send_signal, p->v_fd, SIGKILL, NULL, 0);
}

/* Never returns into the service, of which it is a copy. */
static _Noreturn void witness(struct passage *p)
{
	const struct ctsh_visit *visit = p->visit;
	struct ctsh_error err = {.code = CTSH_OK};
	int failed;

	ctsh_hide();
	ctsh_close_fd(&p->line.report);
	failed = guide(p, &err);
	if (failed) {
		end_v(p);
		(void)ctsh_container_failed(visit->container, &err);
	}
	visit->told(visit->context, failed ? &err : NULL);
	if (!failed && ctsh_talk_go(&p->talk, &err))
		end_v(p);
	_exit(0);
}

/* -- V ------------------------------------------------------------------- */

/* A filter may fake even this; W does not wait for long. */
static _Noreturn void perish(void)
{
	for (;;)
		_exit(CHAR_MAX);
}

static void say(const struct passage *p, enum ctsh_stage stage, int sys)
{
	struct ctsh_message message = {(uint32_t)stage, sys};

	if (write(p->line.report, &message, sizeof(message)) != sizeof(message))
		perish();
}

/* W's word, which no filter can say in its place. */
static void await_go(const struct passage *p)
{
	volatile char word = 'n';

	if (read(p->line.go, (char *)&word, 1) != 1 || word != 'g')
		perish();
}

/* No descriptor of the host's but the service's own is to be there when the
 * filters are: a closing that they fake would be none.  And what the service
 * was started with itself, as su(1) is by anybody, is not for the user. */
static int let_loose(struct passage *p)
{
	struct ctsh_container *c = p->visit->container;

	ctsh_close_fd(&c->pidfd);
	ctsh_close_fd(&c->proc);
	ctsh_close_fd(&c->root);
	ctsh_close_fd(&c->environ);
	ctsh_close_fd(&c->cgroup2);
	for (unsigned i = 0; i < c->cgroup1_count; i++)
		ctsh_close_fd(&c->cgroup1[i]);
	ctsh_close_fd(&p->procs);
	ctsh_close_fd(&p->v_fd);
	ctsh_close_fd(&p->talk.reports);
	return (int)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U,
	                    CLOSE_RANGE_CLOEXEC);
}

static enum ctsh_stage step_inside(struct passage *p)
{
	const struct ctsh_visit *visit = p->visit;
	struct ctsh_container *c = visit->container;
	enum ctsh_stage failed;

	ctsh_hide();
	failed = ctsh_join(c, visit->group_count, visit->groups);
	if (failed)
		return failed;
	failed = ctsh_take_root(c);
	if (failed)
		return failed;
	if (let_loose(p))
		return CTSH_STAGE_DESCRIPTORS;
	return ctsh_confine_service(c, ctsh_visit_needs & c->bounding,
	                            visit->gid);
}

static void enter(struct passage *p)
{
	enum ctsh_stage failed;

	/* Only W may hold that end: else one that was killed is awaited for
	 * ever, with all signals blocked. */
	ctsh_close_fd(&p->talk.go);
	await_go(p);
	failed = step_inside(p);
	if (failed) {
		say(p, failed, errno);
		/* W tells of it and ends us. */
		await_go(p);
		perish();
	}
	say(p, CTSH_STAGE_CONFINED, 0);
	await_go(p);
}

/* -- before --------------------------------------------------------------- */

/* With 1 the service is dumpable again as soon as it has become the user, whose
 * processes inside may then take over what has its memory and its sockets. */
static int check_dumpable(struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;

	text = ctsh_read_file_at(AT_FDCWD, SUID_DUMPABLE, 16, NULL);
	if (!text)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, SUID_DUMPABLE);
	if (text[0] == '0' || text[0] == '2')
		return 0;
	return ctsh_fail(err, CTSH_E_SYSTEM, 0,
	                 "join=all needs fs.suid_dumpable to be 0 or 2");
}

/* setns(2) moves one thread. */
static int look_at_self(struct passage *p, struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(p->v, err);
	struct ctsh_proc_status status;

	if (proc < 0 || ctsh_proc_read_status(proc, &status, err))
		return -1;
	p->own_filters = status.seccomp_filters;
	if (status.threads != 1)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the calling process has %u threads",
		                 status.threads);
	return 0;
}

static int prepare(struct passage *p, struct ctsh_error *err)
{
	int cgroup2 = p->visit->container->cgroup2;

	if (check_dumpable(err) || look_at_self(p, err))
		return -1;
	if (cgroup2 >= 0) {
		p->procs =
			openat(cgroup2, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (p->procs < 0)
			return ctsh_fail(err, CTSH_E_SYSTEM, errno,
			                 "open the unified cgroup");
	}
	p->v_fd = (int)syscall(SYS_pidfd_open, p->v, 0);
	if (p->v_fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pidfd_open");
	return ctsh_talk_open(&p->talk, &p->line, err);
}

/* Signals wait, so that W never runs a handler of the service's. */
static pid_t fork_witness(struct passage *p)
{
	sigset_t all;
	pid_t w;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &p->mask);
	w = fork();
	if (w == 0)
		witness(p);
	if (w < 0)
		(void)sigprocmask(SIG_SETMASK, &p->mask, NULL);
	return w;
}

int ctsh_visit(const struct ctsh_visit *visit, struct ctsh_error *err)
{
	struct passage p = {
		.visit = visit,
		.talk = CTSH_TALK_INIT(visit->deadline_ms),
		.line = {-1, -1},
		.v = getpid(),
		.v_fd = -1,
		.procs = -1,
	};
	int rc = prepare(&p, err);
	pid_t w = rc ? -1 : fork_witness(&p);

	if (w > 0)
		enter(&p);
	else if (rc == 0)
		rc = ctsh_fail(err, CTSH_E_SYSTEM, errno, "fork");
	ctsh_close_fd(&p.line.report);
	ctsh_close_fd(&p.procs);
	ctsh_close_fd(&p.v_fd);
	ctsh_talk_close(&p.talk);
	if (w > 0) {
		(void)waitpid(w, NULL, 0);
		(void)sigprocmask(SIG_SETMASK, &p.mask, NULL);
	}
	return rc;
}
