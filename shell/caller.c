/* SPDX-License-Identifier: MIT */
#include "caller.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/text.h"
#include "handover.h"

static bool is_command(const char *entry, size_t name_length)
{
	return name_length == sizeof(CTSH_CALLER_COMMAND) - 1 &&
	       memcmp(entry, CTSH_CALLER_COMMAND, name_length) == 0;
}

static char *prefixed(const char *entry, size_t length)
{
	const size_t prefix = sizeof(CTSH_CALLER_PREFIX) - 1;
	char *copy = malloc(prefix + length + 1);

	if (copy) {
		memcpy(copy, CTSH_CALLER_PREFIX, prefix);
		memcpy(copy + prefix, entry, length + 1);
	}
	return copy;
}

/* 1: fits, and its size is added to `*total`; 0: is dropped; -1: is the
 * command, and cannot be. */
static int judge(const char *entry, bool forced, size_t *total)
{
	const char *equals = strchr(entry, '=');
	size_t name = equals ? (size_t)(equals - entry) : 0;
	size_t value = equals ? strlen(equals + 1) : 0;
	bool command = is_command(entry, name);

	if (!equals || !ctsh_text_is_env_name(entry, name))
		return 0;
	if (command && forced)
		return value <= CTSH_CALLER_COMMAND_MAX ? 1 : -1;
	if (value > CTSH_CALLER_VALUE_MAX ||
	    name + value > CTSH_CALLER_TOTAL_MAX - *total)
		return 0;
	*total += name + value;
	return 1;
}

char **ctsh_caller_environment(char *const *caller, bool forced)
{
	static char path[] = CTSH_HANDOVER_PATH;
	static char locale[] = CTSH_HANDOVER_LOCALE;
	size_t count = 0, used = 0, total = 0;
	char **env;

	while (caller && caller[count])
		count++;
	env = calloc(count + 3, sizeof(*env));
	if (!env)
		return NULL;
	env[used++] = path;
	env[used++] = locale;
	for (size_t i = 0; i < count; i++) {
		int fits = judge(caller[i], forced, &total);

		if (fits < 0) {
			errno = E2BIG;
			return NULL;
		}
		if (fits == 0)
			continue;
		env[used] = prefixed(caller[i], strlen(caller[i]));
		if (!env[used++])
			return NULL;
	}
	return env;
}
