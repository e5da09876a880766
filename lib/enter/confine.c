/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../base/proc.h"
#include "caps.h"
#include "sandbox.h"
#include "seccomp.h"

#define ADMIN (UINT64_C(1) << CAP_SYS_ADMIN)

static bool needs_admin(const struct ctsh_container *c)
{
	return c->filters.count > 0 && !c->no_new_privs;
}

/*
 * In a foreign user namespace our ids are not mapped, and a process with
 * unmapped ids was open to ptrace (CVE-2015-8709): take its root at once.
 */
static int take_mapped_root(const struct ctsh_container *c)
{
	uint32_t outside;

	if (!(c->join & CLONE_NEWUSER))
		return 0;
	if (ctsh_idmap_out(&c->gids, 0, &outside) && setresgid(0, 0, 0))
		return -1;
	if (ctsh_idmap_out(&c->uids, 0, &outside) && setresuid(0, 0, 0))
		return -1;
	ctsh_hide();
	return 0;
}

static int change_ids(const struct ctsh_plan *plan, bool keep_caps)
{
	if (keep_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return -1;
	if (setresgid(plan->gid, plan->gid, plan->gid) ||
	    setresuid(plan->uid, plan->uid, plan->uid))
		return -1;
	ctsh_hide();
	return 0;
}

/* Tries to get back what was given up, with sentinels against a kernel or a
 * libc that says yes and does nothing. */
static int prove_ids(const struct ctsh_plan *plan)
{
	uid_t r = (uid_t)-1, e = (uid_t)-1, s = (uid_t)-1;
	gid_t rg = (gid_t)-1, eg = (gid_t)-1, sg = (gid_t)-1;

	errno = EPERM;
	if (getresuid(&r, &e, &s) || getresgid(&rg, &eg, &sg))
		return -1;
	if (r != plan->uid || e != plan->uid || s != plan->uid ||
	    rg != plan->gid || eg != plan->gid || sg != plan->gid)
		return -1;
	if (plan->uid != 0 && setuid(0) == 0)
		return -1;
	if (plan->gid != 0 && setgid(0) == 0)
		return -1;
	return 0;
}

/*
 * With no_new_privs a filter may be anybody's, the container's own included,
 * and can fake the result of any later call: so nothing may be left to drop.
 * Without it the filters were loaded with SYS_ADMIN, by the engine, and ours
 * can be loaded in no other way: that one capability is dropped last, and
 * whether it went is checked from outside.
 */
static enum ctsh_stage load_filters(const struct ctsh_container *c,
                                    bool has_admin, uint64_t keep)
{
	if (ctsh_seccomp_load(&c->filters))
		return CTSH_STAGE_FILTERS;
	if (has_admin && ctsh_caps_set(keep))
		return CTSH_STAGE_CAPABILITIES;
	return 0;
}

enum ctsh_stage ctsh_confine(const struct ctsh_container *c,
                             const struct ctsh_plan *plan)
{
	bool need_admin = needs_admin(c);

	if (take_mapped_root(c))
		return CTSH_STAGE_MAPPED_ROOT;
	/* Joining a user namespace fills the set up again: not before it. */
	if (ctsh_caps_bound(c->bounding))
		return CTSH_STAGE_BOUNDING;
	if (setgroups(plan->group_count, plan->groups))
		return CTSH_STAGE_GROUPS;
	if (change_ids(plan, need_admin))
		return CTSH_STAGE_IDS;
	if (ctsh_caps_set(need_admin ? ADMIN : 0))
		return CTSH_STAGE_CAPABILITIES;
	if (prove_ids(plan))
		return CTSH_STAGE_PROOF;
	if (c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return CTSH_STAGE_NO_NEW_PRIVS;
	ctsh_hide();
	return load_filters(c, need_admin, 0);
}

enum ctsh_stage ctsh_confine_service(const struct ctsh_container *c,
                                     uint64_t keep, gid_t gid)
{
	bool need_admin = needs_admin(c);
	uint64_t until_loaded = need_admin ? ADMIN : 0;

	/* One that was called by somebody may still have an id of theirs. */
	if (take_mapped_root(c) || setresgid(gid, gid, gid) ||
	    setresuid(0, 0, 0))
		return CTSH_STAGE_MAPPED_ROOT;
	ctsh_hide();
	if (ctsh_caps_bound(c->bounding))
		return CTSH_STAGE_BOUNDING;
	if (ctsh_caps_set(keep | until_loaded))
		return CTSH_STAGE_CAPABILITIES;
	if (c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return CTSH_STAGE_NO_NEW_PRIVS;
	ctsh_hide();
	return load_filters(c, need_admin, keep);
}
