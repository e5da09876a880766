/* SPDX-License-Identifier: MIT */
/* Needs root: power that is not there cannot be given up. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../../lib/enter/sandbox.h"
#include "in_child.h"

#define KILL_ONLY (UINT64_C(1) << CAP_KILL)

static uint64_t capabilities(int which)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2] = {{0}};

	(void)syscall(SYS_capget, &header, d);
	if (which == 'e')
		return d[0].effective | (uint64_t)d[1].effective << 32;
	if (which == 'p')
		return d[0].permitted | (uint64_t)d[1].permitted << 32;
	return d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

static uint64_t bounding(void)
{
	uint64_t set = 0;

	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			set |= UINT64_C(1) << cap;
	return set;
}

static void expect_no_capability(void)
{
	CHILD_EXPECT(capabilities('e') == 0);
	CHILD_EXPECT(capabilities('p') == 0);
	CHILD_EXPECT(capabilities('i') == 0);
	CHILD_EXPECT(bounding() == 0);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		CHILD_EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap,
		                   0, 0) <= 0);
}

static void become_alice(void *unused)
{
	struct ctsh_error err;
	gid_t many[] = {0, 4, 27, 1001};
	gid_t groups[8];
	uid_t r, e, s;
	gid_t rg, eg, sg;

	(void)unused;
	CHILD_EXPECT(setgroups(4, many) == 0);
	CHILD_EXPECT(ctsh_become(1001, 1002, &err) == 0);
	CHILD_EXPECT(getresuid(&r, &e, &s) == 0);
	CHILD_EXPECT(r == 1001 && e == 1001 && s == 1001);
	CHILD_EXPECT(getresgid(&rg, &eg, &sg) == 0);
	CHILD_EXPECT(rg == 1002 && eg == 1002 && sg == 1002);
	CHILD_EXPECT(getgroups(8, groups) == 1 && groups[0] == 1002);
	expect_no_capability();
	CHILD_EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHILD_EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_EXPECT(setresuid(0, 0, 0) < 0 && errno == EPERM);
	CHILD_EXPECT(setgroups(0, NULL) < 0 && errno == EPERM);
	CHILD_EXPECT(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
}

/* The reader of a container without a user namespace is root in name only. */
static void become_root_without_power(void *unused)
{
	struct ctsh_error err;

	(void)unused;
	CHILD_EXPECT(ctsh_become(0, 0, &err) == 0);
	CHILD_EXPECT(geteuid() == 0 && getegid() == 0);
	expect_no_capability();
	CHILD_EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHILD_EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_EXPECT(setresuid(1001, 1001, 1001) < 0 && errno == EPERM);
	CHILD_EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0,
	                   0) < 0);
}

static void become_with_ambient_set(void *unused)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2];
	struct ctsh_error err;

	(void)unused;
	CHILD_EXPECT(syscall(SYS_capget, &header, d) == 0);
	d[0].inheritable = d[0].permitted;
	CHILD_EXPECT(syscall(SYS_capset, &header, d) == 0);
	CHILD_EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0,
	                   0) == 0);
	CHILD_EXPECT(ctsh_become(1001, 1001, &err) == 0);
	expect_no_capability();
}

