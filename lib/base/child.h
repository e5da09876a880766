/* SPDX-License-Identifier: MIT */
/*
 * child.h - have a question answered by a short-lived child process.
 *
 * What the child loads, parses or breaks goes with it.  The answer is a
 * value of fixed size, so nothing the child says can be larger or of another
 * shape than expected.
 *
 * Privilege: that of the caller; the child starts with the same.
 * Trust:     the answer is only as good as the child: one that has read
 *            hostile bytes answers with hostile values.
 */
#ifndef CTSH_CHILD_H
#define CTSH_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * Runs in the child.  Fills the answer of the agreed size (all zero at first)
 * and may return one descriptor to hand over in `*fd` (else leaves -1).
 * `channel` carries the answer; a child that closes what it does not need must
 * spare it.  0, or -1 with `*err`.
 */
typedef int ctsh_child_fn(void *argument, int channel, void *answer, int *fd,
                          struct ctsh_error *err);

/* One that was started and not finished yet; opaque. */
struct ctsh_child {
	const char *name;
	int sock, pidfd;
	size_t answer_size;
	void *message;
};

#define CTSH_CHILD_INIT                  \
	{                                \
		.sock = -1, .pidfd = -1, \
	}

/*
 * Forks and lets `fn` run in the child, which dies with its parent; `size` is
 * that of the answer, `name` says in errors which child it was and must live as
 * long.  0, with `*child` to be given to ctsh_child_finish() or
 * ctsh_child_end(); or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK
int ctsh_child_start(struct ctsh_child *child, const char *name,
                     ctsh_child_fn *fn, void *argument, size_t size,
                     struct ctsh_error *err);

/*
 * Waits for its answer until the deadline; then it is killed and reaped,
 * whatever came.
 *
 * Returns 0 and fills `answer` and, if `fd` is not NULL, `*fd` (owned by the
 * caller, or -1).  Returns -1 and sets `*err`, with both untouched: the
 * child's own error, or E_SYSTEM when it died or was late.
 */
CTSH_MUST_CHECK
int ctsh_child_finish(struct ctsh_child *child, void *answer, int *fd,
                      int64_t deadline_ms, struct ctsh_error *err);

/* Kills and reaps it, answer or not.  Harmless twice, behind
 * ctsh_child_finish(), and on CTSH_CHILD_INIT. */
void ctsh_child_end(struct ctsh_child *child);

/* Both in one: starts it and waits. */
CTSH_MUST_CHECK
int ctsh_child_call(const char *name, ctsh_child_fn *fn, void *argument,
                    void *answer, size_t size, int *fd, int64_t deadline_ms,
                    struct ctsh_error *err);

/* For a program that the child has become: has `fn` answer the question and
 * ends. */
_Noreturn void ctsh_child_reply(const char *name, int channel,
                                ctsh_child_fn *fn, void *argument, size_t size);

#endif
