/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enter.h"

int ctsh_program_open(const char *path, struct ctsh_error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	ctsh_autoclose int fd = (int)syscall(
		SYS_open_tree, AT_FDCWD, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
	                      sizeof(attr)))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "mount %s", path);
	return ctsh_steal_fd(&fd);
}
