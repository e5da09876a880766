/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "container.h"
#include "lsm.h"
#include "proof.h"

#define CGROUP_TEXT_MAX 65536
#define LIMITS_TEXT_MAX 16384

/* Between the loss of its files and its end. */
#define ENDING_MS 100

/* PF_FORKNOEXEC of the kernel's linux/sched.h: no execve(2) since the fork. */
#define FORKED_ONLY 0x40

static const char other_root[] = "another root directory than the init's";

static int unsafe(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_UNSAFE, 0, "after entry: %s", what);
}

static int check_namespace(int proc, const struct ctsh_container *c,
                           unsigned index, const char *file,
                           struct ctsh_error *err)
{
	struct ctsh_ns_id id;

	if (ctsh_proc_read_ns(proc, file, &id, err))
		return -1;
	if (id.dev != c->ns[index].dev || id.ino != c->ns[index].ino)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "after entry: another %s namespace than the "
		                 "init's",
		                 file);
	return 0;
}

static int check_cgroups(int proc, const char *expected, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;

	text = ctsh_read_file_at(proc, "cgroup", CGROUP_TEXT_MAX, NULL);
	if (!text)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read cgroup");
	if (strcmp(text, expected) != 0)
		return unsafe(err, "not in the init's cgroups");
	return 0;
}

/* `pid_file`: setns(2) moves only the children into a PID namespace. */
static int check_namespaces(int proc, const struct ctsh_container *c,
                            const char *pid_file, struct ctsh_error *err)
{
	for (unsigned i = 0; i < CTSH_NS_COUNT; i++) {
		const struct ctsh_ns_kind *kind = &ctsh_ns_kinds[i];

		if (check_namespace(proc, c, i,
		                    kind->flag == CLONE_NEWPID ? pid_file
		                                               : kind->file,
		                    err))
			return -1;
	}
	return 0;
}

static int check_one(int proc, const struct ctsh_container *c, unsigned flag,
                     struct ctsh_error *err)
{
	for (unsigned i = 0; i < CTSH_NS_COUNT; i++)
		if (ctsh_ns_kinds[i].flag == flag)
			return check_namespace(proc, c, i,
			                       ctsh_ns_kinds[i].file, err);
	return unsafe(err, "no such namespace");
}

static int by_value(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

/* As sets: the kernel sorts what it was given. */
static bool same_groups(const struct ctsh_proc_status *status,
                        const struct ctsh_plan *plan)
{
	gid_t have[CTSH_PROC_GROUPS_MAX];
	gid_t want[CTSH_PROC_GROUPS_MAX];
	size_t size = plan->group_count * sizeof(gid_t);

	if (status->group_count != plan->group_count ||
	    plan->group_count > CTSH_PROC_GROUPS_MAX)
		return false;
	memcpy(have, status->groups, size);
	memcpy(want, plan->host_groups, size);
	qsort(have, plan->group_count, sizeof(gid_t), by_value);
	qsort(want, plan->group_count, sizeof(gid_t), by_value);
	return memcmp(have, want, size) == 0;
}

static bool same_ids(const struct ctsh_proc_status *status,
                     const struct ctsh_plan *plan)
{
	for (int i = 0; i < 4; i++)
		if (status->uid[i] != plan->host_uid ||
		    status->gid[i] != plan->host_gid)
			return false;
	return true;
}

/* Files below the /proc directory of a process that is not dumpable belong to
 * root, of one that is to its own user (proc(5)); of the host's `root` both are
 * the same. */
static bool is_hidden(int proc, bool root)
{
	struct stat st;

	return fstatat(proc, "environ", &st, 0) == 0 &&
	       (st.st_uid == 0 || root);
}

static int check_powerless(int proc, const struct ctsh_proc_status *s,
                           const struct ctsh_container *c,
                           const struct ctsh_plan *plan, unsigned own_filters,
                           struct ctsh_error *err)
{
	if (!same_ids(s, plan))
		return unsafe(err, "other ids than planned");
	if (!same_groups(s, plan))
		return unsafe(err, "other groups than planned");
	if (s->inheritable | s->permitted | s->effective | s->ambient)
		return unsafe(err, "capabilities are left");
	if (s->bounding & ~c->bounding)
		return unsafe(err, "a wider bounding set than the init's");
	if (s->no_new_privs != c->no_new_privs)
		return unsafe(err, "no_new_privs differs from the init's");
	if (s->seccomp_filters != own_filters + c->filter_count)
		return unsafe(err, "the filters are not all loaded");
	if (!is_hidden(proc, plan->host_uid == 0))
		return unsafe(err, "the process is dumpable");
	return 0;
}

/* The same file or directory of the same mount: a file system may be mounted
 * twice. */
static bool same_place(int a, int b)
{
	const unsigned want = STATX_INO | STATX_MNT_ID;
	struct statx x, y;

	return statx(a, "", AT_EMPTY_PATH, want, &x) == 0 &&
	       statx(b, "", AT_EMPTY_PATH, want, &y) == 0 &&
	       (x.stx_mask & y.stx_mask & want) == want &&
	       x.stx_ino == y.stx_ino && x.stx_dev_major == y.stx_dev_major &&
	       x.stx_dev_minor == y.stx_dev_minor &&
	       x.stx_mnt_id == y.stx_mnt_id;
}

/* Where the init was chrooted without pivot_root, another root may show the
 * host's tree. */
static bool has_root(int proc, const struct ctsh_container *c)
{
	ctsh_autoclose int root =
		openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return root >= 0 && same_place(root, c->root);
}

static int check_limits(int proc, const struct ctsh_container *c,
                        struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	struct rlimit limits[RLIM_NLIMITS];

	text = ctsh_read_file_at(proc, "limits", LIMITS_TEXT_MAX, NULL);
	if (!text || ctsh_proc_parse_limits(text, limits))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read limits");
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (limits[i].rlim_cur > c->limits[i].rlim_cur ||
		    limits[i].rlim_max > c->limits[i].rlim_max)
			return unsafe(err, "wider limits than the init's");
	return 0;
}

/* How many descriptors it has, or -1. */
static int count_descriptors(int proc)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int count = 0;

	if (!dir) {
		ctsh_close_fd(&fd);
		return -1;
	}
	errno = 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (errno)
		count = -1;
	(void)closedir(dir);
	return count;
}

