/* SPDX-License-Identifier: MIT */
/*
 * target.h - what an engine answered about one container.
 *
 * A claim, not a fact: lib/enter/proof.c holds it against the kernel.
 *
 * Privilege: none.
 * Trust:     syntax was checked by the runtime that filled it; the content
 *            is believed only after the proof.
 */
#ifndef CTSH_MODEL_TARGET_H
#define CTSH_MODEL_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define CTSH_ID_MAX 129

struct ctsh_target {
	pid_t pid;       /* the init, as the host counts; > 1          */
	char engine[32]; /* "docker", or the name of an engine section */
	char name[CTSH_ID_MAX * 2]; /* as asked for: "alice-box"             */
	char id[CTSH_ID_MAX]; /* the engine's full ID, for the log          */

	/* Independent proofs; at least one must be there and all that are
	 * there must hold. */
	uint64_t start_ticks;        /* start time the engine recorded, in clock
	                                ticks since boot; 0: not recorded          */
	char cgroup_id[CTSH_ID_MAX]; /* a component of the init's cgroup path
	                          must be this ID, alone or as ENGINE-ID.scope;
	                          "": no such proof                          */
	struct timespec
		not_after; /* CLOCK_REALTIME: the init must have
	                  started no later than this; 0: no such proof */

	bool names_seccomp; /* the engine's configuration says that the
	                       init has a seccomp filter                  */
};

/* How much of the ID a line of the log has: a hash is known by its beginning,
 * what a person chose by all of it. */
static inline int ctsh_target_id_shown(const struct ctsh_target *t)
{
	const size_t hash = 64, beginning = 12;
	size_t length = strlen(t->id);

	return (int)(length == hash ? beginning : length);
}

#endif
