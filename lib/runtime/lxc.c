/* SPDX-License-Identifier: MIT */
#include "lxc.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "../base/proc.h"
#include "../base/text.h"
#include "record.h"
#include "runtime.h"
#include "service.h"
#include "stop.h"

#define STANDARD_PATH "/var/lib/lxc"
#define PATIENCE_MS 5000

static int no_sense(const char *what, struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_ENGINE, 0,
	                 "the monitor gives no sensible %s", what);
}

/* A long name is hashed: that it is this container's says the monitor alone. */
static int check_text(const struct ctsh_lxc_monitor *monitor,
                      enum ctsh_lxc_command command, const char *expected,
                      struct ctsh_error *err)
{
	struct ctsh_lxc_answer answer;

	if (ctsh_lxc_ask(monitor, command, NULL, &answer, err))
		return -1;
	if (answer.result < 0 || answer.length != strlen(answer.text) + 1)
		return no_sense("name", err);
	if (strcmp(answer.text, expected) != 0)
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "the monitor is of '%s', not of '%s'",
		                 answer.text, expected);
	return 0;
}

static int check_state(const struct ctsh_lxc_monitor *monitor,
                       struct ctsh_error *err)
{
	struct ctsh_lxc_answer answer;

	if (ctsh_lxc_ask(monitor, CTSH_LXC_GET_STATE, NULL, &answer, err))
		return -1;
	if (answer.result < 0 || answer.length)
		return no_sense("state", err);
	switch (answer.number) {
	case CTSH_LXC_RUNNING:
	case CTSH_LXC_THAWED:
		return 0;
	case CTSH_LXC_FREEZING:
	case CTSH_LXC_FROZEN:
		return ctsh_fail(err, CTSH_E_PAUSED, 0, "container is frozen");
	case CTSH_LXC_STARTING:
		(void)ctsh_fail(err, CTSH_E_ABSENT, 0, "container is starting");
		err->coming = CTSH_COMING;
		return -1;
	case CTSH_LXC_STOPPED:
	case CTSH_LXC_STOPPING:
	case CTSH_LXC_ABORTING:
		return ctsh_fail(err, CTSH_E_ABSENT, 0, "container is stopped");
	default:
		return no_sense("state", err);
	}
}

/* As the monitor was configured, also by what the file includes.  An item that
 * is not set is an error there. */
static int find_seccomp(const struct ctsh_lxc_monitor *monitor, bool *names,
                        struct ctsh_error *err)
{
	struct ctsh_lxc_answer answer;

	if (ctsh_lxc_ask(monitor, CTSH_LXC_GET_CONFIG_ITEM,
	                 "lxc.seccomp.profile", &answer, err))
		return -1;
	*names = answer.result >= 0 && answer.text[0] != '\0';
	return 0;
}

/* That the kernel knows it as a child of who answered, and since when. */
static int check_child(pid_t pid, pid_t monitor, uint64_t *start_ticks,
                       struct ctsh_error *err)
{
	struct ctsh_proc_status status;
	ctsh_autoclose int proc = -1;

	proc = ctsh_proc_of(pid, err);
	if (proc < 0 || ctsh_proc_read_status(proc, &status, err) ||
	    ctsh_proc_read_start(proc, start_ticks, err)) {
		if (err->code == CTSH_E_GONE)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	if (status.parent != monitor)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "pid %d is not a child of the monitor, pid %d",
		                 (int)pid, (int)monitor);
	return 0;
}

static int find_init(const struct ctsh_lxc_monitor *monitor,
                     struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_lxc_answer answer;

	if (ctsh_lxc_ask(monitor, CTSH_LXC_GET_INIT_PID, NULL, &answer, err))
		return -1;
	if (answer.result < 0 || answer.length || answer.number < 2 ||
	    answer.number > CTSH_PID_MAX)
		return no_sense("pid", err);
	target->pid = (pid_t)answer.number;
	return check_child(target->pid, answer.sender, &target->start_ticks,
	                   err);
}

int ctsh_lxc_find(const struct ctsh_lxc_monitor *monitor,
                  struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_lxc_monitor patient = *monitor;
	int64_t own = ctsh_now_ms() + PATIENCE_MS;
	struct ctsh_target found = {0};

	if (own < patient.deadline_ms)
		patient.deadline_ms = own;
	if (check_text(&patient, CTSH_LXC_GET_NAME, patient.name, err) ||
	    check_text(&patient, CTSH_LXC_GET_LXCPATH, patient.path, err) ||
	    check_state(&patient, err) ||
	    find_seccomp(&patient, &found.names_seccomp, err) ||
	    find_init(&patient, &found, err))
		return -1;
	if (!ctsh_text_copy(found.id, sizeof(found.id), patient.name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "name");
	*target = found;
	return 0;
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	const struct ctsh_lxc_monitor monitor = {
		.path = where->root ? where->root : STANDARD_PATH,
		.name = name,
		.deadline_ms = deadline_ms,
	};
	struct ctsh_target found;

	if (!ctsh_text_is_container_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (ctsh_lxc_find(&monitor, &found, err))
		return -1;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "name");
	*target = found;
	return 0;
}

/* Its configuration says what root is to run. */
static int check_config(const char *lxcpath, const char *name,
                        struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	char path[PATH_MAX];
	int length;

	length = snprintf(path, sizeof(path), "%s/%s/config", lxcpath, name);
	if (length < 0 || (size_t)length >= sizeof(path) ||
	    !ctsh_service_plain(lxcpath))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "root %s: no plain path", lxcpath);
	fd = ctsh_open_trusted(path, CTSH_E_CONFIG, err);
	if (fd < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return fd < 0 ? -1 : 0;
}

static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	static const char *const programs[] = {
		"/usr/bin/lxc-start", "/usr/local/bin/lxc-start", NULL};
	const char *argv[] = {
		ctsh_service_program(programs),
		"--daemon",
		"--lxcpath",
		where->root ? where->root : STANDARD_PATH,
		"--name",
		name,
		where->log ? "--logfile" : NULL,
		where->log,
		NULL,
	};

	if (!ctsh_text_is_container_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (!argv[0])
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "no lxc-start");
	if (check_config(argv[3], name, err))
		return -1;
	return ctsh_service_run(
		&(struct ctsh_service){.argv = argv, .log = where->log},
		deadline_ms, err);
}

/* The monitor asks the init to end, and kills it after a minute. */
static int stop(const struct ctsh_where *where,
                const struct ctsh_target *target, int init, int64_t deadline_ms,
                struct ctsh_error *err)
{
	static const char *const programs[] = {"/usr/bin/lxc-stop",
	                                       "/usr/local/bin/lxc-stop", NULL};
	const char *argv[] = {
		ctsh_service_program(programs),
		"--lxcpath",
		where->root ? where->root : STANDARD_PATH,
		"--name",
		target->id,
		NULL,
	};

	(void)init;
	if (!argv[0] || !ctsh_service_plain(argv[2]))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "no lxc-stop, or no plain path: %s", argv[2]);
	return ctsh_stop_command(argv, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_lxc = {
	.name = "lxc",
	.has_root = true,
	.valid_name = ctsh_text_is_container_name,
	.find = find,
	.start = start,
	.stop = stop,
};
