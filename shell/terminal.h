/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - the caller's terminal: modes and window size.
 *
 * Privilege: none.
 * Trust:     the terminal is the caller's; nothing it says is interpreted but
 *            termios(3) and the window size.
 */
#ifndef CTSH_TERMINAL_H
#define CTSH_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

#include "../lib/base/error.h"

struct ctsh_terminal {
	int fd;   /* the caller's, borrowed; -1: none      */
	bool raw; /* we changed its modes                  */
	struct termios saved;
};

#define CTSH_TERMINAL_INIT             \
	{                              \
		.fd = -1, .raw = false \
	}

/* Remembers the modes of the caller's terminal `fd` and gives them and the
 * window size to the pty `slave`, before the shell starts.  0, or -1 with
 * E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_terminal_copy(struct ctsh_terminal *terminal, int fd,
                                       int slave, struct ctsh_error *err);

/* Makes it raw, so that every key reaches the container.  0, or -1. */
CTSH_MUST_CHECK int ctsh_terminal_raw(struct ctsh_terminal *terminal,
                                      struct ctsh_error *err);

/* Whether we may change its modes: not while another job of its session is in
 * the foreground. */
bool ctsh_terminal_is_ours(const struct ctsh_terminal *terminal);

/* Puts the modes back.  Harmless if they were never changed, and while another
 * job is in the foreground. */
void ctsh_terminal_restore(struct ctsh_terminal *terminal);

/* The window size from the caller's terminal to the pty master. */
void ctsh_terminal_resize(const struct ctsh_terminal *terminal, int master);

#endif
