/* SPDX-License-Identifier: MIT */
#include "bundle.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "../base/text.h"
#include "record.h"
#include "runtime.h"

#define CONTAINERD_STATE "/run/containerd"
#define TASKS "io.containerd.runtime.v2.task"

/* Where the shim has runc keep its records, unless told otherwise; also where
 * containerd itself has another state directory. */
#define SHIM_RECORDS "/run/containerd/runc"

void ctsh_bundle_close(struct ctsh_bundle *bundle)
{
	ctsh_close_fd(&bundle->dir);
	ctsh_json_free_at(&bundle->config);
}

bool ctsh_bundle_is_id(const char *id)
{
	return ctsh_text_is_container_name(id);
}

static int open_dir(int above, const char *id, const char *sub,
                    struct ctsh_error *err)
{
	ctsh_autoclose int dir = -1;

	if (!ctsh_bundle_is_id(id))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container's ID");
	dir = ctsh_record_dir(above, id, err);
	if (dir < 0 || !sub)
		return ctsh_steal_fd(&dir);
	return ctsh_record_dir(dir, sub, err);
}

/* The directory is made first, the init last. */
static int being_made(struct ctsh_error *err)
{
	if (err->code == CTSH_E_ABSENT)
		err->coming = CTSH_COMING_SOON;
	return -1;
}

int ctsh_bundle_open(int above, const char *id, const char *sub,
                     struct ctsh_bundle *bundle, struct ctsh_error *err)
{
	ctsh_autobundle struct ctsh_bundle found = CTSH_BUNDLE_INIT;

	found.dir = open_dir(above, id, sub, err);
	if (found.dir < 0)
		return -1;
	if (!ctsh_text_copy(found.id, sizeof(found.id), id))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", id);
	*bundle = found;
	found = (struct ctsh_bundle)CTSH_BUNDLE_INIT;
	return 0;
}

int ctsh_bundle_read(struct ctsh_bundle *bundle, const char *word,
                     struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	size_t length = 0;

	text = ctsh_record_text(bundle->dir, "config.json", CTSH_RECORD_MAX,
	                        &length, err);
	if (!text)
		return being_made(err);
	if (word && !memmem(text, length, word, strlen(word)))
		return ctsh_fail(err, CTSH_E_ABSENT, 0, "another container");
	bundle->config = ctsh_record_parse(text, length, err);
	return bundle->config ? 0 : -1;
}

