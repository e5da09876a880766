/* SPDX-License-Identifier: MIT */
/*
 * podman, from its files: no service need run, and none is asked.
 *
 * The pidfile is the OCI runtime's (crun, runc), written when it has made the
 * container and left when that ends.  So its number is a claim, which these
 * hold up: the init started before the file was written; the runtime's own
 * record, where there is one, has the same pid and a start time; and the
 * cgroup's name has the ID, where the container was given such a cgroup.
 */
#include "runtime.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "full_id.h"
#include "record.h"
#include "service.h"
#include "stop.h"
#include "storage.h"

#define ROOT "/var/lib/containers/storage"
#define RUN_ROOT "/run/containers/storage"

static const char *const programs[] = {"/usr/bin/podman",
                                       "/usr/local/bin/podman", NULL};

struct places {
	const char *root, *run_root;
	char own_root[CTSH_HOST_HOME_MAX + 64];
	char own_run_root[64];
};

/* Which component the init's cgroup path must have, made from what the OCI
 * runtime was told: "/PARENT/libpod-ID", or "SLICE:libpod:ID" where systemd
 * makes "libpod-ID.scope" of it.  Another path, or none (--cgroups=disabled),
 * proves nothing. */
static void expect_cgroup(const char *path, const char *id,
                          struct ctsh_target *target)
{
	const char *last = strrchr(path, '/');
	size_t length;

	last = last ? last + 1 : path;
	length = strlen(last);
	if (length < CTSH_FULL_ID ||
	    strcmp(last + length - CTSH_FULL_ID, id) != 0)
		return;
	if (strchr(last, ':'))
		last = id;
	if (!ctsh_text_copy(target->cgroup_id, sizeof(target->cgroup_id), last))
		target->cgroup_id[0] = '\0';
}

/* The configuration that the container was last started with.  Without one a
 * filter is taken for configured, as with crun. */
static int read_config(const struct ctsh_stored *stored,
                       struct ctsh_target *target, struct ctsh_error *err)
{
	ctsh_autojson json_t *config = NULL;
	struct ctsh_error none;
	const char *cgroup;

	target->names_seccomp = true;
	if (stored->files < 0)
		return 0;
	config = ctsh_record_read(stored->files, "config.json", err);
	if (!config)
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	if (ctsh_json_has_object(config, "linux.seccomp",
	                         &target->names_seccomp, err))
		return -1;
	if (ctsh_json_text(config, "linux.cgroupsPath", &cgroup, &none) == 0)
		expect_cgroup(cgroup, stored->id, target);
	return 0;
}

/* `podman run` makes it and then starts it. */
static int not_yet(struct ctsh_error *err, const char *why)
{
	(void)ctsh_fail(err, CTSH_E_ABSENT, 0, "%s", why);
	err->coming = CTSH_COMING_SOON;
	return -1;
}

/* What the OCI runtime has written down, in root's standard place: it knows
 * what is made and not started, and when the init started.  There need not be
 * such a record: podman can work with other runtimes. */
static int ask_oci(const struct ctsh_stored *stored, struct ctsh_target *target,
                   int64_t deadline_ms, struct ctsh_error *err)
{
	static const struct ctsh_runtime *const known[] = {
		&ctsh_runtime_crun,
		&ctsh_runtime_runc,
	};
	static const struct ctsh_where standard = {.root = NULL};
	struct ctsh_target record = {0};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i]->find(&standard, stored->id, deadline_ms, &record,
		                   err)) {
			if (err->sys == ENOENT)
				continue;
			return -1;
		}
		if (record.pid != target->pid)
			return not_yet(err, "its pidfile and its OCI runtime "
			                    "disagree: starting or ending");
		target->start_ticks = record.start_ticks;
		target->names_seccomp |= record.names_seccomp;
		return 0;
	}
	return 0;
}

/* The standard places; a user without a run directory has none, nor podman any
 * that would be worth looking at. */
static int choose_places(const struct ctsh_where *where, struct places *places,
                         struct ctsh_error *err)
{
	const struct ctsh_owner *owner = where->owner;
	int root = 0, run = 0;

	places->root = where->root ?: ROOT;
	places->run_root = where->run_root ?: RUN_ROOT;
	if (!owner)
		return 0;
	if (!owner->home[0])
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "uid %u has no home that could be used",
		                 owner->uid);
	root = snprintf(places->own_root, sizeof(places->own_root),
	                "%s/.local/share/containers/storage", owner->home);
	run = snprintf(places->own_run_root, sizeof(places->own_run_root),
	               "/run/user/%u/containers", owner->uid);
	if (root < 0 || (size_t)root >= sizeof(places->own_root) || run < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENAMETOOLONG, "places");
	places->root = where->root ?: places->own_root;
	places->run_root = where->run_root ?: places->own_run_root;
	return 0;
}

