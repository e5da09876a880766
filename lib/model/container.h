/* SPDX-License-Identifier: MIT */
/*
 * container.h - one running container, pinned and held by descriptors.
 *
 * A process ID names a process only until that process dies.  This handle
 * names it for as long as the handle lives: what later steps need is opened
 * once, by lib/enter/container.c, and proved to belong to one process.
 *
 * Privilege: none to read it.
 * Trust:     values are the kernel's word about the init.  What is reached
 *            through `root` belongs to the container and is hostile.
 */
#ifndef CTSH_MODEL_CONTAINER_H
#define CTSH_MODEL_CONTAINER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Order is fixed: mnt uts ipc net pid cgroup user time. */
#define CTSH_NS_COUNT 8
#define CTSH_IDMAP_MAX 340 /* the kernel's own limit of lines */
#define CTSH_CGROUP_MAX 24
#define CTSH_CPUS_MAX 8192 /* the largest NR_CPUS that a kernel can have */

struct ctsh_ns_id {
	dev_t dev;
	ino_t ino;
};

struct ctsh_idmap {
	unsigned count;
	struct {
		uint32_t inside, outside, length;
	} range[CTSH_IDMAP_MAX];
};

/* The seccomp programs of the init, oldest first.  Heap; see seccomp.h. */
struct ctsh_filters {
	unsigned count;
	struct ctsh_filter {
		unsigned length; /* instructions */
		struct sock_filter *insns;
	} * filter;
};

/* How the kernel serves a process; see schedule.h. */
struct ctsh_schedule {
	int policy; /* SCHED_*                  */
	int nice;
	int ioprio; /* class and level together */
	unsigned long cpus[CTSH_CPUS_MAX / (8 * sizeof(unsigned long))];
};

/* What a security module calls the init; see lsm.h. */
struct ctsh_label {
	bool read;           /* or the rule does without it               */
	const char *file;    /* where M asks for it, below its /proc
	                        directory; static, NULL: nothing to ask   */
	const char *current; /* where it is shown once taken on; static   */
	char *shown;         /* as the kernel shows it, heap              */
	char *wanted;        /* as the kernel wants it written, heap      */
	char *own;           /* what we have ourselves, heap              */
};

/* Every descriptor is close-on-exec; -1 means "not held". */
struct ctsh_container {
	pid_t pid;            /* for /proc paths and ptrace, while pinned     */
	uint64_t start_ticks; /* clock ticks since boot, from the kernel      */
	int pidfd;            /* the init process itself                      */
	int proc;             /* O_PATH, /proc/PID of the init                */
	int root;             /* O_PATH, its "/"                              */
	int environ;          /* its /proc/PID/environ, readable, not read    */

	int cgroup2; /* O_PATH, its directory in the unified tree    */
	int cgroup1[CTSH_CGROUP_MAX]; /* cgroup.procs of each v1 hierarchy    */
	unsigned cgroup1_count;
	char *cgroup_text; /* its /proc/PID/cgroup, heap                   */

	struct ctsh_ns_id ns[CTSH_NS_COUNT];
	unsigned join; /* CLONE_NEW* that differ from ours             */

	struct ctsh_idmap uids, gids; /* container id to host id              */

	uid_t init_uid; /* the init's effective ids, as the host counts */
	gid_t init_gid;
	uint64_t bounding; /* its capability bounding set                  */
	bool no_new_privs;
	unsigned filter_count; /* Seccomp_filters of the init */
	struct ctsh_filters filters;
	struct rlimit limits[RLIM_NLIMITS];
	int oom_score_adj;
	struct ctsh_schedule schedule;
	struct ctsh_label label;
	unsigned personality;         /* personality(2)               */
	unsigned long timer_slack_ns; /* PR_SET_TIMERSLACK; 0: the default */
};

#define CTSH_CONTAINER_INIT                                         \
	{                                                           \
		.pidfd = -1, .proc = -1, .root = -1, .environ = -1, \
		.cgroup2 = -1                                       \
	}

#endif