int ctsh_bundle_tasks(const char *root, const char *ns, struct ctsh_error *err)
{
	char path[PATH_MAX];
	int length, dir;

	length = snprintf(path, sizeof(path), "%s/" TASKS "/%s",
	                  root ? root : CONTAINERD_STATE, ns);
	if (length < 0 || (size_t)length >= sizeof(path))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", root);
	dir = ctsh_open_trusted_dir(path, true, CTSH_E_UNSAFE, err);
	if (dir < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return dir;
}

/*
 * The last part of the configured cgroup, "/NS/ID" or "SLICE:ENGINE:ID", as a
 * proof if the ID is in it: an administrator may have chosen any other.  CRI-O
 * without systemd calls it "crio-ID".
 */
static int find_cgroup(const struct ctsh_bundle *bundle,
                       struct ctsh_target *target, struct ctsh_error *err)
{
	const char *path =
		ctsh_json_entry(bundle->config, "linux", "cgroupsPath");
	const char *last = path ? path + strlen(path) : "";
	size_t id = strlen(bundle->id);

	while (path && last > path && last[-1] != '/' && last[-1] != ':')
		last--;
	if (strlen(last) < id || strcmp(last + strlen(last) - id, bundle->id))
		return 0;
	if (!ctsh_text_copy(target->cgroup_id, sizeof(target->cgroup_id), last))
		return ctsh_fail(err, CTSH_E_ENGINE, ENAMETOOLONG,
		                 "member \"linux.cgroupsPath\"");
	return 0;
}

static int find_pid(const struct ctsh_bundle *bundle, const char *pidfile,
                    struct ctsh_target *target, struct ctsh_error *err)
{
	if (!ctsh_text_copy(target->id, sizeof(target->id), bundle->id))
		return ctsh_fail(err, CTSH_E_ENGINE, ENAMETOOLONG, "ID");
	if (ctsh_record_pid(bundle->dir, pidfile, &target->pid,
	                    &target->not_after, err))
		return being_made(err);
	return 0;
}

/* That the process is not one that took over the number later on. */
static int check_age(const struct ctsh_target *target, struct ctsh_error *err)
{
	ctsh_autoclose int proc = -1;
	uint64_t ticks;

	if (ctsh_record_running(target->pid, 0, err))
		return -1;
	proc = ctsh_proc_of(target->pid, err);
	if (proc < 0 || ctsh_proc_read_start(proc, &ticks, err)) {
		if (err->code == CTSH_E_GONE)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	if (!ctsh_proc_started_by(ticks, &target->not_after))
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "recorded pid %d is another process by now",
		                 (int)target->pid);
	return 0;
}

/* What there is without a record of runc's or crun's. */
static int describe(const struct ctsh_bundle *bundle,
                    struct ctsh_target *target, struct ctsh_error *err)
{
	if (ctsh_json_has_object(bundle->config, "linux.seccomp",
	                         &target->names_seccomp, err) ||
	    find_cgroup(bundle, target, err))
		return -1;
	return check_age(target, err);
}

int ctsh_bundle_init(const struct ctsh_bundle *bundle, const char *pidfile,
                     struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_target found = {0};

	if (find_pid(bundle, pidfile, &found, err) ||
	    describe(bundle, &found, err))
		return -1;
	*target = found;
	return 0;
}

/* "/run/docker/runtime-runc/moby": the options may name another directory for
 * the records.  docker writes it with the link that /var/run is. */
static int find_records(const struct ctsh_bundle *bundle, const char *ns,
                        char *path, size_t size, struct ctsh_error *err)
{
	ctsh_autojson json_t *options = NULL;
	static const char old[] = "/var/run/";
	const char *root;
	int length;

	options = ctsh_record_read(bundle->dir, "options.json", err);
	if (!options && err->code != CTSH_E_ABSENT)
		return -1;
	root = ctsh_json_entry(options, "", "root");
	if (!root || !*root)
		root = SHIM_RECORDS;
	if (!strncmp(root, old, sizeof(old) - 1))
		root += strlen("/var");
	length = snprintf(path, size, "%s/%s", root, ns);
	if (length < 0 || (size_t)length >= size)
		return ctsh_fail(err, CTSH_E_ENGINE, ENAMETOOLONG,
		                 "member \"root\"");
	return 0;
}

/* Who of the two has a record of it there, if anybody. */
static const struct ctsh_runtime *find_keeper(const char *records,
                                              const char *id)
{
	static const struct {
		const char *file;
		const struct ctsh_runtime *runtime;
	} keepers[] = {
		{"state.json", &ctsh_runtime_runc},
		{"status", &ctsh_runtime_crun},
	};
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(keepers) / sizeof(keepers[0]); i++) {
		int length = snprintf(path, sizeof(path), "%s/%s/%s", records,
		                      id, keepers[i].file);

		if (length > 0 && (size_t)length < sizeof(path) &&
		    !lstat(path, &st))
			return keepers[i].runtime;
	}
	return NULL;
}

/* A shim of gVisor or Kata has an init.pid too, of a process that is no
 * container's init but all of it.  Up to 1.5 the file is not there. */
static int check_shim(const struct ctsh_bundle *bundle, struct ctsh_error *err)
{
	static const char runc[] = "/containerd-shim-runc-v";
	ctsh_autofree char *path = NULL;
	size_t length = 0;
	const char *last;

	path = ctsh_record_text(bundle->dir, "shim-binary-path",
	                        CTSH_RECORD_MAX, &length, err);
	if (!path)
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	last = strrchr(path, '/');
	if (!last || strncmp(last, runc, sizeof(runc) - 1))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its shim is %s, not runc's", path);
	return 0;
}

/* What the keeper recorded is the better proof: it needs no clock. */
static int take_record(const struct ctsh_runtime *keeper, const char *records,
                       struct ctsh_target *target, struct ctsh_error *err)
{
	const struct ctsh_where where = {.root = records};
	struct ctsh_target record;

	if (keeper->find(&where, target->id, 0, &record, err))
		return -1;
	if (record.pid != target->pid)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "init.pid says %d, %s's record says %d",
		                 (int)target->pid, keeper->name,
		                 (int)record.pid);
	target->start_ticks = record.start_ticks;
	target->not_after = (struct timespec){0};
	target->names_seccomp = record.names_seccomp;
	return 0;
}

int ctsh_bundle_task(struct ctsh_bundle *bundle, const char *ns,
                     struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_target found = {0};
	const struct ctsh_runtime *keeper;
	char records[PATH_MAX];
	int result;

	if (check_shim(bundle, err) ||
	    find_pid(bundle, "init.pid", &found, err) ||
	    find_records(bundle, ns, records, sizeof(records), err))
		return -1;
	keeper = find_keeper(records, found.id);
	if (keeper)
		result = take_record(keeper, records, &found, err);
	else if (!bundle->config && ctsh_bundle_read(bundle, NULL, err))
		result = -1;
	else
		result = describe(bundle, &found, err);
	if (result == 0)
		*target = found;
	return result;
}
