/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include <string.h>

#define USAGE "; write: pam_ctsh.so join=all|net users=@GROUP,NAME,... [debug]"

struct reading {
	const char *join;
	struct ctsh_pam_arguments found;
};

/* The text behind "KEY=", or NULL. */
static const char *value_of(const char *argument, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(argument, key, length) != 0 || argument[length] != '=')
		return NULL;
	return argument + length + 1;
}

static int take_value(const char **place, const char *value, const char *key,
                      struct ctsh_error *err)
{
	if (*place)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s= twice" USAGE, key);
	*place = value;
	return 0;
}

static int take(struct reading *r, const char *argument, struct ctsh_error *err)
{
	const char *join = value_of(argument, "join");
	const char *users = value_of(argument, "users");

	if (join)
		return take_value(&r->join, join, "join", err);
	if (users)
		return take_value(&r->found.users, users, "users", err);
	if (strcmp(argument, "debug") == 0) {
		r->found.debug = true;
		return 0;
	}
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "unknown argument %.40s" USAGE,
	                 argument);
}

int ctsh_pam_arguments(int argc, const char **argv,
                       struct ctsh_pam_arguments *arguments,
                       struct ctsh_error *err)
{
	struct reading r = {.join = NULL};

	for (int i = 0; i < argc; i++)
		if (take(&r, argv[i], err))
			return -1;
	if (!r.join || !r.found.users)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s= is missing" USAGE,
		                 r.join ? "users" : "join");
	r.found.all = strcmp(r.join, "all") == 0;
	if (!r.found.all && strcmp(r.join, "net") != 0)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "unknown join=%.40s" USAGE, r.join);
	*arguments = r.found;
	return 0;
}
