/* SPDX-License-Identifier: MIT */
#include "join.h"

#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lsm.h"
#include "sandbox.h"

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_SHARE_FROM 3
#endif

static int set_limits(const struct ctsh_container *c)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit, old;

		if (getrlimit((enum __rlimit_resource)i, &old))
			return -1;
		limit = old;
		/* Never above our own hard limit, never above the init's. */
		if (limit.rlim_max > c->limits[i].rlim_max)
			limit.rlim_max = c->limits[i].rlim_max;
		limit.rlim_cur = c->limits[i].rlim_cur;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if ((limit.rlim_cur != old.rlim_cur ||
		     limit.rlim_max != old.rlim_max) &&
		    setrlimit((enum __rlimit_resource)i, &limit))
			return -1;
	}
	return 0;
}

/* What is asked of the kernel by other ways than a limit. */
static enum ctsh_stage take_traits(const struct ctsh_container *c)
{
	/* Through the host's /proc: this is the last moment. */
	if (ctsh_lsm_ask(&c->label))
		return CTSH_STAGE_LABEL;
	/* What it returns is the caller's, whose highest bit may be set. */
	if (personality(c->personality) == -1 ||
	    prctl(PR_SET_TIMERSLACK, c->timer_slack_ns, 0, 0, 0))
		return CTSH_STAGE_TRAITS;
	/* Who may run beside it on the threads of one core.  Before Linux 5.14
	 * and without such threads there is no choice. */
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM, c->pid, 0, 0) &&
	    errno != EINVAL && errno != ENODEV)
		return CTSH_STAGE_TRAITS;
	/* They decide what a change of ids does to capabilities; a locked one
	 * would go on to the shell. */
	if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0))
		return CTSH_STAGE_SECUREBITS;
	return 0;
}

enum ctsh_stage ctsh_join(const struct ctsh_container *c, size_t group_count,
                          const gid_t *groups)
{
	enum ctsh_stage failed;

	/* A fresh anonymous session keyring: the login's own stays outside. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
	    errno != ENOSYS)
		return CTSH_STAGE_KEYRING;
	failed = take_traits(c);
	if (failed)
		return failed;
	if (set_limits(c))
		return CTSH_STAGE_LIMITS;
	/* While it is allowed: a user namespace may deny setgroups(2). */
	if (setgroups(group_count, groups))
		return CTSH_STAGE_GROUPS;
	/* One call, so that there is no half-joined state. */
	if (setns(c->pidfd, (int)c->join))
		return CTSH_STAGE_SETNS;
	ctsh_hide();
	return 0;
}

/*
 * The init may have been chrooted without pivot_root: its root is not the root
 * of its mount namespace, where the host's tree may still hang.
 */
enum ctsh_stage ctsh_take_root(const struct ctsh_container *c)
{
	return fchdir(c->root) || chroot(".") || chdir("/") ? CTSH_STAGE_ROOT
	                                                    : 0;
}
