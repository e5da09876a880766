/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "../base/text.h"

int ctsh_record_dir(int above, const char *name, struct ctsh_error *err)
{
	ctsh_autoclose int dir = -1;
	struct stat st;

	dir = openat(above, name,
	             O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return ctsh_fail(
			err, errno == ENOENT ? CTSH_E_ABSENT : CTSH_E_UNSAFE,
			errno, "open %s", name);
	if (fstat(dir, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", name);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "%s is not a directory of %s alone", name,
		                 geteuid() ? "its owner's" : "root's");
	return ctsh_steal_fd(&dir);
}

/* Opens it.  Non-blocking, so that a FIFO in its place delays nobody. */
static int open_record(int dir, const char *name, struct stat *st,
                       struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;

	fd = openat(dir, name,
	            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return ctsh_fail(
			err, errno == ENOENT ? CTSH_E_ABSENT : CTSH_E_UNSAFE,
			errno, "open %s", name);
	if (fstat(fd, st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", name);
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() ||
	    (st->st_mode & (S_IWGRP | S_IWOTH)))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "%s is not a file of %s alone", name,
		                 geteuid() ? "its owner's" : "root's");
	return ctsh_steal_fd(&fd);
}

char *ctsh_record_text(int dir, const char *name, size_t max, size_t *length,
                       struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	ctsh_autoclose int fd = -1;
	struct stat st;
	ssize_t got = -1;
	char *taken;

	fd = open_record(dir, name, &st, err);
	if (fd < 0)
		return NULL;
	if (st.st_size < 0 || (size_t)st.st_size > max) {
		(void)ctsh_fail(err, CTSH_E_ENGINE, EFBIG, "read %s", name);
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (text)
		got = ctsh_read_all(fd, text, (size_t)st.st_size);
	if (got < 0) {
		(void)ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s", name);
		return NULL;
	}
	text[got] = '\0';
	*length = (size_t)got;
	taken = text;
	text = NULL;
	return taken;
}

json_t *ctsh_record_list(int dir, const char *name, size_t max,
                         struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	size_t length = 0;

	text = ctsh_record_text(dir, name, max, &length, err);
	return text ? ctsh_json_parse(text, length, err) : NULL;
}

json_t *ctsh_record_read(int dir, const char *name, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	size_t length = 0;

	text = ctsh_record_text(dir, name, CTSH_RECORD_MAX, &length, err);
	return text ? ctsh_record_parse(text, length, err) : NULL;
}

json_t *ctsh_record_parse(char *text, size_t length, struct ctsh_error *err)
{
	return ctsh_json_parse(text, ctsh_json_empty_arrays(text, length), err);
}

int ctsh_record_parse_pid(char *text, size_t length, pid_t *pid)
{
	uint64_t number;

	if (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	if (strlen(text) != length ||
	    !ctsh_text_number(text, CTSH_PID_MAX, &number) || number < 2)
		return -1;
	*pid = (pid_t)number;
	return 0;
}

int ctsh_record_pid(int dir, const char *name, pid_t *pid,
                    struct timespec *written, struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	char text[CTSH_PID_TEXT + 1];
	struct stat st;
	ssize_t got;

	fd = open_record(dir, name, &st, err);
	if (fd < 0)
		return -1;
	got = ctsh_read_all(fd, text, CTSH_PID_TEXT);
	if (got < 0 && errno != EFBIG)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s", name);
	if (got < 0 || ctsh_record_parse_pid(text, (size_t)got, pid))
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "%s does not hold one pid", name);
	*written = st.st_mtim;
	return 0;
}

/* For a record, a process that ended is one that does not run. */
static int not_running(struct ctsh_error *err)
{
	if (err->code == CTSH_E_GONE)
		err->code = CTSH_E_ABSENT;
	return -1;
}

int ctsh_record_running(pid_t pid, uint64_t start_ticks, struct ctsh_error *err)
{
	ctsh_autoclose int proc = -1;
	struct ctsh_proc_status status;
	uint64_t ticks;

	proc = ctsh_proc_of(pid, err);
	if (proc < 0 || ctsh_proc_read_status(proc, &status, err) ||
	    ctsh_proc_read_start(proc, &ticks, err))
		return not_running(err);
	if (status.state == 'Z' || status.state == 'X')
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "recorded pid %d has ended", pid);
	if (start_ticks && ticks != start_ticks)
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "recorded pid %d is another process by now",
		                 pid);
	return 0;
}
