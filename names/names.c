/* SPDX-License-Identifier: MIT */
/*
 * ctsh-names - answers one question about the host's users and groups, and
 * ends.
 *
 * A program of its own, so that modules of the name service are loaded where
 * nothing else is: no configuration, no descriptor, nothing of the caller's.
 *
 * Privilege: root; started by ctsh-session only.
 * Trust:     ctsh-session for the question; the name service for the answer.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/child.h"
#include "../lib/base/fdio.h"
#include "../lib/policy/names.h"

/* NULL unless it is whole. */
static struct ctsh_names_question *read_question(void)
{
	struct ctsh_names_question *q;
	struct stat st;
	size_t size;

	if (fstat(STDIN_FILENO, &st) < 0)
		return NULL;
	size = (size_t)st.st_size;
	if (size < sizeof(*q))
		return NULL;
	q = malloc(size);
	if (!q ||
	    ctsh_read_all(STDIN_FILENO, (char *)q, size) != (ssize_t)size ||
	    q->size != size)
		return NULL;
	return q;
}

int main(int argc, char **argv)
{
	struct ctsh_names_question *q;

	/* In the middle of an update the two may not be of one build. */
	if (argc != 2 || strcmp(argv[1], CTSH_VERSION) != 0)
		return 1;
	q = read_question();
	if (!q || fcntl(CTSH_NAMES_CHANNEL, F_SETFD, FD_CLOEXEC) < 0)
		return 1;
	ctsh_child_reply("names", CTSH_NAMES_CHANNEL, ctsh_names_ask, q,
	                 q->answer_size);
}
