/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "../lib/policy/break_glass.h"
#include "../lib/policy/config.h"
#include "../lib/route/route.h"

#define LOOKUP_MS 10000

static int bad(const struct ctsh_error *err)
{
	(void)fprintf(stderr, "error: %s\n", err->what);
	return CTSH_CTL_BAD;
}

static int64_t deadline(void)
{
	return ctsh_now_ms() + LOOKUP_MS;
}

/* A draft may lie anywhere and be anybody's; in its place it may not. */
static void warn_about_owner(const char *file)
{
	ctsh_autofree char *path = realpath(file, NULL);
	ctsh_autoclose int fd = -1;
	struct ctsh_error err;

	if (!path)
		return;
	fd = ctsh_open_trusted(path, CTSH_E_CONFIG, &err);
	if (fd < 0)
		(void)fprintf(stderr, "warning: %s\n", err.what);
}

static int check_config(const char *file, bool trusted,
                        struct ctsh_policy *policy)
{
	struct ctsh_route_kinds kinds;
	struct ctsh_error err;

	if (ctsh_config_load(file, trusted, ctsh_route_engines(&kinds), policy,
	                     &err) ||
	    ctsh_config_resolve(policy, deadline(), &err))
		return bad(&err);
	if (access(policy->host_shell, X_OK))
		(void)fprintf(stderr,
		              "warning: %s: host_shell %s cannot be executed\n",
		              file, policy->host_shell);
	(void)printf("%s: ok, %zu rule%s\n", file, policy->rule_count,
	             policy->rule_count == 1 ? "" : "s");
	return CTSH_CTL_OK;
}

static int check_one_user(struct ctsh_policy *policy, const char *name)
{
	struct ctsh_route_kinds kinds;
	struct ctsh_error err;

	if (name[0] == '.')
		return CTSH_CTL_OK; /* an editor's, never a user's */
	if (!ctsh_text_is_file_user(name)) {
		(void)ctsh_fail(&err, CTSH_E_CONFIG, 0,
		                "%s/%s: no user can have this name",
		                CTSH_USERS_DIR, name);
		return bad(&err);
	}
	if (ctsh_config_load_own(CTSH_USERS_DIR, name,
	                         ctsh_route_engines(&kinds), policy, &err))
		return bad(&err);
	return CTSH_CTL_OK;
}

static int check_users(struct ctsh_policy *policy)
{
	const struct dirent *entry;
	DIR *dir = opendir(CTSH_USERS_DIR);
	int worst = CTSH_CTL_OK;
	size_t count = 0;

	if (!dir && errno == ENOENT)
		return CTSH_CTL_OK;
	if (!dir) {
		(void)fprintf(stderr, "error: %s cannot be read\n",
		              CTSH_USERS_DIR);
		return CTSH_CTL_BAD;
	}
	while ((entry = readdir(dir))) {
		count += entry->d_name[0] != '.';
		if (check_one_user(policy, entry->d_name))
			worst = CTSH_CTL_BAD;
	}
	(void)closedir(dir);
	if (worst == CTSH_CTL_OK)
		(void)printf("%s: ok, %zu user%s\n", CTSH_USERS_DIR, count,
		             count == 1 ? "" : "s");
	return worst;
}

/* Nobody has this name or these groups: all lines are read to the end. */
static int check_break_glass(void)
{
	struct ctsh_person nobody = {
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.group_count = 1,
		.groups = {(gid_t)-1},
	};
	struct ctsh_error err;
	bool qualifies;

	if (ctsh_break_glass(CTSH_BREAK_GLASS_FILE, &nobody, &qualifies,
	                     deadline(), &err))
		return bad(&err);
	(void)printf("%s: ok\n", CTSH_BREAK_GLASS_FILE);
	return CTSH_CTL_OK;
}

static int check_draft(const char *file)
{
	struct ctsh_policy policy = {0};
	int rc;

	warn_about_owner(file);
	rc = check_config(file, false, &policy);
	ctsh_policy_free(&policy);
	return rc;
}

int ctsh_command_check(int argc, char **argv)
{
	struct ctsh_policy policy = {0};
	int rc;

	if (argc > 2) {
		(void)fputs("usage: ctshctl check [FILE]\n", stderr);
		return CTSH_CTL_USAGE;
	}
	if (argc == 2)
		return check_draft(argv[1]);
	/* The users' files build on the defaults of the first. */
	rc = check_config(CTSH_CONFIG_FILE, true, &policy);
	if (rc == CTSH_CTL_OK)
		rc = check_users(&policy);
	rc |= check_break_glass();
	ctsh_policy_free(&policy);
	return rc;
}
