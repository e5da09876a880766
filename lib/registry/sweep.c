/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../base/proc.h"
#include "../base/text.h"
#include "registry.h"
#include "rundir.h"

/* Takes a number and moves `*text` behind it. */
static bool take_number(const char **text, uint64_t max, uint64_t *number)
{
	size_t length = strspn(*text, "0123456789");
	char digits[24];

	if (length >= sizeof(digits))
		return false;
	memcpy(digits, *text, length);
	digits[length] = '\0';
	*text += length;
	return ctsh_text_number(digits, max, number);
}

/* PID-START-COUNT-STACK, PID-START.new or PID-START.lock; PID-START.use
 * or PID-START.bell. */
static bool parse_name(const char *name, pid_t *pid, uint64_t *start)
{
	uint64_t number, count, stack;

	if (!take_number(&name, INT_MAX, &number) || !number ||
	    *name++ != '-' || !take_number(&name, UINT64_MAX, start))
		return false;
	*pid = (pid_t)number;
	if (!strcmp(name, ".use") || !strcmp(name, ".new") ||
	    !strcmp(name, ".lock") || !strcmp(name, ".bell"))
		return true;
	return *name++ == '-' && take_number(&name, UINT_MAX, &count) &&
	       *name++ == '-' && take_number(&name, UINT64_MAX, &stack) &&
	       !*name;
}

/* In doubt it runs. */
static bool has_ended(pid_t pid, uint64_t start)
{
	struct ctsh_error err;
	ctsh_autoclose int proc = ctsh_proc_of(pid, &err);
	uint64_t ticks;

	if (proc < 0 || ctsh_proc_read_start(proc, &ticks, &err))
		return err.code == CTSH_E_GONE;
	return ticks != start;
}

/* Whether it is a copy, and another one than `current` of the same process. */
static bool is_outdated(const char *name, const char *current)
{
	size_t pid = strcspn(current, "-") + 1;
	size_t key = pid + strcspn(current + pid, "-") + 1;

	return strncmp(name, current, key) == 0 && strcmp(name, current) != 0;
}

static void remove_file(int dir, const char *name)
{
	const char *suffix = strrchr(name, '.');
	int lock = -1;

	if (!suffix || strcmp(suffix, ".lock")) {
		(void)unlinkat(dir, name, 0);
		return;
	}
	/* Held, it is in use: who waits for it would lock another file than
	 * the holder.  Who has opened it but not locked it yet finds out. */
	if (ctsh_registry_try_lock(dir, name, 0, &lock) <= 0)
		return;
	(void)unlinkat(dir, name, 0);
	ctsh_slot_release(&lock);
}

static void sweep(int dir, DIR *list, const char *current)
{
	struct dirent *entry;
	uint64_t start;
	pid_t pid;

	while ((entry = readdir(list)))
		if (parse_name(entry->d_name, &pid, &start) &&
		    (is_outdated(entry->d_name, current) ||
		     has_ended(pid, start)))
			remove_file(dir, entry->d_name);
}

void ctsh_registry_sweep(int dir, const char *current)
{
	int saved = errno;
	ctsh_autoclose int fd = -1;
	DIR *list;

	/* An open of its own, so that the position is its own too. */
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (list) {
		fd = -1;
		sweep(dir, list, current);
		(void)closedir(list);
	}
	errno = saved;
}
