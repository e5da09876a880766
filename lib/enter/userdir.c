/* SPDX-License-Identifier: MIT */
#include "userdir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/child.h"
#include "../base/fdio.h"
#include "../base/proc.h"
#include "caps.h"
#include "sandbox.h"

#define CAP(name) (UINT64_C(1) << (name))

struct errand {
	const struct ctsh_container *c;
	const struct ctsh_plan *plan;
	pid_t parent;
};

static int fail(struct ctsh_error *err, const char *step)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "user's directory: %s",
	                 step);
}

/* Root of the container, and able to give things to others. */
static bool init_could_do_it(const struct ctsh_container *c)
{
	uint32_t root;

	return ctsh_idmap_out(&c->uids, 0, &root) && root == c->init_uid &&
	       c->bounding & CAP(CAP_CHOWN);
}

/* The user's ids as the container counts, in its user namespace; one capability
 * is permitted and none effective. */
static int become_user(const struct errand *e, struct ctsh_error *err)
{
	const struct ctsh_plan *p = e->plan;

	/* The container's user namespace may deny it. */
	if (setgroups(0, NULL))
		return fail(err, "setgroups");
	if (e->c->join & CLONE_NEWUSER && setns(e->c->pidfd, CLONE_NEWUSER))
		return fail(err, "setns");
	ctsh_hide();
	if (ctsh_caps_bound(0) || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return fail(err, "bounding set");
	if (setresgid(p->gid, p->gid, p->gid) ||
	    setresuid(p->uid, p->uid, p->uid))
		return fail(err, "set ids");
	if (ctsh_caps_hold(CAP(CAP_DAC_OVERRIDE), 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(err, "capset");
	ctsh_hide();
	/* A change of ids forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != e->parent)
		return fail(err, "PR_SET_PDEATHSIG");
	return 0;
}

static int open_directory(int dirfd, const char *name, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve =
			resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/* Owners as the container counts: fstat(2) answers for our user namespace. */
static bool is_roots_alone(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

static bool is_users_alone(int fd, uid_t uid)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == uid &&
	       (st.st_mode & 0777) == 0700;
}

/* What fails here is the container's affair. */
static void make(int run_user, const char *name)
{
	(void)umask(077);
	if (ctsh_caps_set(CAP(CAP_DAC_OVERRIDE)) == 0)
		(void)mkdirat(run_user, name, 0700);
}

static int visit(void *argument, int channel, void *answer, int *fd,
                 struct ctsh_error *err)
{
	const struct errand *e = argument;
	ctsh_autoclose int run_user = -1, own = -1;
	char name[16];

	(void)fd;
	if (become_user(e, err))
		return -1;
	if (ctsh_close_but((const int[]){channel, e->c->root}, 2))
		return fail(err, "close_range");
	(void)snprintf(name, sizeof(name), "%u", e->plan->uid);
	run_user = open_directory(e->c->root, "run/user", RESOLVE_IN_ROOT);
	if (run_user >= 0 && is_roots_alone(run_user)) {
		if (init_could_do_it(e->c))
			make(run_user, name);
		if (ctsh_caps_set(0))
			return fail(err, "drop capabilities");
		/* logind mounts a file system of its own there. */
		own = open_directory(run_user, name, RESOLVE_BENEATH);
	}
	*(bool *)answer = own >= 0 && is_users_alone(own, e->plan->uid);
	return 0;
}

int ctsh_userdir_make(const struct ctsh_container *c,
                      const struct ctsh_plan *plan, bool *usable,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	struct errand e = {.c = c, .plan = plan, .parent = getpid()};

	return ctsh_child_call("maker of the user's directory", visit, &e,
	                       usable, sizeof(*usable), NULL, deadline_ms, err);
}
