/* SPDX-License-Identifier: MIT */
/*
 * ctshctl - for administrators: what is configured, and what would happen.
 *
 * Privilege: that of the caller; it is not setuid.
 * Trust:     its arguments are the administrator's.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct {
	const char *name;
	const char *usage;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"check", "check [FILE]", ctsh_command_check},
	{"explain", "explain USER", ctsh_command_explain},
	{"stop-idle", "stop-idle [--background] PID-START",
         ctsh_command_stop_idle},
};

static int usage(FILE *out, int status)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		(void)fprintf(out, "%s ctshctl %s\n",
		              i ? "      " : "usage:", commands[i].usage);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("ctshctl " CTSH_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, CTSH_CTL_OK);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands);
	     i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage(stderr, CTSH_CTL_USAGE);
}
