/* SPDX-License-Identifier: MIT */
/*
 * watchdog_wire.h - what the login process and its watchdog say to each other.
 *
 * Messages of one fixed size over SOCK_SEQPACKET; a WATCH carries a pidfd.
 * WATCH, HOLD, WAIT, DROP and SESSION are answered by one byte.
 *
 * Privilege: none.
 * Trust:     once the session runs the sender is the user's process.
 */
#ifndef CTSH_WATCHDOG_WIRE_H
#define CTSH_WATCHDOG_WIRE_H

#include <stdint.h>

#include "report.h"

enum {
	CTSH_DOG_WATCH = 1,
	CTSH_DOG_SESSION,
	CTSH_DOG_CLOSED,
	CTSH_DOG_DISMISS,
	CTSH_DOG_HOLD, /* `status`: enum ctsh_hold; carries the descriptor */
	CTSH_DOG_END,  /* `status`: enum ctsh_ending                       */
	CTSH_DOG_WAIT, /* `status`: so many seconds more                   */
	CTSH_DOG_DROP, /* carries a descriptor to be closed                */
};

#define CTSH_DOG_YES 'y'
#define CTSH_DOG_NO 'n'

struct ctsh_dog_message {
	int32_t what;
	int32_t status; /* CLOSED: the wait status; others see above */
	char user[sizeof(((struct ctsh_report *)0)->user)]; /* SESSION */
};

/*
 * The watchdog itself, in the process forked for it; never returns.  `sock` is
 * its end, `parent` a pidfd of the login process, `report` a copy of its own.
 */
_Noreturn void ctsh_watchdog_run(int sock, int parent,
                                 struct ctsh_report *report,
                                 int64_t deadline_ms);

#endif
