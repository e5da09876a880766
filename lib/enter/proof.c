/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "../base/proc.h"
#include "cgroup.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define MOUNTINFO_MAX (4 << 20)

const struct ctsh_ns_kind ctsh_ns_kinds[CTSH_NS_COUNT] = {
	{"mnt", CLONE_NEWNS},    {"uts", CLONE_NEWUTS},
	{"ipc", CLONE_NEWIPC},   {"net", CLONE_NEWNET},
	{"pid", CLONE_NEWPID},   {"cgroup", CLONE_NEWCGROUP},
	{"user", CLONE_NEWUSER}, {"time", CLONE_NEWTIME},
};

int ctsh_proof_identity(const struct ctsh_container *c,
                        const struct ctsh_target *target,
                        struct ctsh_error *err)
{
	bool dated = target->not_after.tv_sec || target->not_after.tv_nsec;

	if (!target->start_ticks && !target->cgroup_id[0] && !dated)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "nothing proves that pid %d is container %s",
		                 (int)c->pid, target->id);
	if (target->start_ticks && target->start_ticks != c->start_ticks)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "pid %d has another start time than recorded",
		                 (int)c->pid);
	if (target->cgroup_id[0] &&
	    !ctsh_cgroup_names(c->cgroup_text, target->cgroup_id))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the cgroup of pid %d does not name container "
		                 "%s",
		                 (int)c->pid, target->cgroup_id);
	if (dated && !ctsh_proc_started_by(c->start_ticks, &target->not_after))
		return ctsh_fail(
			err, CTSH_E_UNSAFE, 0,
			"pid %d is younger than the file that names it",
			(int)c->pid);
	return 0;
}

static int check_shared(const struct ctsh_container *c,
                        const struct ctsh_terms *terms, struct ctsh_error *err)
{
	unsigned never = CLONE_NEWNS | CLONE_NEWPID;

	for (unsigned i = 0; i < CTSH_NS_COUNT; i++) {
		unsigned flag = ctsh_ns_kinds[i].flag;

		if (c->join & flag)
			continue;
		if ((flag & never) || !(terms->share & flag))
			return ctsh_fail(err, CTSH_E_UNSAFE, 0,
			                 "pid %d is in the host's %s namespace",
			                 (int)c->pid, ctsh_ns_kinds[i].file);
	}
	return 0;
}

int ctsh_proof_not_host(const struct ctsh_container *c, struct ctsh_error *err)
{
	static const struct ctsh_terms all = {.share = ~0U};

	return check_shared(c, &all, err);
}

static int open_ns(const struct ctsh_container *c, const char *file,
                   struct ctsh_error *err)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "ns/%s", file);
	fd = openat(c->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ctsh_fail(err,
		                 errno == ENOENT || errno == ESRCH
		                         ? CTSH_E_GONE
		                         : CTSH_E_SYSTEM,
		                 errno, "open %s", path);
	return fd;
}

int ctsh_proof_owner(const struct ctsh_container *c, uid_t owner,
                     struct ctsh_error *err)
{
	ctsh_autoclose int user = open_ns(c, "user", err);
	uid_t found;

	if (user < 0)
		return -1;
	if (!(c->join & CLONE_NEWUSER))
		found = 0;
	else if (ioctl(user, NS_GET_OWNER_UID, &found))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "owner of the user namespace");
	if (found != owner)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its user namespace belongs to uid %u, not %u",
		                 found, owner);
	return 0;
}

/* That the namespace `file` belongs to the init's own user namespace. */
static int check_belongs(const struct ctsh_container *c, const char *file,
                         const struct ctsh_ns_id *user, struct ctsh_error *err)
{
	ctsh_autoclose int ns = open_ns(c, file, err);
	ctsh_autoclose int owner = -1;
	struct stat st;

	if (ns < 0)
		return -1;
	owner = ioctl(ns, NS_GET_USERNS);
	if (owner < 0 || fstat(owner, &st))
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "user namespace that owns its %s namespace",
		                 file);
	if (st.st_dev != user->dev || st.st_ino != user->ino)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its %s namespace belongs to another user "
		                 "namespace",
		                 file);
	return 0;
}

int ctsh_proof_isolation(const struct ctsh_container *c,
                         const struct ctsh_terms *terms, struct ctsh_error *err)
{
	const struct ctsh_ns_id *user = NULL;

	for (unsigned i = 0; i < CTSH_NS_COUNT; i++)
		if (ctsh_ns_kinds[i].flag == CLONE_NEWUSER)
			user = &c->ns[i];
	if (check_shared(c, terms, err) ||
	    ctsh_proof_owner(c, terms->owner, err) ||
	    check_belongs(c, "mnt", user, err) ||
	    check_belongs(c, "pid", user, err))
		return -1;
	return 0;
}

static int mount_of(int fd, uint64_t *mount)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) ||
	    !(st.stx_mask & STATX_MNT_ID))
		return -1;
	*mount = st.stx_mnt_id;
	return 0;
}

int ctsh_proof_started(const struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autofree char *mounts = NULL;
	ctsh_autoclose int program = -1;
	uint64_t root, of_program;

	mounts = ctsh_read_file_at(c->proc, "mountinfo", MOUNTINFO_MAX, NULL);
	program = openat(c->proc, "exe", O_PATH | O_CLOEXEC);
	if (!mounts || program < 0 || mount_of(program, &of_program) ||
	    mount_of(c->root, &root))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "find the program of pid %d", (int)c->pid);
	if (ctsh_proc_has_mount(mounts, of_program) &&
	    ctsh_proc_has_mount(mounts, root))
		return 0;
	(void)ctsh_fail(err, CTSH_E_ABSENT, 0,
	                "pid %d does not run a program of its container: made, "
	                "but not started?",
	                (int)c->pid);
	/* An engine calls it running shortly before it does. */
	err->coming = CTSH_COMING_SOON;
	return -1;
}
