/* SPDX-License-Identifier: MIT */
/*
 * caller.h - the caller's environment under names that no library knows.
 *
 * Privilege: runs in the setuid stub; needs none, uses libc alone.
 * Trust:     every variable is hostile: names are checked, values are copied
 *            and never looked at.
 */
#ifndef CTSH_CALLER_H
#define CTSH_CALLER_H

#include <stdbool.h>

/*
 * The environment for ctsh-session as handover.h describes it, from the
 * caller's.  `forced`: without a command of its own, so that
 * SSH_ORIGINAL_COMMAND is the command and may not be dropped.
 *
 * Heap, ends with NULL, never freed: an exec follows.  NULL with errno: ENOMEM,
 * or E2BIG if that variable is too long.
 */
char **ctsh_caller_environment(char *const *caller, bool forced);

#endif
