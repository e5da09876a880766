/* SPDX-License-Identifier: MIT */
#include "glance.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "record.h"

/* No link on the way leads elsewhere, and a FIFO delays nobody. */
static int open_config(int above, const char *id, const char *sub)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	                   RESOLVE_NO_MAGICLINKS,
	};
	char path[512];
	int length;

	length = snprintf(path, sizeof(path), "%s/%s%sconfig.json", id,
	                  sub ? sub : "", sub ? "/" : "");
	if (length < 0 || (size_t)length >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return (int)syscall(SYS_openat2, above, path, &how, sizeof(how));
}

bool ctsh_glance(char **text, int above, const char *id, const char *sub,
                 const char *word)
{
	ctsh_autoclose int fd = open_config(above, id, sub);
	ssize_t got;

	if (fd < 0)
		return errno != ENOENT;
	/* Touched only as far as the largest of them is long. */
	if (!*text)
		*text = malloc(CTSH_RECORD_MAX);
	if (!*text)
		return true;
	got = read(fd, *text, CTSH_RECORD_MAX);
	if (got < 0 || got == CTSH_RECORD_MAX)
		return true;
	/* Nor is there a word behind a NUL, in JSON. */
	(*text)[got] = '\0';
	return strstr(*text, word) != NULL;
}
