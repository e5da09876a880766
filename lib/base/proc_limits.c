/* SPDX-License-Identifier: MIT */
/* Part of proc.h: /proc/PID/limits. */
#include "proc.h"
#include "proc_scan.h"

/* The kernel's own names (fs/proc/base.c), by number. */
static const char *const names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

/* The limit that the line is about, with the cursor behind its name; -1: none
 * of them. */
static int take_name(const char **cursor)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(*cursor, names[i], length) == 0 &&
		    (*cursor)[length] == ' ') {
			*cursor += length;
			return i;
		}
	}
	return -1;
}

static bool take_value(const char **cursor, rlim_t *value)
{
	static const char unlimited[] = "unlimited";
	uint64_t number;

	ctsh_scan_blanks(cursor);
	if (strncmp(*cursor, unlimited, sizeof(unlimited) - 1) == 0) {
		*cursor += sizeof(unlimited) - 1;
		*value = RLIM_INFINITY;
		return true;
	}
	if (!ctsh_scan_number(cursor, RLIM_INFINITY - 1, &number))
		return false;
	*value = number;
	return true;
}

int ctsh_proc_parse_limits(const char *text, struct rlimit limits[RLIM_NLIMITS])
{
	const char *cursor = strchr(text, '\n'); /* behind the heading */
	struct rlimit found[RLIM_NLIMITS];
	unsigned seen = 0;

	while (cursor && cursor[1]) {
		int i;

		cursor++;
		i = take_name(&cursor);
		if (i < 0 || seen >> i & 1 ||
		    !take_value(&cursor, &found[i].rlim_cur) ||
		    !take_value(&cursor, &found[i].rlim_max))
			return -1;
		seen |= 1u << i;
		cursor = strchr(cursor, '\n');
	}
	if (!cursor || seen != (1u << RLIM_NLIMITS) - 1)
		return -1;
	memcpy(limits, found, sizeof(found));
	return 0;
}
