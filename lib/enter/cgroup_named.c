/* SPDX-License-Identifier: MIT */
/* Part of cgroup.h: hierarchies that are mounted nowhere here.  nspawn has one
 * for a machine without a systemd that knows the unified one, and mounts it in
 * there alone. */
#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "cgroup.h"

#define NAME_SIZE 64

/* What its only item says after "name=": such a hierarchy has no controllers.
 * False if there is anything else. */
static bool take_name(const struct ctsh_proc_cgroup *line, char name[NAME_SIZE])
{
	static const char key[] = "name=";
	size_t skip = sizeof(key) - 1, length = line->controllers_length;

	if (length <= skip || length - skip >= NAME_SIZE ||
	    memcmp(line->controllers, key, skip) != 0 ||
	    memchr(line->controllers, ',', length))
		return false;
	(void)snprintf(name, NAME_SIZE, "%.*s", (int)(length - skip),
	               line->controllers + skip);
	return true;
}

/* Without "none" the kernel finds one of that name, but never makes one. */
static bool find(int context, const char *name)
{
	return !syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "name",
	                name, 0) &&
	       /* As systemd has it, or the kernel would log a difference. */
	       !syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "xattr", NULL,
	                0) &&
	       !syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL,
	                0);
}

int ctsh_cgroup_mount_named(const struct ctsh_proc_cgroup *line,
                            struct ctsh_error *err)
{
	ctsh_autoclose int context = -1;
	char name[NAME_SIZE];
	int fd = -1;

	if (!take_name(line, name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "no mount of cgroup hierarchy %u (%.*s)",
		                 line->hierarchy, (int)line->controllers_length,
		                 line->controllers);
	context = (int)syscall(SYS_fsopen, "cgroup", FSOPEN_CLOEXEC);
	if (context >= 0 && find(context, name))
		fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
		                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		                          MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "mount cgroup hierarchy %u (name=%s)",
		                 line->hierarchy, name);
	return fd;
}
