/* SPDX-License-Identifier: MIT */
/*
 * enter.h - step 9: the barrier, and the way through it.
 *
 *  P (root, host)            M (host PID only)            S (container PID)
 *   clone into cgroup2 ------> dumpable off, own session
 *   v1 cgroups, oom            keyring, limits, setns, root, mapped 0, close
 *                              all
 *   compares namespaces, <---- joined
 *   cgroups, limits, root,     bounding, ids, nnp, seccomp, no caps
 *   descriptors
 *   compares the status  <---- confined
 *   go ----------------------> clone(CLONE_PARENT) ----------> born
 *   looks whether the init
 *   is what it was
 *   checks that S is its  <--- started (its PID)
 *   child and in the container's PID namespace
 *   go ------------------------------------------------------> setsid, tty,
 *   reads until end of file  <--- failure ------------------- chdir, execve
 *
 * M works while P moves it into the v1 cgroups: until P has seen all of it in
 * the host's /proc and said go, nothing that the container knows of exists.
 * M never has a PID inside; S has no power left when it is born.  Neither
 * decides, looks anything up or logs.  What they send is a number from a fixed
 * list.  A copied filter may fake the result of any call, clone's included, so
 * who S is says the kernel, by writing to memory, and P holds it against /proc.
 *
 * A container root with SYS_PTRACE and without a user namespace can take S over
 * before its execve, and then has what S has: two pipes beside 0 to 2, and
 * nothing of the host's (tests/hostile/test_entry_attacker.py).
 *
 * Privilege: root, on the host, single-threaded.
 * Trust:     container and plan are final.  Messages of M and S after the
 *            filters are loaded are hostile.
 */
#ifndef CTSH_ENTER_H
#define CTSH_ENTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/container.h"
#include "../model/plan.h"
#include "session_group.h"

/* Called with a pidfd, borrowed, of each process as soon as it exists, so that
 * a watchdog can end it.  0, or -1 to refuse. */
typedef int ctsh_enter_watch(void *context, int pidfd, struct ctsh_error *err);

/* Called before that process is let go on: whether it is watched.  0, or -1 to
 * refuse. */
typedef int ctsh_enter_watched(void *context, struct ctsh_error *err);

/* Pipes that a program of ours is executed with, beside 0 to 2. */
#define CTSH_BAGGAGE_MAX 48

struct ctsh_entry {
	const struct ctsh_container *container;
	const struct ctsh_plan *plan;
	const struct ctsh_session_group *group; /* to be born in, or NULL */
	int stdio[3]; /* what becomes 0 to 2; borrowed                  */
	int terminal; /* which of 0 to 2 is to become the controlling
	                 terminal, or -1                                */
	int program;  /* with plan->program: what ctsh_program_open() gave;
	                 borrowed                                        */
	int baggage[CTSH_BAGGAGE_MAX]; /* what it has from 6 on; borrowed */
	int baggage_count;             /* 0 without plan->program         */
	const void *heap;              /* ctsh_parcel_mark() */
	ctsh_enter_watch *watch;
	ctsh_enter_watched *watched;
	void *context;
	int64_t deadline_ms;
};

struct ctsh_session_leader {
	pid_t pid;      /* S, our child; as the host counts */
	int pidfd;      /* owned by the receiver            */
	bool elsewhere; /* not in the first of the plan's directories: the
	                   container's word */
};

/*
 * Opens a program of ours for the inside: by a private read-only mount of that
 * one file, so that whoever gets hold of it, container root included, can
 * neither write to it nor go anywhere from there.  The close-on-exec descriptor
 * for `program`, owned by the caller; or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_program_open(const char *path, struct ctsh_error *err);

/*
 * Enters.  Returns 0 once the shell's execve has succeeded, or -1 with all
 * processes ended and reaped and E_GONE, E_UNSAFE, E_SHELL (`sys` says why:
 * ENOENT, else not startable) or E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_enter(const struct ctsh_entry *entry,
                               struct ctsh_session_leader *leader,
                               struct ctsh_error *err);

#endif
