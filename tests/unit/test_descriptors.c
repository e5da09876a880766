/* SPDX-License-Identifier: MIT */
/* Needs root: some of the objects are root's to open. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/descriptors.h"

/* The saved 0 to 2 of the test itself. */
static int saved[3];

static int save(void **state)
{
	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
	return 0;
}

/* Judges with `fd` (consumed) in one place and /dev/null in the two others. */
static int judge_at(int place, int fd, struct ctsh_descriptors *d,
                    struct ctsh_error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int result;

	assert_true(fd >= 0);
	for (int i = 0; i < 3; i++)
		(void)dup2(i == place ? fd : null, i);
	result = ctsh_descriptors_judge(d, err);
	for (int i = 0; i < 3; i++)
		(void)dup2(saved[i], i);
	(void)close(null);
	(void)close(fd);
	return result;
}

static int open_pty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;

	(void)unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	/* Its master stays open until the end: without it no tty. */
	return slave;
}

static int open_pipe(void)
{
	int ends[2];

	return pipe(ends) < 0 ? -1 : ends[0];
}

static int open_fifo(void)
{
	char path[] = "/tmp/ctsh-test-XXXXXX";
	int fd;

	assert_non_null(mkdtemp(path));
	(void)rmdir(path);
	(void)mkfifo(path, 0600);
	fd = open(path, O_RDWR);
	(void)unlink(path);
	return fd;
}

static int open_file(void)
{
	char path[] = "/tmp/ctsh-test-XXXXXX";
	int fd = mkstemp(path);

	(void)unlink(path);
	return fd;
}

static int open_memfd(void)
{
	return memfd_create("ctsh-test", 0);
}

static int open_stream_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : pair[0];
}

static int tcp_listener(struct sockaddr_in *name)
{
	socklen_t size = sizeof(*name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*name = (struct sockaddr_in){.sin_family = AF_INET};
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)bind(fd, (struct sockaddr *)name, sizeof(*name));
	(void)listen(fd, 1);
	(void)getsockname(fd, (struct sockaddr *)name, &size);
	return fd;
}

static int open_tcp(void)
{
	struct sockaddr_in name;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)tcp_listener(&name);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -1;
	return fd;
}

static int open_listening(void)
{
	struct sockaddr_in name;

	return tcp_listener(&name);
}

