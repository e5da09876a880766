/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Between two signals. */
#define STIR_S 5

int64_t ctsh_limits_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void ctsh_limits_begin(struct ctsh_limits *limits, unsigned idle_s,
                       unsigned session_s, int64_t now_ms)
{
	*limits = (struct ctsh_limits){
		.idle_ms = (int64_t)idle_s * 1000,
		.session_ms = (int64_t)session_s * 1000,
		.begun_ms = now_ms,
		.touched_ms = now_ms,
		/* A warning at the very beginning would warn of nothing. */
		.warned_idle = (int64_t)idle_s * 1000 <= CTSH_WARNING_MS,
		.warned_session = (int64_t)session_s * 1000 <= CTSH_WARNING_MS,
		.voice = -1,
	};
}

bool ctsh_limits_any(const struct ctsh_limits *limits)
{
	return limits->idle_ms > 0 || limits->session_ms > 0;
}

void ctsh_limits_touch(struct ctsh_limits *limits, int64_t now_ms)
{
	limits->touched_ms = now_ms;
	limits->warned_idle = limits->idle_ms <= CTSH_WARNING_MS;
}

static int64_t session_left(const struct ctsh_limits *limits, int64_t now_ms)
{
	return limits->session_ms > 0
	               ? limits->begun_ms + limits->session_ms - now_ms
	               : INT64_MAX;
}

static int64_t idle_left(const struct ctsh_limits *limits, int64_t now_ms)
{
	return limits->idle_ms > 0
	               ? limits->touched_ms + limits->idle_ms - now_ms
	               : INT64_MAX;
}

enum ctsh_due ctsh_limits_due(struct ctsh_limits *limits, int64_t now_ms)
{
	int64_t session = session_left(limits, now_ms);
	int64_t idle = idle_left(limits, now_ms);

	if (session <= 0)
		return CTSH_DUE_END_SESSION;
	if (idle <= 0)
		return CTSH_DUE_END_IDLE;
	if (session <= CTSH_WARNING_MS && !limits->warned_session) {
		limits->warned_session = true;
		return CTSH_DUE_WARN_SESSION;
	}
	if (idle <= CTSH_WARNING_MS && !limits->warned_idle) {
		limits->warned_idle = true;
		return CTSH_DUE_WARN_IDLE;
	}
	return CTSH_DUE_NOTHING;
}

/* Until the warning, or, once that is said, until the end. */
static int64_t next(int64_t left, bool warned)
{
	return warned || left == INT64_MAX ? left : left - CTSH_WARNING_MS;
}

int ctsh_limits_timeout(const struct ctsh_limits *limits, int64_t now_ms)
{
	int64_t session =
		next(session_left(limits, now_ms), limits->warned_session);
	int64_t idle = next(idle_left(limits, now_ms), limits->warned_idle);
	int64_t first = session < idle ? session : idle;

	if (first == INT64_MAX)
		return -1;
	if (first <= 0)
		return 0;
	return first > INT_MAX ? INT_MAX : (int)first;
}

static void wake(int signal)
{
	(void)signal;
}

int ctsh_limits_stir(const struct ctsh_limits *limits, struct ctsh_error *err)
{
	/* No SA_RESTART: it is to end what waits. */
	struct sigaction action = {.sa_handler = wake};
	struct itimerval often = {.it_interval = {.tv_sec = STIR_S},
	                          .it_value = {.tv_sec = STIR_S}};
	sigset_t alarm;

	if (!ctsh_limits_any(limits))
		return 0;
	(void)sigemptyset(&alarm);
	(void)sigaddset(&alarm, SIGALRM);
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
	    sigprocmask(SIG_UNBLOCK, &alarm, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &often, NULL) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "limits: timer");
	return 0;
}

static const char *sentence(enum ctsh_due due)
{
	static const char *const sentences[] = {
		[CTSH_DUE_NOTHING] = "",
		[CTSH_DUE_WARN_IDLE] =
			"Your session is idle and ends in one minute.",
		[CTSH_DUE_WARN_SESSION] =
			"Your session reaches its time limit in one minute.",
		[CTSH_DUE_END_IDLE] =
			"Your session was idle for too long and has ended.",
		[CTSH_DUE_END_SESSION] =
			("Your session has reached its time limit and has "
	                 "ended."),
	};

	return sentences[due];
}

void ctsh_limits_speak_on(struct ctsh_limits *limits, int fd, bool at_terminal)
{
	/* A copy, since a channel closes what has ended. */
	limits->voice = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	limits->at_terminal = at_terminal;
}

void ctsh_limits_say(const struct ctsh_limits *limits, enum ctsh_due due)
{
	struct pollfd out = {.fd = limits->voice, .events = POLLOUT};
	const char *end = limits->at_terminal ? "\r\n" : "\n";
	char text[128];

	(void)snprintf(text, sizeof(text), "%sctsh: %s [%s]%s",
	               limits->at_terminal ? end : "", sentence(due),
	               limits->ref, end);
	if (out.fd >= 0 && poll(&out, 1, 0) == 1 && out.revents & POLLOUT)
		(void)!write(out.fd, text, strlen(text));
}

enum ctsh_ending ctsh_limits_keep(struct ctsh_limits *limits, int64_t now_ms)
{
	enum ctsh_due due = ctsh_limits_due(limits, now_ms);

	if (due == CTSH_DUE_END_SESSION)
		return CTSH_ENDING_MAX_SESSION;
	if (due == CTSH_DUE_END_IDLE)
		return CTSH_ENDING_IDLE;
	if (due != CTSH_DUE_NOTHING && limits->at_terminal)
		ctsh_limits_say(limits, due);
	return CTSH_ENDING_NONE;
}
