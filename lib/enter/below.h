/* SPDX-License-Identifier: MIT */
/*
 * below.h - open what lies below a container's root directory.
 *
 * As the container itself would see it, but without following a magic link:
 * those lead out of it.
 *
 * Privilege: none; for children of ours that have given theirs up.
 * Trust:     every name may lead to anything: a FIFO, a device, a file system
 *            that never answers (a deadline ends that).
 */
#ifndef CTSH_BELOW_H
#define CTSH_BELOW_H

#include "../base/error.h"

/* An O_PATH descriptor: a FIFO does not block and a device notices nothing.
 * -1 with errno. */
CTSH_MUST_CHECK int ctsh_below_open(int root, const char *name);

/* What an O_PATH descriptor names, with these flags of open(2), through our own
 * /proc.  -1 with errno. */
CTSH_MUST_CHECK int ctsh_below_reopen(int path_fd, int flags);

/*
 * A regular file for reading in `*fd`; or 0 with -1 in it: there is no such
 * file.  -1 with E_SYSTEM if that cannot be told.
 */
CTSH_MUST_CHECK int ctsh_below_regular(int root, const char *name, int *fd,
                                       struct ctsh_error *err);

#endif
