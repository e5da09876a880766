/* SPDX-License-Identifier: MIT */
#include "host_shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/enter/host.h"

/* What the stub ignored to get here undisturbed. */
static void restore_signals(void)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN,
	                              SIGTTOU};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)signal(ignored[i], SIG_DFL);
}

static const char *find(const char *const *env, const char *name)
{
	size_t length = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
			return *env + length + 1;
	return NULL;
}

/* "-bash" or "bash". */
static char *first_argument(const char *shell, bool login)
{
	const char *slash = strrchr(shell, '/');
	char *name = NULL;

	if (asprintf(&name, "%s%s", login ? "-" : "",
	             slash ? slash + 1 : shell) < 0)
		return NULL;
	return name;
}

/* Returns on failure only, with errno. */
static void execute(const struct ctsh_invocation *invocation, const char *shell)
{
	ctsh_autofree char *name = first_argument(shell, !invocation->command);
	const char *argv[] = {name, invocation->command ? "-c" : NULL,
	                      invocation->command, NULL};

	if (name)
		execve(shell, (char *const *)argv,
		       (char *const *)invocation->caller);
}

int ctsh_host_shell(const struct ctsh_invocation *invocation,
                    const struct ctsh_person *person, const char *shell,
                    bool *became, struct ctsh_error *err)
{
	const char *const others[] = {"/bin/bash", "/bin/sh"};
	const char *home = find(invocation->caller, "HOME");
	int failed;

	if (ctsh_host_become(person, err))
		return -1;
	*became = true;
	restore_signals();
	(void)umask(invocation->umask);
	/* The stub left the caller's directory; a login starts at home.  By now
	 * this is the person's own right and not ours. */
	if (home && chdir(home))
		(void)!chdir("/");
	execute(invocation, shell);
	failed = errno;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		execute(invocation, others[i]);
	(void)ctsh_fail(err, CTSH_E_SHELL, failed, "execute %s", shell);
	ctsh_error_name_shell(err, shell);
	return -1;
}
