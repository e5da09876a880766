/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "descriptors_world.h"

static void make_sockets(int type, int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

/* Sends `count` copies of descriptor 0 beside one byte. */
static void send_fds(int sock, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(253 * sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (char[]){'x'}, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &part,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = CMSG_SPACE(count * sizeof(int))};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
	memset(CMSG_DATA(&control.align), 0, count * sizeof(int));
	assert_int_equal(sendmsg(sock, &msg, 0), 1);
}

static void message_comes_with_its_descriptor_close_on_exec(void **state)
{
	int socks[2], ends[2], fd = -7;
	char buf[8] = "";

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	make_pipe(ends);
	assert_int_equal(ctsh_send(socks[0], "abc", 3, ends[1]), 0);

	assert_int_equal(ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon()),
	                 3);

	assert_string_equal(buf, "abc");
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	put(fd, "through");
	assert_int_equal(read(ends[0], buf, sizeof(buf)), 7);
	assert_int_equal(close(fd), 0);
	close_both(ends);
	close_both(socks);
}

static void message_without_descriptor_says_minus_one(void **state)
{
	int socks[2], fd = 99;
	char buf[8];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	assert_int_equal(ctsh_send(socks[0], "abc", 3, -1), 0);

	assert_int_equal(ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon()),
	                 3);

	assert_int_equal(fd, -1);
	close_both(socks);
}

static void unwanted_descriptors_are_closed(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 253};
	int socks[2];
	char buf[8];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		unsigned before = open_fds();

		send_fds(socks[0], counts[i]);
		assert_int_equal(
			ctsh_receive(socks[1], buf, sizeof(buf), NULL, soon()),
			1);
		assert_int_equal(open_fds(), before);
	}
	close_both(socks);
}

static void more_than_one_descriptor_is_refused_and_closed(void **state)
{
	static const unsigned counts[] = {2, 3, 253};
	int socks[2];
	char buf[8];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		unsigned before = open_fds();
		int fd = 99;

		send_fds(socks[0], counts[i]);
		errno = 0;
		assert_int_equal(
			ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon()),
			-1);
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(fd, 99);
		assert_int_equal(open_fds(), before);
	}
	close_both(socks);
}

static void receive_says_zero_at_end_of_file(void **state)
{
	int socks[2], fd = 99;
	char buf[8];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	ctsh_close_fd(&socks[0]);

	assert_int_equal(ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon()),
	                 0);

	assert_int_equal(fd, -1);
	close_both(socks);
}

static void receive_ends_at_the_deadline(void **state)
{
	int64_t begin = ctsh_now_ms();
	int socks[2];
	char buf[8];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	errno = 0;
	assert_int_equal(
		ctsh_receive(socks[1], buf, sizeof(buf), NULL, begin + 50), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_in_range(ctsh_now_ms() - begin, 50, 2000);
	close_both(socks);
}

static void receive_refuses_what_does_not_fit(void **state)
{
	int socks[2], fd = 99;
	unsigned before;
	char buf[4];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	before = open_fds();
	assert_int_equal(ctsh_send(socks[0], "abcde", 5, 0), 0);
	errno = 0;
	assert_int_equal(ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon()),
	                 -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(fd, 99);
	assert_int_equal(open_fds(), before);
	close_both(socks);
}

static void send_passes_a_whole_stream_and_one_descriptor(void **state)
{
	static char data[1 << 20];
	int socks[2], fds = 0;
	size_t total = 0;
	pid_t sender;
	ssize_t got;

	(void)state;
	make_sockets(SOCK_STREAM, socks);
	sender = fork();
	if (sender == 0) {
		ctsh_close_fd(&socks[1]);
		interrupt_every_ms(1);
		_exit(ctsh_send(socks[0], data, sizeof(data), 0) ? 1 : 0);
	}
	ctsh_close_fd(&socks[0]);
	do {
		static char buf[30000];
		int fd = -1;

		got = ctsh_receive(socks[1], buf, sizeof(buf), &fd, soon());
		assert_true(got >= 0);
		total += (size_t)got;
		fds += fd >= 0;
		ctsh_close_fd(&fd);
	} while (got > 0);

	assert_int_equal(total, sizeof(data));
	assert_int_equal(fds, 1);
	assert_int_equal(waitpid(sender, NULL, 0), sender);
	close_both(socks);
}

static void send_fails_with_errno_and_without_a_signal(void **state)
{
	int socks[2];

	(void)state;
	make_sockets(SOCK_SEQPACKET, socks);
	errno = 0;
	assert_int_equal(ctsh_send(socks[0], "", 0, -1), -1);
	assert_int_equal(errno, EINVAL);
	ctsh_close_fd(&socks[1]);
	assert_int_equal(ctsh_send(socks[0], "x", 1, -1), -1);
	assert_int_equal(errno, EPIPE);
	close_both(socks);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			message_comes_with_its_descriptor_close_on_exec),
		cmocka_unit_test(message_without_descriptor_says_minus_one),
		cmocka_unit_test(unwanted_descriptors_are_closed),
		cmocka_unit_test(
			more_than_one_descriptor_is_refused_and_closed),
		cmocka_unit_test(receive_says_zero_at_end_of_file),
		cmocka_unit_test(receive_ends_at_the_deadline),
		cmocka_unit_test(receive_refuses_what_does_not_fit),
		cmocka_unit_test(send_passes_a_whole_stream_and_one_descriptor),
		cmocka_unit_test(send_fails_with_errno_and_without_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
