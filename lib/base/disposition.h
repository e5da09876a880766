/* SPDX-License-Identifier: MIT */
/*
 * disposition.h - what a signal does to this process.
 *
 * Privilege: none.
 * Trust:     none needed.
 */
#ifndef CTSH_DISPOSITION_H
#define CTSH_DISPOSITION_H

/*
 * Sets SIG_DFL or SIG_IGN; no handler.  Also for the two signals that the C
 * library keeps for itself and does not let signal(2) change: whoever was
 * started by posix_spawn(3) of glibc ignores them, and so would what we execute
 * (sigaction(2), "C library/kernel differences").  0, or -1 with errno.
 */
int ctsh_disposition(int sig, void (*action)(int));

#endif
