/* SPDX-License-Identifier: MIT */
/*
 * watchdog_dog.h - what the two phases of the watchdog share.
 *
 * Privilege: root with CAP_KILL alone.
 * Trust:     as watchdog.h says.
 */
#ifndef CTSH_WATCHDOG_DOG_H
#define CTSH_WATCHDOG_DOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/base/error.h"
#include "report.h"
#include "watchdog.h"

/* A login registers two: who enters, and the shell. */
#define WATCHED_MAX 16

/* Mounts: of the session's program and of /dev/null. */
#define DROPPED_MAX 2

struct ctsh_dog {
	int sock;
	int parent; /* pidfd of the login process, later the supervisor */
	struct ctsh_report *report;
	int watched[WATCHED_MAX];
	int count;
	int64_t deadline_ms;
	bool late;    /* the deadline has passed: nothing is begun any more */
	bool waits;   /* the deadline has been moved */
	bool refused; /* one that it did not take: there is no session */
	int64_t session_ms;   /* when the session began */
	int hold[CTSH_HOLDS]; /* -1: not held */
	int drop[DROPPED_MAX];
	int dropped;
};

/* For what is left in a session's group to end, before anybody is kept waiting
 * any longer: a frozen container ends nothing. */
#define CTSH_DOG_GROUP_MS 2000

/* Never fails: who has ended needs no signal. */
void ctsh_dog_signal(int pidfd, int signal);

/* Kills all that is in the session's group, if there is one, waits for its end
 * until the deadline (-1: without one) and removes it.  Harmless twice. */
void ctsh_dog_end_group(struct ctsh_dog *d, int64_t deadline_ms);

/* Phase two keeps the leader alone and the strict filter.  0, or -1 with
 * E_SYSTEM: then it must not go on. */
CTSH_MUST_CHECK int ctsh_dog_strip(struct ctsh_dog *d, struct ctsh_error *err);

/* Phase two, to the end of the session and of this process. */
_Noreturn void ctsh_dog_guard_session(struct ctsh_dog *d);

#endif
