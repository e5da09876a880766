/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "record.h"

static bool valid_name(const char *name)
{
	struct ctsh_target *target;

	/* Nothing that would need quotes in a line of the log. */
	return ctsh_text_is_absolute(name, sizeof(target->name)) &&
	       name[strlen(name) - 1] != '/' && !strpbrk(name, " \"'\\=");
}

static int open_pidfile(const char *path, struct stat *st,
                        struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;

	fd = ctsh_open_trusted(path, CTSH_E_UNSAFE, err);
	if (fd < 0) {
		if (err->sys == ENOENT)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	if (fstat(fd, st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", path);
	return ctsh_steal_fd(&fd);
}

static int read_pidfile(const char *path, pid_t *pid, struct timespec *written,
                        struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	char text[CTSH_PID_TEXT + 1];
	struct stat st;
	ssize_t got;

	fd = open_pidfile(path, &st, err);
	if (fd < 0)
		return -1;
	got = ctsh_read_all(fd, text, CTSH_PID_TEXT);
	if (got < 0 && errno != EFBIG)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s", path);
	if (got < 0 || ctsh_record_parse_pid(text, (size_t)got, pid))
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "%s does not hold one pid", path);
	*written = st.st_mtim;
	return 0;
}

/* The last part of the path as a word that can stand in a log line. */
static void make_id(char *id, size_t size, const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	size_t i;

	for (i = 0; i + 1 < size && base[i]; i++)
		id[i] = base[i];
	id[i] = '\0';
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	struct ctsh_target found = {0};

	(void)where;
	(void)deadline_ms; /* Files of a local file system do not wait. */
	if (!valid_name(name) ||
	    !ctsh_text_copy(found.name, sizeof(found.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not a path of a pidfile");
	if (read_pidfile(name, &found.pid, &found.not_after, err) ||
	    ctsh_record_running(found.pid, 0, err))
		return -1;
	make_id(found.id, sizeof(found.id), name);
	*target = found;
	return 0;
}

const struct ctsh_runtime ctsh_runtime_pidfile = {
	.name = "pidfile",
	.valid_name = valid_name,
	.find = find,
};
