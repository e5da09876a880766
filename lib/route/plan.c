/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "../base/text.h"
#include "environment.h"
#include "identity.h"
#include "sftp.h"

void ctsh_plan_query(const struct ctsh_rule *rule,
                     const struct ctsh_person *person, bool want_terminal,
                     const char *const *caller, struct ctsh_query *query)
{
	const char *name = person->name;

	memset(query, 0, sizeof(*query));
	query->uid = person->uid;
	if (rule->user == CTSH_USER_NUMERIC)
		query->uid = rule->user_uid;
	if (rule->user == CTSH_USER_NAME)
		name = rule->user_name;
	query->by_uid = rule->user == CTSH_USER_SAME_UID ||
	                rule->user == CTSH_USER_NUMERIC;
	query->want_groups = rule->container_groups;
	query->want_environ = rule->container_env;
	query->want_terminal = want_terminal;
	ctsh_environment_locales(rule, caller, &query->locales);
	/* What does not fit stays empty: no account has the empty name. */
	if (!ctsh_text_copy(query->name, sizeof(query->name), name))
		query->name[0] = '\0';
	if (rule->shell &&
	    !ctsh_text_copy(query->shell, sizeof(query->shell), rule->shell))
		query->shell[0] = '\0';
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The entry's shell, unless no exec would take it, or it is ctsh under
 * whatever prefix: the user would come round here again. */
static bool is_shell(const char *path)
{
	return ctsh_text_is_absolute(path, CTSH_PATH_MAX) && *last_part(path) &&
	       strcmp(last_part(path), "ctsh");
}

/* "-bash"; or "bash" "-c" COMMAND, the command untouched. */
static int make_argv(struct ctsh_candidate *candidate, const char *command)
{
	const char *name = last_part(candidate->path);

	candidate->argv = calloc(4, sizeof(*candidate->argv));
	if (!candidate->argv)
		return -1;
	if (asprintf(&candidate->argv[0], "%s%s", command ? "" : "-", name) <
	    0) {
		candidate->argv[0] = NULL;
		return -1;
	}
	if (!command)
		return 0;
	candidate->argv[1] = strdup("-c");
	if (!candidate->argv[1])
		return -1;
	candidate->argv[2] = strdup(command);
	return candidate->argv[2] ? 0 : -1;
}

/* Adds a candidate that is not there yet.  0, or -1 without memory; what is
 * half done is freed with the plan. */
static int add_shell(struct ctsh_plan *plan, const char *path,
                     const char *command)
{
	struct ctsh_candidate *candidate = &plan->shells[plan->shell_count];
	size_t i;

	for (i = 0; i < plan->shell_count; i++)
		if (!strcmp(plan->shells[i].path, path))
			return 0;
	plan->shell_count++;
	candidate->path = strdup(path);
	if (!candidate->path)
		return -1;
	if (asprintf(&candidate->shell_env, "SHELL=%s", path) < 0) {
		candidate->shell_env = NULL;
		return -1;
	}
	return make_argv(candidate, command);
}

/* Which of them exist is found out by trying, below the barrier. */
static int add_shells(struct ctsh_plan *plan, const struct ctsh_rule *rule,
                      const struct ctsh_interior *interior, const char *entry,
                      const char *command)
{
	if (rule->shell)
		return add_shell(plan, rule->shell, command);
	if (interior->account != CTSH_ACCOUNT_FOUND)
		return add_shell(plan, "/bin/sh", command);
	if (is_shell(entry) && add_shell(plan, entry, command))
		return -1;
	if (add_shell(plan, "/bin/bash", command))
		return -1;
	return add_shell(plan, "/bin/sh", command);
}

static int add_directory(struct ctsh_plan *plan, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -1;
	plan->directories[plan->directory_count++] = copy;
	return 0;
}

static int add_directories(struct ctsh_plan *plan, const char *wanted)
{
	if (wanted[0] == '/' && wanted[1] && add_directory(plan, wanted))
		return -1;
	return add_directory(plan, "/");
}

static gid_t *copy_gids(const gid_t *gids, size_t count)
{
	gid_t *copy = calloc(count, sizeof(*copy));

	if (copy)
		memcpy(copy, gids, count * sizeof(*copy));
	return copy;
}

static int add_identity(struct ctsh_plan *plan,
                        const struct ctsh_identity *identity)
{
	plan->uid = identity->uid;
	plan->gid = identity->gid;
	plan->host_uid = identity->host_uid;
	plan->host_gid = identity->host_gid;
	plan->group_count = identity->group_count;
	plan->groups = copy_gids(identity->groups, identity->group_count);
	plan->host_groups =
		copy_gids(identity->host_groups, identity->group_count);
	return plan->groups && plan->host_groups ? 0 : -1;
}

int ctsh_plan_build(const struct ctsh_rule *rule,
                    const struct ctsh_person *person,
                    const struct ctsh_container *container,
                    const struct ctsh_interior *interior,
                    const struct ctsh_request *request, struct ctsh_plan *plan,
                    struct ctsh_error *err)
{
	struct ctsh_identity identity;
	ctsh_autofree char *elsewhere = NULL;
	const char *command = request->command;
	struct ctsh_plan made = {
		.umask = request->umask,
		.login = !request->command,
		.terminal = request->terminal,
	};

	memset(plan, 0, sizeof(*plan));
	if (ctsh_identity_find(rule, person, container, interior, &identity,
	                       err))
		return -1;
	if (command)
		command = ctsh_sftp_command(interior, command, &elsewhere);
	if ((request->command && !command) || add_identity(&made, &identity) ||
	    add_shells(&made, rule, interior, identity.shell, command) ||
	    (request->own_sftp &&
	     ctsh_sftp_program(interior, command, &made)) ||
	    add_directories(&made, rule->directory ? rule->directory
	                                           : identity.home)) {
		ctsh_plan_free(&made);
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "plan");
	}
	if (ctsh_environment_build(rule, interior, request, &identity,
	                           &made.env, err)) {
		ctsh_plan_free(&made);
		return -1;
	}
	made.env[0] = made.shells[0].shell_env;
	*plan = made;
	return 0;
}

static void free_candidate(struct ctsh_candidate *candidate)
{
	size_t i;

	for (i = 0; candidate->argv && candidate->argv[i]; i++)
		ctsh_free_at(&candidate->argv[i]);
	ctsh_free_at(&candidate->argv);
	ctsh_free_at(&candidate->path);
	ctsh_free_at(&candidate->shell_env);
}

void ctsh_plan_free(struct ctsh_plan *plan)
{
	size_t i;

	ctsh_environment_free(&plan->env);
	ctsh_sftp_free(&plan->program);
	for (i = 0; i < plan->shell_count; i++)
		free_candidate(&plan->shells[i]);
	for (i = 0; i < plan->directory_count; i++)
		ctsh_free_at(&plan->directories[i]);
	ctsh_free_at(&plan->groups);
	ctsh_free_at(&plan->host_groups);
	memset(plan, 0, sizeof(*plan));
}
