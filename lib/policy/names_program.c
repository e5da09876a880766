/* SPDX-License-Identifier: MIT */
/* The other ctsh_names_ask(): the child becomes ctsh-names. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "names.h"

/* The question becomes standard input.  A file in memory, since a pipe holds
 * only so much and nobody would empty it. */
static int put_question(const struct ctsh_names_question *q)
{
	ctsh_autoclose int fd = memfd_create("question", MFD_CLOEXEC);

	if (fd < 0 || ctsh_write_all(fd, q, q->size) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return dup2(fd, STDIN_FILENO) < 0 ? -1 : 0;
}

int ctsh_names_ask(void *argument, int channel, void *answer, int *fd,
                   struct ctsh_error *err)
{
	char *argv[] = {"ctsh-names", CTSH_VERSION, NULL};
	char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};

	(void)answer;
	(void)fd;
	if (put_question(argument))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "names: question");
	/* All else closes at exec.  If it is already there, only the flag is
	 * in the way. */
	if (channel == CTSH_NAMES_CHANNEL
	            ? fcntl(channel, F_SETFD, 0) < 0
	            : dup2(channel, CTSH_NAMES_CHANNEL) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "names: channel");
	(void)execve(CTSH_NAMES_PATH, argv, env);
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "names: start %s",
	                 CTSH_NAMES_PATH);
}
