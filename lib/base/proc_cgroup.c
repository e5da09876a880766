/* SPDX-License-Identifier: MIT */
/* Part of proc.h: /proc/PID/cgroup, and cgroup mounts of mountinfo. */
#include "proc.h"
#include "proc_scan.h"

/* Whether one of the parts between the slashes is "..". */
static bool has_dot_dot(const char *path, size_t length)
{
	size_t begin = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i < length && path[i] != '/')
			continue;
		if (i - begin == 2 && memcmp(path + begin, "..", 2) == 0)
			return true;
		begin = i + 1;
	}
	return false;
}

int ctsh_proc_next_cgroup(const char **cursor, struct ctsh_proc_cgroup *line)
{
	struct ctsh_proc_cgroup found;
	const char *p = *cursor;
	uint64_t hierarchy;

	if (!*p)
		return 0;
	if (!ctsh_scan_number(&p, UINT32_MAX, &hierarchy) ||
	    !ctsh_scan_char(&p, ':'))
		return -1;
	found.hierarchy = (unsigned)hierarchy;
	/* No controller and no hierarchy has a colon in its name
	 * (cgroup_v1 allows [A-Za-z0-9_.-]), but a path may. */
	found.controllers = p;
	found.controllers_length = strcspn(p, ":\n");
	p += found.controllers_length;
	if (!ctsh_scan_char(&p, ':') || *p != '/')
		return -1;
	found.path = p;
	found.path_length = strcspn(p, "\n");
	p += found.path_length;
	/* Only the unified hierarchy, number 0, is without a name. */
	if (!ctsh_scan_char(&p, '\n') ||
	    (hierarchy == 0) != (found.controllers_length == 0) ||
	    has_dot_dot(found.path, found.path_length))
		return -1;
	*line = found;
	*cursor = p;
	return 1;
}

/* A column of mountinfo, borrowed.  It may be empty: the source of a mount
 * can be. */
struct column {
	const char *text;
	size_t length;
};

static bool take_column(const char **p, struct column *column)
{
	column->text = *p;
	column->length = strcspn(*p, " \n");
	*p += column->length;
	return ctsh_scan_char(p, ' ');
}

static bool column_is(const struct column *column, const char *text)
{
	return strlen(text) == column->length &&
	       memcmp(text, column->text, column->length) == 0;
}

/* "\040" and the like, which the kernel writes for blanks, newlines and
 * backslashes in names.  The character, or -1. */
static int octal(const char *text, size_t length)
{
	int value = 0;

	if (length < 4 || text[0] != '\\')
		return -1;
	for (int i = 1; i < 4; i++) {
		if (text[i] < '0' || text[i] > '7')
			return -1;
		value = value * 8 + (text[i] - '0');
	}
	return value > 0 && value <= 0377 ? value : -1;
}

/* Undoes the escapes.  False if one is malformed or the name too long. */
static bool copy_name(const struct column *name, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < name->length; i++) {
		int c = (unsigned char)name->text[i];

		if (c == '\\') {
			c = octal(name->text + i, name->length - i);
			i += 3;
		}
		if (c < 0 || used + 1 >= size)
			return false;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return true;
}

/* What of a line of mountinfo decides here. */
struct mount_line {
	struct column root, path, type, options;
};

/*
 * "36 35 98:0 /root /path rw,noatime master:1 - ext3 /dev/root rw"
 * with any number of tags before the "-".  proc_pid_mountinfo(5).
 */
static bool take_mount_line(const char **p, struct mount_line *line)
{
	struct column ignored;
	uint64_t number;

	if (!ctsh_scan_number(p, UINT32_MAX, &number) ||
	    !ctsh_scan_char(p, ' ') ||
	    !ctsh_scan_number(p, UINT32_MAX, &number) ||
	    !ctsh_scan_char(p, ' '))
		return false;
	if (!take_column(p, &ignored) || !take_column(p, &line->root) ||
	    !take_column(p, &line->path) || !take_column(p, &ignored))
		return false;
	do {
		if (!take_column(p, &ignored))
			return false;
	} while (!column_is(&ignored, "-"));
	if (!take_column(p, &line->type) || !take_column(p, &ignored))
		return false;
	/* The last one has no blank behind it.  Some file systems put some
	 * inside; those are not ours. */
	line->options.text = *p;
	line->options.length = strcspn(*p, "\n");
	*p += line->options.length;
	return ctsh_scan_char(p, '\n');
}

static bool is_whole_cgroup(const struct mount_line *line)
{
	return column_is(&line->root, "/") &&
	       (column_is(&line->type, "cgroup") ||
	        column_is(&line->type, "cgroup2"));
}

int ctsh_proc_next_cgroup_mount(const char **cursor,
                                struct ctsh_proc_mount *mount)
{
	struct ctsh_proc_mount found;
	struct mount_line line;
	const char *p = *cursor;

	do {
		if (!*p)
			return 0;
		if (!take_mount_line(&p, &line))
			return -1;
	} while (!is_whole_cgroup(&line));
	if (line.path.text[0] != '/' ||
	    line.options.length >= sizeof(found.options) ||
	    !copy_name(&line.path, found.path, sizeof(found.path)))
		return -1;
	memcpy(found.options, line.options.text, line.options.length);
	found.options[line.options.length] = '\0';
	found.unified = column_is(&line.type, "cgroup2");
	*mount = found;
	*cursor = p;
	return 1;
}

bool ctsh_proc_has_mount(const char *text, uint64_t mount_id)
{
	while (text && *text) {
		const char *cursor = text;
		uint64_t id;

		if (ctsh_scan_number(&cursor, UINT64_MAX, &id) &&
		    *cursor == ' ' && id == mount_id)
			return true;
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return false;
}
