/* SPDX-License-Identifier: MIT */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../base/fdio.h"

#define PRIVATE 0700

/* The registry may hold what decides about a login: nobody else's, ever. */
static int check_private(int fd, const char *name, struct ctsh_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", name);
	if (!S_ISDIR(st.st_mode) || st.st_uid || st.st_gid ||
	    (st.st_mode & 07777) != PRIVATE)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "%s is not root's own with mode 0700", name);
	return 0;
}

/* With root's group and that mode, whatever group and umask a login service has
 * when the module is the first to come here. */
static int make_private(int dir, const char *name)
{
	ctsh_autoclose int fd = -1;

	if (mkdirat(dir, name, PRIVATE))
		return errno == EEXIST ? 0 : -1;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || fchown(fd, 0, 0) || fchmod(fd, PRIVATE) ? -1 : 0;
}

static int open_base(const char *base, struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;

	if (make_private(AT_FDCWD, base))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "mkdir %s", base);
	fd = ctsh_open_trusted_dir(base, false, CTSH_E_SYSTEM, err);
	if (fd < 0 || check_private(fd, base, err))
		return -1;
	return ctsh_steal_fd(&fd);
}

int ctsh_rundir_open(const char *base, const char *name, struct ctsh_error *err)
{
	ctsh_autoclose int dir = open_base(base, err);
	ctsh_autoclose int fd = -1;

	if (dir < 0)
		return -1;
	if (make_private(dir, name))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "mkdir %s/%s", base,
		                 name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open %s/%s", base,
		                 name);
	if (check_private(fd, name, err))
		return -1;
	return ctsh_steal_fd(&fd);
}

int ctsh_registry_lock_open(int fd, int operation)
{
	if (flock(fd, operation | LOCK_NB) == 0)
		return 1;
	return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static int try_lock(int dir, const char *name, int flags, int operation,
                    int *lock)
{
	ctsh_autoclose int fd = -1;
	struct stat held, named;
	int locked;

	fd = openat(dir, name,
	            O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		return -1;
	locked = ctsh_registry_lock_open(fd, operation);
	if (locked <= 0)
		return locked;
	if (fstat(fd, &held))
		return -1;
	/* Swept away between open and flock: this lock is of no value. */
	if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -1;
	if (held.st_ino != named.st_ino || held.st_dev != named.st_dev)
		return 0;
	*lock = ctsh_steal_fd(&fd);
	return 1;
}

int ctsh_registry_try_lock(int dir, const char *name, int flags, int *lock)
{
	return try_lock(dir, name, flags, LOCK_EX, lock);
}

int ctsh_registry_try_share(int dir, const char *name, int *lock)
{
	return try_lock(dir, name, O_CREAT, LOCK_SH, lock);
}
