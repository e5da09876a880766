/* SPDX-License-Identifier: MIT */
/* The watchdog's second phase: the session runs. */
#include "watchdog_dog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/sandbox.h"
#include "watchdog_wire.h"

/* Between the hangup and the kill. */
#define HANGUP_MS 2000

/* Phase two: all that is needed until the end of the session.  A dog that
 * cannot open, connect or clone cannot be made to do it. */
static const int calls[] = {
	SYS_read, /* messages; descriptors that come along are dropped */
#ifdef SYS_poll
	SYS_poll, /* waiting */
#endif
#ifdef SYS_ppoll
	SYS_ppoll, /* poll(3) where there is no SYS_poll */
#endif
#ifdef SYS_ppoll_time64
	SYS_ppoll_time64, /* the same on 32 bits */
#endif
	SYS_restart_syscall,   /* poll after a stop or a suspended host */
	SYS_write,             /* the answer; the closing line */
	SYS_pidfd_send_signal, /* the bite */
	SYS_close,             /* descriptors */
#ifdef SYS_clock_gettime
	SYS_clock_gettime, /* time, where the vDSO cannot tell */
#endif
#ifdef SYS_clock_gettime64
	SYS_clock_gettime64, /* the same on 32 bits */
#endif
	SYS_rt_sigreturn, /* the return of any handler */
	SYS_exit_group,   /* the end */
};

void ctsh_dog_signal(int pidfd, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static bool has_ended(int pidfd, int timeout_ms)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	int count;

	do
		count = poll(&end, 1, timeout_ms);
	while (count < 0 && errno == EINTR);
	return count > 0;
}

/* Keeps the leader alone and lets go of stderr: a reader of that pipe waits
 * for its end. */
int ctsh_dog_strip(struct ctsh_dog *d, struct ctsh_error *err)
{
	int leader = d->watched[d->count - 1];

	for (int i = 0; i < d->count - 1; i++)
		ctsh_close_fd(&d->watched[i]);
	d->watched[0] = leader;
	d->count = 1;
	if (dup2(STDIN_FILENO, STDERR_FILENO) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "watchdog: dup2");
	return ctsh_allow_only(calls, sizeof(calls) / sizeof(*calls), err);
}

_Noreturn static void close_session(const struct ctsh_dog *d,
                                    const char *status)
{
	ctsh_report_closed(d->report, ctsh_now_ms() - d->session_ms, status);
	_exit(0);
}

/* The supervisor is gone, or is not to be believed. */
_Noreturn static void end_session(const struct ctsh_dog *d)
{
	int leader = d->watched[0];

	ctsh_dog_signal(leader, SIGHUP);
	/* A stopped process gets the hangup only when it goes on. */
	ctsh_dog_signal(leader, SIGCONT);
	if (!has_ended(leader, HANGUP_MS))
		ctsh_dog_signal(leader, SIGKILL);
	close_session(d, "lost");
}

_Noreturn static void end_as_told(const struct ctsh_dog *d, int status)
{
	char text[24];

	if (!has_ended(d->watched[0], 0))
		end_session(d);
	if (WIFEXITED(status))
		(void)snprintf(text, sizeof(text), "%d", WEXITSTATUS(status));
	else
		(void)snprintf(text, sizeof(text), "signal:%d",
		               WTERMSIG(status));
	close_session(d, text);
}

_Noreturn void ctsh_dog_guard_session(const struct ctsh_dog *d)
{
	struct pollfd polls[2] = {{.fd = d->sock, .events = POLLIN},
	                          {.fd = d->parent, .events = POLLIN}};
	struct ctsh_dog_message message;
	int count;

	do
		count = poll(polls, 2, -1);
	while (count < 0 && errno == EINTR);
	/* Its last message first: it may have died right after. */
	if (count > 0 && polls[0].revents & POLLIN &&
	    read(d->sock, &message, sizeof(message)) == sizeof(message) &&
	    message.what == CTSH_DOG_CLOSED)
		end_as_told(d, message.status);
	end_session(d);
}
