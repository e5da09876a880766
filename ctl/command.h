/* SPDX-License-Identifier: MIT */
/*
 * command.h - what ctshctl can do: one function and one file per command.
 *
 * Each gets its own arguments, [0] being the command's name, prints its answer
 * to stdout, what is wrong to stderr, and returns the exit status: 0 all is
 * well, 1 it is not, 2 wrong usage.
 *
 * Privilege: that of the administrator who calls; explain and stop-idle need
 *            root.
 * Trust:     the administrator; texts from files and engines are escaped.
 */
#ifndef CTSH_COMMAND_H
#define CTSH_COMMAND_H

#define CTSH_CTL_OK 0
#define CTSH_CTL_BAD 1
#define CTSH_CTL_USAGE 2

/* check [FILE]: the configuration in its place, or a draft of ctsh.conf. */
int ctsh_command_check(int argc, char **argv);

/* explain USER: the way of a login of that user, up to the plan. */
int ctsh_command_explain(int argc, char **argv);

/* stop-idle PID-START: the keeper of a container, see lib/route/keep.h. */
int ctsh_command_stop_idle(int argc, char **argv);

#endif
