/* SPDX-License-Identifier: MIT */
/*
 * session_group.h - a control group for all that one session starts.
 *
 * Below the init's own group of the unified hierarchy, so that whatever limits
 * that one limits this one, too: no controller is given to it and no value
 * set.  The entering process is born in it, and nothing that is forked leaves
 * it, however often it forks and whoever becomes its parent; cgroup.kill then
 * ends all of it in one step that no fork can outrun.  Only root of a container
 * that can write to its control groups can move a process out.
 *
 * Privilege: root, on the host.
 * Trust:     as cgroup.h.
 */
#ifndef CTSH_ENTER_SESSION_GROUP_H
#define CTSH_ENTER_SESSION_GROUP_H

#include "../base/error.h"
#include "../model/container.h"

#define CTSH_SESSION_GROUP_NAME "ctsh-"
#define CTSH_SESSION_GROUP_MAX 32

/* Every descriptor is close-on-exec; -1 means "not held". */
struct ctsh_session_group {
	int parent; /* O_PATH, the directory that it lies in; root's   */
	int group;  /* O_PATH, the group itself                        */
	int kill;   /* its cgroup.kill, for writing                    */
	int events; /* its cgroup.events, for reading                  */
	char *text; /* what /proc/PID/cgroup says of who is in it, heap */
	char name[CTSH_SESSION_GROUP_MAX]; /* below `parent`           */
};

#define CTSH_SESSION_GROUP_INIT                                     \
	{                                                           \
		.parent = -1, .group = -1, .kill = -1, .events = -1 \
	}

/*
 * Makes ctsh-REF below the init's group; where that is not root's to write
 * (a delegated one), below a group `ctsh` of root's in it, which stays: who has
 * root's uid and no capability can then remove ctsh-REF.
 *
 * 0; or -1 with nothing left behind: E_GONE if the init's group is gone,
 * E_UNSAFE if `ctsh` is not root's, E_SYSTEM if the unified hierarchy is not
 * mounted, the kernel has no cgroup.kill (before Linux 5.14), or the group
 * cannot be made.
 */
CTSH_MUST_CHECK int ctsh_session_group_make(struct ctsh_session_group *g,
                                            const struct ctsh_container *c,
                                            const char *ref,
                                            struct ctsh_error *err);

/* Removes the group, which must be empty, and closes it. */
void ctsh_session_group_remove(struct ctsh_session_group *g);

/* Closes and frees what is held.  Harmless twice.  Preserves errno. */
void ctsh_session_group_close(struct ctsh_session_group *g);

#endif
