/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "../../lib/runtime/runtime.h"
#include "fake_daemon.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define STRANGER 1000

static int find(const char *path, struct ctsh_target *target,
                struct ctsh_error *err)
{
	const struct ctsh_where where = {0};

	err->code = CTSH_OK;
	return ctsh_runtime_pidfile.find(&where, path, 0, target, err);
}

static void put(const char *path, const char *text, size_t length)
{
	int fd;

	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), (ssize_t)length);
	close(fd);
}

static void put_pid(const char *path, pid_t pid, const char *behind)
{
	char text[32];

	snprintf(text, sizeof(text), "%d%s", (int)pid, behind);
	put(path, text, strlen(text));
}

static void make_path(char *dir, char *path, size_t size, const char *name)
{
	fake_dir(dir);
	snprintf(path, size, "%s/%s", dir, name);
}

static void remove_path(const char *dir, const char *path)
{
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void find_gives_the_process_and_the_time_of_the_file(void **state)
{
	static const char *const ends[] = {"", "\n"};
	char dir[32], path[64];
	struct ctsh_target target;
	struct ctsh_error err;
	struct stat st;
	size_t i;

	(void)state;
	make_path(dir, path, sizeof(path), "lab-1.pid");
	for (i = 0; i < COUNT(ends); i++) {
		put_pid(path, getpid(), ends[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(find(path, &target, &err), 0);
		assert_int_equal(target.pid, getpid());
		assert_int_equal(target.not_after.tv_sec, st.st_mtim.tv_sec);
		assert_int_equal(target.not_after.tv_nsec, st.st_mtim.tv_nsec);
		assert_string_equal(target.name, path);
		assert_string_equal(target.id, "lab-1.pid");
		assert_string_equal(target.cgroup_id, "");
		assert_int_equal(target.start_ticks, 0);
		assert_false(target.names_seccomp);
	}
	remove_path(dir, path);
}

static void a_path_that_cannot_stand_in_a_log_line_is_none(void **state)
{
	static const char *const names[] = {"a b", "a\"b", "a=b", "a\\b",
	                                    "a'b"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char dir[32], path[64];
		struct ctsh_target target;
		struct ctsh_error err;

		make_path(dir, path, sizeof(path), names[i]);
		put_pid(path, getpid(), "\n");
		assert_int_equal(find(path, &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		remove_path(dir, path);
	}
}

static void a_long_id_is_cut(void **state)
{
	char dir[32], name[160], path[200];
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	make_path(dir, path, sizeof(path), name);
	put_pid(path, getpid(), "\n");
	assert_int_equal(find(path, &target, &err), 0);
	assert_int_equal(strlen(target.id), CTSH_ID_MAX - 1);
	remove_path(dir, path);
}

static void anything_but_one_pid_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} bad[] = {
		{"", 0},
		{"\n", 1},
		{"0\n", 2},
		{"1\n", 2},
		{"-1\n", 3},
		{"+7\n", 3},
		{" 7\n", 3},
		{"7 \n", 3},
		{"07\n", 3},
		{"7\n\n", 3},
		{"7\n8\n", 4},
		{"7\r\n", 3},
		{"0x7\n", 4},
		{"seven", 5},
		{"7\0", 2},
		{"7\0\n", 3},
		{"4194305", 7},
		{"7.0", 3},
		{"18446744073709551623", 20},
		{"4294967303", 10},
	};
	char dir[32], path[64];
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	size_t i;

	(void)state;
	make_path(dir, path, sizeof(path), "pid");
	for (i = 0; i < COUNT(bad); i++) {
		put(path, bad[i].text, bad[i].length);
		assert_int_equal(find(path, &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_int_equal(target.pid, 5);
	}
	remove_path(dir, path);
}

static void a_missing_file_is_absent(void **state)
{
	char dir[32], path[64], deeper[80];
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	make_path(dir, path, sizeof(path), "pid");
	snprintf(deeper, sizeof(deeper), "%s/pid", path);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_int_equal(find(deeper, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	remove_path(dir, path);
}

static void a_process_that_ended_is_absent(void **state)
{
	char dir[32], path[64];
	struct ctsh_target target;
	struct ctsh_error err;
	siginfo_t end;
	pid_t pid;

	(void)state;
	make_path(dir, path, sizeof(path), "pid");
	pid = fork();
	if (!pid)
		_exit(0);
	put_pid(path, pid, "\n");
	/* First a zombie, then nothing. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	waitpid(pid, NULL, 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	remove_path(dir, path);
}

static void a_file_that_others_may_have_written_is_refused(void **state)
{
	char dir[32], path[64], link[64];
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	make_path(dir, path, sizeof(path), "pid");
	put_pid(path, getpid(), "\n");
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, STRANGER, 0), 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(find(path, &target, &err), 0);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(find(link, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	unlink(link);
	remove_path(dir, path);
}

static void a_fifo_delays_nobody(void **state)
{
	char dir[32], path[64];
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	make_path(dir, path, sizeof(path), "pid");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(find(path, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	remove_path(dir, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			find_gives_the_process_and_the_time_of_the_file),
		cmocka_unit_test(
			a_path_that_cannot_stand_in_a_log_line_is_none),
		cmocka_unit_test(a_long_id_is_cut),
		cmocka_unit_test(anything_but_one_pid_is_refused),
		cmocka_unit_test(a_missing_file_is_absent),
		cmocka_unit_test(a_process_that_ended_is_absent),
		cmocka_unit_test(
			a_file_that_others_may_have_written_is_refused),
		cmocka_unit_test(a_fifo_delays_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
