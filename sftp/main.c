/* SPDX-License-Identifier: MIT */
/*
 * ctsh-sftp-server - serves files over standard input and output.
 *
 * ctsh executes it inside a container that has no sftp-server: so it is
 * linked statically and looks for nothing there but /etc/passwd and
 * /etc/group.
 *
 * Privilege: the user's inside the container; none of the host's is left when
 *            it begins.
 * Trust:     see server.h.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

static int complain(const char *what)
{
	static const char name[] = "ctsh-sftp-server: ";

	(void)!write(2, name, sizeof(name) - 1);
	(void)!write(2, what, strlen(what));
	(void)!write(2, "\n", 1);
	return 1;
}

int main(int argc, char **argv)
{
	struct sftp_server server = {.in = NULL};
	struct sftp_options options;

	/* A client that went, and a file that grows over the limit, are errors
	 * to be answered. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (sftp_options_parse(argc, argv, &options, &server))
		return complain("an argument that is not known");
	if (sftp_options_apply(&options))
		return complain("cannot enter the directory of -d");
	if (sftp_server_open(&server))
		return complain("no memory");
	if (sftp_serve(&server, 0, 1))
		return complain(errno == EBADMSG ? "this is no sftp client"
		                                 : strerror(errno));
	sftp_server_close(&server);
	return 0;
}
