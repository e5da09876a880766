/* SPDX-License-Identifier: MIT */
/* The watchdog's own side of watchdog.h, and its first phase: the login. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/sandbox.h"
#include "watchdog_dog.h"
#include "watchdog_wire.h"

/* After the deadline the login process may still report by itself: its child
 * that hung has just been killed.  More than it waits for one that cannot be
 * killed, or both would report. */
#define LAST_WORDS_MS 3000

/* For the sentence that the login process can no longer say. */
#define SENTENCE_S 1

/* No rule may say more. */
#define WAIT_MAX_S 300

static void kill_watched(struct ctsh_dog *d)
{
	for (int i = 0; i < d->count; i++)
		ctsh_dog_signal(d->watched[i], SIGKILL);
	ctsh_dog_end_group(d, ctsh_now_ms() + CTSH_DOG_GROUP_MS);
}

static void answer(struct ctsh_dog *d, char word)
{
	/* If nobody listens, the next read says so. */
	if (write(d->sock, &word, 1) == 1 || errno == EPIPE)
		return;
	/* Else the other side is not to wait for what will not come. */
	kill_watched(d);
	_exit(1);
}

/* The login failed and cannot say so itself. */
_Noreturn static void report_for_parent(const struct ctsh_dog *d,
                                        const char *why)
{
	struct ctsh_error err;

	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 0, "%s", why);
	ctsh_report_refused(d->report, &err);
	/* SIGALRM is neither blocked nor handled: what hangs is killed. */
	(void)alarm(SENTENCE_S);
	ctsh_report_tell(d->report, &err);
	_exit(0);
}

static void take_watch(struct ctsh_dog *d, int pidfd)
{
	if (pidfd >= 0 && !d->late && d->count < WATCHED_MAX) {
		d->watched[d->count++] = pidfd;
		answer(d, CTSH_DOG_YES);
		return;
	}
	if (pidfd >= 0)
		ctsh_dog_signal(pidfd, SIGKILL);
	ctsh_close_fd(&pidfd);
	d->refused = true;
	answer(d, CTSH_DOG_NO);
}

/* What is held already cannot be exchanged. */
static void take_hold(struct ctsh_dog *d, int32_t what, int fd)
{
	if (fd >= 0 && !d->late && what >= 0 && what < CTSH_HOLDS &&
	    d->hold[what] < 0) {
		d->hold[what] = fd;
		answer(d, CTSH_DOG_YES);
		return;
	}
	ctsh_close_fd(&fd);
	d->refused = true;
	answer(d, CTSH_DOG_NO);
}

/* Closed once nobody waits for an answer of ours. */
static void take_drop(struct ctsh_dog *d, int fd)
{
	if (d->dropped < DROPPED_MAX)
		d->drop[d->dropped++] = fd;
	else
		ctsh_close_fd(&fd);
	answer(d, CTSH_DOG_YES);
}

/* A login has one container to wait for. */
static void take_wait(struct ctsh_dog *d, int32_t seconds)
{
	if (d->late || d->waits || seconds <= 0 || seconds > WAIT_MAX_S) {
		d->refused = true;
		answer(d, CTSH_DOG_NO);
		return;
	}
	d->waits = true;
	d->deadline_ms += (int64_t)seconds * 1000;
	answer(d, CTSH_DOG_YES);
}

static void take_session(struct ctsh_dog *d,
                         const struct ctsh_dog_message *message)
{
	struct ctsh_error err;

	if (d->late || d->refused || d->count == 0 ||
	    strnlen(message->user, sizeof(message->user)) ==
	            sizeof(message->user)) {
		answer(d, CTSH_DOG_NO);
		return;
	}
	memcpy(d->report->user, message->user, sizeof(d->report->user));
	d->session_ms = ctsh_now_ms();
	if (ctsh_dog_strip(d, &err) < 0) {
		/* Unfiltered it does not go on: the login fails. */
		kill_watched(d);
		answer(d, CTSH_DOG_NO);
		_exit(1);
	}
	answer(d, CTSH_DOG_YES);
	ctsh_dog_guard_session(d);
}

