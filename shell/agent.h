/* SPDX-License-Identifier: MIT */
/*
 * agent.h - which bytes are messages of the SSH agent protocol.
 *
 * Four bytes of length, one of type, the rest.  A type that an agent does not
 * know, a message that is longer than any agent takes, and an answer that
 * nobody asked for end the connection before a byte of it has passed: what the
 * container reaches through it can only be an agent.  What loads code on the
 * agent's machine (the library of a smartcard, CVE-2016-10009, or of a security
 * key, which a constraint of an added key names) does not pass either.
 *
 * Pure: keeps no byte.
 *
 * Privilege: none; runs in the supervisor.
 * Trust:     none, neither in who asks nor in who answers.
 */
#ifndef CTSH_AGENT_H
#define CTSH_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CTSH_AGENT_MESSAGE_MAX (256 * 1024)

/* One connection; all zero at its beginning. */
struct ctsh_agent {
	uint32_t request_left; /* of the body of the current request */
	uint32_t reply_left;
	uint32_t unanswered; /* requests                           */
	bool adds;           /* the current request adds a key     */
	uint8_t matched;     /* of what must not be in it          */
};

/* Judges for strand.h, whose context is a struct ctsh_agent. */
ssize_t ctsh_agent_request(void *context, const char *data, size_t length);
ssize_t ctsh_agent_reply(void *context, const char *data, size_t length);

#endif
