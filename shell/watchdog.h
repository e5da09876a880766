/* SPDX-License-Identifier: MIT */
/*
 * watchdog.h - the process that ends what must end.
 *
 * Forked before anything that can hang; in its own session, root with
 * CAP_KILL alone.  During entry it kills what was registered when the deadline
 * passes or the login process dies.  Afterwards it lives as long as the
 * session, may only poll, read, write and send signals through pidfds, ends the
 * session if the supervisor dies (a supervisor alone could not: uid 1000 may
 * not signal a shell of mapped uid 101000), and writes the closing line.
 *
 * Privilege: root at ctsh_watchdog_start(); the watchdog keeps CAP_KILL.
 * Trust:     messages come from the process that forked it, which after the
 *            start of the session is a process of the user without power: it
 *            can end its own session or claim a status, nothing else.
 */
#ifndef CTSH_WATCHDOG_H
#define CTSH_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/base/error.h"
#include "report.h"

/* What the watchdog can be given to hold until the session is over. */
enum ctsh_hold {
	CTSH_HOLD_SEAT, /* one of max_sessions: a lock, given back by its end */
	CTSH_HOLD_USE,  /* of a container with stop_after: a lock, likewise */
	CTSH_HOLD_TIMER,  /* a timerfd: when it is readable the session ends */
	CTSH_HOLD_PARENT, /* of a session's group, as session_group.h has them;
	                   */
	CTSH_HOLD_EVENTS, /* KILL the last of the three: with it the watchdog */
	CTSH_HOLD_KILL,   /* answers for the group's end                     */
	CTSH_HOLDS,
};

/* Why a session is ended before its shell has. */
enum ctsh_ending {
	CTSH_ENDING_NONE,
	CTSH_ENDING_HANGUP,      /* the caller is gone, on_disconnect = kill */
	CTSH_ENDING_IDLE,        /* idle_timeout                             */
	CTSH_ENDING_MAX_SESSION, /* max_session                              */
};

struct ctsh_watchdog {
	int sock;    /* our end; closing it tells the watchdog that we ended */
	int unheard; /* answers that are still to come                  */
	bool holds;  /* something whose end a caller waits for          */
	pid_t pid;   /* to be reaped where the caller goes on             */
	const struct ctsh_report *report; /* borrowed                       */
};

#define CTSH_WATCHDOG_INIT                 \
	{                                  \
		.sock = -1, .report = NULL \
	}

/* Forks the watchdog.  It kills the caller's registered processes, then the
 * caller, once `deadline_ms` has passed without ctsh_watchdog_session(); then,
 * and if the caller ends without ctsh_watchdog_dismiss(), it reports the
 * refusal in the caller's place.  `report` is borrowed until the session runs.
 * It gets ready while the caller goes on: if it could not, the first message to
 * it fails.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_watchdog_start(struct ctsh_watchdog *dog,
                                        const struct ctsh_report *report,
                                        int64_t deadline_ms,
                                        struct ctsh_error *err);

/*
 * Registers a process by its pidfd (borrowed).  The newest one counts as the
 * session's leader.  0, or -1 with E_SYSTEM; before the process goes on,
 * ctsh_watchdog_watches() must follow.
 */
CTSH_MUST_CHECK int ctsh_watchdog_watch(struct ctsh_watchdog *dog, int pidfd,
                                        struct ctsh_error *err);

/* When this returns 0 the watchdog is confined, lives and watches the process
 * that was registered last; -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_watchdog_watches(struct ctsh_watchdog *dog,
                                          struct ctsh_error *err);

/*
 * Gives it a descriptor (borrowed) to hold.  0; or -1 with E_SYSTEM, and it may
 * or may not have it.
 */
CTSH_MUST_CHECK int ctsh_watchdog_hold(struct ctsh_watchdog *dog,
                                       enum ctsh_hold what, int fd,
                                       struct ctsh_error *err);

/*
 * Has it close `*fd` for us, which is ours no longer and -1 afterwards.  For a
 * private mount: its end waits for a grace period of the kernel, and the user
 * need not wait with it.  Before the session.  0; or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_watchdog_drop(struct ctsh_watchdog *dog, int *fd,
                                       struct ctsh_error *err);

/* Once, and before the session: `seconds` more until the deadline, for a
 * container that is still to come.  0; or -1 with E_SYSTEM: it has passed. */
CTSH_MUST_CHECK int ctsh_watchdog_wait(struct ctsh_watchdog *dog,
                                       unsigned seconds,
                                       struct ctsh_error *err);

/* The session runs: no deadline any more, the strict filter from now on.  Tells
 * the watchdog the user's name as the report has it by now.  0, or -1 with
 * E_SYSTEM: nothing was registered, or the deadline has passed. */
CTSH_MUST_CHECK int ctsh_watchdog_session(struct ctsh_watchdog *dog,
                                          struct ctsh_error *err);

/* Asks it to end the session: hangup, two seconds, kill; of a session with a
 * group of its own, all that is in it.  Never blocks. */
void ctsh_watchdog_end(int sock, enum ctsh_ending ending);

/* The session ended with this wait status: write the closing line and end.
 * Not believed while the leader lives: then the session is ended.  Does not
 * block; where the watchdog holds something, waits three seconds at most for
 * the end of all of it. */
void ctsh_watchdog_closed(struct ctsh_watchdog *dog, int status);

/* Whether it has ended, of whatever.  Never blocks. */
bool ctsh_watchdog_gone(const struct ctsh_watchdog *dog);

/* Before a session: nothing to watch any more, end without a line.  Once the
 * session runs this ends it, like the supervisor's death.  Never blocks. */
void ctsh_watchdog_dismiss(struct ctsh_watchdog *dog);

#endif