static int read_stored(const struct ctsh_stored *stored,
                       struct ctsh_target *target, struct ctsh_error *err)
{
	if (stored->run < 0)
		return not_yet(err, "container was not started since boot");
	if (ctsh_record_pid(stored->run, "pidfile", &target->pid,
	                    &target->not_after, err))
		return err->code == CTSH_E_ABSENT
		               ? not_yet(err, "container has no pidfile")
		               : -1;
	if (ctsh_record_running(target->pid, 0, err))
		return -1;
	memcpy(target->id, stored->id, sizeof(stored->id));
	return read_config(stored, target, err);
}

static int look_up(const struct ctsh_where *where, const char *name,
                   struct ctsh_stored *stored, struct ctsh_error *err)
{
	const char *id = ctsh_full_id_of(name);
	struct places places;

	if (!ctsh_full_id_or_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (choose_places(where, &places, err))
		return -1;
	return ctsh_storage_find(places.root, places.run_root, id ? id : name,
	                         id != NULL, stored, err);
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	ctsh_autostored struct ctsh_stored stored = CTSH_STORED_INIT;
	struct ctsh_target found = {0};

	if (!ctsh_text_copy(found.name, sizeof(found.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (look_up(where, name, &stored, err) ||
	    read_stored(&stored, &found, err))
		return -1;
	/* Without root there may be no such cgroup, whatever is asked for; and
	 * more of the owner's word proves nothing. */
	if (where->owner)
		found.cgroup_id[0] = '\0';
	else if (ask_oci(&stored, &found, deadline_ms, err))
		return -1;
	*target = found;
	return 0;
}

/* In a process with the owner's ids, as find(). */
static int identify(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	ctsh_autostored struct ctsh_stored stored = CTSH_STORED_INIT;

	(void)deadline_ms; /* Files do not wait; who asks waits no longer. */
	if (look_up(where, name, &stored, err))
		return -1;
	memcpy(target->id, stored.id, sizeof(stored.id));
	return 0;
}

/* Where the files are podman finds out by itself, unless they are where the
 * administrator says. */
static int start_owners(const struct ctsh_where *where, const char *program,
                        const char *id, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	const char *argv[8] = {program};
	const struct ctsh_service service = {.argv = argv,
	                                     .owner = where->owner};
	size_t used = 1;

	if (!ctsh_full_id(id))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a full ID");
	if (where->root) {
		argv[used++] = "--root";
		argv[used++] = where->root;
	}
	if (where->run_root) {
		argv[used++] = "--runroot";
		argv[used++] = where->run_root;
	}
	argv[used++] = "start";
	argv[used] = id;
	return ctsh_service_run(&service, deadline_ms, err);
}

/* By its full ID: of a name that is gone by now, podman would start the one
 * whose ID begins like that. */
static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autostored struct ctsh_stored stored = CTSH_STORED_INIT;
	const char *root = where->root ? where->root : ROOT;
	const char *run_root = where->run_root ? where->run_root : RUN_ROOT;
	const char *argv[] = {ctsh_service_program(programs),
	                      "--root",
	                      root,
	                      "--runroot",
	                      run_root,
	                      "start",
	                      stored.id,
	                      NULL};
	/* It has no option for a file of its words, and its standard error is
	 * the container's where that passes its log through: no file of the
	 * host's may be there. */
	const struct ctsh_service service = {.argv = argv};

	if (!ctsh_full_id_or_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (!argv[0] || !ctsh_service_plain(root) ||
	    !ctsh_service_plain(run_root))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "no podman, or no plain path: %s, %s", root,
		                 run_root);
	if (where->owner)
		return start_owners(where, argv[0], name, deadline_ms, err);
	if (look_up(where, name, &stored, err))
		return -1;
	return ctsh_service_run(&service, deadline_ms, err);
}

static int stop(const struct ctsh_where *where,
                const struct ctsh_target *target, int init, int64_t deadline_ms,
                struct ctsh_error *err)
{
	const char *argv[] = {ctsh_service_program(programs),
	                      "--root",
	                      where->root ? where->root : ROOT,
	                      "--runroot",
	                      where->run_root ? where->run_root : RUN_ROOT,
	                      "stop",
	                      target->id,
	                      NULL};

	(void)init;
	/* It would be root's of the same name. */
	if (where->owner || !argv[0] || !ctsh_service_plain(argv[2]) ||
	    !ctsh_service_plain(argv[4]))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "another owner's, no podman, or no plain "
		                 "path: %s, %s",
		                 argv[2], argv[4]);
	return ctsh_stop_command(argv, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_podman = {
	.name = "podman",
	.has_root = true,
	.has_run_root = true,
	.has_owner = true,
	.valid_name = ctsh_full_id_or_name,
	.find = find,
	.identify = identify,
	.start = start,
	.stop = stop,
};
