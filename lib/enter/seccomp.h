/* SPDX-License-Identifier: MIT */
/*
 * seccomp.h - the init's seccomp filters: copy, validate, load.
 *
 * Privilege: copying needs CAP_SYS_ADMIN in the initial user namespace and a
 *            caller without a filter of its own; loading needs no_new_privs or
 *            CAP_SYS_ADMIN in the current user namespace.
 * Trust:     a filter may be the container's own work: after the first one is
 *            loaded the result of no system call can be believed.
 */
#ifndef CTSH_SECCOMP_H
#define CTSH_SECCOMP_H

#include <stdint.h>

#include "../base/error.h"
#include "../base/filters.h"
#include "../model/container.h"

/*
 * Copies the filters of the pinned init, oldest first (index 0 is the oldest:
 * kernel/seccomp.c, whatever ptrace(2) says), by PTRACE_SEIZE.  Stops the init
 * for a fraction of a millisecond.
 *
 * 0, with `*filters` owned by the caller (ctsh_filters_free()), as many as
 * c->filter_count says.  -1: E_UNSAFE if they cannot be had (traced by somebody
 * else, cannot stop, we are filtered ourselves, the count changed), E_GONE.
 */
CTSH_MUST_CHECK int ctsh_seccomp_copy(const struct ctsh_container *c,
                                      struct ctsh_filters *filters,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

/* Loads them in order into this process.  0, or -1 with errno; system calls
 * only, nothing else, because nothing else may follow. */
CTSH_MUST_CHECK int ctsh_seccomp_load(const struct ctsh_filters *filters);

#endif
