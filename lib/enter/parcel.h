/* SPDX-License-Identifier: MIT */
/*
 * parcel.h - what M and S take along, and what they leave behind.
 *
 * S is visible inside from its first instruction, and a container root with
 * SYS_PTRACE and without a user namespace can read its memory.  M, and so S, is
 * a copy of P, whose heap has the whole configuration in it, other users' rules
 * and the engine's answers; freed or not.  So all they need is copied into
 * memory of its own, and the heap is not copied to them.  But for its first
 * pages: a static libc has the thread's own variables there, and what it put
 * beside them before main().
 *
 * Privilege: none.
 * Trust:     as what is packed.
 */
#ifndef CTSH_ENTER_PARCEL_H
#define CTSH_ENTER_PARCEL_H

#include "enter.h"

struct ctsh_parcel {
	void *memory;             /* a mapping, or NULL              */
	struct ctsh_entry *entry; /* in it, with all that it points to */
	char *heap;               /* its pages that are ours alone   */
	size_t heap_size;
};

/* A mark in the heap: what is allocated from now on lies in pages behind it.
 * First of all in main(), since it is not freed memory that is marked.  NULL if
 * out of memory. */
const void *ctsh_parcel_mark(void);

/* Packs `entry`.  0, with `*parcel` the caller's (ctsh_parcel_free()); or -1
 * with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_parcel_pack(const struct ctsh_entry *entry,
                                     struct ctsh_parcel *parcel,
                                     struct ctsh_error *err);

/* From now on, or no longer, children have no heap.  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_parcel_leave_heap(const struct ctsh_parcel *parcel,
                                           bool leave);

/* Harmless on an empty one.  Preserves errno. */
void ctsh_parcel_free(struct ctsh_parcel *parcel);

#endif