/* The one at 5 is the plan's program, by the mount that nobody can write to. */
static bool has_program(int proc, int program)
{
	ctsh_autoclose int fd = openat(proc, "fd/5", O_PATH | O_CLOEXEC);

	return fd >= 0 && same_place(fd, program);
}

/* 0 to 2 are the session's, two pipes lead to us: but for a program of ours no
 * other is left that could lead to the host, and S is visible inside with what
 * M has. */
static int check_descriptors(int proc, const int stdio[3], int program,
                             int baggage, struct ctsh_error *err)
{
	char path[16];
	struct stat have, want;

	for (int fd = 0; fd < 3; fd++) {
		(void)snprintf(path, sizeof(path), "fd/%d", fd);
		if (fstatat(proc, path, &have, 0) || fstat(stdio[fd], &want) ||
		    have.st_dev != want.st_dev || have.st_ino != want.st_ino)
			return unsafe(err, "another standard descriptor");
	}
	if (count_descriptors(proc) != (program < 0 ? 5 : 6 + baggage))
		return unsafe(err, "more descriptors than the session's");
	if (program >= 0 && !has_program(proc, program))
		return unsafe(err, "another program than planned");
	return 0;
}

int ctsh_verify_joined(pid_t m, const struct ctsh_entry *e,
                       struct ctsh_error *err)
{
	const struct ctsh_container *c = e->container;
	const char *cgroups = e->group ? e->group->text : c->cgroup_text;
	int program = e->plan->program ? e->program : -1;
	ctsh_autoclose int proc = ctsh_proc_of(m, err);

	if (proc < 0 || check_namespaces(proc, c, "pid_for_children", err) ||
	    check_cgroups(proc, cgroups, err) || check_limits(proc, c, err) ||
	    check_descriptors(proc, e->stdio, program, e->baggage_count, err))
		return -1;
	return has_root(proc, c) ? 0 : unsafe(err, other_root);
}

int ctsh_verify_confined(pid_t m, const struct ctsh_entry *e,
                         unsigned own_filters, struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(m, err);
	struct ctsh_proc_status status;

	if (proc < 0 || ctsh_proc_read_status(proc, &status, err))
		return -1;
	return check_powerless(proc, &status, e->container, e->plan,
	                       own_filters, err);
}

