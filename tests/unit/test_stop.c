/* SPDX-License-Identifier: MIT */
/* How a container's first process is told to end; a child stands for it.  Needs
 * root, for a mount namespace without systemd. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/runtime/stop.h"
#include "in_child.h"
#include "own_host.h"

static void obey(void *ready)
{
	(void)!write(*(int *)ready, "x", 1);
	for (;;)
		(void)pause();
}

/* As the init of a PID namespace that has no handler. */
static void ignore(void *ready)
{
	(void)signal(SIGTERM, SIG_IGN);
	obey(ready);
}

/* How it ended. */
static int stop(in_child_fn *init, int64_t within_ms)
{
	struct ctsh_error err;
	int ends[2], pidfd, status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = start_child(init, &ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	assert_int_equal(
		ctsh_stop_signal(pidfd, ctsh_now_ms() + within_ms, &err), 0);
	status = status_of(pid);
	/* It is gone, and nobody else is meant. */
	assert_int_equal(ctsh_stop_signal(pidfd, ctsh_now_ms() + 50, &err), 0);
	(void)close(pidfd);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void it_is_asked_first(void **state)
{
	(void)state;
	assert_int_equal(stop(obey, 5000), SIGTERM);
}

static void it_is_killed_then(void **state)
{
	int64_t since = ctsh_now_ms();

	(void)state;
	assert_int_equal(stop(ignore, 200), SIGKILL);
	assert_in_range(ctsh_now_ms() - since, 190, 5000);
}

static int command(const char *script, struct ctsh_error *err)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};

	return ctsh_stop_command(argv, ctsh_now_ms() + 2000, err);
}

static void without_a_service_manager_a_command_is_ours(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(command("exit 0", &err), 0);
	assert_int_equal(command("echo it will not; echo more; exit 3", &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what, "/bin/sh: it will not");
	assert_int_equal(command("exec sleep 30", &err), -1);
	assert_int_equal(err.sys, ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_first),
		cmocka_unit_test(it_is_killed_then),
		cmocka_unit_test(without_a_service_manager_a_command_is_ours),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, own_host, NULL);
}
