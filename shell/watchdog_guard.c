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

/* For a process to end of a kill: at once, unless it is frozen. */
#define KILL_MS 500

/* For the supervisor to say how it ended, which it has seen by then. */
#define LAST_WORDS_MS 2000

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
	/* The last ones for a session with a group of its own alone. */
	SYS_pread64,  /* is anything left in it */
	SYS_unlinkat, /* its removal */
};

#define GROUP_CALLS 2

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
	size_t count = sizeof(calls) / sizeof(*calls);
	int leader = d->watched[d->count - 1];

	for (int i = 0; i < d->count - 1; i++)
		ctsh_close_fd(&d->watched[i]);
	d->watched[0] = leader;
	d->count = 1;
	if (dup2(STDIN_FILENO, STDERR_FILENO) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "watchdog: dup2");
	if (d->hold[CTSH_HOLD_KILL] < 0)
		count -= GROUP_CALLS;
	return ctsh_allow_only(calls, count, err);
}

/* Until everything of the session has ended: what is frozen still holds its
 * seat.  The line does not wait that long. */
_Noreturn static void close_session(struct ctsh_dog *d, const char *status,
                                    enum ctsh_ending ending)
{
	static const char *const why[] = {
		[CTSH_ENDING_NONE] = "",
		[CTSH_ENDING_HANGUP] = "",
		[CTSH_ENDING_IDLE] = " reason=idle",
		[CTSH_ENDING_MAX_SESSION] = " reason=max_session",
	};
	char text[48];

	(void)snprintf(text, sizeof(text), "%s%s", status, why[ending]);
	ctsh_dog_end_group(d, ctsh_now_ms() + CTSH_DOG_GROUP_MS);
	ctsh_report_closed(d->report, ctsh_now_ms() - d->session_ms, text);
	ctsh_dog_end_group(d, -1);
	_exit(0);
}

static void end_leader(const struct ctsh_dog *d)
{
	int leader = d->watched[0];

	ctsh_dog_signal(leader, SIGHUP);
	/* A stopped process gets the hangup only when it goes on. */
	ctsh_dog_signal(leader, SIGCONT);
	if (!has_ended(leader, HANGUP_MS))
		ctsh_dog_signal(leader, SIGKILL);
}

/* The supervisor is gone, or is not to be believed. */
_Noreturn static void end_session(struct ctsh_dog *d)
{
	end_leader(d);
	close_session(d, "lost", CTSH_ENDING_NONE);
}

_Noreturn static void end_as_told(struct ctsh_dog *d, int status,
                                  enum ctsh_ending ending)
{
	char text[24];

	if (!has_ended(d->watched[0], 0))
		end_session(d);
	if (WIFEXITED(status))
		(void)snprintf(text, sizeof(text), "%d", WEXITSTATUS(status));
	else
		(void)snprintf(text, sizeof(text), "signal:%d",
		               WTERMSIG(status));
	close_session(d, text, ending);
}

/* The message if there is one by then; false at the supervisor's end. */
static bool hear(const struct ctsh_dog *d, struct ctsh_dog_message *message,
                 int64_t deadline_ms)
{
	return ctsh_wait_fd(d->sock, POLLIN, deadline_ms) == 1 &&
	       read(d->sock, message, sizeof(*message)) == sizeof(*message);
}

/* Ends it, and with it a supervisor that does not see it: one that is stopped,
 * or waits for a terminal that takes nothing. */
_Noreturn static void end_early(struct ctsh_dog *d, enum ctsh_ending ending)
{
	struct ctsh_dog_message message;
	int64_t until;

	end_leader(d);
	ctsh_dog_end_group(d, ctsh_now_ms() + CTSH_DOG_GROUP_MS);
	/* Where even the kill does nothing yet, nobody has seen an end. */
	until = has_ended(d->watched[0], KILL_MS) ? LAST_WORDS_MS : 0;
	until += ctsh_now_ms();
	while (hear(d, &message, until))
		if (message.what == CTSH_DOG_CLOSED)
			end_as_told(d, message.status, ending);
	ctsh_dog_signal(d->parent, SIGKILL);
	close_session(d, "lost", ending);
}

_Noreturn static void obey(struct ctsh_dog *d)
{
	struct ctsh_dog_message message;

	if (read(d->sock, &message, sizeof(message)) == sizeof(message)) {
		if (message.what == CTSH_DOG_CLOSED)
			end_as_told(d, message.status, CTSH_ENDING_NONE);
		if (message.what == CTSH_DOG_END &&
		    message.status > CTSH_ENDING_NONE &&
		    message.status <= CTSH_ENDING_MAX_SESSION)
			end_early(d, (enum ctsh_ending)message.status);
	}
	end_session(d);
}

_Noreturn void ctsh_dog_guard_session(struct ctsh_dog *d)
{
	enum { SOCK, PARENT, TIMER, LEADER, POLLS };
	struct pollfd polls[POLLS] = {
		[SOCK] = {.fd = d->sock, .events = POLLIN},
		[PARENT] = {.fd = d->parent, .events = POLLIN},
		[TIMER] = {.fd = d->hold[CTSH_HOLD_TIMER], .events = POLLIN},
		[LEADER] = {.fd = -1, .events = POLLIN},
	};
	int count;

	for (int i = 0; i < d->dropped; i++)
		ctsh_close_fd(&d->drop[i]);
	if (d->hold[CTSH_HOLD_KILL] >= 0)
		polls[LEADER].fd = d->watched[0];
	for (;;) {
		do
			count = poll(polls, POLLS, -1);
		while (count < 0 && errno == EINTR);
		/* Its last message first: it may have died right after, and
		 * both after the socket was looked at. */
		if (count > 0 && (polls[SOCK].revents & POLLIN ||
		                  (polls[PARENT].revents &&
		                   ctsh_wait_fd(d->sock, POLLIN, 0) == 1)))
			obey(d);
		if (count < 0 || polls[SOCK].revents || polls[PARENT].revents)
			end_session(d);
		if (polls[TIMER].revents)
			end_early(d, CTSH_ENDING_MAX_SESSION);
		/* The supervisor may still be busy with what it wrote. */
		ctsh_dog_end_group(d, ctsh_now_ms() + CTSH_DOG_GROUP_MS);
		polls[LEADER].fd = -1;
	}
}
