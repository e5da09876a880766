/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../base/fdio.h"

static int open_source(const char *file, bool trusted, struct ctsh_error *err)
{
	int fd;

	if (trusted)
		return ctsh_open_trusted(file, CTSH_E_CONFIG, err);
	/* Not blocking, so that a FIFO cannot hold us. */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_CONFIG, errno, "%s", file);
	return fd;
}

int ctsh_source_read(const char *file, bool trusted, size_t max, size_t spare,
                     char **text, size_t *length, struct ctsh_error *err)
{
	ctsh_autoclose int fd = open_source(file, trusted, err);
	ctsh_autofree char *buffer = NULL;
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s", file);
	if (!S_ISREG(st.st_mode))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s: not a regular file", file);
	if ((uintmax_t)st.st_size > max)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s: larger than %zu KiB", file, max / 1024);
	buffer = malloc((size_t)st.st_size + spare + 1);
	if (!buffer)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", file);
	got = ctsh_read_all(fd, buffer, (size_t)st.st_size);
	if (got < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: read", file);
	buffer[got] = '\0';
	*length = (size_t)got;
	*text = buffer;
	buffer = NULL;
	return 0;
}