static void become_with_securebits(void *unused)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS) == 0);
	CHILD_EXPECT(ctsh_become(1001, 1001, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	CHILD_EXPECT(geteuid() == 0);
}

static void become_nobody_at_all(void *unused)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(ctsh_become((uid_t)-1, 1001, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	CHILD_EXPECT(ctsh_become(1001, (gid_t)-1, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
}

static void become_twice(void *unused)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(ctsh_become(1001, 1001, &err) == 0);
	CHILD_EXPECT(ctsh_become(1002, 1002, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM && err.sys == EPERM);
}

static void keep_kill_only(void *unused)
{
	struct ctsh_error err;

	(void)unused;
	CHILD_EXPECT(ctsh_keep_only(KILL_ONLY, &err) == 0);
	CHILD_EXPECT(capabilities('e') == KILL_ONLY);
	CHILD_EXPECT(capabilities('p') == KILL_ONLY);
	CHILD_EXPECT(capabilities('i') == 0);
	CHILD_EXPECT(bounding() == KILL_ONLY);
	CHILD_EXPECT(geteuid() == 0);
	CHILD_EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHILD_EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_EXPECT(setresuid(1001, 1001, 1001) < 0 && errno == EPERM);
}

/* What is to be kept must be there. */
static void keep_what_is_gone(void *unused)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(ctsh_keep_only(KILL_ONLY, &err) == 0);
	CHILD_EXPECT(ctsh_keep_only(UINT64_C(1) << CAP_SETUID, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
}

static void keep_what_no_kernel_has(void *unused)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(ctsh_keep_only(UINT64_C(1) << 63, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
}

static void filter_exit_only(long extra)
{
	int calls[] = {SYS_exit_group, (int)extra};
	struct ctsh_error err;

	CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_EXPECT(ctsh_allow_only(calls, 2, &err) == 0);
}

static void call_what_is_allowed(void *unused)
{
	(void)unused;
	filter_exit_only(SYS_getpid);
	CHILD_EXPECT(syscall(SYS_getpid) > 0);
}

static void call_what_is_not(void *unused)
{
	(void)unused;
	filter_exit_only(SYS_getpid);
	(void)syscall(SYS_getppid);
}

#ifdef __x86_64__
static void call_by_x32(void *unused)
{
	(void)unused;
	filter_exit_only(SYS_getpid);
	(void)syscall(0x40000000 | SYS_getpid);
}

/* int 0x80 is another architecture: 39 is mkdir there, getpid here. */
static void call_by_i386(void *unused)
{
	long result = SYS_getpid;

	(void)unused;
	filter_exit_only(SYS_getpid);
	__asm__ volatile("int $0x80"
	                 : "+a"(result)
	                 : "b"(0), "c"(0)
	                 : "memory");
}
#endif

static void filter_without_no_new_privs(void *unused)
{
	int calls[] = {SYS_exit_group};
	struct ctsh_error err = {.code = CTSH_OK};

	(void)unused;
	CHILD_EXPECT(setresuid(1001, 1001, 1001) == 0);
	CHILD_EXPECT(ctsh_allow_only(calls, 1, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM && err.sys == EACCES);
}

static void filter_argument(uint32_t value)
{
	struct ctsh_error err;

	CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_EXPECT(ctsh_allow_argument(SYS_lseek, 2, value, &err) == 0);
}

static void argument_that_is_allowed(void *unused)
{
	(void)unused;
	filter_argument(SEEK_CUR);
	CHILD_EXPECT(syscall(SYS_lseek, -1, 0, SEEK_CUR) == -1);
	CHILD_EXPECT(errno == EBADF);
	CHILD_EXPECT(getppid() > 0);
}

static void argument_that_is_not(void *unused)
{
	(void)unused;
	filter_argument(SEEK_CUR);
	(void)syscall(SYS_lseek, -1, 0, SEEK_SET);
}

static void filter_ioctls(void)
{
	struct ctsh_error err;

	CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_EXPECT(ctsh_allow_terminal_ioctls(&err) == 0);
}

static void ioctls_of_terminals(void *unused)
{
	struct termios modes;
	struct winsize size;
	int ends[2], bytes = -1, master, slave;

	(void)unused;
	CHILD_EXPECT(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	CHILD_EXPECT(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
	filter_ioctls();
	CHILD_EXPECT(tcgetattr(slave, &modes) == 0);
	CHILD_EXPECT(tcsetattr(slave, TCSANOW, &modes) == 0);
	CHILD_EXPECT(ioctl(slave, TIOCGWINSZ, &size) == 0);
	CHILD_EXPECT(ioctl(slave, TIOCSWINSZ, &size) == 0);
	CHILD_EXPECT(tcgetpgrp(slave) == -1 && errno == ENOTTY);
	CHILD_EXPECT(ioctl(ends[0], FIONREAD, &bytes) == 0 && bytes == 3);
	CHILD_EXPECT(ioctl(-1, (unsigned)TIOCGWINSZ, &size) == -1);
}

/* FS_IOC_UNRESVSP, and one of ext4's. */
static void ioctl_that_makes_a_hole(void *unused)
{
	(void)unused;
	filter_ioctls();
	(void)ioctl(-1, _IOW('X', 43, char[48]), NULL);
}

static void ioctl_of_a_file_system(void *unused)
{
	(void)unused;
	filter_ioctls();
	(void)ioctl(-1, _IOWR('f', 15, char[40]), NULL);
}

#if UINTPTR_MAX > UINT32_MAX
static void argument_with_high_bits(void *unused)
{
	(void)unused;
	filter_argument(SEEK_CUR);
	(void)syscall(SYS_lseek, -1, 0, SEEK_CUR | INT64_C(1) << 32);
}
#endif

static void hide_only(void *unused)
{
	(void)unused;
	CHILD_EXPECT(prctl(PR_SET_DUMPABLE, 1) == 0);
	ctsh_hide();
	CHILD_EXPECT(prctl(PR_GET_DUMPABLE) == 0);
}

static int needs_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	return 0;
}

static void assert_succeeds(in_child_fn *fn)
{
	int status = in_child(fn, NULL);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_killed(in_child_fn *fn)
{
	int status = in_child(fn, NULL);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void become_leaves_ids_and_nothing_else(void **state)
{
	(void)state;
	assert_succeeds(become_alice);
}

static void become_root_leaves_no_capability(void **state)
{
	(void)state;
	assert_succeeds(become_root_without_power);
}

static void become_clears_ambient_and_inheritable(void **state)
{
	(void)state;
	assert_succeeds(become_with_ambient_set);
}

static void become_refuses_securebits_before_it_changes_ids(void **state)
{
	(void)state;
	assert_succeeds(become_with_securebits);
}

static void become_refuses_the_id_that_means_no_change(void **state)
{
	(void)state;
	assert_succeeds(become_nobody_at_all);
}

static void become_fails_without_power_to_give_up(void **state)
{
	(void)state;
	assert_succeeds(become_twice);
}

static void keep_only_keeps_that_in_every_set(void **state)
{
	(void)state;
	assert_succeeds(keep_kill_only);
}

static void keep_only_fails_when_it_is_not_there(void **state)
{
	(void)state;
	assert_succeeds(keep_what_is_gone);
	assert_succeeds(keep_what_no_kernel_has);
}

static void allow_only_lets_the_listed_calls_pass(void **state)
{
	(void)state;
	assert_succeeds(call_what_is_allowed);
}

static void allow_only_kills_at_any_other_call(void **state)
{
	(void)state;
	assert_killed(call_what_is_not);
}

static void allow_only_kills_at_calls_of_another_architecture(void **state)
{
	(void)state;
#ifdef __x86_64__
	assert_killed(call_by_x32);
	assert_killed(call_by_i386);
#endif
}

static void allow_only_refuses_numbers_that_are_none(void **state)
{
	static const int rows[] = {-1, INT32_MIN, 0x40000000, INT32_MAX};
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		err.code = CTSH_OK;
		assert_int_equal(ctsh_allow_only(&rows[i], 1, &err), -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
	}
}

static void allow_only_refuses_more_calls_than_fit(void **state)
{
	static const int many[300];
	struct ctsh_error err = {.code = CTSH_OK};

	(void)state;
	assert_int_equal(ctsh_allow_only(many, 300, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
}

static void allow_only_needs_no_new_privs(void **state)
{
	(void)state;
	assert_succeeds(filter_without_no_new_privs);
}

static void allow_argument_kills_at_any_other_value(void **state)
{
	struct ctsh_error err = {.code = CTSH_OK};

	(void)state;
	assert_succeeds(argument_that_is_allowed);
	assert_killed(argument_that_is_not);
#if UINTPTR_MAX > UINT32_MAX
	assert_killed(argument_with_high_bits);
#endif
	assert_int_equal(ctsh_allow_argument(SYS_lseek, 6, 0, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
}

static void allow_terminal_ioctls_kills_at_any_other(void **state)
{
	(void)state;
	assert_succeeds(ioctls_of_terminals);
	assert_killed(ioctl_that_makes_a_hole);
	assert_killed(ioctl_of_a_file_system);
}

static void hide_turns_dumpable_off(void **state)
{
	(void)state;
	assert_succeeds(hide_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(become_leaves_ids_and_nothing_else),
		cmocka_unit_test(become_root_leaves_no_capability),
		cmocka_unit_test(become_clears_ambient_and_inheritable),
		cmocka_unit_test(
			become_refuses_securebits_before_it_changes_ids),
		cmocka_unit_test(become_refuses_the_id_that_means_no_change),
		cmocka_unit_test(become_fails_without_power_to_give_up),
		cmocka_unit_test(keep_only_keeps_that_in_every_set),
		cmocka_unit_test(keep_only_fails_when_it_is_not_there),
		cmocka_unit_test(allow_only_lets_the_listed_calls_pass),
		cmocka_unit_test(allow_only_kills_at_any_other_call),
		cmocka_unit_test(allow_argument_kills_at_any_other_value),
		cmocka_unit_test(allow_terminal_ioctls_kills_at_any_other),
		cmocka_unit_test(
			allow_only_kills_at_calls_of_another_architecture),
		cmocka_unit_test(allow_only_refuses_numbers_that_are_none),
		cmocka_unit_test(allow_only_refuses_more_calls_than_fit),
		cmocka_unit_test(allow_only_needs_no_new_privs),
		cmocka_unit_test(hide_turns_dumpable_off),
	};

	return cmocka_run_group_tests(tests, needs_root, NULL);
}
