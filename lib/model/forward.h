/* SPDX-License-Identifier: MIT */
/*
 * forward.h - what is forwarded, and what the supervisor and ctsh-porter say
 * to each other.
 *
 * ctsh-porter is the process of a session that listens inside, where the
 * sockets of agent, X11 and others are recreated.  It is executed as the user
 * inside, confined like the shell, and has nothing but pipes: it takes
 * connections and carries them to the supervisor (lib/base/strand.h), which
 * connects on the host.  When the order's pipe ends, it removes what it made
 * and ends.
 *
 * Privilege: none on either side.
 * Trust:     the order is the login's.  The answer is the container's and
 *            hostile: numbers that are held against what was ordered.
 */
#ifndef CTSH_MODEL_FORWARD_H
#define CTSH_MODEL_FORWARD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Where its descriptors are. */
#define CTSH_PORTER_ORDER 6   /* to be read: the order, then its end   */
#define CTSH_PORTER_ANSWER 7  /* to be written: the answer             */
#define CTSH_PORTER_STRANDS 8 /* pairs: to be read, to be written      */

/* Connections at once; the others wait in the sockets' backlogs. */
#define CTSH_PORTER_SLOTS 16

#define CTSH_PORTER_PLACES 3 /* for its private directory         */
#define CTSH_PORTER_PATHS 8  /* of forward_socket                 */
#define CTSH_PORTER_PATH 108 /* sun_path                          */
#define CTSH_PORTER_COOKIE 64
#define CTSH_PORTER_COOKIE_NAME 32

/* Targets of a connection. */
enum {
	CTSH_TARGET_AGENT,
	CTSH_TARGET_X11,
	CTSH_TARGET_PATHS, /* and the following ones              */
	CTSH_TARGETS = CTSH_TARGET_PATHS + CTSH_PORTER_PATHS,
};

#define CTSH_PORTER_AGENT_NAME "agent"
#define CTSH_PORTER_XAUTHORITY_NAME "xauthority"

/* The display numbers that sshd gives. */
#define CTSH_DISPLAY_FIRST 10
#define CTSH_DISPLAY_LAST 999
#define CTSH_DISPLAY_PORT 6000

struct ctsh_porter_order {
	uint32_t wanted; /* 1 << target                           */
	/* Private directories to be made; the first that can be is taken. */
	char directory[CTSH_PORTER_PLACES][64];
	char path[CTSH_PORTER_PATHS][CTSH_PORTER_PATH];
	char cookie_name[CTSH_PORTER_COOKIE_NAME];
	uint32_t cookie_length;
	uint8_t cookie[CTSH_PORTER_COOKIE];
};

/* Written whole or not at all. */
_Static_assert(sizeof(struct ctsh_porter_order) <= PIPE_BUF, "order");

struct ctsh_porter_answer {
	uint32_t listening; /* 1 << target                           */
	uint32_t place;     /* which directory it made               */
	uint32_t display;   /* its number inside                     */
};

/* One session's; the host's side of each target beside the order. */
struct ctsh_forward {
	struct ctsh_porter_order order;
	char agent[CTSH_PORTER_PATH];
	uint32_t display;                  /* of localhost          */
	char xauthority[CTSH_PORTER_PATH]; /* where its cookie is   */
	char path[CTSH_PORTER_PATHS][CTSH_PORTER_PATH];
};

#endif
