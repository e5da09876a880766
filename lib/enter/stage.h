/* SPDX-License-Identifier: MIT */
/*
 * stage.h - what the entering processes can say: numbers from one list.
 *
 * Shared by enter.c (P, which reads them) and inside.c (M and S, which send
 * them); see the picture in enter.h.
 *
 * Privilege: none.
 * Trust:     P holds every message against the list; after the filters are
 *            loaded the sender may be the container's.
 */
#ifndef CTSH_ENTER_STAGE_H
#define CTSH_ENTER_STAGE_H

#include <stdint.h>

#include "enter.h"

enum ctsh_stage {
	/* Good news, each waited for by P, and after the first each answered by
	 * one byte. */
	CTSH_STAGE_JOINED = 1,
	CTSH_STAGE_CONFINED,
	CTSH_STAGE_STARTED, /* S; M says so */
	/* Failures: the step that failed. */
	CTSH_STAGE_SESSION,
	CTSH_STAGE_KEYRING,
	CTSH_STAGE_LABEL,
	CTSH_STAGE_TRAITS,
	CTSH_STAGE_SECUREBITS,
	CTSH_STAGE_LIMITS,
	CTSH_STAGE_SETNS,
	CTSH_STAGE_ROOT,
	CTSH_STAGE_MAPPED_ROOT,
	CTSH_STAGE_DESCRIPTORS,
	CTSH_STAGE_BOUNDING,
	CTSH_STAGE_GROUPS,
	CTSH_STAGE_IDS,
	CTSH_STAGE_CAPABILITIES,
	CTSH_STAGE_PROOF,
	CTSH_STAGE_NO_NEW_PRIVS,
	CTSH_STAGE_FILTERS,
	CTSH_STAGE_CLONE,
	CTSH_STAGE_TERMINAL,
	CTSH_STAGE_SIGNALS,
	CTSH_STAGE_DIRECTORY,
	CTSH_STAGE_TRANSITION,
	CTSH_STAGE_EXEC, /* which of the shells: one for each */
	CTSH_STAGE_EXEC_LAST = CTSH_STAGE_EXEC + CTSH_SHELL_CHOICES - 1,
	CTSH_STAGE_PROGRAM,
	/* S, not waited for: it is not in the first of the directories. */
	CTSH_STAGE_ELSEWHERE,
	CTSH_STAGE_COUNT,
};

struct ctsh_message {
	uint32_t stage;
	int32_t sys; /* errno of a failure; the PID of who STARTED */
};

/* The two pipes between P and the entering processes, as these hold them. */
struct ctsh_line {
	int report; /* to be written to */
	int go;     /* to be read from  */
};

/*
 * M: everything below the barrier, up to the birth of S and S's
 * execve.  Never returns.
 *
 * Privilege: starts as root on the host, ends as the shell.
 */
_Noreturn void ctsh_inside(const struct ctsh_entry *entry,
                           struct ctsh_line line);

#endif