static int open_unconnected(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int open_datagram(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ? -1 : pair[0];
}

static int open_seqpacket(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ? -1 : pair[0];
}

static int open_path(void)
{
	return open("/dev/null", O_PATH);
}

static int open_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int open_null(void)
{
	return open("/dev/null", O_RDONLY);
}

static int open_zero(void)
{
	return open("/dev/zero", O_RDWR);
}

static int open_full(void)
{
	return open("/dev/full", O_RDWR);
}

static int open_random(void)
{
	return open("/dev/random", O_RDONLY);
}

static int open_urandom(void)
{
	return open("/dev/urandom", O_RDONLY);
}

static int open_kmsg(void)
{
	return open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
}

static int open_namespace(void)
{
	return open("/proc/self/ns/net", O_RDONLY);
}

static int open_mem(void)
{
	return open("/proc/self/mem", O_RDWR);
}

static int open_sysfs(void)
{
	return open("/sys/kernel/uevent_seqnum", O_RDONLY);
}

static int open_pidfd(void)
{
	return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

static int open_epoll(void)
{
	return epoll_create1(0);
}

static int open_eventfd(void)
{
	return eventfd(0, 0);
}

static int open_inotify(void)
{
	return inotify_init();
}

static int open_signalfd(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	return signalfd(-1, &none, 0);
}

typedef int opener(void);

static void each_of_three_gets_the_passage_of_its_kind(void **state)
{
	static const struct {
		opener *open;
		enum ctsh_passage passage;
	} rows[] = {
		{open_null, CTSH_NULL},         {open_pipe, CTSH_PASS},
		{open_pty, CTSH_TERMINAL},      {open_fifo, CTSH_RELAY},
		{open_file, CTSH_RELAY},        {open_memfd, CTSH_RELAY},
		{open_stream_pair, CTSH_RELAY}, {open_tcp, CTSH_RELAY},
		{open_zero, CTSH_RELAY},        {open_full, CTSH_RELAY},
		{open_random, CTSH_RELAY},      {open_urandom, CTSH_RELAY},
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		for (int place = 0; place < 3; place++) {
			struct ctsh_descriptors d;
			struct ctsh_error err;

			if (judge_at(place, rows[row].open(), &d, &err) < 0)
				fail_msg("row %zu: %s", row, err.what);
			for (int i = 0; i < 3; i++)
				assert_int_equal(d.passage[i],
				                 i == place ? rows[row].passage
				                            : CTSH_NULL);
			assert_int_equal(d.any_terminal,
			                 rows[row].passage == CTSH_TERMINAL);
		}
	}
}

static void anything_else_is_refused_by_number_and_kind(void **state)
{
	static const struct {
		opener *open;
		const char *kind;
	} rows[] = {
		{open_path, "mere path"},
		{open_directory, "directory"},
		{open_kmsg, "device"},
		{open_namespace, "namespace"},
		{open_mem, "file of /proc"},
		{open_sysfs, "file of /sys"},
		{open_listening, "socket without a peer"},
		{open_unconnected, "socket without a peer"},
		{open_datagram, "socket without a stream"},
		{open_seqpacket, "socket without a stream"},
		{open_epoll, "object of the kernel's"},
		{open_eventfd, "object of the kernel's"},
		{open_inotify, "object of the kernel's"},
		{open_signalfd, "object of the kernel's"},
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		for (int place = 0; place < 3; place++) {
			struct ctsh_descriptors d = {.any_terminal = true};
			struct ctsh_error err = {.code = CTSH_OK};
			char expected[100];

			if (judge_at(place, rows[row].open(), &d, &err) == 0)
				fail_msg("row %zu was let in", row);
			assert_int_equal(err.code, CTSH_E_USAGE);
			(void)snprintf(expected, sizeof(expected),
			               "descriptor %d: %s", place,
			               rows[row].kind);
			assert_string_equal(err.what, expected);
			assert_true(d.any_terminal);
		}
	}
}

/* Its file system is a matter of the kernel's version; the answer is not. */
static void a_pidfd_is_refused(void **state)
{
	struct ctsh_descriptors d;
	struct ctsh_error err = {.code = CTSH_OK};

	(void)state;
	assert_int_equal(judge_at(0, open_pidfd(), &d, &err), -1);
	assert_int_equal(err.code, CTSH_E_USAGE);
}

static void a_closed_descriptor_is_refused(void **state)
{
	struct ctsh_descriptors d;
	struct ctsh_error err = {.code = CTSH_OK};
	int result;

	(void)state;
	(void)close(0);
	result = ctsh_descriptors_judge(&d, &err);
	(void)dup2(saved[0], 0);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, CTSH_E_USAGE);
	assert_int_equal(err.sys, EBADF);
}

static void tapping_leaves_nothing_that_passes(void **state)
{
	struct ctsh_descriptors d = {
		.passage = {CTSH_PASS, CTSH_TERMINAL, CTSH_RELAY},
		.any_terminal = true,
	};

	(void)state;
	ctsh_descriptors_tap(&d);
	assert_int_equal(d.passage[0], CTSH_TAPPED);
	assert_int_equal(d.passage[1], CTSH_TERMINAL);
	assert_int_equal(d.passage[2], CTSH_RELAY);
	assert_true(d.any_terminal);
	d = (struct ctsh_descriptors){
		.passage = {CTSH_NULL, CTSH_PASS, CTSH_PASS}};
	ctsh_descriptors_tap(&d);
	assert_int_equal(d.passage[0], CTSH_NULL);
	assert_int_equal(d.passage[1], CTSH_TAPPED);
	assert_int_equal(d.passage[2], CTSH_TAPPED);
}

/* With the same pipe, or another one, on 2. */
static bool is_one_output(enum ctsh_passage passage, bool same)
{
	struct ctsh_descriptors d = {.passage = {CTSH_NULL, passage, passage}};
	int one[2], other[2];
	bool result;

	assert_int_equal(pipe2(one, O_CLOEXEC), 0);
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	(void)dup2(one[1], 1);
	(void)dup2(same ? one[1] : other[1], 2);
	result = ctsh_descriptors_one_output(&d);
	for (int i = 0; i < 3; i++)
		(void)dup2(saved[i], i);
	for (int i = 0; i < 2; i++) {
		(void)close(one[i]);
		(void)close(other[i]);
	}
	return result;
}

static void one_tapped_pipe_on_1_and_2_is_noticed(void **state)
{
	(void)state;
	assert_true(is_one_output(CTSH_TAPPED, true));
	assert_false(is_one_output(CTSH_TAPPED, false));
	assert_false(is_one_output(CTSH_PASS, true));
	assert_false(is_one_output(CTSH_RELAY, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tapping_leaves_nothing_that_passes),
		cmocka_unit_test(one_tapped_pipe_on_1_and_2_is_noticed),
		cmocka_unit_test(each_of_three_gets_the_passage_of_its_kind),
		cmocka_unit_test(anything_else_is_refused_by_number_and_kind),
		cmocka_unit_test(a_pidfd_is_refused),
		cmocka_unit_test(a_closed_descriptor_is_refused),
	};

	return cmocka_run_group_tests(tests, save, NULL);
}
