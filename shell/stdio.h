/* SPDX-License-Identifier: MIT */
/*
 * stdio.h - the three descriptors that the container's process will have.
 *
 * Privilege: root, to give pipes to the target user.
 * Trust:     none; nothing is read.
 */
#ifndef CTSH_STDIO_H
#define CTSH_STDIO_H

#include <sys/types.h>

#include "../lib/base/error.h"
#include "descriptors.h"

struct ctsh_stdio {
	int inside[3]; /* what becomes 0 to 2 inside                       */
	int relay[3];  /* our ends of the pipes, or -1                     */
	int owned[3];  /* those of `inside` that are ours to close, or -1  */
	int slave;     /* the container's terminal, or -1; owned           */
	int terminal;  /* index of the first one that is the terminal, -1  */
	int mount;     /* a private mount that one of them is on, or -1; to
	                  be closed at leisure                             */
};

#define CTSH_STDIO_INIT                                             \
	{                                                           \
		.inside = {-1, -1, -1}, .relay = {-1, -1, -1},      \
		.owned = {-1, -1, -1}, .slave = -1, .terminal = -1, \
		.mount = -1                                         \
	}

/*
 * Makes them: what may pass stays as it is, a terminal becomes `slave` (taken
 * over), the rest a pipe that belongs to `uid` as the host counts.  0, or -1
 * with E_SYSTEM, and what was made by then in `*io`.
 */
CTSH_MUST_CHECK int ctsh_stdio_make(struct ctsh_stdio *io,
                                    const struct ctsh_descriptors *d, int slave,
                                    uid_t uid, struct ctsh_error *err);

/* Closes the inner ends, once they are the container's.  Harmless twice. */
void ctsh_stdio_close_inside(struct ctsh_stdio *io);

#endif
