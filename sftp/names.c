/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 0, ID = 2, HOME = 5 };

struct piece {
	const char *at;
	size_t length;
};

static ssize_t read_whole(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	do {
		n = read(fd, buf + have, size - have);
		if (n > 0)
			have += (size_t)n;
	} while ((n > 0 && have < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : (ssize_t)have;
}

static void load(struct sftp_names *names)
{
	int fd =
		open(names->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t got = -1;

	names->loaded = true;
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
	    st.st_size <= SFTP_NAMES_FILE_MAX)
		names->text = malloc((size_t)st.st_size + 1);
	if (names->text)
		got = read_whole(fd, names->text, (size_t)st.st_size);
	(void)close(fd);
	if (got >= 0) {
		names->length = (size_t)got;
		return;
	}
	free(names->text);
	names->text = NULL;
}

/* The line from `*offset` on; false behind the last one. */
static bool next_line(struct sftp_names *names, size_t *offset,
                      struct piece *line)
{
	const char *end;

	if (!names->loaded)
		load(names);
	if (!names->text || *offset >= names->length)
		return false;
	line->at = names->text + *offset;
	line->length = names->length - *offset;
	end = memchr(line->at, '\n', line->length);
	if (end)
		line->length = (size_t)(end - line->at);
	*offset += line->length + 1;
	return true;
}

static struct piece field(struct piece line, unsigned index)
{
	const char *colon;

	while (index-- > 0) {
		colon = memchr(line.at, ':', line.length);
		if (!colon)
			return (struct piece){line.at, 0};
		line.length -= (size_t)(colon + 1 - line.at);
		line.at = colon + 1;
	}
	colon = line.length ? memchr(line.at, ':', line.length) : NULL;
	if (colon)
		line.length = (size_t)(colon - line.at);
	return line;
}

static bool is_id(struct piece p, uint32_t id)
{
	uint64_t value = 0;

	if (!p.length || p.length > 10)
		return false;
	for (size_t i = 0; i < p.length; i++) {
		if (p.at[i] < '0' || p.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(p.at[i] - '0');
	}
	return value == id;
}

/* It stands in a line that people read, and programs take apart. */
static bool is_name(struct piece p)
{
	if (!p.length || p.length >= SFTP_NAME_MAX || p.at[0] == '+' ||
	    p.at[0] == '-' || p.at[0] == '#')
		return false;
	for (size_t i = 0; i < p.length; i++)
		if (p.at[i] <= ' ' || p.at[i] > '~')
			return false;
	return true;
}

static void find(struct sftp_names *names, uint32_t id, char *out)
{
	struct piece line, name;
	size_t offset = 0;

	out[0] = '\0';
	while (next_line(names, &offset, &line)) {
		name = field(line, NAME);
		if (!is_name(name) || !is_id(field(line, ID), id))
			continue;
		memcpy(out, name.at, name.length);
		out[name.length] = '\0';
		return;
	}
}

const char *sftp_name_of(struct sftp_names *names, uint32_t id)
{
	size_t place = id % SFTP_NAMES_KEPT;

	if (!names->kept[place].used || names->kept[place].id != id) {
		find(names, id, names->kept[place].name);
		names->kept[place].id = id;
		names->kept[place].used = true;
	}
	return names->kept[place].name;
}

bool sftp_home_of(struct sftp_names *names, const char *name, size_t length,
                  char *home, size_t size)
{
	struct piece line, found;
	size_t offset = 0;

	while (next_line(names, &offset, &line)) {
		found = field(line, NAME);
		if (found.length != length || memcmp(found.at, name, length))
			continue;
		found = field(line, HOME);
		if (!found.length || found.at[0] != '/' ||
		    found.length >= size || memchr(found.at, 0, found.length))
			return false;
		memcpy(home, found.at, found.length);
		home[found.length] = '\0';
		return true;
	}
	return false;
}

void sftp_names_free(struct sftp_names *names)
{
	free(names->text);
	*names = (struct sftp_names){.file = names->file};
}
