/* SPDX-License-Identifier: MIT */
#include "oci.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "record.h"
#include "service.h"
#include "stop.h"

static int open_state(const char *root, const char *name,
                      struct ctsh_error *err)
{
	char path[PATH_MAX];
	int length, dir;

	/* Part of a path from here on: no slash, no leading dot. */
	if (!ctsh_text_is_container_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	length = snprintf(path, sizeof(path), "%s/%s", root, name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", root);
	dir = ctsh_open_trusted_dir(path, false, CTSH_E_UNSAFE, err);
	if (dir < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return dir;
}

/* Created but not started: the recorded process is the engine's own, waiting
 * at this FIFO with all the power of the host. */
static int is_started(int dir, struct ctsh_error *err)
{
	struct stat st;

	if (!fstatat(dir, "exec.fifo", &st, AT_SYMLINK_NOFOLLOW)) {
		(void)ctsh_fail(err, CTSH_E_ABSENT, 0,
		                "container is created, not started");
		err->coming = CTSH_COMING;
		return -1;
	}
	if (errno != ENOENT)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat exec.fifo");
	return 0;
}

static int read_state(const struct ctsh_oci *oci, int dir, const char *name,
                      struct ctsh_target *target, struct ctsh_error *err)
{
	ctsh_autojson json_t *record = NULL;

	record = ctsh_record_read(dir, oci->file, err);
	/* The directory is made first. */
	if (!record && err->code == CTSH_E_ABSENT)
		err->coming = CTSH_COMING_SOON;
	if (!record || oci->parse(record, name, target, err))
		return -1;
	if (is_started(dir, err) ||
	    ctsh_record_running(target->pid, target->start_ticks, err))
		return -1;
	return oci->find_seccomp ? oci->find_seccomp(dir, target, err) : 0;
}

int ctsh_oci_find(const struct ctsh_oci *oci, const struct ctsh_where *where,
                  const char *name, struct ctsh_target *target,
                  struct ctsh_error *err)
{
	ctsh_autoclose int dir = -1;
	struct ctsh_target found = {0};

	/* The directory is opened once: should the container be deleted and
	 * made anew meanwhile, its files are not mixed. */
	dir = open_state(where->root ? where->root : oci->root, name, err);
	if (dir < 0 || read_state(oci, dir, name, &found, err))
		return -1;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name) ||
	    !ctsh_text_copy(found.id, sizeof(found.id), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*target = found;
	return 0;
}

/* -- starting ------------------------------------------------------------- */

/* It says what root is to run: all the way root's alone, as the files below
 * /etc/ctsh. */
static int check_bundle(const char *bundle, struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	char path[PATH_MAX];
	int length;

	if (!bundle)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "no bundle");
	length = snprintf(path, sizeof(path), "%s/config.json", bundle);
	if (length < 0 || (size_t)length >= sizeof(path) ||
	    !ctsh_service_plain(path))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "bundle %s: no plain path", bundle);
	fd = ctsh_open_trusted(path, CTSH_E_CONFIG, err);
	if (fd < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return fd < 0 ? -1 : 0;
}

/* `words`: what follows the options that all commands have. */
static int command(const struct ctsh_oci *oci, const struct ctsh_where *where,
                   const char *const *words, int64_t deadline_ms,
                   struct ctsh_error *err)
{
	const char *argv[CTSH_SERVICE_WORDS + 1] = {
		ctsh_service_program(oci->programs),
		"--root",
		where->root ? where->root : oci->root,
	};
	size_t used = 3;

	if (!argv[0])
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "no %s to be found",
		                 oci->programs[0]);
	if (!ctsh_service_plain(argv[2]))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "root %s: no plain path", argv[2]);
	if (where->log) {
		argv[used++] = "--log";
		argv[used++] = where->log;
	}
	while (*words)
		argv[used++] = *words++;
	return ctsh_service_run(
		&(struct ctsh_service){.argv = argv, .log = where->log},
		deadline_ms, err);
}

/* Whether there is a container of that name, and what came of it: 1, with `err`
 * saying so as find() does, if it has ended; 0 if there is none or it needs no
 * start; -1. */
static int has_ended(const struct ctsh_oci *oci, const struct ctsh_where *where,
                     const char *name, bool *there, struct ctsh_error *err)
{
	ctsh_autoclose int dir = -1;
	struct ctsh_target ignored = {0};

	*there = true;
	dir = open_state(where->root ? where->root : oci->root, name, err);
	if (dir < 0) {
		*there = false;
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	}
	if (read_state(oci, dir, name, &ignored, err) == 0 || err->coming)
		return 0;
	return err->code == CTSH_E_ABSENT ? 1 : -1;
}

int ctsh_oci_start(const struct ctsh_oci *oci, const struct ctsh_where *where,
                   const char *name, int64_t deadline_ms,
                   struct ctsh_error *err)
{
	const char *const delete[] = {"delete", name, NULL};
	const char *const run[] = {"run",         "--detach", "--bundle",
	                           where->bundle, name,       NULL};
	bool there;
	int ended;

	if (check_bundle(where->bundle, err))
		return -1;
	ended = has_ended(oci, where, name, &there, err);
	if (ended < 0)
		return -1;
	if (there && !ended)
		return 0;
	if (ended && command(oci, where, delete, deadline_ms, err))
		return -1;
	return command(oci, where, run, deadline_ms, err);
}

/* Their own `kill` does no more than this, and finds the process by a name that
 * may be another container's by then. */
int ctsh_oci_stop(const struct ctsh_where *where,
                  const struct ctsh_target *target, int init,
                  int64_t deadline_ms, struct ctsh_error *err)
{
	(void)where;
	(void)target;
	return ctsh_stop_signal(init, deadline_ms, err);
}
