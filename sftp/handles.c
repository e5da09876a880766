/* SPDX-License-Identifier: MIT */
#include "handles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_SIZE 16
#define NOT_OURS 8 /* descriptors that are not handles */

uint32_t sftp_handles_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur >= SFTP_HANDLES_MAX + NOT_OURS)
		return SFTP_HANDLES_MAX;
	return limit.rlim_cur > NOT_OURS ? (uint32_t)limit.rlim_cur - NOT_OURS
	                                 : 1;
}

static int grow(struct sftp_handles *h)
{
	uint32_t size = h->size ? h->size * 2 : FIRST_SIZE;
	struct sftp_handle *table;

	if (size > h->max)
		size = h->max;
	if (size <= h->size) {
		errno = EMFILE;
		return -1;
	}
	table = reallocarray(h->table, size, sizeof(*table));
	if (!table)
		return -1;
	memset(table + h->size, 0, (size - h->size) * sizeof(*table));
	h->table = table;
	h->size = size;
	return 0;
}

struct sftp_handle *sftp_handle_new(struct sftp_handles *h)
{
	uint32_t i = 0;

	while (i < h->size && h->table[i].kind != SFTP_FREE)
		i++;
	if (i == h->size && grow(h))
		return NULL;
	return &h->table[i];
}

void sftp_handle_put(const struct sftp_handles *h,
                     const struct sftp_handle *handle, struct sftp_writer *w)
{
	sftp_put_u32(w, SFTP_HANDLE_LENGTH);
	sftp_put_u32(w, (uint32_t)(handle - h->table));
	sftp_put_u32(w, handle->use);
}

struct sftp_handle *sftp_handle_get(const struct sftp_handles *h,
                                    struct sftp_reader *r)
{
	struct sftp_reader word = {.bad = false};
	struct sftp_handle *handle;
	uint32_t place, use;

	word.at = sftp_get_string(r, &word.left);
	if (word.left != SFTP_HANDLE_LENGTH)
		return NULL;
	place = sftp_get_u32(&word);
	use = sftp_get_u32(&word);
	if (place >= h->size)
		return NULL;
	handle = &h->table[place];
	return handle->kind != SFTP_FREE && handle->use == use ? handle : NULL;
}

int sftp_handle_close(struct sftp_handle *handle)
{
	int rc = handle->kind == SFTP_DIRECTORY ? closedir(handle->dir)
	                                        : close(handle->fd);
	int error = rc ? errno : 0;
	uint32_t use = handle->use + 1;

	*handle = (struct sftp_handle){.use = use};
	return error;
}

void sftp_handles_free(struct sftp_handles *h)
{
	for (uint32_t i = 0; i < h->size; i++)
		if (h->table[i].kind != SFTP_FREE)
			(void)sftp_handle_close(&h->table[i]);
	free(h->table);
	*h = (struct sftp_handles){.table = NULL};
}
