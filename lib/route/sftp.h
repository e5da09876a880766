/* SPDX-License-Identifier: MIT */
/*
 * sftp.h - part of step 8: which sftp-server a session gets.  Pure.
 *
 * Privilege: none.
 * Trust:     what the interior says exists, may not; then the shell says so.
 */
#ifndef CTSH_ROUTE_SFTP_H
#define CTSH_ROUTE_SFTP_H

#include <stdbool.h>

#include "../base/error.h"
#include "../model/interior.h"
#include "../model/plan.h"

/* Whether the command, NULL for a login, asks for an sftp-server. */
bool ctsh_sftp_wanted(const char *command);

/*
 * The command that the shell is given: `command` itself; or, if that asks for
 * an sftp-server that the container has at another place only, the same with
 * that place in it, which is then in `*made` and the caller's to free.  NULL
 * without memory.
 */
CTSH_MUST_CHECK const char *ctsh_sftp_command(
	const struct ctsh_interior *interior, const char *command, char **made);

/*
 * Fills `program` of the plan, whose shells are there already, if `command`
 * asks for an sftp-server and the container has none: but only where the
 * account's shell, by its name, is one that carries out any command.  With
 * another one, nologin above all, it gets what it would get on a host: what the
 * shell makes of it.  0, or -1 without memory.
 */
CTSH_MUST_CHECK int ctsh_sftp_program(const struct ctsh_interior *interior,
                                      const char *command,
                                      struct ctsh_plan *plan);

/* Frees such a list and sets it to NULL. */
void ctsh_sftp_free(char ***argv);

#endif
