/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "../base/text.h"
#include "oci.h"
#include "record.h"

int ctsh_crun_parse(const json_t *record, const char *name,
                    struct ctsh_target *target, struct ctsh_error *err)
{
	uint64_t pid, ticks;

	(void)name; /* The record has none; its directory is the name. */
	if (ctsh_json_number(record, "pid", 2, CTSH_PID_MAX, &pid, err) ||
	    ctsh_json_number(record, "process-start-time", 1, INT64_MAX, &ticks,
	                     err))
		return -1;
	target->pid = (pid_t)pid;
	target->start_ticks = ticks;
	return 0;
}

/*
 * crun keeps the configuration that the container was created with beside the
 * status.  The bundle's own may have changed since and may lie anywhere, so it
 * says nothing about what runs.  A compiled filter counts too: annotations can
 * bring one that the configuration does not name.  Without a copy a filter is
 * taken for configured: then an init that has none is refused.
 */
static int find_seccomp(int dir, struct ctsh_target *target,
                        struct ctsh_error *err)
{
	ctsh_autojson json_t *config = NULL;
	struct stat st;

	target->names_seccomp = true;
	if (!fstatat(dir, "seccomp.bpf", &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno != ENOENT)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat seccomp.bpf");
	config = ctsh_record_read(dir, "config.json", err);
	if (!config)
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	return ctsh_json_has_object(config, "linux.seccomp",
	                            &target->names_seccomp, err);
}

static const char *const programs[] = {"/usr/bin/crun", "/usr/local/bin/crun",
                                       NULL};

static const struct ctsh_oci crun = {
	.programs = programs,
	.root = "/run/crun",
	.file = "status",
	.parse = ctsh_crun_parse,
	.find_seccomp = find_seccomp,
};

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	(void)deadline_ms; /* Files of a local file system do not wait. */
	return ctsh_oci_find(&crun, where, name, target, err);
}

static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	return ctsh_oci_start(&crun, where, name, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_crun = {
	.name = "crun",
	.has_root = true,
	.valid_name = ctsh_text_is_container_name,
	.has_bundle = true,
	.find = find,
	.start = start,
	.stop = ctsh_oci_stop,
};
