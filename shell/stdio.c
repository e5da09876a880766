/* SPDX-License-Identifier: MIT */
#include "stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int make_pipe(struct ctsh_stdio *io, int fd, uid_t uid,
                     struct ctsh_error *err)
{
	int ends[2];
	int inner = fd == 0 ? 0 : 1; /* stdin is read inside */

	if (pipe2(ends, O_CLOEXEC))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	io->owned[fd] = io->inside[fd] = ends[inner];
	io->relay[fd] = ends[!inner];
	/* Or /dev/stdout could not be opened inside. */
	if (fchown(io->inside[fd], uid, (gid_t)-1))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "owner of a pipe");
	return 0;
}

/*
 * /dev/null on a private read-only mount.  Writing to the device works there,
 * but fchmod(2) and fchown(2), which a container root without a user namespace
 * has the capabilities for, get EROFS instead of the host's node.
 */
static int open_null(struct ctsh_stdio *io, int fd, struct ctsh_error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	char link[40];
	struct stat st;

	io->mount = (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/null",
	                         OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (io->mount < 0 || fstat(io->mount, &st) ||
	    st.st_rdev != makedev(1, 3) ||
	    syscall(SYS_mount_setattr, io->mount, "", AT_EMPTY_PATH, &attr,
	            sizeof(attr)))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "private /dev/null");
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", io->mount);
	io->owned[fd] = io->inside[fd] = open(link, O_RDWR | O_CLOEXEC);
	if (io->inside[fd] < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open /dev/null");
	return 0;
}

/* One serves all three. */
static int take_null(struct ctsh_stdio *io, const struct ctsh_descriptors *d,
                     int fd, struct ctsh_error *err)
{
	for (int before = 0; before < fd; before++)
		if (d->passage[before] == CTSH_NULL) {
			io->inside[fd] = io->inside[before];
			return 0;
		}
	return open_null(io, fd, err);
}

int ctsh_stdio_make(struct ctsh_stdio *io, const struct ctsh_descriptors *d,
                    int slave, uid_t uid, struct ctsh_error *err)
{
	io->slave = slave;
	for (int fd = 0; fd < 3; fd++) {
		switch (d->passage[fd]) {
		case CTSH_PASS:
			io->inside[fd] = fd;
			break;
		case CTSH_NULL:
			if (take_null(io, d, fd, err))
				return -1;
			break;
		case CTSH_TERMINAL:
			io->inside[fd] = slave;
			if (io->terminal < 0)
				io->terminal = fd;
			break;
		case CTSH_TAPPED:
			if (fd == 2 && ctsh_descriptors_one_output(d)) {
				io->inside[fd] = io->inside[1];
				break;
			}
			/* fallthrough */
		case CTSH_RELAY:
			if (make_pipe(io, fd, uid, err))
				return -1;
			break;
		}
	}
	return 0;
}

void ctsh_stdio_close_inside(struct ctsh_stdio *io)
{
	for (int fd = 0; fd < 3; fd++)
		ctsh_close_fd(&io->owned[fd]);
	ctsh_close_fd(&io->slave);
}
