/* SPDX-License-Identifier: MIT */
/*
 * names.h - whose a number is, by the container's own files alone: a static
 * program has no name service, and needs none.
 *
 * Privilege: none.
 * Trust:     the files may hold anything.
 */
#ifndef CTSH_SFTP_NAMES_H
#define CTSH_SFTP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SFTP_NAME_MAX 33
#define SFTP_NAMES_KEPT 64
#define SFTP_NAMES_FILE_MAX (1024 * 1024)

/* One file of accounts or groups, read when it is first asked for; and the last
 * answers, since a directory asks for the same one a thousand times. */
struct sftp_names {
	const char *file;
	bool loaded;
	char *text; /* heap; NULL: unreadable or too large */
	size_t length;
	struct {
		bool used;
		uint32_t id;
		char name[SFTP_NAME_MAX];
	} kept[SFTP_NAMES_KEPT];
};

/* The name, or "" for a number that has none, is odd or long. */
const char *sftp_name_of(struct sftp_names *names, uint32_t id);

/* Fills `home` with the home directory of that account; false if there is no
 * such one, or it does not fit. */
bool sftp_home_of(struct sftp_names *names, const char *name, size_t length,
                  char *home, size_t size);

void sftp_names_free(struct sftp_names *names);

#endif
