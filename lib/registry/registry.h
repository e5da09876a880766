/* SPDX-License-Identifier: MIT */
/*
 * registry.h - /run/ctsh: state that dies with its process.
 *
 *   slots/UID.N       flock: one of the logins of that uid under way
 *   slots/UID.wN      flock: one that waits for such a slot, or its container
 *   sessions/UID.N    flock: one of the sessions of that uid, if they are
 *                     counted
 *   starts/DIGEST     flock: a login starts that container
 *   starts/DIGEST.log what its engine had to say
 *   uses/             see uses.h
 *   filters/KEY       copy of an init's filters, KEY = PID-START-COUNT-STACK
 *   filters/PID-START.lock   flock: somebody copies them now
 *
 * Privilege: root.
 * Trust:     the directory is root's and 0700, checked at every open; what is
 *            found in it is still validated.
 */
#ifndef CTSH_REGISTRY_H
#define CTSH_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"

/* Logins of one uid that may work at once, and that may wait for it.  Without
 * the first a caller piles up root processes that RLIMIT_NPROC does not count;
 * without the second forty honest logins at once would not all land. */
#define CTSH_SLOTS 8
#define CTSH_SLOTS_WAITING 64

/*
 * Takes a slot of that uid, waiting until the deadline among at most
 * CTSH_SLOTS_WAITING others.  A descriptor, owned by the caller; give it back
 * with ctsh_slot_release(), since children may hold copies of it.  -1:
 * E_LIMIT, or E_SYSTEM if the directory cannot be had.
 */
CTSH_MUST_CHECK int ctsh_slot_take(uid_t uid, int64_t deadline_ms,
                                   struct ctsh_error *err);
void ctsh_slot_release(int *slot);

/*
 * For a login that waits for its container: changes its slot for a place among
 * the CTSH_SLOTS_WAITING, in `*place`, to be given back in the same way.  So
 * many that wait for one start do not keep each other out, and are no more than
 * could wait before.  Where no place is free it keeps the slot, and `*place` is
 * untouched.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_slot_yield(uid_t uid, int *slot, int *place,
                                    struct ctsh_error *err);

/* Changes it back, if there is one, when a slot is free.  0; or -1 with the
 * place kept: E_LIMIT, E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_slot_regain(uid_t uid, int *slot, int *place,
                                     int64_t deadline_ms,
                                     struct ctsh_error *err);

/*
 * Takes one of `max` seats of that uid, without waiting: that many sessions at
 * once whose rule counts them.  A descriptor, owned by the caller; the seat is
 * free when its last copy is closed, by whatever end of whoever holds it.  -1:
 * E_LIMIT, or E_SYSTEM if the directory cannot be had.
 */
CTSH_MUST_CHECK int ctsh_seat_take(uid_t uid, unsigned max,
                                   struct ctsh_error *err);

/*
 * Takes the turn to start that container ("UID ENGINE:NAME"), waiting until the
 * deadline for who has it: of many first logins at once, one starts it.  A
 * descriptor, owned by the caller, to be given back with ctsh_turn_end(); or
 * -1: E_ABSENT if another one has it still, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_turn_take(const char *container, int64_t deadline_ms,
                                   struct ctsh_error *err);

/* Whether somebody had the turn and failed since then (ctsh_now_ms()), with at
 * least as much time for it as `left_ms`: of many that wait for one that cannot
 * be started, not each is to try. */
bool ctsh_turn_in_vain(int turn, int64_t since_ms, int64_t left_ms);

/* The path of the file in which who starts it may leave word; below 128 bytes
 * long. */
void ctsh_turn_log(const char *container, char *path, size_t size);

/* Notes that we did; `tried_ms`: since our time was up, after so long.  One
 * that failed as such has INT64_MAX: more time would not help. */
void ctsh_turn_failed(int turn, int64_t tried_ms);

void ctsh_turn_end(int *turn);

/* Makes a new copy, as ctsh_seccomp_copy() does; handed in by the caller,
 * since this directory knows nothing of how a container is entered. */
typedef int ctsh_registry_copy(const struct ctsh_container *c,
                               struct ctsh_filters *filters,
                               int64_t deadline_ms, struct ctsh_error *err);

/*
 * The filters of the pinned init: the kept copy if pid, start time, count and
 * the beginning of its stack are the same, else a new one by `copy`, made under
 * a lock of that init and kept.  Its other copies and those of processes that
 * have ended are removed then.
 *
 * Fills c->filters, freeing what was there; an init without filters has none
 * and nothing is done.  0; or -1 with c->filters untouched: the error of
 * `copy`, E_UNSAFE if it made another number of filters, E_SYSTEM if another
 * login holds the lock beyond the deadline or the copy cannot be kept.
 */
CTSH_MUST_CHECK int ctsh_registry_filters(struct ctsh_container *c,
                                          ctsh_registry_copy *copy,
                                          int64_t deadline_ms,
                                          struct ctsh_error *err);

#endif
