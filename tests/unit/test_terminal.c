/* SPDX-License-Identifier: MIT */
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/terminal.h"
#include "in_child.h"

struct pty {
	int master, slave;
};

static struct pty make(unsigned short rows, unsigned short columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};
	struct pty p;

	assert_int_equal(openpty(&p.master, &p.slave, NULL, NULL, &size), 0);
	return p;
}

static void release(struct pty p)
{
	(void)close(p.master);
	(void)close(p.slave);
}

static struct termios modes_of(int fd)
{
	struct termios modes;

	assert_int_equal(tcgetattr(fd, &modes), 0);
	return modes;
}

static void assert_same_modes(struct termios a, struct termios b)
{
	assert_int_equal(a.c_iflag, b.c_iflag);
	assert_int_equal(a.c_oflag, b.c_oflag);
	assert_int_equal(a.c_cflag, b.c_cflag);
	assert_int_equal(a.c_lflag, b.c_lflag);
	assert_memory_equal(a.c_cc, b.c_cc, sizeof(a.c_cc));
	assert_int_equal(cfgetospeed(&a), cfgetospeed(&b));
}

static void copy_gives_modes_and_size_to_the_pty(void **state)
{
	static const unsigned short sizes[][2] = {{24, 80}, {0, 0}, {1, 65535}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pty caller = make(sizes[i][0], sizes[i][1]);
		struct pty ours = make(50, 50);
		struct ctsh_terminal t = CTSH_TERMINAL_INIT;
		struct termios modes = modes_of(caller.slave);
		struct ctsh_error err;
		struct winsize size;

		modes.c_cc[VINTR] = 7;
		modes.c_lflag &= ~(tcflag_t)ECHO;
		modes.c_iflag |= IUTF8;
		(void)cfsetspeed(&modes, B9600);
		assert_int_equal(tcsetattr(caller.slave, TCSANOW, &modes), 0);

		assert_int_equal(
			ctsh_terminal_copy(&t, caller.slave, ours.slave, &err),
			0);

		assert_int_equal(t.fd, caller.slave);
		assert_false(t.raw);
		assert_same_modes(modes_of(ours.slave), modes);
		assert_int_equal(ioctl(ours.slave, TIOCGWINSZ, &size), 0);
		assert_int_equal(size.ws_row, sizes[i][0]);
		assert_int_equal(size.ws_col, sizes[i][1]);
		release(caller);
		release(ours);
	}
}

static void copy_fails_without_a_terminal(void **state)
{
	struct pty p = make(1, 1);
	struct ctsh_terminal t = CTSH_TERMINAL_INIT;
	struct ctsh_error err;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	err.code = CTSH_OK;
	assert_int_equal(ctsh_terminal_copy(&t, ends[0], p.slave, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(t.fd, -1);
	err.code = CTSH_OK;
	assert_int_equal(ctsh_terminal_copy(&t, p.slave, ends[0], &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	(void)close(ends[0]);
	(void)close(ends[1]);
	release(p);
}

static void raw_passes_every_key_and_restore_undoes_it(void **state)
{
	struct pty caller = make(24, 80), ours = make(1, 1);
	struct ctsh_terminal t = CTSH_TERMINAL_INIT;
	struct termios before = modes_of(caller.slave);
	struct ctsh_error err;
	char got[16];

	(void)state;
	assert_int_equal(ctsh_terminal_copy(&t, caller.slave, ours.slave, &err),
	                 0);
	assert_int_equal(ctsh_terminal_raw(&t, &err), 0);
	assert_true(t.raw);
	assert_int_equal(write(caller.master, "\x03\x1a\r\x04\x11", 5), 5);
	assert_int_equal(read(caller.slave, got, sizeof(got)), 5);
	assert_memory_equal(got, "\x03\x1a\r\x04\x11", 5);

	ctsh_terminal_restore(&t);

	assert_false(t.raw);
	assert_same_modes(modes_of(caller.slave), before);
	release(caller);
	release(ours);
}

static void restore_of_an_unchanged_terminal_does_nothing(void **state)
{
	struct pty caller = make(24, 80);
	struct ctsh_terminal none = CTSH_TERMINAL_INIT;
	struct ctsh_terminal t = {.fd = caller.slave};
	struct termios before = modes_of(caller.slave);

	(void)state;
	ctsh_terminal_restore(&none);
	ctsh_terminal_restore(&t);
	assert_same_modes(modes_of(caller.slave), before);
	release(caller);
}

/* A leader of a session with that terminal, and a job in its foreground. */
static void restore_in_background(void *argument)
{
	struct pty *caller = argument;
	struct ctsh_terminal t = {.fd = caller->slave};
	struct ctsh_error err;
	struct termios raw;
	pid_t job;

	CHILD_EXPECT(setsid() > 0);
	CHILD_EXPECT(ioctl(caller->slave, TIOCSCTTY, 0) == 0);
	CHILD_EXPECT(tcgetattr(caller->slave, &t.saved) == 0);
	CHILD_EXPECT(ctsh_terminal_raw(&t, &err) == 0);
	CHILD_EXPECT(ctsh_terminal_is_ours(&t));
	job = fork();
	if (job == 0) {
		(void)pause();
		_exit(0);
	}
	CHILD_EXPECT(setpgid(job, job) == 0);
	CHILD_EXPECT(tcsetpgrp(caller->slave, job) == 0);

	CHILD_EXPECT(!ctsh_terminal_is_ours(&t));
	ctsh_terminal_restore(&t);

	CHILD_EXPECT(tcgetattr(caller->slave, &raw) == 0);
	CHILD_EXPECT(!(raw.c_lflag & ICANON));
	(void)kill(job, SIGKILL);
}

static void restore_leaves_the_terminal_to_the_foreground_job(void **state)
{
	struct pty caller = make(24, 80);

	(void)state;
	assert_int_equal(in_child(restore_in_background, &caller), 0);
	release(caller);
}

static void resize_takes_the_new_size_over(void **state)
{
	struct pty caller = make(24, 80), ours = make(24, 80);
	struct ctsh_terminal t = {.fd = caller.slave};
	struct winsize size = {.ws_row = 33, .ws_col = 133};

	(void)state;
	assert_int_equal(ioctl(caller.master, TIOCSWINSZ, &size), 0);
	ctsh_terminal_resize(&t, ours.master);
	memset(&size, 0, sizeof(size));
	assert_int_equal(ioctl(ours.slave, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_row, 33);
	assert_int_equal(size.ws_col, 133);
	release(caller);
	release(ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_gives_modes_and_size_to_the_pty),
		cmocka_unit_test(copy_fails_without_a_terminal),
		cmocka_unit_test(raw_passes_every_key_and_restore_undoes_it),
		cmocka_unit_test(restore_of_an_unchanged_terminal_does_nothing),
		cmocka_unit_test(
			restore_leaves_the_terminal_to_the_foreground_job),
		cmocka_unit_test(resize_takes_the_new_size_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
