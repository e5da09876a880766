/* SPDX-License-Identifier: MIT */
/*
 * options.h - the arguments that sshd_config gives to an sftp-server.
 *
 * Privilege: none.
 * Trust:     the administrator's, by way of the user who could give others.
 */
#ifndef CTSH_SFTP_OPTIONS_H
#define CTSH_SFTP_OPTIONS_H

#include <sys/types.h>

#include "server.h"

struct sftp_options {
	bool has_umask;
	mode_t umask;
	const char *directory; /* -d, or NULL */
};

/* Takes what OpenSSH's server takes: -R, -u, -d, -P and -p restrict and are
 * kept; -e, -f and -l are about a log that there is none of.  0; or -1 for
 * anything else, since it might have been meant to restrict. */
int sftp_options_parse(int argc, char *const *argv,
                       struct sftp_options *options, struct sftp_server *s);

/* 0; or -1 with errno. */
int sftp_options_apply(const struct sftp_options *options);

#endif
