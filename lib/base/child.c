/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdio.h"

#define REAP_MS 1000

/* What the child sends, once: `body` is the answer, or the error. */
struct message {
	int failed;
	_Alignas(max_align_t) char body[];
};

struct call {
	const char *name;
	ctsh_child_fn *fn;
	void *argument;
	struct message *message; /* room for the longer kind */
	size_t answer_size;
	pid_t parent;
};

static size_t message_size(size_t answer_size, bool failed)
{
	return sizeof(struct message) +
	       (failed ? sizeof(struct ctsh_error) : answer_size);
}

/* Zeroed, since the child's padding travels too. */
static struct message *new_message(size_t answer_size)
{
	return calloc(1, sizeof(struct message) + sizeof(struct ctsh_error) +
	                         answer_size);
}

/* Zeros at the end need not travel: answers are sized for the worst case. */
static size_t without_zeros(const struct call *call)
{
	size_t length = call->answer_size;

	while (length > 0 && call->message->body[length - 1] == 0)
		length--;
	return sizeof(struct message) + length;
}

/*
 * A child that gave up its privileges may have allowed itself nothing but
 * read, write and exit; so with no descriptor to send, write(2) and
 * exit_group(2) are all that is called behind `fn`.
 */
static bool send_message(int sock, const struct call *call, bool failed, int fd)
{
	size_t size = failed ? message_size(0, true) : without_zeros(call);

	if (fd >= 0)
		return ctsh_send(sock, call->message, size, fd) == 0;
	return ctsh_write_all(sock, call->message, size) == 0;
}

/* What the child reads or loads shall not reach the caller's descriptors. */
static bool take_null(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
	       dup2(null, 2) == 2 && close(null) == 0;
}

/* Never returns: what the parent registered with atexit(3) is not ours. */
static _Noreturn void reply(int sock, const struct call *call)
{
	struct ctsh_error err;
	int fd = -1;
	bool failed;

	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 0, "%s: failed", call->name);
	failed = call->fn(call->argument, sock, call->message->body, &fd,
	                  &err) != 0;
	call->message->failed = failed;
	if (failed)
		memcpy(call->message->body, &err, sizeof(err));
	_exit(send_message(sock, call, failed, failed ? -1 : fd) ? 0 : 1);
}

static _Noreturn void be_child(int sock, const struct call *call)
{
	/* The parent may have died before the first line took effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != call->parent)
		_exit(1);
	/* The caller may have had one of 0 to 2 closed. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	if (sock < 0 || !take_null())
		_exit(1);
	reply(sock, call);
}

/* Only a pidfd cannot be somebody else's by now. */
static void kill_child(int pidfd)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* One that hangs in the kernel is left to it: SIGKILL is pending. */
static void reap(int pidfd, siginfo_t *info)
{
	memset(info, 0, sizeof(*info));
	if (ctsh_wait_fd(pidfd, POLLIN, ctsh_now_ms() + REAP_MS) != 1)
		return;
	while (waitid(P_PIDFD, (id_t)pidfd, info, WEXITED) < 0 &&
	       errno == EINTR)
		;
}

/* The error of a child that may have read hostile bytes. */
static int take_error(const struct message *message, struct ctsh_error *err)
{
	memcpy(err, message->body, sizeof(*err));
	ctsh_error_tidy(err);
	return -1;
}

/* Why the socket was closed with nothing sent. */
static int explain_silence(const char *name, const siginfo_t *info,
                           struct ctsh_error *err)
{
	if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: died by signal %d",
		                 name, info->si_status);
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: ended without an answer",
	                 name);
}

/* Receives, then ends and reaps the child whatever came: one that answered
 * may yet refuse to leave. */
static ssize_t receive_and_reap(struct ctsh_child *child, int *fd,
                                int64_t deadline_ms, siginfo_t *info)
{
	size_t longest = message_size(child->answer_size, true);
	ssize_t got;
	int reason;

	if (longest < message_size(child->answer_size, false))
		longest = message_size(child->answer_size, false);
	got = ctsh_receive(child->sock, child->message, longest, fd,
	                   deadline_ms);
	reason = errno;
	/* It closed its end, so it is dying; let it say of what. */
	if (got == 0 && ctsh_wait_fd(child->pidfd, POLLIN, deadline_ms) == 0) {
		got = -1;
		reason = ETIMEDOUT;
	}
	kill_child(child->pidfd);
	reap(child->pidfd, info);
	errno = reason;
	return got;
}

