/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disposition.h"
#include "fdio.h"

#define NOT_STARTED 127

/* Of which the first line is told. */
#define WORDS_MAX 1024

/* A signal that is ignored stays so at exec. */
static bool reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)ctsh_disposition(number, SIG_DFL);
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static _Noreturn void be_program(const char *const *argv, int out, pid_t parent)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	                            "LC_ALL=C", NULL};
	int null;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(NOT_STARTED);
	/* The caller may have had one of 0 to 2 closed. */
	out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(out, 2) < 0 || ctsh_close_but(NULL, 0) < 0 ||
	    !reset_signals() || chdir("/") < 0)
		_exit(NOT_STARTED);
	/* A session of its own: no terminal of the caller's to write to. */
	(void)setsid();
	/* execve(2) does not write to the words. */
	(void)execve(argv[0], (char *const *)(uintptr_t)argv, env);
	_exit(NOT_STARTED);
}

/* To the end of the output.  0, or -1 with errno. */
static int listen_to(int in, char *said, size_t size, int64_t deadline_ms)
{
	size_t used = 0;
	char lost[512];
	ssize_t n = 1;

	while (n > 0) {
		bool fits = used + 1 < size;
		int ready = ctsh_wait_fd(in, POLLIN, deadline_ms);

		if (ready <= 0) {
			errno = ready ? errno : ETIMEDOUT;
			return -1;
		}
		n = fits ? read(in, said + used, size - used - 1)
		         : read(in, lost, sizeof(lost));
		if (n > 0 && fits)
			used += (size_t)n;
		said[used] = '\0';
		/* Output without an end is late as well. */
		if (n > 0 && ctsh_now_ms() >= deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return n < 0 ? -1 : 0;
}

/* Its end, by its own or by us.  Not reaped yet, so that the number is still
 * the child's. */
static int reap(pid_t pid, int64_t deadline_ms, int *status)
{
	ctsh_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int ready = pidfd < 0 ? -1 : ctsh_wait_fd(pidfd, POLLIN, deadline_ms);
	int saved = ready < 0 ? errno : ETIMEDOUT;

	if (ready != 1)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -1;
	errno = saved;
	return ready == 1 ? 0 : -1;
}

int ctsh_run(const char *const *argv, char *said, size_t size,
             int64_t deadline_ms, int *status, struct ctsh_error *err)
{
	ctsh_autoclose int in = -1;
	int ends[2], heard;
	pid_t pid, parent = getpid();

	said[0] = '\0';
	if (pipe2(ends, O_CLOEXEC))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	in = ends[0];
	pid = fork();
	if (pid == 0)
		be_program(argv, ends[1], parent);
	ctsh_close_fd(&ends[1]);
	if (pid < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "fork");
	heard = listen_to(in, said, size, deadline_ms);
	if (reap(pid, heard ? 0 : deadline_ms, status) || heard)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s", argv[0]);
	return 0;
}

int ctsh_run_well(const char *const *argv, enum ctsh_code code,
                  int64_t deadline_ms, struct ctsh_error *err)
{
	char said[WORDS_MAX];
	int status;

	if (ctsh_run(argv, said, sizeof(said), deadline_ms, &status, err))
		return -1;
	said[strcspn(said, "\n")] = '\0';
	return status ? ctsh_fail(err, code, 0, "%s: %s", argv[0], said) : 0;
}
