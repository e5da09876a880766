/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "descriptors_world.h"

/* --- time and waiting ------------------------------------------------- */

static void now_counts_milliseconds(void **state)
{
	int64_t begin = ctsh_now_ms();
	int64_t passed;

	(void)state;
	ctsh_nap_us(30000);
	passed = ctsh_now_ms() - begin;

	assert_in_range(passed, 29, 2000);
}

static void nap_lasts_whatever_signals_come(void **state)
{
	int64_t begin = ctsh_now_ms();

	(void)state;
	interrupt_every_ms(1);
	ctsh_nap_us(50000);
	interrupt_every_ms(0);

	assert_true(ctsh_now_ms() - begin >= 49);
}

static void nap_takes_more_than_a_second(void **state)
{
	int64_t begin = ctsh_now_ms();

	(void)state;
	ctsh_nap_us(1000001);

	assert_in_range(ctsh_now_ms() - begin, 1000, 3000);
}

static void wait_says_yes_when_readable_even_after_the_deadline(void **state)
{
	int ends[2];

	(void)state;
	make_pipe(ends);
	put(ends[1], "x");

	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, soon()), 1);
	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, INT64_MAX), 1);
	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, 0), 1);
	close_both(ends);
}

static void wait_says_yes_on_hangup(void **state)
{
	int ends[2];

	(void)state;
	make_pipe(ends);
	ctsh_close_fd(&ends[1]);

	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, soon()), 1);
	close_both(ends);
}

static void wait_says_no_at_the_deadline_whatever_signals_come(void **state)
{
	int64_t begin = ctsh_now_ms();
	int ends[2];

	(void)state;
	make_pipe(ends);
	interrupt_every_ms(1);

	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, begin + 50), 0);

	interrupt_every_ms(0);
	assert_in_range(ctsh_now_ms() - begin, 50, 2000);
	close_both(ends);
}

static void wait_fails_on_what_is_no_descriptor(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(ctsh_wait_fd(-1, POLLIN, 0), -1);
	assert_int_equal(errno, EBADF);
	errno = 0;
	assert_int_equal(ctsh_wait_fd(1000000, POLLIN, soon()), -1);
	assert_int_equal(errno, EBADF);
}

/* --- reading and writing ---------------------------------------------- */

static void read_all_reads_to_the_end_in_parts(void **state)
{
	char buf[8] = "";
	int ends[2];

	(void)state;
	make_pipe(ends);
	if (fork() == 0) {
		(void)!write(ends[1], "ab", 2);
		ctsh_nap_us(20000);
		(void)!write(ends[1], "cd", 2);
		_exit(0);
	}
	ctsh_close_fd(&ends[1]);
	interrupt_every_ms(1);

	assert_int_equal(ctsh_read_all(ends[0], buf, sizeof(buf)), 4);

	interrupt_every_ms(0);
	assert_memory_equal(buf, "abcd", 4);
	assert_true(wait(NULL) > 0);
	close_both(ends);
}

static void read_all_takes_exactly_size_and_refuses_more(void **state)
{
	char buf[4];
	int ends[2];

	(void)state;
	make_pipe(ends);
	put(ends[1], "abcd");
	ctsh_close_fd(&ends[1]);
	assert_int_equal(ctsh_read_all(ends[0], buf, 4), 4);
	close_both(ends);

	make_pipe(ends);
	put(ends[1], "abcde");
	ctsh_close_fd(&ends[1]);
	errno = 0;
	assert_int_equal(ctsh_read_all(ends[0], buf, 4), -1);
	assert_int_equal(errno, EFBIG);
	close_both(ends);
}

static void read_all_reports_errno(void **state)
{
	char buf[4];

	(void)state;
	errno = 0;
	assert_int_equal(ctsh_read_all(-1, buf, sizeof(buf)), -1);
	assert_int_equal(errno, EBADF);
}