static int take_answer(struct ctsh_child *child, void *answer, int *fd,
                       int64_t deadline_ms, struct ctsh_error *err)
{
	const struct message *message = child->message;
	ctsh_autoclose int came = -1;
	siginfo_t info;
	ssize_t got =
		receive_and_reap(child, fd ? &came : NULL, deadline_ms, &info);
	bool failed = got > 0 && message->failed;

	if (got < 0 && errno == ETIMEDOUT)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: no answer in time",
		                 child->name);
	if (got < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: receive",
		                 child->name);
	if (got == 0)
		return explain_silence(child->name, &info, err);
	if ((size_t)got < sizeof(struct message) ||
	    (size_t)got > message_size(child->answer_size, failed) ||
	    (failed && (size_t)got != message_size(child->answer_size, true)))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "%s: answer of the wrong size", child->name);
	if (failed)
		return take_error(message, err);
	got -= (ssize_t)sizeof(struct message);
	memcpy(answer, message->body, (size_t)got);
	memset((char *)answer + got, 0, child->answer_size - (size_t)got);
	if (fd)
		*fd = ctsh_steal_fd(&came);
	return 0;
}

/* Forks.  In the parent, `sock` and `pidfd` are ours; 0 or -1 with errno. */
static int fork_child(struct ctsh_child *child, const struct call *call)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	child->sock = pair[0];
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		be_child(pair[1], call);
	}
	ctsh_close_fd(&pair[1]);
	if (pid < 0)
		return -1;
	child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (child->pidfd < 0) {
		int saved = errno;

		/* Not reaped yet, so the number is still the child's. */
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		errno = saved;
		return -1;
	}
	return 0;
}

/* Gives back all that is held; the child is gone. */
static void forget(struct ctsh_child *child)
{
	ctsh_close_fd(&child->sock);
	ctsh_close_fd(&child->pidfd);
	ctsh_free_at(&child->message);
}

int ctsh_child_start(struct ctsh_child *child, const char *name,
                     ctsh_child_fn *fn, void *argument, size_t size,
                     struct ctsh_error *err)
{
	struct call call = {
		.name = name,
		.fn = fn,
		.argument = argument,
		.answer_size = size,
		.parent = getpid(),
	};
	struct ctsh_child started = CTSH_CHILD_INIT;

	call.message = new_message(size);
	if (!call.message)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: memory", name);
	started.name = name;
	started.answer_size = size;
	started.message = call.message;
	if (fork_child(&started, &call) < 0) {
		(void)ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: start", name);
		forget(&started);
		return -1;
	}
	*child = started;
	return 0;
}

int ctsh_child_finish(struct ctsh_child *child, void *answer, int *fd,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	int rc = take_answer(child, answer, fd, deadline_ms, err);

	forget(child);
	return rc;
}

void ctsh_child_end(struct ctsh_child *child)
{
	siginfo_t info;

	if (child->pidfd >= 0) {
		kill_child(child->pidfd);
		reap(child->pidfd, &info);
	}
	forget(child);
}

int ctsh_child_call(const char *name, ctsh_child_fn *fn, void *argument,
                    void *answer, size_t size, int *fd, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	struct ctsh_child child;

	if (ctsh_child_start(&child, name, fn, argument, size, err) < 0)
		return -1;
	return ctsh_child_finish(&child, answer, fd, deadline_ms, err);
}

_Noreturn void ctsh_child_reply(const char *name, int channel,
                                ctsh_child_fn *fn, void *argument, size_t size)
{
	struct call call = {
		.name = name,
		.fn = fn,
		.argument = argument,
		.message = new_message(size),
		.answer_size = size,
	};

	if (!call.message)
		_exit(1);
	reply(channel, &call);
}
