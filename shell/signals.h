/* SPDX-License-Identifier: MIT */
/*
 * signals.h - what signals mean to the supervisor.
 *
 * Privilege: none.
 * Trust:     whoever has the user's uid may send them.
 */
#ifndef CTSH_SIGNALS_H
#define CTSH_SIGNALS_H

#include <stdbool.h>

#include "../lib/base/error.h"

/*
 * From now on SIGHUP, SIGTERM, SIGWINCH and SIGCONT are read from `*fd`, owned
 * by the caller, without waiting, and with a `terminal` of ours SIGINT and
 * SIGQUIT too; SIGPIPE is ignored, and the other signals of a terminal mean
 * what they mean to any program.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_signals_open(int *fd, bool terminal,
                                      struct ctsh_error *err);

/* Of a terminal that has just become raw: a key that came before was typed at a
 * login, where keys do nothing, and is no reason to hang up. */
void ctsh_signals_forget_keys(void);

/* Ends this process by that signal, without a core.  For the status of a leader
 * that was killed; possible behind the filter. */
_Noreturn void ctsh_end_by_signal(int signal);

#endif
