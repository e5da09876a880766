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

static size_t message_size(const struct call *call, bool failed)
{
	return sizeof(struct message) +
	       (failed ? sizeof(struct ctsh_error) : call->answer_size);
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
	size_t size = failed ? message_size(call, true) : without_zeros(call);

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
static _Noreturn void be_child(int sock, const struct call *call)
{
	struct ctsh_error err;
	int fd = -1;
	bool failed;

	/* The parent may have died before the first line took effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != call->parent)
		_exit(1);
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 0, "%s: failed", call->name);
	/* The caller may have had one of 0 to 2 closed. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	if (sock < 0 || !take_null())
		_exit(1);
	failed = call->fn(call->argument, sock, call->message->body, &fd,
	                  &err) != 0;
	call->message->failed = failed;
	if (failed)
		memcpy(call->message->body, &err, sizeof(err));
	_exit(send_message(sock, call, failed, failed ? -1 : fd) ? 0 : 1);
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
static int take_error(const struct call *call, struct ctsh_error *err)
{
	memcpy(err, call->message->body, sizeof(*err));
	ctsh_error_tidy(err);
	return -1;
}

/* Why the socket was closed with nothing sent. */
static int explain_silence(const struct call *call, const siginfo_t *info,
                           struct ctsh_error *err)
{
	if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: died by signal %d",
		                 call->name, info->si_status);
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: ended without an answer",
	                 call->name);
}

/* Receives, then ends and reaps the child whatever came: one that answered
 * may yet refuse to leave. */
static ssize_t receive_and_reap(int sock, int pidfd, const struct call *call,
                                int *fd, int64_t deadline_ms, siginfo_t *info)
{
	size_t longest = message_size(call, true);
	ssize_t got;
	int reason;

	if (longest < message_size(call, false))
		longest = message_size(call, false);
	got = ctsh_receive(sock, call->message, longest, fd, NULL, deadline_ms);
	reason = errno;
	/* It closed its end, so it is dying; let it say of what. */
	if (got == 0 && ctsh_wait_fd(pidfd, POLLIN, deadline_ms) == 0) {
		got = -1;
		reason = ETIMEDOUT;
	}
	kill_child(pidfd);
	reap(pidfd, info);
	errno = reason;
	return got;
}

static int be_parent(int sock, int pidfd, const struct call *call, void *answer,
                     int *fd, int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autoclose int came = -1;
	siginfo_t info;
	ssize_t got = receive_and_reap(sock, pidfd, call, fd ? &came : NULL,
	                               deadline_ms, &info);
	bool failed = got > 0 && call->message->failed;

	if (got < 0 && errno == ETIMEDOUT)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "%s: no answer in time",
		                 call->name);
	if (got < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: receive",
		                 call->name);
	if (got == 0)
		return explain_silence(call, &info, err);
	if ((size_t)got < sizeof(struct message) ||
	    (size_t)got > message_size(call, failed) ||
	    (failed && (size_t)got != message_size(call, true)))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "%s: answer of the wrong size", call->name);
	if (failed)
		return take_error(call, err);
	got -= (ssize_t)sizeof(struct message);
	memcpy(answer, call->message->body, (size_t)got);
	memset((char *)answer + got, 0, call->answer_size - (size_t)got);
	if (fd)
		*fd = ctsh_steal_fd(&came);
	return 0;
}

/* Forks.  In the parent, `*sock` and `*pidfd` are ours; 0 or -1 with errno. */
static int start_child(const struct call *call, int *sock, int *pidfd)
{
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	*sock = pair[0];
	child = fork();
	if (child == 0) {
		(void)close(pair[0]);
		be_child(pair[1], call);
	}
	ctsh_close_fd(&pair[1]);
	if (child < 0)
		return -1;
	*pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (*pidfd < 0) {
		int saved = errno;

		/* Not reaped yet, so the number is still the child's. */
		(void)kill(child, SIGKILL);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		errno = saved;
		return -1;
	}
	return 0;
}

int ctsh_child_call(const char *name, ctsh_child_fn *fn, void *argument,
                    void *answer, size_t size, int *fd, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	ctsh_autofree struct message *message = NULL;
	ctsh_autoclose int sock = -1, pidfd = -1;
	struct call call = {
		.name = name,
		.fn = fn,
		.argument = argument,
		.answer_size = size,
		.parent = getpid(),
	};

	/* Zeroed, since the child's padding travels too. */
	message = calloc(1, sizeof(*message) + sizeof(*err) + size);
	if (!message)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: memory", name);
	call.message = message;
	if (start_child(&call, &sock, &pidfd) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s: start", name);
	return be_parent(sock, pidfd, &call, answer, fd, deadline_ms, err);
}
