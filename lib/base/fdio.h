/* SPDX-License-Identifier: MIT */
/*
 * fdio.h - bounded reading, writing, waiting and passing of descriptors.
 *
 * A deadline is a point of CLOCK_MONOTONIC in milliseconds, as ctsh_now_ms()
 * counts; every wait has one.
 *
 * Privilege: that of the caller; the trusted openers are meant for root.
 * Trust:     paths are ours or the administrator's; contents are hostile.
 */
#ifndef CTSH_FDIO_H
#define CTSH_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Milliseconds of CLOCK_MONOTONIC.  Cannot fail. */
int64_t ctsh_now_ms(void);

/* Sleeps that long, signals notwithstanding. */
void ctsh_nap_us(unsigned microseconds);

/*
 * Waits until `fd` has one of `events` (poll(2)) or is hung up.
 * 1: it has; 0: the deadline passed; -1: poll failed, errno set.
 */
CTSH_MUST_CHECK int ctsh_wait_fd(int fd, short events, int64_t deadline_ms);

/* Reads to end of file, at most `size` bytes.  The count, or -1 with errno;
 * EFBIG if there is more. */
CTSH_MUST_CHECK ssize_t ctsh_read_all(int fd, char *buf, size_t size);

/*
 * Reads a whole file below `dirfd` (regular or /proc; no symlink as its last
 * part) of at most `max` bytes into fresh memory, with a NUL behind it.
 * Returns the text, owned by the caller, and its length in `*length` if that
 * is not NULL; or NULL with errno, EFBIG if it is larger.
 */
CTSH_MUST_CHECK char *ctsh_read_file_at(int dirfd, const char *name, size_t max,
                                        size_t *length);

/* Writes everything, retrying on EINTR.  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_write_all(int fd, const void *data, size_t length);

/*
 * Opens `path`, absolute, for reading, walking from "/" so that each part is
 * checked on the descriptor that is used: directories and file belong to root
 * and are not writable by group or others (a sticky directory is no
 * exception), nothing is a symbolic link, the file is regular.  Never blocks.
 *
 * Returns a close-on-exec descriptor that the caller owns; or -1 and sets
 * `*err`: `code` for an unsafe part, with the part's name; ENOENT in
 * `err->sys` if the file is not there (then the directories were safe).
 */
CTSH_MUST_CHECK int ctsh_open_trusted(const char *path, enum ctsh_code code,
                                      struct ctsh_error *err);

/* The same for a directory (O_PATH unless `readable`). */
CTSH_MUST_CHECK int ctsh_open_trusted_dir(const char *path, bool readable,
                                          enum ctsh_code code,
                                          struct ctsh_error *err);

/* Closes every descriptor but 0 to 2 and those in `keep` (-1 entries are
 * skipped).  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_close_but(const int *keep, size_t count);

/* Sends `length` bytes and, if `fd` >= 0, that descriptor, over a unix
 * socket.  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_send(int sock, const void *data, size_t length,
                              int fd);

/*
 * Receives one message of at most `size` bytes and at most one descriptor
 * (close-on-exec) into `*fd`, -1 if none came; `fd` may be NULL: then what
 * comes is closed.  Returns the length, 0 at end of file, -1 with errno;
 * ETIMEDOUT after the deadline, EMSGSIZE if it did not fit.
 */
CTSH_MUST_CHECK ssize_t ctsh_receive(int sock, void *data, size_t size, int *fd,
                                     int64_t deadline_ms);

#endif
