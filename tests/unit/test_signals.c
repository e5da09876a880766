/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/signals.h"
#include "in_child.h"

/* The next one that the supervisor would answer, or 0. */
static int next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info)
	               ? (int)info.ssi_signo
	               : 0;
}

static void keys_before_raw(void *unused)
{
	struct ctsh_error err;
	int fd;

	(void)unused;
	CHILD_EXPECT(ctsh_signals_open(&fd, true, &err) == 0);
	(void)raise(SIGINT);
	(void)raise(SIGQUIT);
	(void)raise(SIGTERM);
	ctsh_signals_forget_keys();
	CHILD_EXPECT(next(fd) == SIGTERM);
	CHILD_EXPECT(next(fd) == 0);
}

static void keys_after(void *unused)
{
	struct ctsh_error err;
	int fd;

	(void)unused;
	CHILD_EXPECT(ctsh_signals_open(&fd, true, &err) == 0);
	ctsh_signals_forget_keys();
	(void)raise(SIGQUIT);
	CHILD_EXPECT(next(fd) == SIGQUIT);
	CHILD_EXPECT(next(fd) == 0);
}

static void without_a_terminal(void *unused)
{
	struct ctsh_error err;
	int fd;

	(void)unused;
	CHILD_EXPECT(ctsh_signals_open(&fd, false, &err) == 0);
	(void)raise(SIGHUP);
	CHILD_EXPECT(next(fd) == SIGHUP);
	(void)raise(SIGINT);
}

static void a_key_that_came_before_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(status_of(start_child(keys_before_raw, NULL)), 0);
}

static void one_that_comes_later_is_not(void **state)
{
	(void)state;
	assert_int_equal(status_of(start_child(keys_after, NULL)), 0);
}

static void without_a_terminal_an_interrupt_ends_us(void **state)
{
	(void)state;
	assert_int_equal(status_of(start_child(without_a_terminal, NULL)),
	                 SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_that_came_before_is_forgotten),
		cmocka_unit_test(one_that_comes_later_is_not),
		cmocka_unit_test(without_a_terminal_an_interrupt_ends_us),
	};

	(void)alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
