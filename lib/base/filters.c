/* SPDX-License-Identifier: MIT */
#include "filters.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INSN sizeof(struct sock_filter)

/* Then, for each program: its length as uint32_t, its instructions. */
struct header {
	char magic[8];
	uint32_t count;
};

static const char magic[8] = {'C', 'T', 'S', 'H', 'B', 'P', 'F', '1'};

/* Bytes not read yet. */
struct reader {
	const char *at;
	size_t left;
};

static bool within_limits(const struct ctsh_filters *filters)
{
	size_t total = 0;
	unsigned i;

	if (!filters->count || filters->count > CTSH_FILTERS_MAX)
		return false;
	for (i = 0; i < filters->count; i++) {
		if (!filters->filter[i].length ||
		    filters->filter[i].length > CTSH_FILTER_LENGTH_MAX)
			return false;
		total += filters->filter[i].length + CTSH_FILTER_PENALTY;
	}
	return total <= CTSH_FILTERS_TOTAL_MAX;
}

static size_t packed_size(const struct ctsh_filters *filters)
{
	size_t size = sizeof(struct header);
	unsigned i;

	for (i = 0; i < filters->count; i++)
		size += sizeof(uint32_t) + filters->filter[i].length * INSN;
	return size;
}

static char *append(char *at, const void *data, size_t length)
{
	memcpy(at, data, length);
	return at + length;
}

void *ctsh_filters_pack(const struct ctsh_filters *filters, size_t *length)
{
	struct header header = {.count = filters->count};
	char *bytes, *at;
	size_t size;
	unsigned i;

	if (!within_limits(filters)) {
		errno = EINVAL;
		return NULL;
	}
	size = packed_size(filters);
	bytes = malloc(size);
	if (!bytes)
		return NULL;
	memcpy(header.magic, magic, sizeof(magic));
	at = append(bytes, &header, sizeof(header));
	for (i = 0; i < filters->count; i++) {
		const struct ctsh_filter *filter = &filters->filter[i];
		uint32_t insns = filter->length;

		at = append(at, &insns, sizeof(insns));
		at = append(at, filter->insns, insns * INSN);
	}
	*length = size;
	return bytes;
}

static int bad_message(void)
{
	errno = EBADMSG;
	return -1;
}

static int take(struct reader *reader, void *out, size_t length)
{
	if (reader->left < length)
		return bad_message();
	memcpy(out, reader->at, length);
	reader->at += length;
	reader->left -= length;
	return 0;
}

static int take_filter(struct reader *reader, struct ctsh_filter *filter)
{
	uint32_t length;

	if (take(reader, &length, sizeof(length)))
		return -1;
	if (!length || length > CTSH_FILTER_LENGTH_MAX)
		return bad_message();
	filter->insns = calloc(length, INSN);
	if (!filter->insns)
		return -1;
	filter->length = length;
	return take(reader, filter->insns, length * INSN);
}

/* On failure the caller frees what is there. */
static int take_all(struct reader *reader, struct ctsh_filters *filters)
{
	struct header header;
	unsigned i;

	if (take(reader, &header, sizeof(header)))
		return -1;
	if (memcmp(header.magic, magic, sizeof(magic)) || !header.count ||
	    header.count > CTSH_FILTERS_MAX)
		return bad_message();
	filters->filter = calloc(header.count, sizeof(*filters->filter));
	if (!filters->filter)
		return -1;
	filters->count = header.count;
	for (i = 0; i < filters->count; i++)
		if (take_filter(reader, &filters->filter[i]))
			return -1;
	if (reader->left || !within_limits(filters))
		return bad_message();
	return 0;
}

int ctsh_filters_unpack(const void *bytes, size_t length,
                        struct ctsh_filters *filters)
{
	struct reader reader = {.at = bytes, .left = length};
	struct ctsh_filters made = {0};

	if (length > CTSH_FILTERS_BYTES_MAX)
		return bad_message();
	if (take_all(&reader, &made)) {
		ctsh_filters_free(&made);
		return -1;
	}
	*filters = made;
	return 0;
}

/* Of what a filter returns only an error is a result of the call; the others
 * need somebody who listens, and say ENOSYS where nobody does. */
static bool pretends(const struct sock_filter *insn)
{
	if (BPF_CLASS(insn->code) != BPF_RET)
		return false;
	if (BPF_RVAL(insn->code) != BPF_K)
		return true;
	return (insn->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
	       (insn->k & SECCOMP_RET_DATA) == 0;
}

bool ctsh_filters_pretend(const struct ctsh_filters *filters)
{
	for (unsigned i = 0; i < filters->count; i++)
		for (unsigned j = 0; j < filters->filter[i].length; j++)
			if (pretends(&filters->filter[i].insns[j]))
				return true;
	return false;
}

void ctsh_filters_free(struct ctsh_filters *filters)
{
	unsigned i;

	for (i = 0; i < filters->count; i++)
		ctsh_free_at(&filters->filter[i].insns);
	ctsh_free_at(&filters->filter);
	filters->count = 0;
}
