/* SPDX-License-Identifier: MIT */
/*
 * rundir.h - the registry's directory, and its functions below another one.
 *
 * For this directory and its tests; others use registry.h.
 *
 * Privilege: root.
 * Trust:     the way to `base` is checked by ctsh_open_trusted_dir(); it and
 *            its subdirectories must be root's with mode 0700.
 */
#ifndef CTSH_RUNDIR_H
#define CTSH_RUNDIR_H

#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../model/container.h"
#include "registry.h"
#include "uses.h"

#ifndef CTSH_RUNDIR
#define CTSH_RUNDIR "/run/ctsh"
#endif

/* Opens BASE/NAME for reading, making both where they are missing.  A
 * close-on-exec descriptor that the caller owns; or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_rundir_open(const char *base, const char *name,
                                     struct ctsh_error *err);

/* Locks what is open, LOCK_EX or LOCK_SH of flock(2), without waiting.  1; 0 if
 * somebody else has it; -1 with errno. */
CTSH_MUST_CHECK int ctsh_registry_lock_open(int fd, int operation);

/*
 * Opens the lock file `name` (`flags`: O_CREAT or 0) and locks it without
 * waiting.  1, with the descriptor in `*lock`, owned by the caller; 0 if
 * somebody else holds it or the file was removed meanwhile; -1 with errno.
 */
CTSH_MUST_CHECK int ctsh_registry_try_lock(int dir, const char *name, int flags,
                                           int *lock);

/* The same of a lock that many may share; makes the file. */
CTSH_MUST_CHECK int ctsh_registry_try_share(int dir, const char *name,
                                            int *lock);

/* What uses.c and keeper.c share: the name of a container's file there, what is
 * in its use (false: nothing that makes sense), and -1 with E_SYSTEM. */
void ctsh_uses_name(char *name, size_t size, pid_t pid, uint64_t start,
                    const char *suffix);
bool ctsh_uses_read(int use, struct ctsh_use *by);
int ctsh_uses_fail(struct ctsh_error *err, const char *name);

/* ctsh_use_take() below `base`. */
CTSH_MUST_CHECK int ctsh_use_take_in(const char *base, pid_t pid,
                                     uint64_t start, struct ctsh_error *err);

/* ctsh_use_ring() below `base`. */
CTSH_MUST_CHECK int ctsh_use_ring_in(const char *base, pid_t pid,
                                     uint64_t start, int *vacant,
                                     struct ctsh_error *err);

/* Opens a keeper's FIFO in the directory, and makes it where it is missing.
 * Owned by the caller; or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_bell_open(int dir, const char *name,
                                   struct ctsh_error *err);

/* ctsh_keeper_begin() below `base`. */
CTSH_MUST_CHECK int ctsh_keeper_begin_in(struct ctsh_keeper *k,
                                         const char *base, const char *key,
                                         struct ctsh_error *err);

/* ctsh_slot_take() below `base`. */
CTSH_MUST_CHECK int ctsh_slot_take_in(const char *base, uid_t uid,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

/* ctsh_slot_yield() and ctsh_slot_regain() below `base`. */
CTSH_MUST_CHECK int ctsh_slot_yield_in(const char *base, uid_t uid, int *slot,
                                       int *place, struct ctsh_error *err);
CTSH_MUST_CHECK int ctsh_slot_regain_in(const char *base, uid_t uid, int *slot,
                                        int *place, int64_t deadline_ms,
                                        struct ctsh_error *err);

/* ctsh_seat_take() below `base`. */
CTSH_MUST_CHECK int ctsh_seat_take_in(const char *base, uid_t uid, unsigned max,
                                      struct ctsh_error *err);

/* ctsh_turn_take() below `base`. */
CTSH_MUST_CHECK int ctsh_turn_take_in(const char *base, const char *container,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

/* ctsh_registry_filters() below `base`. */
CTSH_MUST_CHECK int ctsh_registry_filters_in(const char *base,
                                             struct ctsh_container *c,
                                             ctsh_registry_copy *copy,
                                             int64_t deadline_ms,
                                             struct ctsh_error *err);

#endif
