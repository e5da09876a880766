/* SPDX-License-Identifier: MIT */
#include "nspawn.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "record.h"
#include "runtime.h"
#include "service.h"

#define MACHINES "/run/systemd/machines"
#define FILE_MAX 16384

/* A host name's length is what nspawn allows. */
#define NAME_MAX_LENGTH 64

static bool valid_name(const char *name)
{
	return ctsh_text_is_container_name(name) &&
	       strlen(name) <= NAME_MAX_LENGTH;
}

/* Copies a value without the quotes that newer versions put around it, and
 * without the backslashes that escape. */
static bool copy_value(const char *from, size_t length, char *out, size_t size)
{
	size_t used = 0;

	if (length >= 2 && from[0] == '"' && from[length - 1] == '"') {
		from++;
		length -= 2;
	}
	for (size_t i = 0; i < length; i++) {
		if (from[i] == '\\' && i + 1 < length)
			i++;
		if (used + 1 >= size)
			return false;
		out[used++] = from[i];
	}
	out[used] = '\0';
	return true;
}

/* The value of `key`, which ends in '='; "" if it is not there.  False if it is
 * there twice or too long. */
static bool take_value(const char *text, const char *key, char *out,
                       size_t size)
{
	size_t key_length = strlen(key);
	bool found = false;

	out[0] = '\0';
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (!strncmp(text, key, key_length)) {
			if (found ||
			    !copy_value(text + key_length, length - key_length,
			                out, size))
				return false;
			found = true;
		}
		text += length + (text[length] == '\n');
	}
	return true;
}

struct machine {
	char name[CTSH_ID_MAX], uid[16], service[32], class[16], leader[16];
	char unit[CTSH_ID_MAX];
};

static bool take_machine(const char *text, struct machine *m)
{
	return take_value(text, "NAME=", m->name, sizeof(m->name)) &&
	       take_value(text, "UID=", m->uid, sizeof(m->uid)) &&
	       take_value(text, "SERVICE=", m->service, sizeof(m->service)) &&
	       take_value(text, "CLASS=", m->class, sizeof(m->class)) &&
	       take_value(text, "LEADER=", m->leader, sizeof(m->leader)) &&
	       take_value(text, "SCOPE=", m->unit, sizeof(m->unit));
}

int ctsh_nspawn_parse(const char *text, const char *name,
                      struct ctsh_target *target, struct ctsh_error *err)
{
	struct machine m;
	uint64_t leader;

	if (!take_machine(text, &m) || strcmp(m.name, name) != 0 ||
	    !ctsh_text_number(m.leader, CTSH_PID_MAX, &leader) || leader < 2)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "machined's file of %s makes no sense", name);
	/* Newer versions let users register what they run. */
	if (m.uid[0] && strcmp(m.uid, "0") != 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "machine %s belongs to uid %s", name, m.uid);
	if (strcmp(m.service, "systemd-nspawn") != 0 ||
	    strcmp(m.class, "container") != 0)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "machine %s is a %s of %s", name, m.class,
		                 m.service);
	target->pid = (pid_t)leader;
	return ctsh_text_copy(target->cgroup_id, sizeof(target->cgroup_id),
	                      m.unit)
	               ? 0
	               : ctsh_fail(err, CTSH_E_ENGINE, 0, "unit of %s", name);
}

static int open_machine(const char *directory, const char *name,
                        struct ctsh_error *err)
{
	char path[PATH_MAX];
	int length, fd;

	length = snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	fd = ctsh_open_trusted(path, CTSH_E_UNSAFE, err);
	if (fd < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return fd;
}

/* The file is written after its leader was started: who is younger is not the
 * one that was meant. */
static int read_machine(int fd, const char *name, struct ctsh_target *target,
                        struct ctsh_error *err)
{
	char text[FILE_MAX + 1];
	struct stat st;
	ssize_t got;

	got = ctsh_read_all(fd, text, FILE_MAX);
	if (got < 0 || fstat(fd, &st))
		return ctsh_fail(err, CTSH_E_ENGINE, errno,
		                 "read machined's file of %s", name);
	text[got] = '\0';
	target->not_after = st.st_mtim;
	if (ctsh_nspawn_parse(text, name, target, err))
		return -1;
	return ctsh_record_running(target->pid, 0, err);
}

/* Of two words machined's counts: a file that is there is never passed over. */
static int ask(const char *directory, const char *name, int64_t deadline_ms,
               struct ctsh_target *target, struct ctsh_error *err)
{
	ctsh_autoclose int fd = open_machine(directory, name, err);

	if (fd >= 0)
		return read_machine(fd, name, target, err);
	/* Not registered, or there is no machined. */
	return err->code == CTSH_E_ABSENT
	               ? ctsh_nspawn_search(name, deadline_ms, target, err)
	               : -1;
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	struct ctsh_target found = {0};

	if (!valid_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a machine's name");
	if (ask(where->root ? where->root : MACHINES, name, deadline_ms, &found,
	        err))
		return -1;
	/* It has filters of its own, whatever it is told. */
	found.names_seccomp = true;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name) ||
	    !ctsh_text_copy(found.id, sizeof(found.id), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*target = found;
	return 0;
}

/* The unit that machinectl starts too: with an image of that name, or a
 * directory, below /var/lib/machines, and what *.nspawn says of it.  A name has
 * nothing that a unit's name has not. */
static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	char unit[NAME_MAX_LENGTH + 32];

	(void)where;
	if (!valid_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a machine's name");
	(void)snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", name);
	return ctsh_service_start(unit, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_nspawn = {
	.name = "nspawn",
	.has_root = true,
	.valid_name = valid_name,
	.find = find,
	.start = start,
};
