/* SPDX-License-Identifier: MIT */
/*
 * clean.h - scope-bound cleanup: descriptors, memory, nothing else.
 *
 * A variable declared with one of these is given back when its scope ends,
 * on every path out.  errno survives.  To hand the value to somebody else,
 * steal it: `*out = ctsh_steal_fd(&fd);`.
 *
 * Privilege: none.
 * Trust:     none.
 */
#ifndef CTSH_CLEAN_H
#define CTSH_CLEAN_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CTSH_MUST_CHECK __attribute__((warn_unused_result))

/* Closes `*fd` if it is held and marks it as not held.  Preserves errno. */
static inline void ctsh_close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

/* Frees what the pointer at `place` points to and clears it. */
static inline void ctsh_free_at(void *place)
{
	int saved = errno;
	void **p = place;

	free(*p);
	*p = NULL;
	errno = saved;
}

/* Takes the descriptor out of `*fd`; the caller owns it from now on. */
static inline int ctsh_steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ctsh_autoclose __attribute__((cleanup(ctsh_close_fd)))
#define ctsh_autofree __attribute__((cleanup(ctsh_free_at)))

#endif
