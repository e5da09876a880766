/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ctsh_terminal_copy(struct ctsh_terminal *terminal, int fd, int slave,
                       struct ctsh_error *err)
{
	struct termios modes;
	struct winsize size;

	if (tcgetattr(fd, &modes) < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "read the modes of the terminal");
	*terminal = (struct ctsh_terminal){.fd = fd, .saved = modes};
	/* The number of a line discipline is no mode: the pty keeps its own. */
	modes.c_line = 0;
	if (tcsetattr(slave, TCSANOW, &modes) < 0 ||
	    ioctl(slave, TIOCSWINSZ, &size) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "set the modes of the pty");
	return 0;
}

/* TCSANOW throughout: the other two wait until the terminal has taken all
 * output, which a stalled one never does, and TCSAFLUSH would discard what was
 * typed ahead. */
static int set_modes(int fd, const struct termios *modes)
{
	int result;

	do
		result = tcsetattr(fd, TCSANOW, modes);
	while (result < 0 && errno == EINTR);
	return result;
}

int ctsh_terminal_raw(struct ctsh_terminal *terminal, struct ctsh_error *err)
{
	struct termios modes = terminal->saved;

	cfmakeraw(&modes);
	if (set_modes(terminal->fd, &modes) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "make the terminal raw");
	terminal->raw = true;
	return 0;
}

bool ctsh_terminal_is_ours(const struct ctsh_terminal *terminal)
{
	pid_t foreground = tcgetpgrp(terminal->fd);

	/* ENOTTY: it controls another session, and so no job of ours. */
	return foreground < 0 || foreground == getpgid(0);
}

void ctsh_terminal_restore(struct ctsh_terminal *terminal)
{
	if (!terminal->raw)
		return;
	/* In the background its modes are the foreground job's business, and
	 * touching them would stop us (SIGTTOU). */
	if (ctsh_terminal_is_ours(terminal))
		(void)set_modes(terminal->fd, &terminal->saved);
	terminal->raw = false;
}

void ctsh_terminal_resize(const struct ctsh_terminal *terminal, int master)
{
	struct winsize size;

	if (terminal->fd < 0 || ioctl(terminal->fd, TIOCGWINSZ, &size) < 0)
		return;
	/* The kernel signals the foreground job if the size is a new one. */
	(void)ioctl(master, TIOCSWINSZ, &size);
}
