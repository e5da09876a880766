/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>

#include "../base/fdio.h"
#include "../base/filters.h"
#include "../base/proc.h"
#include "rundir.h"
#include "sweep.h"

#define NAP_US 2000

/* The names of one init's files below filters/. */
struct names {
	char copy[96];  /* PID-START-COUNT-STACK                */
	char draft[64]; /* PID-START.new, written under the lock */
	char lock[64];  /* PID-START.lock                       */
};

/*
 * The stack stands for the program: a thread that is not the first and calls
 * execve(2) takes the first one's place, its PID and start time, with filters
 * of its own that may be as many.
 */
static int find_names(const struct ctsh_container *c, struct names *names,
                      struct ctsh_error *err)
{
	uint64_t stack;

	if (ctsh_proc_read_stack(c->proc, &stack, err))
		return -1;
	(void)snprintf(names->copy, sizeof(names->copy),
	               "%d-%" PRIu64 "-%u-%" PRIu64, c->pid, c->start_ticks,
	               c->filter_count, stack);
	(void)snprintf(names->draft, sizeof(names->draft), "%d-%" PRIu64 ".new",
	               c->pid, c->start_ticks);
	(void)snprintf(names->lock, sizeof(names->lock), "%d-%" PRIu64 ".lock",
	               c->pid, c->start_ticks);
	return 0;
}

/* A copy that cannot be read or is not what it should be is none: -1. */
static int load(int dir, const struct names *names, unsigned count,
                struct ctsh_filters *filters)
{
	struct ctsh_filters loaded = {0};
	ctsh_autofree char *bytes = NULL;
	size_t length;

	bytes = ctsh_read_file_at(dir, names->copy, CTSH_FILTERS_BYTES_MAX,
	                          &length);
	if (!bytes || ctsh_filters_unpack(bytes, length, &loaded))
		return -1;
	if (loaded.count != count) {
		ctsh_filters_free(&loaded);
		return -1;
	}
	*filters = loaded;
	return 0;
}

/* Under the lock.  Nobody ever sees half a copy: it gets its name when it is
 * whole. */
static int keep(int dir, const struct names *names,
                const struct ctsh_filters *filters)
{
	ctsh_autofree void *bytes = NULL;
	ctsh_autoclose int fd = -1;
	size_t length;

	bytes = ctsh_filters_pack(filters, &length);
	if (!bytes)
		return -1;
	/* Left by one that died with the lock. */
	if (unlinkat(dir, names->draft, 0) && errno != ENOENT)
		return -1;
	fd = openat(dir, names->draft,
	            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (ctsh_write_all(fd, bytes, length) ||
	    renameat(dir, names->draft, dir, names->copy)) {
		int saved = errno;

		(void)unlinkat(dir, names->draft, 0);
		errno = saved;
		return -1;
	}
	return 0;
}

/* Under the lock: another login may have been faster, else a new copy. */
static int renew(int dir, const struct names *names,
                 const struct ctsh_container *c, ctsh_registry_copy *copy,
                 struct ctsh_filters *filters, int64_t deadline_ms,
                 struct ctsh_error *err)
{
	struct ctsh_filters made = {0};

	if (!load(dir, names, c->filter_count, filters))
		return 0;
	if (copy(c, &made, deadline_ms, err))
		return -1;
	if (made.count != c->filter_count) {
		ctsh_filters_free(&made);
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the filters of pid %d changed", c->pid);
	}
	if (keep(dir, names, &made)) {
		ctsh_filters_free(&made);
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "keep the filters of pid %d", c->pid);
	}
	*filters = made;
	return 0;
}

/* Loads or, as soon as the lock can be had, renews. */
static int obtain(int dir, const struct ctsh_container *c,
                  ctsh_registry_copy *copy, struct ctsh_filters *filters,
                  int64_t deadline_ms, struct ctsh_error *err)
{
	struct names names;

	if (find_names(c, &names, err))
		return -1;
	while (load(dir, &names, c->filter_count, filters)) {
		int lock = -1, failed;
		int held =
			ctsh_registry_try_lock(dir, names.lock, O_CREAT, &lock);

		if (held < 0)
			return ctsh_fail(err, CTSH_E_SYSTEM, errno, "lock %s",
			                 names.lock);
		if (held > 0) {
			failed = renew(dir, &names, c, copy, filters,
			               deadline_ms, err);
			ctsh_slot_release(&lock);
			if (!failed)
				ctsh_registry_sweep(dir, names.copy);
			return failed;
		}
		if (ctsh_now_ms() >= deadline_ms)
			return ctsh_fail(err, CTSH_E_SYSTEM, 0,
			                 "another login holds the lock %s",
			                 names.lock);
		ctsh_nap_us(NAP_US);
	}
	return 0;
}

int ctsh_registry_filters_in(const char *base, struct ctsh_container *c,
                             ctsh_registry_copy *copy, int64_t deadline_ms,
                             struct ctsh_error *err)
{
	struct ctsh_filters filters = {0};
	ctsh_autoclose int dir = -1;

	if (c->filter_count) {
		dir = ctsh_rundir_open(base, "filters", err);
		if (dir < 0 || obtain(dir, c, copy, &filters, deadline_ms, err))
			return -1;
	}
	ctsh_filters_free(&c->filters);
	c->filters = filters;
	return 0;
}

int ctsh_registry_filters(struct ctsh_container *c, ctsh_registry_copy *copy,
                          int64_t deadline_ms, struct ctsh_error *err)
{
	return ctsh_registry_filters_in(CTSH_RUNDIR, c, copy, deadline_ms, err);
}