int ctsh_verify_born(pid_t s, const struct ctsh_container *c,
                     const struct ctsh_plan *plan, unsigned own_filters,
                     struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(s, err);
	struct ctsh_proc_status status;

	if (proc < 0 || check_one(proc, c, CLONE_NEWPID, err) ||
	    ctsh_proc_read_status(proc, &status, err))
		return -1;
	if (status.parent != getpid())
		return unsafe(err, "the shell is not our child");
	return check_powerless(proc, &status, c, plan, own_filters, err);
}

int ctsh_verify_executed(pid_t s, const struct ctsh_container *c,
                         struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(s, err);
	uint64_t flags;

	if (proc < 0 || ctsh_proc_read_flags(proc, &flags, err))
		return -1;
	if (flags & FORKED_ONLY)
		return ctsh_fail(err, CTSH_E_GONE, 0,
		                 "the shell was ended before it began");
	return c->label.file ? ctsh_lsm_check_taken(proc, &c->label, err) : 0;
}

static int check_service(const struct ctsh_proc_status *s,
                         const struct ctsh_container *c, uint64_t keep,
                         gid_t inside, unsigned own_filters,
                         struct ctsh_error *err)
{
	uint32_t uid = 0, gid = 0;

	if (!ctsh_idmap_out(&c->uids, 0, &uid) ||
	    !ctsh_idmap_out(&c->gids, inside, &gid))
		return unsafe(err, "nobody is root in the container");
	for (int i = 0; i < 4; i++)
		if (s->uid[i] != uid || s->gid[i] != gid)
			return unsafe(err, "not the container's root in the "
			                   "user's group");
	if (s->inheritable | s->ambient)
		return unsafe(err, "inheritable capabilities are left");
	if ((s->permitted | s->effective) & ~(keep & c->bounding))
		return unsafe(err, "capabilities are left");
	if (s->bounding & ~c->bounding)
		return unsafe(err, "a wider bounding set than the init's");
	if (s->no_new_privs != c->no_new_privs)
		return unsafe(err, "no_new_privs differs from the init's");
	if (s->seccomp_filters != own_filters + c->filter_count)
		return unsafe(err, "the filters are not all loaded");
	return s->threads == 1 ? 0 : unsafe(err, "it has threads");
}

int ctsh_verify_service(pid_t service, const struct ctsh_container *c,
                        uint64_t keep, gid_t gid, unsigned own_filters,
                        struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(service, err);
	struct ctsh_proc_status status;

	if (proc < 0 || check_namespaces(proc, c, "pid_for_children", err) ||
	    check_cgroups(proc, c->cgroup_text, err) ||
	    check_limits(proc, c, err) ||
	    ctsh_proc_read_status(proc, &status, err))
		return -1;
	if (!has_root(proc, c))
		return unsafe(err, other_root);
	if (!is_hidden(proc, false))
		return unsafe(err, "the process is dumpable");
	return check_service(&status, c, keep, gid, own_filters, err);
}

static int init_changed(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_UNSAFE, 0,
	                 "the init changed its %s during the login", what);
}

int ctsh_verify_unchanged(const struct ctsh_container *c,
                          struct ctsh_error *err)
{
	ctsh_autoclose int self = ctsh_proc_of(getpid(), err);
	struct ctsh_proc_status s;

	if (self < 0 || check_namespaces(c->proc, c, "pid", err) ||
	    check_cgroups(c->proc, c->cgroup_text, err) ||
	    ctsh_lsm_check_unchanged(c->proc, self, &c->label, err) ||
	    ctsh_proc_read_status(c->proc, &s, err))
		return -1;
	if (s.uid[1] != c->init_uid || s.gid[1] != c->init_gid)
		return init_changed(err, "ids");
	if (s.bounding != c->bounding)
		return init_changed(err, "bounding set");
	if (s.no_new_privs != c->no_new_privs ||
	    s.seccomp_filters != c->filter_count)
		return init_changed(err, "seccomp filters or no_new_privs");
	if (!has_root(c->proc, c))
		return init_changed(err, "root directory");
	if (!ctsh_container_alive(c))
		return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended",
		                 (int)c->pid);
	return 0;
}

int ctsh_verify_failed(int pidfd, struct ctsh_error *err)
{
	if (ctsh_wait_fd(pidfd, POLLIN, ctsh_now_ms() + ENDING_MS) == 1)
		err->code = CTSH_E_GONE;
	return -1;
}

int ctsh_verify_network(int proc, const struct ctsh_container *c,
                        struct ctsh_error *err)
{
	return check_one(proc, c, CLONE_NEWNET, err);
}
