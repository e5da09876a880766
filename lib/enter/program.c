/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enter.h"

/* What a descriptor of open_tree(2) with OPEN_TREE_CLONE refers to, by one that
 * does not keep the mount in its namespace of one: when that is closed, no
 * mount_setattr(2) or move_mount(2) takes it any more, whoever may mount. */
static int detach(int clone)
{
	return (int)syscall(SYS_open_tree, clone, "",
	                    AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
}

int ctsh_program_open(const char *path, struct ctsh_error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	ctsh_autoclose int fd = -1;
	ctsh_autoclose int clone = (int)syscall(
		SYS_open_tree, AT_FDCWD, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (clone < 0 || syscall(SYS_mount_setattr, clone, "", AT_EMPTY_PATH,
	                         &attr, sizeof(attr)))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "mount %s", path);
	fd = detach(clone);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "mount %s", path);
	return ctsh_steal_fd(&fd);
}
