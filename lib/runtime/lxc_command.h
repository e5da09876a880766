/* SPDX-License-Identifier: MIT */
/*
 * lxc_command.h - the client of an LXC monitor's command socket.
 *
 * Each running container has a monitor, which listens on an abstract socket
 * named after the container's directory.  Whoever comes first may take such a
 * name, so all depends on who answers: the name must have been taken by uid 0,
 * and every message must come from a process of root's in our own user and PID
 * namespace.  Who listens does not say that: lxc-start makes the socket, leaves
 * it to the monitor and ends.
 *
 * One question to a connection, as LXC 5 has it; 4 would take more.
 *
 * Privilege: root, on the host, in the host's network namespace.
 * Trust:     see above; what a monitor says stays a claim.
 */
#ifndef CTSH_RUNTIME_LXC_COMMAND_H
#define CTSH_RUNTIME_LXC_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "../base/error.h"

/* The longest path there is. */
#define CTSH_LXC_TEXT_MAX 4096

/* The same numbers in LXC 4, 5 and 6: they may not change there. */
enum ctsh_lxc_command {
	CTSH_LXC_GET_STATE = 3,
	CTSH_LXC_GET_INIT_PID = 4,
	CTSH_LXC_GET_CONFIG_ITEM = 7,
	CTSH_LXC_GET_NAME = 8,
	CTSH_LXC_GET_LXCPATH = 9,
};

enum ctsh_lxc_state {
	CTSH_LXC_STOPPED = 0,
	CTSH_LXC_STARTING = 1,
	CTSH_LXC_RUNNING = 2,
	CTSH_LXC_STOPPING = 3,
	CTSH_LXC_ABORTING = 4,
	CTSH_LXC_FREEZING = 5,
	CTSH_LXC_FROZEN = 6,
	CTSH_LXC_THAWED = 7,
};

/* Which monitor, and until when. */
struct ctsh_lxc_monitor {
	const char *path; /* lxcpath: the directory of all containers  */
	const char *name; /* as LXC knows it                           */
	int64_t deadline_ms;
};

struct ctsh_lxc_answer {
	int32_t result; /* 0, or less: the monitor will not say       */
	int64_t number; /* where there is no text                     */
	pid_t sender;   /* who answered: root's, on our host           */
	size_t length;  /* of the text; 0: there is none               */
	char text[CTSH_LXC_TEXT_MAX + 1];
};

/* The abstract address of a container's monitor: PATH/NAME/command, or, where
 * that is too long, lxc/HASH/command.  Pure.  0, or -1 with E_UNSAFE. */
CTSH_MUST_CHECK int ctsh_lxc_address(const char *path, const char *name,
                                     struct sockaddr_un *to, socklen_t *length,
                                     struct ctsh_error *err);

/*
 * Asks one question.  `item` is the key for GET_CONFIG_ITEM, else NULL.
 *
 * 0 and a well-formed answer of a monitor of root's; or -1: E_ABSENT if there
 * is no monitor or it ends before it answers, E_UNSAFE if somebody else
 * answers, E_ENGINE if the answer is late or malformed, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_lxc_ask(const struct ctsh_lxc_monitor *monitor,
                                 enum ctsh_lxc_command command,
                                 const char *item,
                                 struct ctsh_lxc_answer *answer,
                                 struct ctsh_error *err);

#endif
