/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "watchdog_wire.h"

/* It answers at once or is dead; this is for a machine that stands still. */
#define ANSWER_MS 5000

/* For the end of what a session left behind. */
#define RELEASE_MS 3000

static int fail(struct ctsh_error *err, int sys, const char *what)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, sys, "watchdog: %s", what);
}

static int hear_yes(struct ctsh_watchdog *dog, struct ctsh_error *err)
{
	char answer = CTSH_DOG_NO;
	ssize_t got = ctsh_receive(dog->sock, &answer, 1, NULL,
	                           ctsh_now_ms() + ANSWER_MS);

	if (got < 0)
		return fail(err, errno, "no answer");
	if (got == 0)
		return fail(err, 0, "it ended");
	dog->unheard--;
	if (answer != CTSH_DOG_YES)
		return fail(err, 0, "it refused");
	return 0;
}

/* To all that was posted.  An entry that failed on its way has not heard its
 * last answer, and the next one must not take that for its own. */
static int expect_yes(struct ctsh_watchdog *dog, struct ctsh_error *err)
{
	while (dog->unheard > 0)
		if (hear_yes(dog, err) < 0)
			return -1;
	return 0;
}

static int post(struct ctsh_watchdog *dog,
                const struct ctsh_dog_message *message, int fd,
                struct ctsh_error *err)
{
	if (ctsh_send(dog->sock, message, sizeof(*message), fd) < 0)
		return fail(err, errno, "send");
	dog->unheard++;
	return 0;
}

/* Nobody waits for its receipt, and no full socket may hold up the end of a
 * login. */
static void tell(int sock, const struct ctsh_dog_message *message)
{
	(void)!send(sock, message, sizeof(*message),
	            MSG_DONTWAIT | MSG_NOSIGNAL);
}

int ctsh_watchdog_start(struct ctsh_watchdog *dog,
                        const struct ctsh_report *report, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	struct ctsh_report copy = *report;
	struct ctsh_watchdog started = {.report = report};
	/* Of ourselves, before the fork: no PID can be recycled in between. */
	ctsh_autoclose int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ctsh_autoclose int theirs = -1;
	ctsh_autoclose int ours = -1;
	int pair[2];
	pid_t pid;

	if (self < 0)
		return fail(err, errno, "pidfd_open");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return fail(err, errno, "fork");
	if (pid == 0)
		ctsh_watchdog_run(theirs, self, &copy, deadline_ms);
	started.sock = ctsh_steal_fd(&ours);
	started.pid = pid;
	*dog = started;
	return 0;
}

int ctsh_watchdog_watch(struct ctsh_watchdog *dog, int pidfd,
                        struct ctsh_error *err)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_WATCH};

	return post(dog, &message, pidfd, err);
}

int ctsh_watchdog_watches(struct ctsh_watchdog *dog, struct ctsh_error *err)
{
	/* It may have ended since the login began, or be about to: it confines
	 * itself while we go on. */
	return expect_yes(dog, err);
}

int ctsh_watchdog_hold(struct ctsh_watchdog *dog, enum ctsh_hold what, int fd,
                       struct ctsh_error *err)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_HOLD,
	                                   .status = (int32_t)what};

	if (post(dog, &message, fd, err) < 0)
		return -1;
	dog->holds = true;
	return expect_yes(dog, err);
}

int ctsh_watchdog_drop(struct ctsh_watchdog *dog, int *fd,
                       struct ctsh_error *err)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_DROP};
	int rc = post(dog, &message, *fd, err);

	ctsh_close_fd(fd);
	return rc;
}

int ctsh_watchdog_wait(struct ctsh_watchdog *dog, unsigned seconds,
                       struct ctsh_error *err)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_WAIT,
	                                   .status = (int32_t)seconds};

	if (post(dog, &message, -1, err) < 0)
		return -1;
	return expect_yes(dog, err);
}

int ctsh_watchdog_session(struct ctsh_watchdog *dog, struct ctsh_error *err)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_SESSION};

	if (!ctsh_text_copy(message.user, sizeof(message.user),
	                    dog->report->user))
		return fail(err, 0, "user name");
	if (post(dog, &message, -1, err) < 0)
		return -1;
	return expect_yes(dog, err);
}

void ctsh_watchdog_end(int sock, enum ctsh_ending ending)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_END,
	                                   .status = (int32_t)ending};

	tell(sock, &message);
}

void ctsh_watchdog_closed(struct ctsh_watchdog *dog, int status)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_CLOSED,
	                                   .status = status};

	tell(dog->sock, &message);
	/* Who logs in again at once is to find their seat free, and nothing of
	 * this session there. */
	if (dog->holds)
		(void)!ctsh_wait_fd(dog->sock, POLLIN,
		                    ctsh_now_ms() + RELEASE_MS);
	ctsh_close_fd(&dog->sock);
}

void ctsh_watchdog_dismiss(struct ctsh_watchdog *dog)
{
	struct ctsh_dog_message message = {.what = CTSH_DOG_DISMISS};

	tell(dog->sock, &message);
	ctsh_close_fd(&dog->sock);
}

bool ctsh_watchdog_gone(const struct ctsh_watchdog *dog)
{
	struct pollfd end = {.fd = dog->sock};

	return poll(&end, 1, 0) == 1;
}
