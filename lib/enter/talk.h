/* SPDX-License-Identifier: MIT */
/*
 * talk.h - P's side of the two pipes to the entering processes (enter.h).
 *
 * Privilege: none.
 * Trust:     none in what is heard: a number from a fixed list, or a refusal.
 */
#ifndef CTSH_ENTER_TALK_H
#define CTSH_ENTER_TALK_H

#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"
#include "stage.h"

struct ctsh_talk {
	int reports; /* what M and S write is read here               */
	int go;      /* what they read is written here                */
	int go_read; /* their end, kept: a pipe that nobody reads would
	                end us by SIGPIPE                             */
	int64_t deadline_ms;
};

#define CTSH_TALK_INIT(deadline)                        \
	{                                               \
		.reports = -1, .go = -1, .go_read = -1, \
		.deadline_ms = (deadline)               \
	}

/* Makes the pipes.  `line` gets the other ends; its `report` is the caller's to
 * close, its `go` belongs to `t`.  0, or -1 with E_SYSTEM and what was made. */
CTSH_MUST_CHECK int ctsh_talk_open(struct ctsh_talk *t, struct ctsh_line *line,
                                   struct ctsh_error *err);

/* Reads one message of the process with the pidfd `speaker`.  Its length, 0 at
 * end of file or when that process ended, or -1 with errno (ETIMEDOUT). */
ssize_t ctsh_talk_hear(const struct ctsh_talk *t, int speaker,
                       struct ctsh_message *message);

/* Waits for exactly that message; what it says goes to `*value`.  0, or -1:
 * E_GONE, E_SYSTEM, E_UNSAFE, or what the failure heard instead means. */
CTSH_MUST_CHECK int ctsh_talk_expect(const struct ctsh_talk *t, int speaker,
                                     enum ctsh_stage stage, int32_t *value,
                                     struct ctsh_error *err);

/* Says go.  0, or -1 with E_GONE. */
CTSH_MUST_CHECK int ctsh_talk_go(const struct ctsh_talk *t,
                                 struct ctsh_error *err);

/* What a message of failure means: -1, always. */
int ctsh_talk_failure(const struct ctsh_message *message,
                      struct ctsh_error *err);

/* Harmless twice.  Closing ends an S that nobody knows of: it waits for go. */
void ctsh_talk_close(struct ctsh_talk *t);

#endif
