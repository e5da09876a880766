/* SPDX-License-Identifier: MIT */
/*
 * uses.h - who uses a container that is to be stopped when nobody does.
 *
 *   uses/PID-START.use   flock: shared by each session, exclusively by who
 *                        stops it; in it, by whose rule
 *   uses/PID-START.bell  FIFO, flock: its keeper, who waits for the end of the
 *                        last session; a byte for each login
 *
 * PID and start time of the init stand for the container, whatever it is called
 * and by whomever: all its sessions meet here, and one that was started anew is
 * another one.
 *
 * Privilege: root.
 * Trust:     as registry.h.
 */
#ifndef CTSH_USES_H
#define CTSH_USES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"

/* "PID-START". */
#define CTSH_USES_KEY 32

/* By whose rule it is to be stopped. */
struct ctsh_use {
	uint32_t uid;     /* not 0 */
	uint32_t seconds; /* not 0 */
};

/* -- a session's side --------------------------------------------------- */

/*
 * Keeps the container from being stopped.  A descriptor, owned by the caller;
 * that ends when its last copy is closed, by whatever end of whoever holds it.
 * Who has it looks whether the init still runs.  -1: E_ABSENT if it is being
 * stopped, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_use_take(pid_t pid, uint64_t start,
                                  struct ctsh_error *err);

/*
 * Says by whose rule, in a use that was taken: the longest time holds, of equal
 * ones the last.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_use_note(int use, const struct ctsh_use *by,
                                  struct ctsh_error *err);

/*
 * Tells the keeper that somebody has come.  0; or, if there is none, 1 and in
 * `*vacant` a descriptor, owned by the caller: while it is open nobody else
 * finds that out.  -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_use_ring(pid_t pid, uint64_t start, int *vacant,
                                  struct ctsh_error *err);

/* -- the keeper's side -------------------------------------------------- */

/* Descriptors; -1: not held. */
struct ctsh_keeper {
	int dir, use, bell;
	int init; /* pidfd */
	char name[CTSH_USES_KEY + 8], bell_name[CTSH_USES_KEY + 8];
};

#define CTSH_KEEPER_INIT                                                 \
	{                                                                \
		.dir = -1, .use = -1, .bell = -1, .init = -1, .name = "" \
	}

enum ctsh_keeping {
	CTSH_KEEPING_GONE, /* the init has ended                             */
	CTSH_KEEPING_USED, /* somebody has come                              */
	CTSH_KEEPING_IDLE, /* that long nobody has, and nobody can any more
	                      until ctsh_keeper_open()                       */
};

/* Takes the key apart.  0 or -1. */
int ctsh_uses_parse(const char *key, pid_t *pid, uint64_t *start);

/*
 * Becomes the keeper of the container.  0, with `*k` owned by the caller; or -1
 * with `*k` as it was: E_GONE if its init has ended, E_LIMIT if there is a
 * keeper, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_keeper_begin(struct ctsh_keeper *k, const char *key,
                                      struct ctsh_error *err);

/* Waits for the end of all sessions and says by whose rule to go on.  0, or -1
 * with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_keeper_unused(const struct ctsh_keeper *k,
                                       struct ctsh_use *by,
                                       struct ctsh_error *err);

/* From there on: so many seconds, time asleep included. */
enum ctsh_keeping ctsh_keeper_wait(const struct ctsh_keeper *k,
                                   uint32_t seconds);

/* Lets sessions in again after CTSH_KEEPING_IDLE. */
void ctsh_keeper_open(const struct ctsh_keeper *k);

/* Closes what is held, and removes the files of an init that has ended.
 * Harmless on CTSH_KEEPER_INIT. */
void ctsh_keeper_end(struct ctsh_keeper *k);

#endif
