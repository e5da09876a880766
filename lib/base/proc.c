/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "fdio.h"

#define STATUS_MAX (256 * 1024) /* many CPUs and memory nodes make it long */
#define STAT_MAX 4096
#define PROC_ROOT_INODE 1

static int prove_procfs(int fd, const char *what, struct ctsh_error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "statfs %s", what);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "%s is not procfs",
		                 what);
	return 0;
}

int ctsh_proc_open(struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	struct stat st;

	fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open /proc");
	if (prove_procfs(fd, "/proc", err) < 0)
		return -1;
	/* A directory further down may have been mounted in its place. */
	if (st.st_ino != PROC_ROOT_INODE)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "/proc is not the root of a procfs");
	return ctsh_steal_fd(&fd);
}

/* What a process that ends makes of system calls on its /proc files. */
static int fail_process(struct ctsh_error *err, const char *what)
{
	bool gone = errno == ENOENT || errno == ESRCH;

	return ctsh_fail(err, gone ? CTSH_E_GONE : CTSH_E_SYSTEM, errno,
	                 "/proc/PID/%s", what);
}

int ctsh_proc_of(pid_t pid, struct ctsh_error *err)
{
	ctsh_autoclose int proc = -1, fd = -1;
	char name[16];

	if (pid <= 0)
		return ctsh_fail(err, CTSH_E_GONE, 0, "%d is no process", pid);
	(void)snprintf(name, sizeof(name), "%d", pid);
	proc = ctsh_proc_open(err);
	if (proc < 0)
		return -1;
	fd = openat(proc, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return ctsh_fail(err, CTSH_E_GONE, errno, "/proc/%d", pid);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "/proc/%d", pid);
	/* Something may have been mounted over it. */
	if (prove_procfs(fd, "/proc/PID", err) < 0)
		return -1;
	return ctsh_steal_fd(&fd);
}

static int fail_malformed(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "/proc/PID/%s is malformed",
	                 what);
}

/* The text of a file below /proc/PID, which holds no NUL; NULL with `*err`. */
static char *read_text(int proc, const char *name, size_t max,
                       struct ctsh_error *err)
{
	size_t length;
	char *text = ctsh_read_file_at(proc, name, max, &length);

	if (!text) {
		(void)fail_process(err, name);
	} else if (strlen(text) != length) {
		(void)fail_malformed(err, name);
		ctsh_free_at(&text);
	}
	return text;
}

int ctsh_proc_read_status(int proc, struct ctsh_proc_status *status,
                          struct ctsh_error *err)
{
	ctsh_autofree char *text = read_text(proc, "status", STATUS_MAX, err);

	if (!text)
		return -1;
	if (ctsh_proc_parse_status(text, status) < 0)
		return fail_malformed(err, "status");
	return 0;
}

/* One number of stat. */
static int read_stat(int proc, int (*parse)(const char *, uint64_t *),
                     uint64_t *number, struct ctsh_error *err)
{
	ctsh_autofree char *text = read_text(proc, "stat", STAT_MAX, err);

	if (!text)
		return -1;
	if (parse(text, number) < 0)
		return fail_malformed(err, "stat");
	return 0;
}

int ctsh_proc_read_start(int proc, uint64_t *ticks, struct ctsh_error *err)
{
	return read_stat(proc, ctsh_proc_parse_start, ticks, err);
}

int ctsh_proc_read_flags(int proc, uint64_t *flags, struct ctsh_error *err)
{
	return read_stat(proc, ctsh_proc_parse_flags, flags, err);
}

int ctsh_proc_read_stack(int proc, uint64_t *address, struct ctsh_error *err)
{
	return read_stat(proc, ctsh_proc_parse_stack, address, err);
}

int ctsh_proc_read_ns(int proc, const char *name, struct ctsh_ns_id *id,
                      struct ctsh_error *err)
{
	char path[32];
	struct stat st;
	int length = snprintf(path, sizeof(path), "ns/%s", name);

	/* Plain names only: "ns/" and "ns/.." exist too. */
	if (length < 0 || (size_t)length >= sizeof(path) || !*name ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")])
		return ctsh_fail(err, CTSH_E_SYSTEM, EINVAL, "namespace %s",
		                 name);
	if (fstatat(proc, path, &st, 0) < 0)
		return fail_process(err, path);
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	return 0;
}
