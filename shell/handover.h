/* SPDX-License-Identifier: MIT */
/*
 * handover.h - the contract between ctsh (setuid) and ctsh-session.
 *
 * argv:        ctsh-session VERSION RUID RGID UMASK login|command [CMD]
 *              numbers in decimal, UMASK in octal; CMD with `command` only
 * environment: PATH and LC_ALL as below; every variable of the caller under
 *              CTSH_CALLER_PREFIX, so that no library of the session's
 *              interprets one (a TZ left as it is makes syslog(3) open a file
 *              of the caller's choice)
 * descriptors: 0 to 2 open; 3 the private mount of ctsh-session, not
 *              close-on-exec yet; nothing else
 * process:     cwd "/", umask 077, all ids 0, groups {0}, timers off, core
 *              limit 0, timer slack as usual, signals default and unblocked
 *              except SIGINT SIGQUIT SIGTSTP SIGTTIN SIGTTOU: ignored, since
 *              the terminal can still send those to a process that the caller
 *              can no longer signal
 *
 * Privilege: none.
 * Trust:     the session believes ids and version because only root can
 *            execute it; CMD and CTSH_CALLER_* are the caller's and hostile.
 */
#ifndef CTSH_HANDOVER_H
#define CTSH_HANDOVER_H

#define CTSH_HANDOVER_VERSION "1"
#define CTSH_HANDOVER_PATH "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
#define CTSH_HANDOVER_LOCALE "LC_ALL=C"
#define CTSH_CALLER_PREFIX "CTSH_CALLER_"

#define CTSH_HANDOVER_MOUNT 3

/* Limits of what is passed on; a variable over them is dropped whole. */
#define CTSH_CALLER_VALUE_MAX 4096
#define CTSH_CALLER_TOTAL_MAX 65536

/* sshd's ForceCommand carries the user's command in this variable: a command
 * dropped for its length would turn into an interactive login, so its limit
 * is that of one argument of execve(2). */
#define CTSH_CALLER_COMMAND "SSH_ORIGINAL_COMMAND"
#define CTSH_CALLER_COMMAND_MAX 131000

#define CTSH_EXIT_ENDED 124         /* a limit ended the session (timeout(1)) */
#define CTSH_EXIT_FAILURE 125       /* ctsh refused or failed            */
#define CTSH_EXIT_NOT_STARTABLE 126 /* the shell is there and won't run  */
#define CTSH_EXIT_NOT_FOUND 127     /* no shell of that name inside      */

#endif
