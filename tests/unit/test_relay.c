/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/relay.h"

static char buffer[CTSH_RELAY_BUFFER];

static struct ctsh_channel make(int from, int to)
{
	return (struct ctsh_channel){.from = from,
	                             .to = to,
	                             .read_left = SIZE_MAX,
	                             .buffer = buffer};
}

static void make_pipe(int ends[2])
{
	assert_int_equal(pipe(ends), 0);
}

static void set_flags(int fd, int flags)
{
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

/* One turn of a poll loop that waits for nothing; what poll(2) returned. */
static int turn(struct ctsh_channel *c)
{
	struct pollfd two[2];
	int count;

	ctsh_channel_poll(c, two);
	count = poll(two, 2, 0);
	ctsh_channel_move(c, two);
	return count;
}

static void settle(struct ctsh_channel *c)
{
	for (int i = 0; i < 1000 && turn(c) > 0; i++)
		;
	assert_int_equal(turn(c), 0);
}

static void assert_closed(int fd)
{
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void bytes_arrive_as_they_were(void **state)
{
	int in[2], out[2];
	char got[16] = "";
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	assert_int_equal(write(in[1], "a\0b\n\xff", 5), 5);
	settle(&c);
	assert_int_equal(read(out[0], got, sizeof(got)), 5);
	assert_memory_equal(got, "a\0b\n\xff", 5);
	assert_false(ctsh_channel_done(&c));
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void end_of_file_closes_ends_that_are_the_channels_own(void **state)
{
	int in[2], out[2];
	char got[16];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	c.close_ends = true;
	assert_int_equal(write(in[1], "last", 4), 4);
	(void)close(in[1]);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	assert_closed(in[0]);
	assert_closed(out[1]);
	assert_int_equal(read(out[0], got, sizeof(got)), 4);
	assert_int_equal(read(out[0], got, sizeof(got)), 0);
	(void)close(out[0]);
}

/* A pty gives a page at once, and so do packets here. */
static void one_turn_moves_all_there_is_between_ends_of_ours(void **state)
{
	int in[2], out[2];
	char page[4096] = "", got[5 * 4096];
	struct ctsh_channel c;

	(void)state;
	assert_int_equal(pipe2(in, O_DIRECT | O_NONBLOCK), 0);
	make_pipe(out);
	set_flags(out[1], O_NONBLOCK);
	c = make(in[0], out[1]);
	c.from_ours = c.to_ours = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(write(in[1], page, sizeof(page)),
		                 sizeof(page));
	assert_int_equal(turn(&c), 1);
	assert_int_equal(read(out[0], got, sizeof(got)), sizeof(got));
	assert_false(ctsh_channel_done(&c));
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void fill_with_pages(int fd, int count)
{
	char page[4096] = "";

	for (int i = 0; i < count; i++)
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
}

/* The buffer does not fill up with what goes on more slowly than it comes. */
static void a_reader_that_stalls_holds_four_pages(void **state)
{
	int in[2], out[2];
	char page[4096] = "";
	struct ctsh_channel c;

	(void)state;
	assert_int_equal(pipe2(in, O_DIRECT | O_NONBLOCK), 0);
	make_pipe(out);
	set_flags(out[1], O_NONBLOCK);
	while (write(out[1], page, sizeof(page)) > 0)
		;
	c = make(in[0], out[1]);
	c.from_ours = c.to_ours = true;
	fill_with_pages(in[1], 6);
	settle(&c);
	assert_int_equal(c.end - c.start, 4 * sizeof(page));
	assert_int_equal(read(out[0], page, sizeof(page)), sizeof(page));
	assert_int_equal(turn(&c), 1);
	assert_int_equal(c.end - c.start, 4 * sizeof(page));
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

/* Of what is read, a portion goes on, and the next page is read without
 * another turn. */
static void what_goes_in_portions_stays_as_far_ahead(void **state)
{
	static const size_t held[] = {4, 4, 3, 2, 1, 0};
	int in[2], out[2];
	char page[4096];
	struct ctsh_channel c;

	(void)state;
	assert_int_equal(pipe2(in, O_DIRECT | O_NONBLOCK), 0);
	make_pipe(out);
	c = make(in[0], out[1]);
	c.from_ours = true;
	fill_with_pages(in[1], 6);
	(void)turn(&c);
	assert_int_equal(c.end - c.start, 4 * sizeof(page));
	for (size_t i = 0; i < 6; i++) {
		(void)turn(&c);
		assert_int_equal(read(out[0], page, sizeof(page)),
		                 sizeof(page));
		assert_int_equal(c.end - c.start, held[i] * sizeof(page));
	}
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

/* A second read would wait for what may never come. */
static void an_end_of_the_callers_is_read_once_a_turn(void **state)
{
	int in[2], out[2];
	char page[4096] = "", got[2 * 4096];
	struct ctsh_channel c;

	(void)state;
	assert_int_equal(pipe2(in, O_DIRECT), 0);
	make_pipe(out);
	set_flags(out[1], O_NONBLOCK);
	c = make(in[0], out[1]);
	c.to_ours = true;
	assert_int_equal(write(in[1], page, sizeof(page)), sizeof(page));
	assert_int_equal(turn(&c), 1);
	assert_int_equal(read(out[0], got, sizeof(got)), sizeof(page));
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void borrowed_ends_stay_open(void **state)
{
	int in[2], out[2];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	(void)close(in[1]);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	assert_int_equal(close(in[0]), 0);
	assert_int_equal(close(out[1]), 0);
	(void)close(out[0]);
}

/* A reader that goes away is noticed even while nothing is written. */
static void a_reader_that_is_gone_ends_the_channel(void **state)
{
	int in[2], out[2];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	c.close_ends = true;
	assert_int_equal(turn(&c), 0);
	(void)close(out[0]);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	assert_closed(in[0]);
	(void)close(in[1]);
}

/* The far side does not take: the near side is left alone, no memory grows,
 * nothing blocks and nothing spins. */
static void a_stalled_reader_stalls_the_writer(void **state)
{
	int in[2], out[2];
	struct ctsh_channel c;
	char bytes[4096] = "";
	size_t total = 0;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	set_flags(in[1], O_NONBLOCK);
	c = make(in[0], out[1]);
	alarm(10);
	for (int i = 0; i < 1000; i++) {
		ssize_t put = write(in[1], bytes, sizeof(bytes));

		total += put > 0 ? (size_t)put : 0;
		(void)turn(&c);
	}
	alarm(0);
	assert_int_equal(turn(&c), 0);
	assert_int_equal(write(in[1], bytes, sizeof(bytes)), -1);
	/* Both pipes and the buffer are full, and there is nothing else. */
	assert_int_equal(total, 3 * 65536);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

/* The caller's other processes share the open file: its flags are theirs. */
static void the_callers_descriptor_keeps_its_flags(void **state)
{
	int in[2], out[2];
	struct ctsh_channel c;
	char bytes[4096] = "";

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	assert_int_equal(write(in[1], bytes, sizeof(bytes)), sizeof(bytes));
	settle(&c);
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void descriptors_that_do_not_block_are_fine_too(void **state)
{
	int in[2], out[2];
	struct ctsh_channel c;
	struct pollfd two[2] = {{.revents = POLLIN}, {.revents = POLLOUT}};

	(void)state;
	make_pipe(in);
	make_pipe(out);
	set_flags(in[0], O_NONBLOCK);
	c = make(in[0], out[1]);
	/* Somebody else was faster than we after poll(2). */
	ctsh_channel_move(&c, two);
	assert_false(ctsh_channel_done(&c));
	assert_int_equal(c.from, in[0]);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void random_bytes(char *bytes, size_t size)
{
	unsigned seed = 1;

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (char)(seed >> 16);
	}
}

/* Slow reader, fast writer, odd sizes: the buffer's end is met in all ways. */
static void a_megabyte_survives_uneven_turns(void **state)
{
	const size_t size = 1 << 20;
	char *sent = malloc(size), *got = malloc(size);
	size_t put = 0, taken = 0;
	unsigned step = 7;
	int in[2], out[2];
	struct ctsh_channel c;

	(void)state;
	random_bytes(sent, size);
	make_pipe(in);
	make_pipe(out);
	set_flags(in[1], O_NONBLOCK);
	set_flags(out[0], O_NONBLOCK);
	c = make(in[0], out[1]);
	while (taken < size) {
		size_t want = (step = step * 31 + 11) % 9000 + 1;
		ssize_t n;

		if (want > size - put)
			want = size - put;
		n = want ? write(in[1], sent + put, want) : 0;
		put += n > 0 ? (size_t)n : 0;
		(void)turn(&c);
		n = read(out[0], got + taken,
		         step % 5000 + 1 < size - taken ? step % 5000 + 1
		                                        : size - taken);
		taken += n > 0 ? (size_t)n : 0;
	}
	assert_memory_equal(sent, got, size);
	free(sent);
	free(got);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void no_more_is_read_than_may_be(void **state)
{
	int in[2], out[2];
	char got[16];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	make_pipe(out);
	c = make(in[0], out[1]);
	c.read_left = 3;
	assert_int_equal(write(in[1], "abcdef", 6), 6);
	settle(&c);
	assert_int_equal(read(out[0], got, sizeof(got)), 3);
	assert_int_equal(read(in[0], got, sizeof(got)), 3);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
}

static void a_socket_is_half_closed_after_the_last_byte(void **state)
{
	int in[2], pair[2];
	char got[16];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c = make(in[0], pair[0]);
	c.to_socket = true;
	c.half_close = true;
	assert_int_equal(write(in[1], "x", 1), 1);
	(void)close(in[1]);
	settle(&c);
	assert_int_equal(read(pair[1], got, sizeof(got)), 1);
	assert_int_equal(read(pair[1], got, sizeof(got)), 0);
	/* The other direction still works. */
	assert_int_equal(write(pair[1], "y", 1), 1);
	assert_int_equal(read(pair[0], got, sizeof(got)), 1);
	(void)close(in[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* No SIGPIPE either: its default would end this test. */
static void a_socket_whose_peer_is_gone_ends_the_channel(void **state)
{
	int in[2], pair[2];
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c = make(in[0], pair[0]);
	c.to_socket = true;
	(void)close(pair[1]);
	assert_int_equal(write(in[1], "x", 1), 1);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	(void)close(in[0]);
	(void)close(in[1]);
	(void)close(pair[0]);
}

static void bytes_leave_a_socket_without_waiting(void **state)
{
	int out[2], pair[2];
	char got[16];
	struct ctsh_channel c;
	struct pollfd two[2] = {{.revents = POLLIN}, {.fd = -1}};

	(void)state;
	make_pipe(out);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c = make(pair[0], out[1]);
	c.from_socket = true;
	alarm(5);
	ctsh_channel_move(&c, two);
	alarm(0);
	assert_int_equal(c.from, pair[0]);
	assert_int_equal(write(pair[1], "x", 1), 1);
	settle(&c);
	assert_int_equal(read(out[0], got, sizeof(got)), 1);
	for (int i = 0; i < 2; i++) {
		(void)close(pair[i]);
		(void)close(out[i]);
	}
}

/* EIO is how a pty says that its other side is closed; what was written before
 * comes first. */
static void a_pty_ends_when_its_other_side_is_closed(void **state)
{
	int master, slave, out[2];
	char got[16] = "";
	struct termios raw;
	struct ctsh_channel c;

	(void)state;
	make_pipe(out);
	cfmakeraw(memset(&raw, 0, sizeof(raw)));
	assert_int_equal(openpty(&master, &slave, NULL, &raw, NULL), 0);
	c = make(master, out[1]);
	assert_int_equal(write(slave, "bye", 3), 3);
	(void)close(slave);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	assert_int_equal(read(out[0], got, sizeof(got)), 3);
	assert_memory_equal(got, "bye", 3);
	(void)close(master);
	(void)close(out[0]);
	(void)close(out[1]);
}

static void a_terminal_gets_one_portion_a_turn(void **state)
{
	int master, slave, zero = open("/dev/zero", O_RDONLY);
	struct termios raw;
	struct ctsh_channel c;

	(void)state;
	cfmakeraw(memset(&raw, 0, sizeof(raw)));
	assert_int_equal(openpty(&master, &slave, NULL, &raw, NULL), 0);
	c = make(zero, slave);
	c.read_left = 20000;
	(void)turn(&c);
	assert_int_equal(c.end - c.start, 20000);
	(void)turn(&c);
	assert_int_equal(c.end - c.start, 20000 - CTSH_RELAY_PORTION);
	(void)close(master);
	(void)close(slave);
	(void)close(zero);
}

static void an_end_of_ours_gets_all_there_is(void **state)
{
	int out[2], zero = open("/dev/zero", O_RDONLY);
	struct ctsh_channel c;

	(void)state;
	make_pipe(out);
	set_flags(out[1], O_NONBLOCK);
	c = make(zero, out[1]);
	c.to_ours = true;
	c.read_left = 20000;
	(void)turn(&c);
	(void)turn(&c);
	assert_int_equal(c.end - c.start, 0);
	(void)close(out[0]);
	(void)close(out[1]);
	(void)close(zero);
}

static void a_full_disk_ends_the_channel(void **state)
{
	int in[2], full = open("/dev/full", O_WRONLY);
	struct ctsh_channel c;

	(void)state;
	make_pipe(in);
	c = make(in[0], full);
	c.close_ends = true;
	assert_int_equal(write(in[1], "x", 1), 1);
	settle(&c);
	assert_true(ctsh_channel_done(&c));
	/* So that the writer learns it. */
	assert_closed(in[0]);
	(void)close(in[1]);
}

static void a_channel_without_ends_wants_nothing(void **state)
{
	struct ctsh_channel c = make(-1, -1);
	struct pollfd two[2];

	(void)state;
	ctsh_channel_poll(&c, two);
	assert_int_equal(two[0].fd, -1);
	assert_int_equal(two[1].fd, -1);
	two[0].revents = two[1].revents = 0;
	ctsh_channel_move(&c, two);
	ctsh_channel_end(&c);
	assert_true(ctsh_channel_done(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_as_they_were),
		cmocka_unit_test(
			end_of_file_closes_ends_that_are_the_channels_own),
		cmocka_unit_test(
			one_turn_moves_all_there_is_between_ends_of_ours),
		cmocka_unit_test(a_reader_that_stalls_holds_four_pages),
		cmocka_unit_test(what_goes_in_portions_stays_as_far_ahead),
		cmocka_unit_test(an_end_of_the_callers_is_read_once_a_turn),
		cmocka_unit_test(borrowed_ends_stay_open),
		cmocka_unit_test(a_reader_that_is_gone_ends_the_channel),
		cmocka_unit_test(a_stalled_reader_stalls_the_writer),
		cmocka_unit_test(the_callers_descriptor_keeps_its_flags),
		cmocka_unit_test(descriptors_that_do_not_block_are_fine_too),
		cmocka_unit_test(a_megabyte_survives_uneven_turns),
		cmocka_unit_test(no_more_is_read_than_may_be),
		cmocka_unit_test(a_socket_is_half_closed_after_the_last_byte),
		cmocka_unit_test(a_socket_whose_peer_is_gone_ends_the_channel),
		cmocka_unit_test(bytes_leave_a_socket_without_waiting),
		cmocka_unit_test(a_pty_ends_when_its_other_side_is_closed),
		cmocka_unit_test(a_terminal_gets_one_portion_a_turn),
		cmocka_unit_test(an_end_of_ours_gets_all_there_is),
		cmocka_unit_test(a_full_disk_ends_the_channel),
		cmocka_unit_test(a_channel_without_ends_wants_nothing),
	};

	/* As in the supervisor. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
