/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - step 10: relay and wait, on the host, without any power.
 *
 * Privilege: none: the user's uid and primary group, no capability,
 *            no_new_privs, a filter of system calls, not dumpable.  The caller
 *            has arranged that (ctsh_become) but for the filter, which is set
 *            here once everything is open.
 * Trust:     what comes from the container and from the caller is bytes.
 */
#ifndef CTSH_SUPERVISOR_H
#define CTSH_SUPERVISOR_H

#include <sys/types.h>

#include "../lib/base/error.h"
#include "descriptors.h"
#include "forward.h"
#include "limits.h"
#include "record.h"
#include "terminal.h"

struct ctsh_supervision {
	pid_t leader;     /* the shell, our child                     */
	int leader_pidfd; /* borrowed                                 */
	int master;       /* pty master, or -1; taken over            */
	int relay[3];     /* our ends of the pipes for CTSH_RELAY, or
	                     -1; taken over                           */
	int watchdog;     /* our end of its socket, borrowed; -1: none   */
	struct ctsh_descriptors descriptors;
	struct ctsh_terminal terminal;
	pid_t caller;              /* our parent when the login began */
	bool kill_at_end;          /* nothing of the session outlives it, or the
	                              caller's presence                        */
	struct ctsh_limits limits; /* begun already                   */
	enum ctsh_ending ending;   /* set if it is ended early        */
	struct ctsh_forwarding *forwarding; /* borrowed; NULL: nothing   */
	struct ctsh_record *record; /* or NULL; borrowed                */
	bool told; /* the caller knows why the session was ended   */
};

/*
 * Runs until the session's leader has ended and what it wrote is delivered: a
 * process that it left in the background keeps nothing waiting.
 *
 * When the caller's terminal hangs up, or on SIGHUP or SIGTERM (with a terminal
 * on SIGINT and SIGQUIT as well), the container's pty is closed: the kernel
 * sends the hangup, and what ignores it lives on.  Without a pty the leader is
 * signalled; where that is forbidden (it has another uid) this process dies of
 * the very signal, and the watchdog ends the session.
 *
 * With kill_at_end the watchdog is then asked to end all of the session, and so
 * it is when the caller goes without a hangup (presence.h).  With limits it is
 * asked when one is reached; `ending` says which, a line on the terminal or
 * stderr says so, and on a terminal there was one a minute before.
 *
 * Descriptors 0 to 2 that passed are closed, so that their other ends learn
 * when the container closes them; terminals stay.  Afterwards SIGHUP, SIGTERM,
 * SIGWINCH and SIGCONT are blocked and SIGPIPE is ignored, and of system calls
 * those in the table of calls.c are left.
 *
 * 0 and its wait(2) status; or -1 with E_SYSTEM if the session could not be
 * supervised, or, as record_full wishes, its recording has ended (E_LIMIT at
 * its cap): then it was told to end.
 */
CTSH_MUST_CHECK int ctsh_supervise(struct ctsh_supervision *s, int *status,
                                   struct ctsh_error *err);

#endif
