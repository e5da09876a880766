/* SPDX-License-Identifier: MIT */
#include "invocation.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/text.h"
#include "handover.h"

enum { ARG_VERSION = 1, ARG_UID, ARG_GID, ARG_UMASK, ARG_KIND, ARG_COMMAND };

static int malformed(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "handover: %s", what);
}

/* Up to four octal digits, at most 0777. */
static bool parse_umask(const char *text, mode_t *out)
{
	size_t length = strspn(text, "01234567");
	mode_t value = 0;

	if (length < 1 || length > 4 || text[length])
		return false;
	for (; *text; text++)
		value = value * 8 + (mode_t)(*text - '0');
	if (value > 0777)
		return false;
	*out = value;
	return true;
}

static int parse_kind(int argc, char *const *argv,
                      struct ctsh_invocation *invocation,
                      struct ctsh_error *err)
{
	const char *kind = argv[ARG_KIND];

	if (!strcmp(kind, "login") && argc == ARG_KIND + 1) {
		invocation->login = true;
		return 0;
	}
	if (!strcmp(kind, "command") && argc == ARG_COMMAND + 1) {
		invocation->command = argv[ARG_COMMAND];
		return 0;
	}
	return malformed(err, "neither a login nor one command");
}

static int parse_arguments(int argc, char *const *argv,
                           struct ctsh_invocation *invocation,
                           struct ctsh_error *err)
{
	/* Versions are compared first: another one may count differently. */
	if (argc <= ARG_VERSION ||
	    strcmp(argv[ARG_VERSION], CTSH_HANDOVER_VERSION))
		return malformed(err, "ctsh is of another version");
	if (argc <= ARG_KIND)
		return malformed(err, "arguments are missing");
	if (!ctsh_text_id(argv[ARG_UID], &invocation->uid))
		return malformed(err, "uid");
	if (!ctsh_text_id(argv[ARG_GID], &invocation->gid))
		return malformed(err, "gid");
	if (!parse_umask(argv[ARG_UMASK], &invocation->umask))
		return malformed(err, "umask");
	return parse_kind(argc, argv, invocation, err);
}

/* The caller's variable behind its new name, or NULL if it is not one. */
static const char *without_prefix(const char *variable)
{
	static const char prefix[] = CTSH_CALLER_PREFIX;

	if (strncmp(variable, prefix, sizeof(prefix) - 1))
		return NULL;
	return variable + sizeof(prefix) - 1;
}

static int collect_caller(char *const *envp, const char ***out,
                          struct ctsh_error *err)
{
	ctsh_autofree const char **list = NULL;
	size_t count = 0;

	while (envp[count])
		count++;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "handover");
	count = 0;
	for (; *envp; envp++) {
		const char *variable = without_prefix(*envp);
		const char *end = variable ? strchr(variable, '=') : NULL;

		if (!variable)
			continue;
		if (!end ||
		    !ctsh_text_is_env_name(variable, (size_t)(end - variable)))
			return malformed(err, "name of a variable");
		list[count++] = variable;
	}
	*out = list;
	list = NULL;
	return 0;
}

/* The first one of that name, as getenv(3) would find it. */
static const char *value_of(const char *const *caller, const char *name)
{
	size_t length = strlen(name);

	for (; *caller; caller++)
		if (!strncmp(*caller, name, length) && (*caller)[length] == '=')
			return *caller + length + 1;
	return NULL;
}

/* The first word of "ADDRESS PORT ...", if it could be an address. */
static void parse_from(const char *value, char *out)
{
	static const char address[] = "0123456789ABCDEFabcdef.:";
	static const char zone[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
	size_t length = strspn(value, address);

	if (length && value[length] == '%')
		length += 1 + strspn(value + length + 1, zone);
	if (!length || length >= CTSH_FROM_MAX ||
	    (value[length] && value[length] != ' '))
		return;
	memcpy(out, value, length);
	out[length] = '\0';
}

static void use_caller(struct ctsh_invocation *invocation)
{
	const char *const *caller = invocation->caller;
	const char *forced = value_of(caller, CTSH_CALLER_COMMAND);
	const char *from = value_of(caller, "SSH_CONNECTION");

	if (!from)
		from = value_of(caller, "SSH_CLIENT");
	if (from)
		parse_from(from, invocation->from);
	if (invocation->login && forced) {
		invocation->login = false;
		invocation->command = forced;
	}
}

int ctsh_invocation_parse(int argc, char *const *argv, char *const *envp,
                          struct ctsh_invocation *invocation,
                          struct ctsh_error *err)
{
	struct ctsh_invocation result = {.login = false};

	if (parse_arguments(argc, argv, &result, err) < 0)
		return -1;
	/* Whoever refuses must know in whose name. */
	invocation->uid = result.uid;
	invocation->gid = result.gid;
	if (collect_caller(envp, &result.caller, err) < 0)
		return -1;
	use_caller(&result);
	*invocation = result;
	return 0;
}

void ctsh_invocation_wipe(struct ctsh_invocation *invocation)
{
	for (size_t i = 0; invocation->caller[i]; i++)
		explicit_bzero((char *)(uintptr_t)invocation->caller[i],
		               strlen(invocation->caller[i]));
	invocation->caller[0] = NULL;
	if (invocation->command)
		explicit_bzero((char *)(uintptr_t)invocation->command,
		               strlen(invocation->command));
	invocation->command = NULL;
}

void ctsh_invocation_free(struct ctsh_invocation *invocation)
{
	ctsh_free_at(&invocation->caller);
	*invocation = (struct ctsh_invocation){.login = false};
}
