/* SPDX-License-Identifier: MIT */
#include "below.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int ctsh_below_open(int root, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
}

int ctsh_below_reopen(int path_fd, int flags)
{
	char link[40];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	return open(link, flags | O_CLOEXEC | O_NOCTTY);
}

/* What a container may have arranged itself. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP ||
	       error == EACCES || error == ENAMETOOLONG;
}

/* Without a group that could not be read the session would have another
 * identity than the container gives it: so not every failure is absence. */
int ctsh_below_regular(int root, const char *name, int *fd,
                       struct ctsh_error *err)
{
	ctsh_autoclose int path = ctsh_below_open(root, name);
	struct stat st;

	*fd = -1;
	if (path >= 0 && fstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return 0;
		*fd = ctsh_below_reopen(path, O_RDONLY | O_NONBLOCK);
	}
	if (*fd < 0 && !is_absence(errno))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "open %s in the container", name);
	return 0;
}
