/* SPDX-License-Identifier: MIT */
/*
 * limits.h - when a session is to end, as the supervisor counts.
 *
 * Time is CLOCK_BOOTTIME: an hour is an hour for who is away, on a host that
 * was suspended meanwhile as well, and nobody can set it.  max_session is kept
 * by the watchdog's timer; here it is counted for the warning and the sentence.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     the descriptor for sentences is the caller's, and may take
 * nothing.
 */
#ifndef CTSH_LIMITS_H
#define CTSH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/base/error.h"
#include "watchdog.h"

/* Said so long before the end, if the limit is longer than that. */
#define CTSH_WARNING_MS 60000

struct ctsh_limits {
	int64_t idle_ms;    /* 0: no limit                               */
	int64_t session_ms; /* 0: no limit                               */
	int64_t begun_ms;
	int64_t touched_ms; /* when something was last typed or put out  */
	bool warned_idle;
	bool warned_session;
	int voice;        /* where the user is told, owned; or -1      */
	bool at_terminal; /* that is a terminal: warnings are welcome  */
	const char *ref;  /* this login's, borrowed                    */
};

#define CTSH_LIMITS_INIT    \
	{                   \
		.voice = -1 \
	}

/* What is due now; each once, but for the ends. */
enum ctsh_due {
	CTSH_DUE_NOTHING,
	CTSH_DUE_WARN_IDLE,
	CTSH_DUE_WARN_SESSION,
	CTSH_DUE_END_IDLE,
	CTSH_DUE_END_SESSION,
};

/* Milliseconds of CLOCK_BOOTTIME.  Cannot fail. */
int64_t ctsh_limits_now(void);

/* Of a session that begins now, without a voice.  Seconds; 0 is no limit. */
void ctsh_limits_begin(struct ctsh_limits *limits, unsigned idle_s,
                       unsigned session_s, int64_t now_ms);

/* Whether there is any. */
bool ctsh_limits_any(const struct ctsh_limits *limits);

/* Something was typed or put out. */
void ctsh_limits_touch(struct ctsh_limits *limits, int64_t now_ms);

enum ctsh_due ctsh_limits_due(struct ctsh_limits *limits, int64_t now_ms);

/* For poll(2): until something is due, rounded up; -1: nothing ever is. */
int ctsh_limits_timeout(const struct ctsh_limits *limits, int64_t now_ms);

/* Signals this process now and then, so that no write to a caller's terminal
 * that takes nothing lasts longer than a few seconds.  Signals are not
 * inherited by anybody: the session runs already.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_limits_stir(const struct ctsh_limits *limits,
                                     struct ctsh_error *err);

/* Says on a copy of `fd` from now on what is to be said. */
void ctsh_limits_speak_on(struct ctsh_limits *limits, int fd, bool at_terminal);

/* Says it as a line of its own.  A voice that takes nothing now is not waited
 * for. */
void ctsh_limits_say(const struct ctsh_limits *limits, enum ctsh_due due);

/* Looks at the time, warns at a terminal, and says whether the session is to be
 * ended: once it is, no further calls. */
enum ctsh_ending ctsh_limits_keep(struct ctsh_limits *limits, int64_t now_ms);

#endif
