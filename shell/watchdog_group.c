/* SPDX-License-Identifier: MIT */
/*
 * The end of a session's group (lib/enter/session_group.h).
 *
 * All of it is by descriptor: the watchdog has no capability but CAP_KILL, and
 * neither writing to an open cgroup.kill nor removing a directory from one of
 * root's needs any.
 */
#include "watchdog_dog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/session_group.h"

/* The kernel reports a change of cgroup.events up to ten milliseconds late. */
#define LOOK_MS 2

/* While nobody waits. */
#define LINGER_MS 1000

/* Of both files together: "populated 0\nfrozen 0\n". */
#define EVENTS_MAX 64

/* An engine that removes a container's groups, or root of a container that may
 * write to them, can have been there before us: a group that is gone is as
 * empty as one can be, and poll(2) of it does not wait. */
static bool is_empty(int events)
{
	char text[EVENTS_MAX] = "";
	ssize_t got = pread(events, text, sizeof(text) - 1, 0);

	if (got < 0)
		return errno == ENODEV;
	return got > 0 && strstr(text, "populated 0") != NULL;
}

/* `deadline_ms` -1: however long it takes. */
static bool wait_empty(int events, int64_t deadline_ms)
{
	struct pollfd change = {.fd = events, .events = POLLPRI};

	while (!is_empty(events)) {
		if (deadline_ms >= 0 && ctsh_now_ms() >= deadline_ms)
			return false;
		(void)poll(&change, 1, deadline_ms < 0 ? LINGER_MS : LOOK_MS);
	}
	return true;
}

static void remove_group(struct ctsh_dog *d)
{
	char name[CTSH_SESSION_GROUP_MAX];

	(void)snprintf(name, sizeof(name), CTSH_SESSION_GROUP_NAME "%s",
	               d->report->ref);
	/* Groups made inside of it keep it; the engine removes it then. */
	(void)unlinkat(d->hold[CTSH_HOLD_PARENT], name, AT_REMOVEDIR);
	ctsh_close_fd(&d->hold[CTSH_HOLD_PARENT]);
	ctsh_close_fd(&d->hold[CTSH_HOLD_EVENTS]);
}

void ctsh_dog_end_group(struct ctsh_dog *d, int64_t deadline_ms)
{
	if (d->hold[CTSH_HOLD_KILL] >= 0) {
		/* Once is enough: what is forked meanwhile dies as well. */
		(void)!write(d->hold[CTSH_HOLD_KILL], "1", 1);
		ctsh_close_fd(&d->hold[CTSH_HOLD_KILL]);
	} else if (deadline_ms >= 0) {
		/* It was waited for once already. */
		deadline_ms = 0;
	}
	if (d->hold[CTSH_HOLD_EVENTS] >= 0 &&
	    wait_empty(d->hold[CTSH_HOLD_EVENTS], deadline_ms))
		remove_group(d);
}
