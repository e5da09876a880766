/* SPDX-License-Identifier: MIT */
/*
 * attributes.h - what is told of a file, and what a client wants changed.
 *
 * Privilege: none.
 * Trust:     what is read is the client's and hostile.
 */
#ifndef CTSH_SFTP_ATTRIBUTES_H
#define CTSH_SFTP_ATTRIBUTES_H

#include <sys/stat.h>

#include "names.h"
#include "wire.h"

#define SFTP_ATTR_SIZE 0x00000001u
#define SFTP_ATTR_IDS 0x00000002u
#define SFTP_ATTR_MODE 0x00000004u
#define SFTP_ATTR_TIMES 0x00000008u
#define SFTP_ATTR_EXTENDED 0x80000000u

struct sftp_attributes {
	uint32_t flags; /* which of the others count */
	uint64_t size;
	uint32_t uid, gid;
	uint32_t mode;
	uint32_t atime, mtime;
};

/* Whom `path` or `fd` means. */
struct sftp_object {
	int fd;           /* if there is no path        */
	const char *path; /* or NULL                    */
	bool no_follow;   /* the link itself, not its target */
};

void sftp_get_attributes(struct sftp_reader *r, struct sftp_attributes *a);
void sftp_put_attributes(struct sftp_writer *w, const struct stat *st);

/* Does all that is asked for, as far as it can; 0, or the errno of what failed
 * first. */
int sftp_apply(const struct sftp_object *object,
               const struct sftp_attributes *a);

/* The line that `ls -l` would print, times in UTC.  `now` decides whether it
 * shows the hour or the year. */
void sftp_put_longname(struct sftp_writer *w, const char *name,
                       const struct stat *st, struct sftp_names *users,
                       struct sftp_names *groups, int64_t now);

#endif
