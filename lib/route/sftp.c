/* SPDX-License-Identifier: MIT */
#include "sftp.h"

#include <stdio.h>
#include <string.h>

#include "../base/sftp.h"
#include "../base/text.h"

bool ctsh_sftp_wanted(const char *command)
{
	const char *arguments;
	unsigned asked;

	return command && ctsh_sftp_asked(command, &asked, &arguments) == 0;
}

static bool has(const struct ctsh_interior *interior, unsigned index)
{
	return interior->sftp_servers & UINT32_C(1) << index;
}

/* The first one that is there, or NULL. */
static const char *first_there(const struct ctsh_interior *interior)
{
	for (unsigned i = 0; ctsh_sftp_place(i); i++)
		if (has(interior, i))
			return ctsh_sftp_place(i);
	return NULL;
}

const char *ctsh_sftp_command(const struct ctsh_interior *interior,
                              const char *command, char **made)
{
	const char *there = first_there(interior), *arguments;
	unsigned asked;

	if (!there || !command ||
	    ctsh_sftp_asked(command, &asked, &arguments) ||
	    has(interior, asked))
		return command;
	if (asprintf(made, "%s%s", there, arguments) < 0) {
		*made = NULL;
		return NULL;
	}
	return *made;
}

/* A list and not its contrary: restricted shells have many names. */
static bool runs_anything(const char *shell)
{
	static const char *const names[] = {
		"sh",  "bash", "dash", "ash", "busybox", "ksh", "ksh93", "mksh",
		"zsh", "yash", "fish", "csh", "tcsh",    "nu",  "pwsh",
	};
	const char *slash = strrchr(shell, '/');
	const char *name = slash ? slash + 1 : shell;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* "sftp-server" and the words of `arguments`, as a shell would part them. */
static char **make_argv(const char *arguments)
{
	size_t count = 0, room = strlen(arguments) / 2 + 3, length;
	char **argv = calloc(room, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[count++] = strdup("sftp-server");
	for (; argv[count - 1]; arguments += length) {
		arguments += strspn(arguments, " ");
		length = strcspn(arguments, " ");
		if (!length)
			return argv;
		argv[count++] = strndup(arguments, length);
	}
	ctsh_sftp_free(&argv);
	return NULL;
}

int ctsh_sftp_program(const struct ctsh_interior *interior, const char *command,
                      struct ctsh_plan *plan)
{
	const char *arguments;
	unsigned asked;

	if (!command || ctsh_sftp_asked(command, &asked, &arguments) ||
	    first_there(interior) || !runs_anything(plan->shells[0].path))
		return 0;
	plan->program = make_argv(arguments);
	return plan->program ? 0 : -1;
}

void ctsh_sftp_free(char ***argv)
{
	for (size_t i = 0; *argv && (*argv)[i]; i++)
		ctsh_free_at(&(*argv)[i]);
	ctsh_free_at(argv);
}
