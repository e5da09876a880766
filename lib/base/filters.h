/* SPDX-License-Identifier: MIT */
/*
 * filters.h - a list of seccomp programs as bytes, and back.
 *
 * For keeping on this machine only: numbers are in native order, and the
 * kernel checks every program again when it is loaded.
 *
 * Privilege: none.
 * Trust:     bytes are checked in full; what the programs do is not.
 */
#ifndef CTSH_FILTERS_H
#define CTSH_FILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "../model/container.h"
#include "clean.h"

/* The kernel's limits: BPF_MAXINSNS for each program, MAX_INSNS_PER_PATH for
 * all with a penalty of four for each (kernel/seccomp.c). */
#define CTSH_FILTER_LENGTH_MAX 4096
#define CTSH_FILTERS_TOTAL_MAX 32768
#define CTSH_FILTER_PENALTY 4

/* Ours: more programs than anybody stacks. */
#define CTSH_FILTERS_MAX 1024

/* No packed list is longer. */
#define CTSH_FILTERS_BYTES_MAX (CTSH_FILTERS_TOTAL_MAX * 8 + 16)

/* To bytes.  Heap, owned by the caller, its length in `*length`; or NULL with
 * errno: EINVAL for a list that is empty or over a limit, ENOMEM. */
CTSH_MUST_CHECK void *ctsh_filters_pack(const struct ctsh_filters *filters,
                                        size_t *length);

/* And back.  0, with `*filters` owned by the caller (ctsh_filters_free()); or
 * -1 with errno, EBADMSG if these are not exactly such bytes, and `*filters`
 * untouched. */
CTSH_MUST_CHECK int ctsh_filters_unpack(const void *bytes, size_t length,
                                        struct ctsh_filters *filters);

/* Whether one of them can let a call that it does not make look like a success:
 * by the error 0, or by a result that it computes. */
bool ctsh_filters_pretend(const struct ctsh_filters *filters);

/* Frees and empties.  Harmless on an empty one.  Preserves errno. */
void ctsh_filters_free(struct ctsh_filters *filters);

#endif
