/* SPDX-License-Identifier: MIT */
#include "sftp.h"

#include <string.h>

static const char *const places[] = {
	"/usr/lib/openssh/sftp-server",     /* Debian, Ubuntu      */
	"/usr/libexec/openssh/sftp-server", /* Fedora and its kin  */
	"/usr/lib/ssh/sftp-server",         /* Alpine, Arch, SUSE  */
	"/usr/libexec/ssh/sftp-server",     /* SUSE, later         */
	"/usr/lib64/ssh/sftp-server",       /* SUSE, earlier       */
	"/usr/lib64/misc/sftp-server",      /* Gentoo              */
	"/usr/lib/misc/sftp-server",
	"/usr/libexec/sftp-server", /* Void; what dropbear asks for */
	"/usr/lib/sftp-server",
	"/usr/local/libexec/sftp-server", /* built by hand */
	"/usr/local/lib/openssh/sftp-server",
	"/run/current-system/sw/libexec/sftp-server", /* NixOS */
};

const char *ctsh_sftp_place(unsigned index)
{
	return index < sizeof(places) / sizeof(*places) ? places[index] : NULL;
}

/* No sign of these is special to any shell, nor a `~` or `=` at a place where
 * one could be. */
static bool is_plain(const char *arguments)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:,@%+ ";

	return !arguments[strspn(arguments, plain)];
}

int ctsh_sftp_asked(const char *command, unsigned *index,
                    const char **arguments)
{
	for (unsigned i = 0; ctsh_sftp_place(i); i++) {
		size_t length = strlen(places[i]);

		if (strncmp(command, places[i], length) ||
		    (command[length] && command[length] != ' ') ||
		    !is_plain(command + length))
			continue;
		*index = i;
		*arguments = command + length;
		return 0;
	}
	return -1;
}
