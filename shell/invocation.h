/* SPDX-License-Identifier: MIT */
/*
 * invocation.h - step 1: what the stub handed over, as values.  Pure: looks at
 * its arguments only.
 *
 * Privilege: none.
 * Trust:     ids and umask are the stub's word (handover.h); command, caller's
 *            variables and claimed address are the caller's and hostile.
 */
#ifndef CTSH_INVOCATION_H
#define CTSH_INVOCATION_H

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/base/error.h"

/* An IPv6 address with the name of an interface. */
#define CTSH_FROM_MAX 64

struct ctsh_invocation {
	uid_t uid; /* the real ids of the caller              */
	gid_t gid;
	mode_t umask;
	bool login;               /* interactive login, not a command        */
	const char *command;      /* borrowed from argv or envp; NULL: login */
	const char **caller;      /* the caller's "NAME=value", ends with
	                             NULL; the array is heap, the strings are
	                             borrowed from envp                      */
	char from[CTSH_FROM_MAX]; /* the client's address as SSH_CONNECTION or
	                             SSH_CLIENT claims it, or ""             */
};

/*
 * Parses argv and environment as handover.h says.  A login that carries
 * SSH_ORIGINAL_COMMAND is sshd's ForceCommand and becomes that command; beside
 * a command of its own that variable is an ordinary one.
 *
 * 0, and `*invocation` (ctsh_invocation_free()); or -1 with E_SYSTEM: another
 * version, an argument too many or too few, a malformed number or name.
 */
CTSH_MUST_CHECK int ctsh_invocation_parse(int argc, char *const *argv,
                                          char *const *envp,
                                          struct ctsh_invocation *invocation,
                                          struct ctsh_error *err);

/* Overwrites the caller's variables and the command where they lie, in the
 * memory that /proc/PID/environ and cmdline show.  `caller` is empty and
 * `command` NULL afterwards. */
void ctsh_invocation_wipe(struct ctsh_invocation *invocation);

/* Frees what it holds.  Harmless on an empty one. */
void ctsh_invocation_free(struct ctsh_invocation *invocation);

#endif