static void take_message(struct ctsh_dog *d)
{
	struct ctsh_dog_message message;
	ctsh_autoclose int fd = -1;
	ssize_t got = ctsh_receive(d->sock, &message, sizeof(message), &fd,
	                           ctsh_now_ms());

	/* ECONNRESET: it closed its end with an answer of ours unread; what it
	 * said before that comes next. */
	if (got < 0 && (errno == ETIMEDOUT || errno == ECONNRESET))
		return;
	if (got < 0) {
		/* Ours, not the login's: it will see that we are gone, and
		 * says so itself. */
		kill_watched(d);
		_exit(1);
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_DISMISS) {
		ctsh_dog_end_group(d, ctsh_now_ms() + CTSH_DOG_GROUP_MS);
		_exit(0);
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_WATCH) {
		take_watch(d, ctsh_steal_fd(&fd));
		return;
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_HOLD) {
		take_hold(d, message.status, ctsh_steal_fd(&fd));
		return;
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_DROP) {
		take_drop(d, ctsh_steal_fd(&fd));
		return;
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_WAIT) {
		take_wait(d, message.status);
		return;
	}
	if (got == sizeof(message) && message.what == CTSH_DOG_SESSION) {
		take_session(d, &message);
		return;
	}
	/* The end of the login process, or nothing that it would say. */
	kill_watched(d);
	report_for_parent(d, "the login process ended in the middle");
}

/* What still comes in time is answered; false once the deadline has passed. */
static bool serve(struct ctsh_dog *d)
{
	struct pollfd polls[2] = {{.fd = d->sock, .events = POLLIN},
	                          {.fd = d->parent, .events = POLLIN}};
	int64_t left = d->deadline_ms - ctsh_now_ms();
	int count;

	if (left <= 0)
		return false;
	count = poll(polls, 2, left > INT32_MAX ? INT32_MAX : (int)left);
	if (count <= 0)
		return true;
	/* Its last message first.  It may have come, and the end with it, after
	 * the socket was looked at: now nothing more does. */
	if (polls[0].revents || ctsh_wait_fd(d->sock, POLLIN, 0) == 1) {
		take_message(d);
		return true;
	}
	/* Dead, and nothing in the socket: a child of its may still hold the
	 * other end. */
	kill_watched(d);
	report_for_parent(d, "the login process was killed");
}

_Noreturn static void guard_login(struct ctsh_dog *d)
{
	while (serve(d))
		;
	kill_watched(d);
	d->late = true;
	d->deadline_ms = ctsh_now_ms() + LAST_WORDS_MS;
	while (serve(d))
		;
	ctsh_dog_signal(d->parent, SIGKILL);
	report_for_parent(d, "the login took too long");
}

/* ---- the beginning ---------------------------------------------------- */

/* A pipe or a terminal: a write to them, and closing them, can be ended by a
 * signal, while a file may be on a file system of the caller's own making. */
static bool can_be_left(int fd)
{
	struct stat st;

	return isatty(fd) || (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode));
}

/* 0 and 1 become /dev/null and all others are closed: a pipe of the caller's
 * that we held would never come to its end.  stderr stays for the sentence. */
static int settle_descriptors(const struct ctsh_dog *d, struct ctsh_error *err)
{
	const int keep[] = {d->sock, d->parent, d->report->log};
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 ||
	    (!can_be_left(STDERR_FILENO) && dup2(null, STDERR_FILENO) < 0) ||
	    ctsh_close_but(keep, sizeof(keep) / sizeof(*keep)) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "watchdog: descriptors");
	return 0;
}

/* The caller may have marked itself for the kernel's killer, and all its
 * children with it.  Lowering it to what it was needs no capability. */
static int spare(struct ctsh_error *err)
{
	ctsh_autoclose int fd =
		open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0 ||
	    (text[0] != '-' && text[0] != '0' && write(fd, "0", 1) != 1 &&
	     errno != EACCES))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "watchdog: oom_score_adj");
	return 0;
}

static int confine(const struct ctsh_dog *d, struct ctsh_error *err)
{
	sigset_t all;

	ctsh_hide();
	(void)prctl(PR_SET_NAME, "ctsh-watchdog", 0, 0, 0);
	/* A session of its own: no terminal can signal it.  Nothing else that
	 * can be blocked is an instruction to it either. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGALRM);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (setsid() < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "watchdog: setsid");
	if (settle_descriptors(d, err) < 0 || spare(err) < 0)
		return -1;
	return ctsh_keep_only(UINT64_C(1) << CAP_KILL, err);
}

_Noreturn void ctsh_watchdog_run(int sock, int parent,
                                 struct ctsh_report *report,
                                 int64_t deadline_ms)
{
	struct ctsh_dog d = {.sock = sock,
	                     .parent = parent,
	                     .report = report,
	                     .deadline_ms = deadline_ms};
	struct ctsh_error err;

	for (int i = 0; i < CTSH_HOLDS; i++)
		d.hold[i] = -1;
	/* The first message to us then fails. */
	if (confine(&d, &err) < 0)
		_exit(1);
	guard_login(&d);
}
