/* SPDX-License-Identifier: MIT */
/*
 * wire.h - numbers and strings as the protocol writes them, in bounds.
 *
 * A reader that meets the end too early is `bad` from then on and gives zeros
 * and empty strings: who reads a request asks once, at its end.  A writer that
 * lacks room is `full` likewise.
 *
 * Privilege: none; pure.
 * Trust:     the bytes that are read are the client's and hostile.
 */
#ifndef CTSH_SFTP_WIRE_H
#define CTSH_SFTP_WIRE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sftp_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

struct sftp_writer {
	uint8_t *start;
	size_t used;
	size_t size;
	bool full;
};

/* A path as it goes to the kernel. */
struct sftp_path {
	char text[PATH_MAX];
};

uint8_t sftp_get_u8(struct sftp_reader *r);
uint32_t sftp_get_u32(struct sftp_reader *r);
uint64_t sftp_get_u64(struct sftp_reader *r);

/* A string where it lies in the packet; not ended by a NUL. */
const uint8_t *sftp_get_string(struct sftp_reader *r, size_t *length);

/* A string without a NUL in it.  One that no path can be is `bad`, too. */
void sftp_get_path(struct sftp_reader *r, struct sftp_path *path);

void sftp_put_u8(struct sftp_writer *w, uint8_t value);
void sftp_put_u32(struct sftp_writer *w, uint32_t value);
void sftp_put_u64(struct sftp_writer *w, uint64_t value);
void sftp_put_string(struct sftp_writer *w, const void *data, size_t length);
void sftp_put_text(struct sftp_writer *w, const char *text);

/* Leaves room for a number and says where, to be filled in by
 * sftp_fill_u32() once it is known. */
size_t sftp_put_gap(struct sftp_writer *w);
void sftp_fill_u32(struct sftp_writer *w, size_t gap, uint32_t value);

/* Room for `length` bytes that somebody else writes; NULL if there is none. */
uint8_t *sftp_put_room(struct sftp_writer *w, size_t length);

#endif
