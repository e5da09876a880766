/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* The signals that the loop answers come by descriptor: no handler, no race.
 * The others mean what they mean to any program; keys send none while the
 * terminal is raw, and whoever else sends one that would end us is answered
 * too, or the terminal would stay so. */
int ctsh_signals_open(int *fd, bool terminal, struct ctsh_error *err)
{
	static const int answered[] = {SIGHUP, SIGTERM, SIGWINCH, SIGCONT};
	static const int plain[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(answered) / sizeof(*answered); i++)
		(void)sigaddset(&set, answered[i]);
	if (terminal) {
		(void)sigaddset(&set, SIGINT);
		(void)sigaddset(&set, SIGQUIT);
	}
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "signalfd");
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		(void)sigaction(plain[i], &action, NULL);
	/* A reader that is gone is an error of write(2), see relay.c. */
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	return 0;
}

void ctsh_signals_forget_keys(void)
{
	const struct timespec at_once = {0};
	sigset_t keys;

	(void)sigemptyset(&keys);
	(void)sigaddset(&keys, SIGINT);
	(void)sigaddset(&keys, SIGQUIT);
	while (sigtimedwait(&keys, NULL, &at_once) > 0)
		;
}

_Noreturn void ctsh_end_by_signal(int signal)
{
	struct rlimit none = {0, 0};
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t set;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)sigaction(signal, &plain, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signal);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)kill(getpid(), signal);
	/* Its default is not to end a process, or we are a namespace's init. */
	_exit(128 + signal);
}
