/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <string.h>

static const uint8_t *take(struct sftp_reader *r, size_t length)
{
	const uint8_t *taken = r->at;

	if (r->bad || length > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += length;
	r->left -= length;
	return taken;
}

static uint64_t get_number(struct sftp_reader *r, size_t bytes)
{
	const uint8_t *at = take(r, bytes);
	uint64_t value = 0;

	for (size_t i = 0; at && i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

uint8_t sftp_get_u8(struct sftp_reader *r)
{
	return (uint8_t)get_number(r, 1);
}

uint32_t sftp_get_u32(struct sftp_reader *r)
{
	return (uint32_t)get_number(r, 4);
}

uint64_t sftp_get_u64(struct sftp_reader *r)
{
	return get_number(r, 8);
}

const uint8_t *sftp_get_string(struct sftp_reader *r, size_t *length)
{
	size_t wanted = sftp_get_u32(r);
	const uint8_t *at = take(r, wanted);

	*length = at ? wanted : 0;
	return at;
}

void sftp_get_path(struct sftp_reader *r, struct sftp_path *path)
{
	size_t length;
	const uint8_t *at = sftp_get_string(r, &length);

	if (length >= sizeof(path->text) || (at && memchr(at, 0, length))) {
		r->bad = true;
		length = 0;
	}
	if (length)
		memcpy(path->text, at, length);
	path->text[length] = '\0';
}

uint8_t *sftp_put_room(struct sftp_writer *w, size_t length)
{
	uint8_t *room = w->start + w->used;

	if (w->full || length > w->size - w->used) {
		w->full = true;
		return NULL;
	}
	w->used += length;
	return room;
}

static void put_number(struct sftp_writer *w, uint64_t value, size_t bytes)
{
	uint8_t *at = sftp_put_room(w, bytes);

	while (at && bytes--) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

void sftp_put_u8(struct sftp_writer *w, uint8_t value)
{
	put_number(w, value, 1);
}

void sftp_put_u32(struct sftp_writer *w, uint32_t value)
{
	put_number(w, value, 4);
}

void sftp_put_u64(struct sftp_writer *w, uint64_t value)
{
	put_number(w, value, 8);
}

void sftp_put_string(struct sftp_writer *w, const void *data, size_t length)
{
	uint8_t *at;

	sftp_put_u32(w, (uint32_t)length);
	at = sftp_put_room(w, length);
	if (at && length)
		memcpy(at, data, length);
}

void sftp_put_text(struct sftp_writer *w, const char *text)
{
	sftp_put_string(w, text, strlen(text));
}

size_t sftp_put_gap(struct sftp_writer *w)
{
	size_t gap = w->used;

	sftp_put_u32(w, 0);
	return gap;
}

void sftp_fill_u32(struct sftp_writer *w, size_t gap, uint32_t value)
{
	struct sftp_writer there = {.start = w->start + gap, .size = 4};

	if (!w->full)
		sftp_put_u32(&there, value);
}
