/* SPDX-License-Identifier: MIT */
/*
 * sftp.h - where sftp-servers are, and which command asks for one.
 *
 * sshd's external subsystem is `SHELL -c PATH ARGUMENTS`, with the path of the
 * host's distribution.  Pure.
 *
 * Privilege: none.
 * Trust:     the command is the caller's and hostile.
 */
#ifndef CTSH_BASE_SFTP_H
#define CTSH_BASE_SFTP_H

#include <stdbool.h>
#include <stddef.h>

/* The absolute paths that distributions use, most common first; NULL behind the
 * last one, of which there are at most 32.  Static. */
const char *ctsh_sftp_place(unsigned index);

/*
 * Whether `command` is exactly one of these, alone or with arguments that mean
 * the same to every shell: words of letters, digits and a few signs, with
 * blanks between them.  Then 0, with the place's number in `*index` and the
 * rest of the command, blanks included, in `*arguments`; else -1.
 */
int ctsh_sftp_asked(const char *command, unsigned *index,
                    const char **arguments);

#endif
