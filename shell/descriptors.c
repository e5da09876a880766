/* SPDX-License-Identifier: MIT */
#include "descriptors.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

/* Newer than the oldest kernel headers we build with. */
#ifndef PIDFS_MAGIC
#define PIDFS_MAGIC 0x50494446
#endif
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

/* Where a "regular file" is a handle or a switch of the kernel's: nothing that
 * a session has any business with. */
static const struct {
	unsigned long magic;
	const char *kind;
} kernel_files[] = {
	{NSFS_MAGIC, "namespace"},
	{PIDFS_MAGIC, "pidfd"},
	{ANON_INODE_FS_MAGIC, "anonymous inode"},
	{PROC_SUPER_MAGIC, "file of /proc"},
	{SYSFS_MAGIC, "file of /sys"},
	{CGROUP_SUPER_MAGIC, "control group file"},
	{CGROUP2_SUPER_MAGIC, "control group file"},
	{DEBUGFS_MAGIC, "file of debugfs"},
	{TRACEFS_MAGIC, "file of tracefs"},
	{SECURITYFS_MAGIC, "file of securityfs"},
	{SELINUX_MAGIC, "file of selinuxfs"},
	{BPF_FS_MAGIC, "BPF object"},
	{EFIVARFS_MAGIC, "EFI variable"},
	{MQUEUE_MAGIC, "message queue"},
};

static int refuse(int fd, const char *kind, struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_USAGE, 0, "descriptor %d: %s", fd, kind);
}

static int judge_regular(int fd, enum ctsh_passage *passage,
                         struct ctsh_error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return ctsh_fail(err, CTSH_E_USAGE, errno, "descriptor %d", fd);
	for (size_t i = 0; i < sizeof(kernel_files) / sizeof(*kernel_files);
	     i++)
		if ((unsigned long)fs.f_type == kernel_files[i].magic)
			return refuse(fd, kernel_files[i].kind, err);
	*passage = CTSH_RELAY;
	return 0;
}

/* A pipe with a name can be reached by that name: container root could find
 * its other openers' end through /proc/PID/fd, so only nameless ones pass. */
static int judge_pipe(int fd, enum ctsh_passage *passage,
                      struct ctsh_error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return ctsh_fail(err, CTSH_E_USAGE, errno, "descriptor %d", fd);
	*passage = fs.f_type == PIPEFS_MAGIC ? CTSH_PASS : CTSH_RELAY;
	return 0;
}

static int judge_socket(int fd, enum ctsh_passage *passage,
                        struct ctsh_error *err)
{
	struct sockaddr_storage peer;
	socklen_t peer_size = sizeof(peer);
	int type = 0;
	socklen_t type_size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
	    type != SOCK_STREAM)
		return refuse(fd, "socket without a stream", err);
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return refuse(fd, "socket without a peer", err);
	*passage = CTSH_RELAY;
	return 0;
}

/* /dev/zero, full, random, urandom: bytes and nothing else. */
static bool is_plain_source(dev_t device)
{
	return device == makedev(1, 5) || device == makedev(1, 7) ||
	       device == makedev(1, 8) || device == makedev(1, 9);
}

static int judge_device(int fd, dev_t device, enum ctsh_passage *passage,
                        struct ctsh_error *err)
{
	struct termios modes;

	if (device == makedev(1, 3))
		*passage = CTSH_NULL;
	else if (is_plain_source(device))
		*passage = CTSH_RELAY;
	else if (tcgetattr(fd, &modes) == 0)
		*passage = CTSH_TERMINAL;
	else
		return refuse(fd, "device", err);
	return 0;
}

static int judge(int fd, enum ctsh_passage *passage, struct ctsh_error *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return ctsh_fail(err, CTSH_E_USAGE, errno, "descriptor %d", fd);
	if (flags & O_PATH)
		return refuse(fd, "mere path", err);
	switch (st.st_mode & S_IFMT) {
	case S_IFCHR:
		return judge_device(fd, st.st_rdev, passage, err);
	case S_IFIFO:
		return judge_pipe(fd, passage, err);
	case S_IFREG:
		return judge_regular(fd, passage, err);
	case S_IFSOCK:
		return judge_socket(fd, passage, err);
	case S_IFDIR:
		return refuse(fd, "directory", err);
	case S_IFBLK:
		return refuse(fd, "block device", err);
	default: /* epoll, signalfd and the like have no type at all */
		return refuse(fd, "object of the kernel's", err);
	}
}

int ctsh_descriptors_judge(struct ctsh_descriptors *d, struct ctsh_error *err)
{
	struct ctsh_descriptors result = {.any_terminal = false};

	for (int fd = 0; fd < 3; fd++) {
		if (judge(fd, &result.passage[fd], err) < 0)
			return -1;
		if (result.passage[fd] == CTSH_TERMINAL)
			result.any_terminal = true;
	}
	*d = result;
	return 0;
}

void ctsh_descriptors_tap(struct ctsh_descriptors *d)
{
	for (int fd = 0; fd < 3; fd++)
		if (d->passage[fd] == CTSH_PASS)
			d->passage[fd] = CTSH_TAPPED;
}

bool ctsh_descriptors_one_output(const struct ctsh_descriptors *d)
{
	struct stat out, err;

	return d->passage[STDOUT_FILENO] == CTSH_TAPPED &&
	       d->passage[STDERR_FILENO] == CTSH_TAPPED &&
	       fstat(STDOUT_FILENO, &out) == 0 &&
	       fstat(STDERR_FILENO, &err) == 0 && out.st_dev == err.st_dev &&
	       out.st_ino == err.st_ino;
}
