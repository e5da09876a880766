/* SPDX-License-Identifier: MIT */
/*
 * lookup.c - lookup ENGINE NAME ROOT RUNROOT SOCKET USER COUNT: how long it
 * takes to find a container; for each of COUNT times the seconds, as hyperfine
 * writes them.  "-" stands for what is usual, and USER is whose engine it is.
 *
 * Privilege: root.
 * Trust:     that of the engine's.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/base/fdio.h"
#include "../lib/route/owner.h"

static const char *word(const char *text)
{
	return strcmp(text, "-") ? text : NULL;
}

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int find(const struct ctsh_runtime *runtime,
                const struct ctsh_where *where, const char *name)
{
	int64_t deadline = ctsh_now_ms() + 10000;
	struct ctsh_target target;
	struct ctsh_error err;
	int rc;

	if (where->owner)
		rc = ctsh_owner_ask(runtime, where, name, deadline, &target,
		                    &err);
	else
		rc = runtime->find(where, name, deadline, &target, &err);
	if (rc)
		(void)fprintf(stderr, "lookup: %s: %s\n", name, err.what);
	return rc;
}

static int put_owner(const char *name, struct ctsh_owner *owner)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return -1;
	owner->uid = entry->pw_uid;
	owner->gid = entry->pw_gid;
	(void)snprintf(owner->home, sizeof(owner->home), "%s", entry->pw_dir);
	return 0;
}

int main(int argc, char **argv)
{
	const struct ctsh_runtime *runtime;
	struct ctsh_owner owner;
	struct ctsh_where where = {0};
	int count;

	if (argc != 8 || !(runtime = ctsh_runtime_find(argv[1])))
		return 2;
	where.root = word(argv[3]);
	where.run_root = word(argv[4]);
	where.socket = word(argv[5]);
	if (word(argv[6])) {
		if (put_owner(argv[6], &owner))
			return 2;
		where.owner = &owner;
	}
	count = (int)strtol(argv[7], NULL, 10);
	(void)printf("{\"results\": [{\"times\": [");
	for (int i = 0; i < count; i++) {
		double begin = seconds();

		if (find(runtime, &where, argv[2]))
			return 1;
		(void)printf("%s%.9f", i ? ", " : "", seconds() - begin);
	}
	(void)printf("]}]}\n");
	return 0;
}
