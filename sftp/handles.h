/* SPDX-License-Identifier: MIT */
/*
 * handles.h - what the client has open.
 *
 * The client's word for a handle is a place in the table and how often that
 * place was used before, so that a closed one never means its successor.
 *
 * Privilege: none.
 * Trust:     the client's word may be any bytes.
 */
#ifndef CTSH_SFTP_HANDLES_H
#define CTSH_SFTP_HANDLES_H

#include <dirent.h>
#include <stdbool.h>

#include "wire.h"

#define SFTP_HANDLE_LENGTH 8
#define SFTP_HANDLES_MAX 4096

enum sftp_kind { SFTP_FREE, SFTP_FILE, SFTP_DIRECTORY };

struct sftp_handle {
	enum sftp_kind kind;
	uint32_t use; /* counts the uses of this place             */
	int fd;       /* of both kinds; a directory's is its DIR's */
	DIR *dir;
	bool readable, writable;
};

struct sftp_handles {
	struct sftp_handle *table; /* heap, grows   */
	uint32_t size;             /* places in it  */
	uint32_t max;              /* never more    */
};

/* As many as the descriptors that we may have allow. */
uint32_t sftp_handles_limit(void);

/* A free place, which becomes taken when its kind is set; or NULL with
 * errno. */
struct sftp_handle *sftp_handle_new(struct sftp_handles *h);

void sftp_handle_put(const struct sftp_handles *h,
                     const struct sftp_handle *handle, struct sftp_writer *w);

/* The handle that the request names; NULL if there is no such one. */
struct sftp_handle *sftp_handle_get(const struct sftp_handles *h,
                                    struct sftp_reader *r);

/* 0, or an errno: a full disk may be found out no earlier. */
int sftp_handle_close(struct sftp_handle *handle);

void sftp_handles_free(struct sftp_handles *h);

#endif
