/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <string.h>

#include "../base/text.h"
#include "oci.h"
#include "record.h"

/*
 * The record holds the configuration that the container was created with.
 * Where there is no filter runc writes null (1.1) or nothing (1.3), so that
 * absence is the record's own word; but the configuration must be there.
 */
static int parse_seccomp(const json_t *record, bool *names,
                         struct ctsh_error *err)
{
	bool config;

	if (ctsh_json_has_object(record, "config", &config, err))
		return -1;
	if (!config)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "member \"config\" is missing");
	return ctsh_json_has_object(record, "config.seccomp", names, err);
}

int ctsh_runc_parse(const json_t *record, const char *name,
                    struct ctsh_target *target, struct ctsh_error *err)
{
	uint64_t pid, ticks;
	const char *id;
	bool seccomp;

	if (ctsh_json_text(record, "id", &id, err) ||
	    ctsh_json_number(record, "init_process_pid", 2, CTSH_PID_MAX, &pid,
	                     err) ||
	    ctsh_json_number(record, "init_process_start", 1, INT64_MAX, &ticks,
	                     err) ||
	    parse_seccomp(record, &seccomp, err))
		return -1;
	if (strcmp(id, name))
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "record is of another container");
	target->pid = (pid_t)pid;
	target->start_ticks = ticks;
	target->names_seccomp = seccomp;
	return 0;
}

static const char *const programs[] = {"/usr/bin/runc", "/usr/sbin/runc",
                                       "/usr/local/bin/runc",
                                       "/usr/local/sbin/runc", NULL};

static const struct ctsh_oci runc = {
	.programs = programs,
	.root = "/run/runc",
	.file = "state.json",
	.parse = ctsh_runc_parse,
};

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	(void)deadline_ms; /* Files of a local file system do not wait. */
	return ctsh_oci_find(&runc, where, name, target, err);
}

static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	return ctsh_oci_start(&runc, where, name, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_runc = {
	.name = "runc",
	.has_root = true,
	.valid_name = ctsh_text_is_container_name,
	.has_bundle = true,
	.find = find,
	.start = start,
	.stop = ctsh_oci_stop,
};
