/* SPDX-License-Identifier: MIT */
/*
 * plan.h - everything that the entering process will be, decided beforehand.
 *
 * Built by lib/route/plan.c; below the barrier it is only carried out.
 *
 * Privilege: none.
 * Trust:     ids are checked against the rule and the container's maps;
 *            paths and environment may be the container's own words and are
 *            used only by a process without any power.
 */
#ifndef CTSH_MODEL_PLAN_H
#define CTSH_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "interior.h"

/* One way to start the shell.  Tried in order; ENOENT goes on to the next. */
struct ctsh_candidate {
	char *path;      /* absolute, in the container                     */
	char **argv;     /* ends with NULL                                 */
	char *shell_env; /* "SHELL=/bin/sh" for this candidate             */
};

struct ctsh_plan {
	uid_t uid; /* as the container counts                        */
	gid_t gid;
	uid_t host_uid; /* the same, as the host counts                   */
	gid_t host_gid;
	size_t group_count;
	gid_t *groups; /* supplementary, container's count, gid included */
	gid_t *host_groups;
	struct ctsh_candidate shells[CTSH_SHELL_CHOICES];
	size_t shell_count; /* at least 1                                  */
	char **program;     /* argv of ours that is executed by a descriptor in
	                       the shells' place, ends with NULL; or NULL  */
	char *directories[2];
	size_t directory_count; /* at least 1; the last is "/"             */
	char **env; /* ends with NULL; env[0] is set to shell_env     */
	mode_t umask;
	bool login;    /* interactive login, not a command               */
	bool terminal; /* the session gets a controlling terminal        */
};

#endif