static void write_all_writes_more_than_a_pipe_holds(void **state)
{
	static char data[300000], back[sizeof(data) + 1];
	int ends[2];
	pid_t writer;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i % 251);
	make_pipe(ends);
	writer = fork();
	if (writer == 0) {
		interrupt_every_ms(1);
		_exit(ctsh_write_all(ends[1], data, sizeof(data)) ? 1 : 0);
	}
	ctsh_close_fd(&ends[1]);
	ctsh_nap_us(20000);

	assert_int_equal(ctsh_read_all(ends[0], back, sizeof(back)),
	                 sizeof(data));

	assert_memory_equal(data, back, sizeof(data));
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	close_both(ends);
}

static void write_all_reports_errno(void **state)
{
	int ends[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	make_pipe(ends);
	ctsh_close_fd(&ends[0]);
	errno = 0;
	assert_int_equal(ctsh_write_all(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(ctsh_write_all(-1, "", 0), 0);
	close_both(ends);
	(void)signal(SIGPIPE, SIG_DFL);
}

/* --- files ------------------------------------------------------------ */

/* Below /run, since nothing below /tmp can ever be trusted. */
struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	static struct place place;

	if (geteuid() != 0) {
		print_error("test_fdio: must be run by root\n");
		return -1;
	}
	strcpy(place.path, "/run/ctsh-test-XXXXXX");
	if (!mkdtemp(place.path))
		return -1;
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &place;
	return place.fd < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[100];

	ctsh_close_fd(&place->fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", place->path);
	return system(command);
}

static const char *below(const struct place *place, const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", place->path, name);
	return path;
}

static void make_file(const struct place *place, const char *name,
                      const char *text)
{
	int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	put(fd, text);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(close(fd), 0);
}

static void make_dir(const struct place *place, const char *name, mode_t mode)
{
	assert_int_equal(mkdirat(place->fd, name, 0700), 0);
	assert_int_equal(fchmodat(place->fd, name, mode, 0), 0);
}

static void read_file_returns_terminated_text_and_length(void **state)
{
	const struct place *place = *state;
	size_t length = 0;
	char *text;

	make_file(place, "f", "hello");
	text = ctsh_read_file_at(place->fd, "f", 5, &length);
	assert_non_null(text);
	assert_string_equal(text, "hello");
	assert_int_equal(length, 5);
	free(text);
	text = ctsh_read_file_at(place->fd, "f", 100, NULL);
	assert_string_equal(text, "hello");
	free(text);
}

static void read_file_takes_an_empty_file(void **state)
{
	const struct place *place = *state;
	size_t length = 7;
	char *text;

	make_file(place, "f", "");
	text = ctsh_read_file_at(place->fd, "f", 0, &length);

	assert_string_equal(text, "");
	assert_int_equal(length, 0);
	free(text);
}

static void read_file_refuses_a_larger_one(void **state)
{
	const struct place *place = *state;

	make_file(place, "f", "hello");
	errno = 0;
	assert_null(ctsh_read_file_at(place->fd, "f", 4, NULL));
	assert_int_equal(errno, EFBIG);
	assert_null(ctsh_read_file_at(place->fd, "f", 0, NULL));
	assert_int_equal(errno, EFBIG);
}

static void read_file_grows_with_the_file(void **state)
{
	static char data[100001];
	const struct place *place = *state;
	size_t length;
	char *text;

	memset(data, 'x', sizeof(data) - 1);
	make_file(place, "f", data);
	for (size_t max = sizeof(data) - 1; max < 1 << 20; max *= 2) {
		text = ctsh_read_file_at(place->fd, "f", max, &length);
		assert_non_null(text);
		assert_int_equal(length, sizeof(data) - 1);
		assert_string_equal(text, data);
		free(text);
	}
	errno = 0;
	assert_null(ctsh_read_file_at(place->fd, "f", sizeof(data) - 2, NULL));
	assert_int_equal(errno, EFBIG);
}

static void read_file_reads_proc(void **state)
{
	char *text =
		ctsh_read_file_at(AT_FDCWD, "/proc/self/status", 65536, NULL);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\nNoNewPrivs:\t"));
	free(text);
}

static void read_file_takes_no_other_kind_and_never_blocks(void **state)
{
	const struct place *place = *state;

	make_file(place, "f", "hello");
	make_dir(place, "dir", 0755);
	assert_int_equal(symlinkat("f", place->fd, "link"), 0);
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);

	errno = 0;
	assert_null(ctsh_read_file_at(place->fd, "link", 100, NULL));
	assert_int_equal(errno, ELOOP);
	assert_null(ctsh_read_file_at(place->fd, "dir", 100, NULL));
	assert_int_equal(errno, EISDIR);
	assert_null(ctsh_read_file_at(place->fd, "fifo", 100, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(ctsh_read_file_at(place->fd, "none", 100, NULL));
	assert_int_equal(errno, ENOENT);
	assert_null(ctsh_read_file_at(place->fd, "f", SIZE_MAX, NULL));
	assert_int_equal(errno, EINVAL);
}

/* --- trusted files ---------------------------------------------------- */

/* The refusal: this code, no errno, and a text that ends like this. */
static void refuses(const char *path, const char *tail)
{
	struct ctsh_error err = {0};
	unsigned before = open_fds();
	size_t length;

	assert_int_equal(ctsh_open_trusted(path, CTSH_E_CONFIG, &err), -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_int_equal(err.sys, 0);
	length = strlen(err.what);
	assert_true(length >= strlen(tail));
	assert_string_equal(err.what + length - strlen(tail), tail);
	assert_int_equal(open_fds(), before);
}

static void trusted_opens_a_safe_file_close_on_exec(void **state)
{
	const struct place *place = *state;
	struct ctsh_error err = {0};
	unsigned before = open_fds();
	char buf[8] = "";
	int fd;

	make_dir(place, "d", 0755);
	make_file(place, "d/f", "text");
	fd = ctsh_open_trusted(below(place, "d/f"), CTSH_E_CONFIG, &err);
	assert_true(fd >= 0);

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(ctsh_read_all(fd, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "text");
	assert_int_equal(close(fd), 0);
	assert_int_equal(open_fds(), before);
}

static void trusted_takes_a_path_with_doubled_slashes(void **state)
{
	const struct place *place = *state;
	struct ctsh_error err = {0};
	int fd;

	make_file(place, "f", "text");
	fd = ctsh_open_trusted(below(place, "//f"), CTSH_E_CONFIG, &err);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void trusted_refuses_a_directory_that_others_can_write(void **state)
{
	static const mode_t modes[] = {0775, 0757, 0777, 01777, 02775};
	const struct place *place = *state;

	make_dir(place, "d", 0755);
	make_dir(place, "d/e", 0755);
	make_file(place, "d/e/f", "text");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(fchmodat(place->fd, "d", modes[i], 0), 0);
		refuses(below(place, "d/e/f"), "/d is writable by others");
	}
}

static void trusted_refuses_a_file_that_others_can_write(void **state)
{
	static const mode_t modes[] = {0664, 0646, 0666};
	const struct place *place = *state;

	make_file(place, "f", "text");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(fchmodat(place->fd, "f", modes[i], 0), 0);
		refuses(below(place, "f"), "/f is writable by others");
	}
}

static void trusted_refuses_what_is_not_roots(void **state)
{
	const struct place *place = *state;

	make_dir(place, "d", 0755);
	make_file(place, "d/f", "text");
	assert_int_equal(fchownat(place->fd, "d/f", 65534, 0, 0), 0);
	refuses(below(place, "d/f"), "/d/f is not owned by root");

	assert_int_equal(fchownat(place->fd, "d/f", 0, 0, 0), 0);
	assert_int_equal(fchownat(place->fd, "d", 65534, 0, 0), 0);
	refuses(below(place, "d/f"), "/d is not owned by root");
}

static void trusted_refuses_symbolic_links_even_roots(void **state)
{
	const struct place *place = *state;

	make_dir(place, "d", 0755);
	make_file(place, "d/f", "text");
	assert_int_equal(symlinkat("d", place->fd, "to_dir"), 0);
	assert_int_equal(symlinkat("d/f", place->fd, "to_file"), 0);
	assert_int_equal(symlinkat("none", place->fd, "dangling"), 0);

	refuses(below(place, "to_dir/f"), "/to_dir is a symbolic link");
	refuses(below(place, "to_file"), "/to_file is a symbolic link");
	refuses(below(place, "dangling"), "/dangling is a symbolic link");
	refuses(below(place, "dangling/f"), "/dangling is a symbolic link");
}

static void trusted_refuses_other_kinds_and_never_blocks(void **state)
{
	const struct place *place = *state;

	make_dir(place, "dir", 0755);
	make_file(place, "f", "text");
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
	assert_int_equal(mknodat(place->fd, "socket", S_IFSOCK | 0600, 0), 0);

	refuses(below(place, "dir"), "/dir is not a regular file");
	refuses(below(place, "fifo"), "/fifo is not a regular file");
	refuses(below(place, "socket"), "/socket is not a regular file");
	refuses("/dev/null", "/dev/null is not a regular file");
	refuses("/", "/ is not a regular file");
	refuses(below(place, "f/x"), "/f is not a directory");
	refuses(below(place, "f/"), "/f is followed by a slash");
}

static void trusted_never_opens_a_fifo(void **state)
{
	const struct place *place = *state;
	int64_t begin;
	pid_t writer;
	int status;

	/* A writer that waits for a reader would be let go by an open. */
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
	writer = fork();
	if (writer == 0) {
		int fd = openat(place->fd, "fifo", O_WRONLY);

		_exit(fd < 0 ? 1 : 0);
	}
	begin = ctsh_now_ms();
	while (ctsh_now_ms() - begin < 100)
		refuses(below(place, "fifo"), "/fifo is not a regular file");

	assert_int_equal(waitpid(writer, &status, WNOHANG), 0);
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(waitpid(writer, &status, 0), writer);
}

static void trusted_refuses_the_sticky_tmp(void **state)
{
	(void)state;
	refuses("/tmp/ctsh-no-such-file", "/tmp is writable by others");
}

static void trusted_wants_a_plain_absolute_path(void **state)
{
	(void)state;
	refuses("", " is not a plain absolute path");
	refuses("etc/passwd", "etc/passwd is not a plain absolute path");
	refuses("/etc/../etc/passwd", "is not a plain absolute path");
	refuses("/etc/./passwd", "is not a plain absolute path");
	refuses("/etc/pass\nwd", "/etc/pass?wd is not a plain absolute path");
}

static void is_absent(const char *path)
{
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_open_trusted(path, CTSH_E_CONFIG, &err), -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_int_equal(err.sys, ENOENT);
}

static void trusted_says_enoent_if_a_part_is_not_there(void **state)
{
	const struct place *place = *state;

	make_dir(place, "d", 0755);
	is_absent(below(place, "d/none"));
	is_absent(below(place, "none/f"));
}

static void trusted_says_no_enoent_of_an_unsafe_directory(void **state)
{
	const struct place *place = *state;

	make_dir(place, "d", 0777);
	refuses(below(place, "d/none"), "/d is writable by others");
}

static void trusted_dir_opens_with_and_without_reading(void **state)
{
	const struct place *place = *state;
	struct ctsh_error err = {0};
	int fd;

	make_dir(place, "d", 0755);
	fd = ctsh_open_trusted_dir(below(place, "d"), false, CTSH_E_CONFIG,
	                           &err);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_PATH);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);

	fd = ctsh_open_trusted_dir(below(place, "d/"), true, CTSH_E_CONFIG,
	                           &err);
	assert_true(fd >= 0);
	assert_false(fcntl(fd, F_GETFL) & O_PATH);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);

	fd = ctsh_open_trusted_dir("/", false, CTSH_E_CONFIG, &err);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void refuses_dir(const char *path, const char *tail)
{
	static const bool readable[] = {false, true};

	for (int i = 0; i < 2; i++) {
		struct ctsh_error err = {0};

		assert_int_equal(ctsh_open_trusted_dir(path, readable[i],
		                                       CTSH_E_UNSAFE, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_int_equal(err.sys, 0);
		assert_non_null(strstr(err.what, tail));
	}
}

static void trusted_dir_refuses_what_is_unsafe(void **state)
{
	const struct place *place = *state;
	struct ctsh_error err;

	make_dir(place, "w", 01777);
	make_dir(place, "n", 0755);
	assert_int_equal(fchownat(place->fd, "n", 65534, 0, 0), 0);
	make_file(place, "f", "text");
	assert_int_equal(symlinkat("n", place->fd, "l"), 0);

	refuses_dir(below(place, "w"), "/w is writable by others");
	refuses_dir(below(place, "n"), "/n is not owned by root");
	refuses_dir(below(place, "f"), "/f is not a directory");
	refuses_dir(below(place, "l"), "/l is a symbolic link");
	assert_int_equal(ctsh_open_trusted_dir(below(place, "none"), true,
	                                       CTSH_E_UNSAFE, &err),
	                 -1);
	assert_int_equal(err.sys, ENOENT);
}

#define WITH_PLACE(test) \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(now_counts_milliseconds),
		cmocka_unit_test(nap_lasts_whatever_signals_come),
		cmocka_unit_test(nap_takes_more_than_a_second),
		cmocka_unit_test(
			wait_says_yes_when_readable_even_after_the_deadline),
		cmocka_unit_test(wait_says_yes_on_hangup),
		cmocka_unit_test(
			wait_says_no_at_the_deadline_whatever_signals_come),
		cmocka_unit_test(wait_fails_on_what_is_no_descriptor),
		cmocka_unit_test(read_all_reads_to_the_end_in_parts),
		cmocka_unit_test(read_all_takes_exactly_size_and_refuses_more),
		cmocka_unit_test(read_all_reports_errno),
		cmocka_unit_test(write_all_writes_more_than_a_pipe_holds),
		cmocka_unit_test(write_all_reports_errno),
		WITH_PLACE(read_file_returns_terminated_text_and_length),
		WITH_PLACE(read_file_takes_an_empty_file),
		WITH_PLACE(read_file_refuses_a_larger_one),
		WITH_PLACE(read_file_grows_with_the_file),
		cmocka_unit_test(read_file_reads_proc),
		WITH_PLACE(read_file_takes_no_other_kind_and_never_blocks),
		WITH_PLACE(trusted_opens_a_safe_file_close_on_exec),
		WITH_PLACE(trusted_takes_a_path_with_doubled_slashes),
		WITH_PLACE(trusted_refuses_a_directory_that_others_can_write),
		WITH_PLACE(trusted_refuses_a_file_that_others_can_write),
		WITH_PLACE(trusted_refuses_what_is_not_roots),
		WITH_PLACE(trusted_refuses_symbolic_links_even_roots),
		WITH_PLACE(trusted_refuses_other_kinds_and_never_blocks),
		WITH_PLACE(trusted_never_opens_a_fifo),
		cmocka_unit_test(trusted_refuses_the_sticky_tmp),
		cmocka_unit_test(trusted_wants_a_plain_absolute_path),
		WITH_PLACE(trusted_says_enoent_if_a_part_is_not_there),
		WITH_PLACE(trusted_says_no_enoent_of_an_unsafe_directory),
		WITH_PLACE(trusted_dir_opens_with_and_without_reading),
		WITH_PLACE(trusted_dir_refuses_what_is_unsafe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
