/* SPDX-License-Identifier: MIT */
#include "oci.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "record.h"

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
