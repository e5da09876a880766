/* SPDX-License-Identifier: MIT */
/*
 * proc.h - the formats of /proc, from text in memory to values.
 *
 * Pure but for ctsh_proc_open(), ctsh_proc_of() and ctsh_proc_read_*().
 * Every format is read by field, never by looking for the last separator: a
 * command name may hold blanks and parentheses (CVE-2017-1000367), a cgroup
 * path may hold colons.
 *
 * Privilege: that of the caller.
 * Trust:     the kernel wrote the text; names inside it are hostile.
 */
#ifndef CTSH_PROC_H
#define CTSH_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "../model/container.h"
#include "error.h"

#define CTSH_PROC_GROUPS_MAX 1024

struct ctsh_proc_status {
	char state; /* 'R', 'S', 'T', 'Z', ...             */
	pid_t parent;
	pid_t tracer;
	uid_t uid[4]; /* real, effective, saved, filesystem  */
	gid_t gid[4];
	unsigned group_count;
	gid_t groups[CTSH_PROC_GROUPS_MAX];
	uint64_t inheritable, permitted, effective, bounding, ambient;
	bool no_new_privs;
	unsigned seccomp; /* 0 none, 1 strict, 2 filters         */
	unsigned seccomp_filters;
	unsigned threads;
};

/* All fields are required but the groups, which may be empty.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_status(const char *text,
                                           struct ctsh_proc_status *status);

/* Field 22 of /proc/PID/stat: start in clock ticks since boot.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_start(const char *text, uint64_t *ticks);

/* Field 9: the kernel's PF_* flags.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_flags(const char *text, uint64_t *flags);

/* Field 28: where its stack begins, which execve(2) chooses anew.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_stack(const char *text, uint64_t *address);

/* /proc/PID/limits: soft and hard limits by their RLIMIT_* number; every one
 * this kernel knows must be there, once.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_limits(const char *text,
                                           struct rlimit limits[RLIM_NLIMITS]);

/* /proc/PID/personality: eight hexadecimal digits.  0 or -1. */
CTSH_MUST_CHECK int ctsh_proc_parse_personality(const char *text,
                                                unsigned *personality);

/* uid_map or gid_map.  0, or -1 on malformed or overlong text. */
CTSH_MUST_CHECK int ctsh_proc_parse_idmap(const char *text,
                                          struct ctsh_idmap *map);

/* Container id to host id.  False if it is not mapped. */
CTSH_MUST_CHECK bool ctsh_idmap_out(const struct ctsh_idmap *map,
                                    uint32_t inside, uint32_t *outside);

/* Host id to container id.  False if it is not mapped. */
CTSH_MUST_CHECK bool ctsh_idmap_in(const struct ctsh_idmap *map,
                                   uint32_t outside, uint32_t *inside);

/* One line of /proc/PID/cgroup, borrowed from the text: not terminated. */
struct ctsh_proc_cgroup {
	unsigned hierarchy;      /* 0 is the unified one              */
	const char *controllers; /* "cpu,cpuacct", "name=systemd", "" */
	size_t controllers_length;
	const char *path; /* "/docker/2a02..."                 */
	size_t path_length;
};

/*
 * Takes the line at `*cursor` apart and moves the cursor behind it.
 * 1: a line; 0: the end; -1: malformed, or a path with a ".." part, which
 * means that it lies outside our own cgroup namespace.
 */
CTSH_MUST_CHECK int ctsh_proc_next_cgroup(const char **cursor,
                                          struct ctsh_proc_cgroup *line);

/* Whether mountinfo text has the mount with that number. */
bool ctsh_proc_has_mount(const char *text, uint64_t mount_id);

/* A cgroup file system of our mount namespace, whole (its root is "/"). */
struct ctsh_proc_mount {
	char path[512];
	char options[256]; /* super options: "rw,cpu,cpuacct"   */
	bool unified;
};

/*
 * Takes the next mount of type cgroup or cgroup2 with root "/" out of
 * mountinfo text.  1, 0 at the end, -1 malformed.  Octal escapes in the path
 * are undone.
 */
CTSH_MUST_CHECK int ctsh_proc_next_cgroup_mount(const char **cursor,
                                                struct ctsh_proc_mount *mount);

/* O_PATH descriptor of the host's /proc, proved to be procfs and its root.
 * -1 with `*err`. */
CTSH_MUST_CHECK int ctsh_proc_open(struct ctsh_error *err);

/* O_PATH descriptor of /proc/PID, proved to be procfs.  -1 with `*err`,
 * E_GONE if there is no such process. */
CTSH_MUST_CHECK int ctsh_proc_of(pid_t pid, struct ctsh_error *err);

/* Read and parse `status` and numbers of `stat` below such a descriptor.
 * 0 or -1 with `*err`: E_GONE if the process ended, E_SYSTEM otherwise. */
CTSH_MUST_CHECK int ctsh_proc_read_status(int proc,
                                          struct ctsh_proc_status *status,
                                          struct ctsh_error *err);
CTSH_MUST_CHECK int ctsh_proc_read_start(int proc, uint64_t *ticks,
                                         struct ctsh_error *err);
CTSH_MUST_CHECK int ctsh_proc_read_flags(int proc, uint64_t *flags,
                                         struct ctsh_error *err);
CTSH_MUST_CHECK int ctsh_proc_read_stack(int proc, uint64_t *address,
                                         struct ctsh_error *err);

/* Identity of the namespace behind /proc/PID/ns/NAME ("pid" and so on). */
CTSH_MUST_CHECK int ctsh_proc_read_ns(int proc, const char *name,
                                      struct ctsh_ns_id *id,
                                      struct ctsh_error *err);

/*
 * Whether a process with that start time existed when a file was stamped with
 * `limit` (CLOCK_REALTIME).  Start times count from boot, file times from the
 * epoch; today's difference of the two clocks joins them.  A clock that was set
 * between the two events makes honest files look too old: that says no, never
 * yes, unless it was set back by as long as the process is younger.
 */
CTSH_MUST_CHECK bool ctsh_proc_started_by(uint64_t start_ticks,
                                          const struct timespec *limit);

#endif
