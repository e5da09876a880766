/* SPDX-License-Identifier: MIT */
#include "locale.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clean.h"
#include "below.h"

#define PLACE "usr/lib/locale"

#define ARCHIVE_MAGIC 0xde020109U
/* A table that glibc made is at most three quarters full: a few steps. */
#define PROBES_MAX 64

/* The beginning of the archive; words of the machine that made it. */
struct archive {
	uint32_t magic;
	uint32_t serial;
	uint32_t names_offset;
	uint32_t names_used;
	uint32_t names_size; /* entries */
};

struct entry {
	uint32_t hash;
	uint32_t name_offset; /* 0: none here, and the end of a search */
	uint32_t record_offset;
};

/* As glibc does: letters in lower case and digits; digits alone are an ISO
 * standard's. */
bool ctsh_locale_normal(char out[CTSH_LOCALE_MAX], const char *name)
{
	size_t dot = strcspn(name, ".@");
	const char *set = name[dot] == '.' ? name + dot + 1 : name + dot;
	size_t length = strcspn(set, "@");
	char plain[CTSH_LOCALE_MAX];
	size_t used = 0;
	bool digits;
	int n;

	for (size_t i = 0; i < length && used < sizeof(plain) - 1; i++)
		if (isalnum((unsigned char)set[i]))
			plain[used++] = (char)tolower((unsigned char)set[i]);
	plain[used] = '\0';
	digits = used && strspn(plain, "0123456789") == used;
	n = snprintf(out, CTSH_LOCALE_MAX, "%.*s%s%s%s%s", (int)dot, name,
	             used ? "." : "", digits ? "iso" : "", plain, set + length);
	if (n >= 0 && n < CTSH_LOCALE_MAX)
		return true;
	out[0] = '\0';
	return false;
}

static bool is_kind(int root, const char *name, mode_t kind)
{
	ctsh_autoclose int fd = ctsh_below_open(root, name);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

/* One of its files is enough: who has that has installed all. */
static bool has_directory(int root, const char *name)
{
	char path[sizeof(PLACE "//LC_CTYPE") + CTSH_LOCALE_MAX];

	(void)snprintf(path, sizeof(path), PLACE "/%s/LC_CTYPE", name);
	return is_kind(root, path, S_IFREG);
}

static uint32_t bits(unsigned count)
{
	return (uint32_t)((UINT64_C(1) << count) - 1);
}

uint32_t ctsh_locale_look(int root, const struct ctsh_locales *asked,
                          int *archive)
{
	char normal[CTSH_LOCALE_MAX];
	struct ctsh_error ignored;
	uint32_t seen = 0;

	*archive = -1;
	if (asked->count == 0 || !is_kind(root, PLACE, S_IFDIR))
		return bits(asked->count);
	for (unsigned i = 0; i < asked->count; i++)
		if ((ctsh_locale_normal(normal, asked->name[i]) &&
		     has_directory(root, normal)) ||
		    has_directory(root, asked->name[i]))
			seen |= UINT32_C(1) << i;
	if (seen != bits(asked->count))
		(void)!ctsh_below_regular(root, PLACE "/locale-archive",
		                          archive, &ignored);
	return seen;
}

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

/* glibc's, for this table. */
static uint32_t hash_of(const char *name)
{
	size_t length = strlen(name);
	uint32_t hash = (uint32_t)length;

	for (size_t i = 0; i < length; i++) {
		hash = hash << 9 | hash >> 23;
		hash += (unsigned char)name[i];
	}
	return hash ? hash : UINT32_MAX;
}

static bool is_at(int archive, uint32_t offset, const char *name)
{
	char text[CTSH_LOCALE_MAX] = "";

	return read_at(archive, text, strlen(name) + 1, offset) &&
	       !memcmp(text, name, strlen(name) + 1);
}

/* Double hashing.  Counted, since a table can be made in which no search ever
 * ends. */
static bool is_listed(int archive, const struct archive *head, const char *name)
{
	uint32_t hash = hash_of(name);
	uint64_t at = hash % head->names_size;
	uint64_t step = 1 + hash % (head->names_size - 2);
	struct entry entry;

	for (int i = 0; i < PROBES_MAX; i++) {
		if (!read_at(archive, &entry, sizeof(entry),
		             head->names_offset + at * sizeof(entry)) ||
		    entry.name_offset == 0)
			return false;
		if (entry.hash == hash &&
		    is_at(archive, entry.name_offset, name))
			return true;
		at = (at + step) % head->names_size;
	}
	return false;
}

uint32_t ctsh_locale_read(int archive, const struct ctsh_locales *asked)
{
	char normal[CTSH_LOCALE_MAX];
	struct archive head;
	uint32_t seen = 0;

	if (!read_at(archive, &head, sizeof(head), 0) ||
	    head.magic != ARCHIVE_MAGIC || head.names_size < 3)
		return 0;
	for (unsigned i = 0; i < asked->count; i++)
		if (ctsh_locale_normal(normal, asked->name[i]) &&
		    is_listed(archive, &head, normal))
			seen |= UINT32_C(1) << i;
	return seen;
}
