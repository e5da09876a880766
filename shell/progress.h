/* SPDX-License-Identifier: MIT */
/*
 * progress.h - tell a person at a terminal why nothing happens yet.
 *
 * Privilege: root, which the child that writes gives up first: a terminal can
 *            be stopped, and what hangs there hangs in the caller's name.
 * Trust:     the terminal is the caller's.
 */
#ifndef CTSH_PROGRESS_H
#define CTSH_PROGRESS_H

#include <stdbool.h>

#include "invocation.h"

/* Says on stderr, a terminal, that the container is being started, or waited
 * for.  Takes a second at most; what cannot be said is not. */
void ctsh_progress(const struct ctsh_invocation *invocation, bool starts);

#endif
