/* SPDX-License-Identifier: MIT */
/*
 * error.h - a failure as a value: a code for the user, a reason for the log.
 *
 * Privilege: none.
 * Trust:     texts handed to ctsh_fail() may be hostile; what is stored is
 *            printable ASCII on one line.
 */
#ifndef CTSH_ERROR_H
#define CTSH_ERROR_H

#include "clean.h"

/* The code alone decides what the user reads (docs/ctsh.8, DIAGNOSTICS). */
enum ctsh_code {
	CTSH_OK = 0,
	CTSH_E_USAGE,    /* the invocation makes no sense                */
	CTSH_E_CONFIG,   /* configuration missing, unsafe or malformed   */
	CTSH_E_DENIED,   /* no rule lets this user in, or one forbids it */
	CTSH_E_ABSENT,   /* the container does not exist or is stopped   */
	CTSH_E_PAUSED,   /* it is paused or frozen                       */
	CTSH_E_GONE,     /* it existed a moment ago, and ended           */
	CTSH_E_ENGINE,   /* the engine is down, slow or talks nonsense   */
	CTSH_E_UNSAFE,   /* a proof failed or a protection is missing    */
	CTSH_E_IDENTITY, /* no acceptable identity inside                */
	CTSH_E_LIMIT,    /* too many logins or sessions of this user     */
	CTSH_E_SHELL,    /* no shell inside could be started             */
	CTSH_E_SYSTEM,   /* a system call failed; see `sys`              */
	CTSH_CODE_COUNT,
};

/* Of an E_ABSENT: whether it helps to ask again. */
enum ctsh_coming {
	CTSH_COMING_NOT = 0,
	CTSH_COMING,      /* somebody is starting it                     */
	CTSH_COMING_SOON, /* so it seems; if so, it is there in a moment */
};

struct ctsh_error {
	enum ctsh_code code; /* chooses the user's sentence             */
	int sys;             /* errno when it failed, or 0              */
	int coming;          /* enum ctsh_coming                        */
	char what[320];      /* one printable line, for the log only    */
	char say[256];       /* a sentence in place of the code's: the
	                        administrator's own (deny, closed) or
	                        one with the shell's name; or ""        */
};

/*
 * Records a failure and returns -1, so that a step can say
 * `return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open %s", path);`.
 * With `sys` the text gets ": " and the name of that errno.  Anything but
 * printable ASCII is replaced by '?'; text that does not fit is cut.  Clears
 * `say` and `coming`.  Allocates nothing, keeps no pointer, preserves errno.
 */
int ctsh_fail(struct ctsh_error *err, enum ctsh_code code, int sys,
              const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Makes an error that came from a process which may be hostile one that
 * ctsh_fail() could have made: terminated, printable, with a code. */
void ctsh_error_tidy(struct ctsh_error *err);

/* Puts the shell's name into what the user reads of an E_SHELL; `sys` says
 * whether it was not found or could not be started. */
void ctsh_error_name_shell(struct ctsh_error *err, const char *path);

/* "E_USAGE" and so on; "E_SYSTEM" for a number that is no code.  Static. */
const char *ctsh_code_name(enum ctsh_code code);

/* The fixed sentence that the user reads for this code.  Static. */
const char *ctsh_code_sentence(enum ctsh_code code);

#endif
