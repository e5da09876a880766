/* SPDX-License-Identifier: MIT */
#include "stdio.h"

#include <errno.h>
#include <fcntl.h>
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

int ctsh_stdio_make(struct ctsh_stdio *io, const struct ctsh_descriptors *d,
                    int slave, uid_t uid, struct ctsh_error *err)
{
	io->slave = slave;
	for (int fd = 0; fd < 3; fd++) {
		switch (d->passage[fd]) {
		case CTSH_PASS:
			io->inside[fd] = fd;
			break;
		case CTSH_TERMINAL:
			io->inside[fd] = slave;
			if (io->terminal < 0)
				io->terminal = fd;
			break;
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
