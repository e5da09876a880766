/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the system calls that the supervisor is left with.
 *
 * Privilege: none; needs no_new_privs.
 * Trust:     none: what the supervisor could be made to do, it cannot.
 */
#ifndef CTSH_CALLS_H
#define CTSH_CALLS_H

#include <stddef.h>

#include "../lib/base/error.h"

#define CTSH_CALLS_MORE_MAX 16

/*
 * Lets this process make the calls of the table in calls.c and `more`, what a
 * rule asks for beyond a plain session, and no other, from now on.  0, or -1
 * with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_calls_confine(const int *more, size_t count,
                                       struct ctsh_error *err);

#endif
