/* SPDX-License-Identifier: MIT */
/* Needs root: the supervisor becomes another user than its leader. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/enter/sandbox.h"
#include "../../shell/signals.h"
#include "../../shell/supervisor.h"
#include "in_child.h"

#define SUPERVISOR_FAILED 99

/*
 * One session.  The test is the caller (sshd, a terminal), a child of it the
 * supervisor, and a shell script, the supervisor's child in a session of its
 * own, stands for the container.  The script's descriptor 9 reaches the test.
 */
struct session {
	const char *script;
	int stdio[3];      /* what the caller hands over                  */
	bool as_user;      /* the supervisor may not signal the leader    */
	bool tapped;       /* what would pass is relayed                  */
	bool both_gone;    /* the leader and the watchdog, at the start   */
	int caller_master; /* the other side of the caller's terminal, -1 */
	int caller_slave;
	int notes[2]; /* the pipe behind descriptor 9                */
	pid_t pid;    /* of the supervisor                           */
};

struct inside {
	int stdio[3];
	int master, slave;
	int relay[3];
};

static void make_inside(struct inside *in, const struct ctsh_descriptors *d,
                        struct ctsh_terminal *terminal)
{
	struct ctsh_error err;
	int ends[2];

	*in = (struct inside){.master = -1, .slave = -1, .relay = {-1, -1, -1}};
	if (d->any_terminal)
		CHILD_EXPECT(openpty(&in->master, &in->slave, NULL, NULL,
		                     NULL) == 0);
	for (int fd = 2; fd >= 0; fd--) {
		in->stdio[fd] = fd;
		if (d->passage[fd] == CTSH_TERMINAL) {
			in->stdio[fd] = in->slave;
			CHILD_EXPECT(ctsh_terminal_copy(terminal, fd, in->slave,
			                                &err) == 0);
		}
		if (d->passage[fd] == CTSH_RELAY ||
		    d->passage[fd] == CTSH_TAPPED) {
			CHILD_EXPECT(pipe2(ends, O_CLOEXEC) == 0);
			in->stdio[fd] = ends[fd == 0 ? 0 : 1];
			in->relay[fd] = ends[fd == 0 ? 1 : 0];
		}
	}
	if (ctsh_descriptors_one_output(d)) {
		(void)close(in->stdio[2]);
		(void)close(in->relay[2]);
		in->stdio[2] = in->stdio[1];
		in->relay[2] = -1;
	}
}

static void run_leader(const struct session *s, const struct inside *in)
{
	CHILD_EXPECT(setsid() > 0);
	if (in->slave >= 0)
		CHILD_EXPECT(ioctl(in->slave, TIOCSCTTY, 0) == 0);
	for (int fd = 0; fd < 3; fd++)
		CHILD_EXPECT(dup2(in->stdio[fd], fd) == fd);
	CHILD_EXPECT(dup2(s->notes[1], 9) == 9);
	CHILD_EXPECT(ctsh_close_but((const int[]){9}, 1) == 0);
	(void)execl("/bin/sh", "sh", "-c", s->script, (char *)NULL);
}

static void close_inside(const struct inside *in)
{
	if (in->slave >= 0)
		(void)close(in->slave);
	for (int fd = 0; fd < 3; fd++)
		if (in->relay[fd] >= 0)
			(void)close(in->stdio[fd]);
}

/* The first look of the supervisor's finds both gone. */
static int watchdog_that_left(int leader_pidfd)
{
	int pair[2];

	CHILD_EXPECT(ctsh_wait_fd(leader_pidfd, POLLIN, ctsh_now_ms() + 5000) ==
	             1);
	CHILD_EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	                        pair) == 0);
	(void)close(pair[1]);
	return pair[0];
}

static void run_supervisor(void *argument)
{
	struct session *s = argument;
	struct ctsh_supervision v = {.terminal = CTSH_TERMINAL_INIT,
	                             .watchdog = -1};
	struct ctsh_error err;
	struct inside in;
	int status;

	CHILD_EXPECT(setsid() > 0);
	if (s->caller_slave >= 0)
		CHILD_EXPECT(ioctl(s->caller_slave, TIOCSCTTY, 0) == 0);
	for (int fd = 0; fd < 3; fd++)
		CHILD_EXPECT(dup2(s->stdio[fd], fd) == fd);
	CHILD_EXPECT(ctsh_close_but(s->notes, 2) == 0);
	CHILD_EXPECT(ctsh_descriptors_judge(&v.descriptors, &err) == 0);
	if (s->tapped)
		ctsh_descriptors_tap(&v.descriptors);
	make_inside(&in, &v.descriptors, &v.terminal);
	v.leader = fork();
	if (v.leader == 0)
		run_leader(s, &in);
	v.leader_pidfd = (int)syscall(SYS_pidfd_open, v.leader, 0);
	v.master = in.master;
	memcpy(v.relay, in.relay, sizeof(v.relay));
	close_inside(&in);
	(void)close(s->notes[0]);
	(void)close(s->notes[1]);
	if (s->both_gone)
		v.watchdog = watchdog_that_left(v.leader_pidfd);
	if (s->as_user)
		CHILD_EXPECT(ctsh_become(1001, 1001, &err) == 0);
	if (ctsh_supervise(&v, &status, &err) < 0)
		_exit(SUPERVISOR_FAILED);
	if (WIFSIGNALED(status))
		ctsh_end_by_signal(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

static struct session make(const char *script)
{
	struct session s = {.script = script,
	                    .stdio = {-1, -1, -1},
	                    .caller_master = -1,
	                    .caller_slave = -1};

	assert_int_equal(pipe2(s.notes, O_CLOEXEC), 0);
	return s;
}

/* All of 0 to 2 are the caller's terminal. */
static struct session make_with_terminal(const char *script)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct session s = make(script);

	assert_int_equal(
		openpty(&s.caller_master, &s.caller_slave, NULL, NULL, &size),
		0);
	for (int fd = 0; fd < 3; fd++)
		s.stdio[fd] = s.caller_slave;
	return s;
}

/* Starts it and lets go of what belongs to it alone. */
static void start(struct session *s)
{
	s->pid = start_child(run_supervisor, s);
	(void)close(s->notes[1]);
	for (int fd = 0; fd < 3; fd++)
		if (s->stdio[fd] > 2 && s->stdio[fd] != s->caller_slave)
			(void)close(s->stdio[fd]);
	if (s->caller_slave >= 0)
		(void)close(s->caller_slave);
}

static void assert_exits(struct session *s, int code)
{
	int status = status_of(s->pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
	(void)close(s->notes[0]);
	if (s->caller_master >= 0)
		(void)close(s->caller_master);
}

static void assert_dies_of(struct session *s, int signal)
{
	int status = status_of(s->pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
	assert_false(WCOREDUMP(status));
	(void)close(s->notes[0]);
}

/* Reads until the text has come. */
static void await(int fd, const char *wanted)
{
	char text[4096] = "";
	size_t used = 0;

	while (!strstr(text, wanted)) {
		ssize_t got;

		if (used == sizeof(text) - 1 ||
		    ctsh_wait_fd(fd, POLLIN, ctsh_now_ms() + 10000) != 1)
			fail_msg("no \"%s\" in \"%s\"", wanted, text);
		got = read(fd, text + used, sizeof(text) - 1 - used);
		if (got <= 0)
			fail_msg("the end before \"%s\": \"%s\"", wanted, text);
		used += (size_t)got;
		text[used] = '\0';
	}
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int temporary_file(const char *content)
{
	char path[] = "/tmp/ctsh-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)unlink(path);
	put(fd, content);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int null_device(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* ---- with a terminal --------------------------------------------------- */

static void keys_go_in_and_output_comes_out(void **state)
{
	struct session s =
		make_with_terminal("read x; echo \"got:$x\"; exit 7");

	(void)state;
	start(&s);
	put(s.caller_master, "hello\r");
	await(s.caller_master, "got:hello\r\n");
	assert_exits(&s, 7);
}

static void the_interrupt_key_is_the_containers(void **state)
{
	struct session s = make_with_terminal(
		"trap 'echo interrupted; exit 5' INT; echo ready;"
		" while :; do sleep 0.05; done");

	(void)state;
	start(&s);
	await(s.caller_master, "ready");
	put(s.caller_master, "\x03");
	await(s.caller_master, "interrupted");
	assert_exits(&s, 5);
}

static void the_terminal_is_restored_at_the_end(void **state)
{
	struct session s = make_with_terminal("echo ready; read x; kill -9 $$");
	struct termios before, during, after;
	int master;

	(void)state;
	assert_int_equal(tcgetattr(s.caller_master, &before), 0);
	master = dup(s.caller_slave);
	start(&s);
	await(s.caller_master, "ready");
	assert_int_equal(tcgetattr(s.caller_master, &during), 0);
	put(s.caller_master, "\r");
	assert_dies_of(&s, SIGKILL);
	assert_int_equal(tcgetattr(s.caller_master, &after), 0);
	assert_int_equal(during.c_lflag & (ICANON | ISIG | ECHO), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	(void)close(master);
	(void)close(s.caller_master);
}

static void a_new_window_size_arrives(void **state)
{
	struct session s =
		make_with_terminal("trap 'stty size; exit 0' WINCH; echo ready;"
	                           " while :; do sleep 0.05; done");
	struct winsize size = {.ws_row = 33, .ws_col = 133};

	(void)state;
	start(&s);
	await(s.caller_master, "ready");
	assert_int_equal(ioctl(s.caller_master, TIOCSWINSZ, &size), 0);
	await(s.caller_master, "33 133");
	assert_exits(&s, 0);
}

static void a_hangup_reaches_the_session(void **state)
{
	struct session s = make_with_terminal(
		"trap 'echo hangup >&9; exit 9' HUP; echo ready;"
		" while :; do sleep 0.05; done");

	(void)state;
	/* Of another uid, as behind a user namespace. */
	s.as_user = true;
	start(&s);
	await(s.caller_master, "ready");
	(void)close(s.caller_master);
	s.caller_master = -1;
	await(s.notes[0], "hangup");
	assert_exits(&s, 9);
}

static void what_ignores_the_hangup_lives_on(void **state)
{
	struct session s =
		make_with_terminal("trap '' HUP; echo ready; read x; sleep 0.3;"
	                           " echo alive >&9; exit 4");

	(void)state;
	start(&s);
	await(s.caller_master, "ready");
	(void)close(s.caller_master);
	s.caller_master = -1;
	await(s.notes[0], "alive");
	assert_exits(&s, 4);
}

static void a_termination_hangs_the_session_up(void **state)
{
	struct session s = make_with_terminal(
		"trap 'echo hangup >&9; exit 9' HUP; echo ready;"
		" while :; do sleep 0.05; done");

	(void)state;
	s.as_user = true;
	start(&s);
	await(s.caller_master, "ready");
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	await(s.notes[0], "hangup");
	assert_exits(&s, 9);
}

/* The shell has ended long before its last line is read. */
static void all_output_is_delivered(void **state)
{
	struct session s = make_with_terminal("seq 1 20000; exit 3");
	char *text = calloc(1, 1 << 18);
	size_t used = 0;

	(void)state;
	start(&s);
	for (;;) {
		ssize_t got = read(s.caller_master, text + used, 3000);

		if (got <= 0)
			break;
		used += (size_t)got;
		if (used < 30000)
			ctsh_nap_us(2000);
	}
	/* 108,894 bytes and a carriage return for each line. */
	assert_int_equal(used, 128894);
	assert_string_equal(text + used - 14, "19999\r\n20000\r\n");
	free(text);
	assert_exits(&s, 3);
}

static void a_silent_background_process_keeps_nobody_waiting(void **state)
{
	struct session s = make_with_terminal(
		"(trap '' HUP; exec sleep 30) & echo last; exit 6");
	int64_t begin = ctsh_now_ms();

	(void)state;
	start(&s);
	await(s.caller_master, "last");
	assert_exits(&s, 6);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
}

static void a_talking_background_process_keeps_nobody_waiting(void **state)
{
	struct session s = make_with_terminal(
		"(trap '' HUP; exec yes) & sleep 0.1; exit 6");
	char text[65536];
	int64_t begin = ctsh_now_ms();

	(void)state;
	start(&s);
	while (read(s.caller_master, text, sizeof(text)) > 0)
		;
	assert_exits(&s, 6);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
}

static void a_stop_does_no_harm_and_the_terminal_is_raw_again(void **state)
{
	struct session s = make_with_terminal("echo ready; read x; exit 2");
	struct termios modes;
	int keep = dup(s.caller_slave);
	bool raw = false;

	(void)state;
	start(&s);
	await(s.caller_master, "ready");
	assert_int_equal(kill(s.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(s.pid, NULL, WUNTRACED), s.pid);
	/* A shell that has stopped its job sets its own modes. */
	assert_int_equal(tcgetattr(keep, &modes), 0);
	modes.c_lflag |= ICANON | ISIG | ECHO;
	assert_int_equal(tcsetattr(keep, TCSANOW, &modes), 0);
	assert_int_equal(kill(s.pid, SIGCONT), 0);
	for (int i = 0; i < 100 && !raw; i++) {
		ctsh_nap_us(20000);
		assert_int_equal(tcgetattr(keep, &modes), 0);
		raw = !(modes.c_lflag & ICANON);
	}
	assert_true(raw);
	put(s.caller_master, "x\r");
	(void)close(keep);
	assert_exits(&s, 2);
}

static void a_redirected_output_leaves_the_terminal_to_the_rest(void **state)
{
	struct session s = make_with_terminal(
		"read x; echo \"file:$x\"; echo \"screen:$x\" >&2");
	int file = temporary_file(""), copy = dup(file);
	char text[64] = "";

	(void)state;
	s.stdio[1] = file;
	start(&s);
	put(s.caller_master, "a\r");
	await(s.caller_master, "screen:a\r\n");
	assert_exits(&s, 0);
	assert_int_equal(pread(copy, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "file:a\n");
	(void)close(copy);
}

static void a_terminal_open_for_reading_alone_still_echoes(void **state)
{
	struct session s = make_with_terminal("read x; exit 0");

	(void)state;
	s.stdio[0] = open(ptsname(s.caller_master), O_RDONLY | O_NOCTTY);
	s.stdio[1] = null_device();
	s.stdio[2] = null_device();
	start(&s);
	put(s.caller_master, "echoed\r");
	await(s.caller_master, "echoed\r\n");
	assert_exits(&s, 0);
}

/* ---- without one -------------------------------------------------------- */

/* Standard output is a pipe whose reading end is returned. */
static int take_stdout(struct session *s)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s->stdio[0] = null_device();
	s->stdio[1] = ends[1];
	s->stdio[2] = null_device();
	return ends[0];
}

static void a_pipe_is_the_containers_alone(void **state)
{
	struct session s =
		make("echo out; exec >&-; sleep 0.5; echo still >&9; exit 8");
	int out = take_stdout(&s);
	char byte;

	(void)state;
	start(&s);
	await(out, "out\n");
	/* The end of file comes while the session still runs. */
	assert_int_equal(read(out, &byte, 1), 0);
	assert_int_equal(waitpid(s.pid, NULL, WNOHANG), 0);
	await(s.notes[0], "still");
	assert_exits(&s, 8);
	(void)close(out);
}

static void waiting_takes_no_time(void **state)
{
	struct session s = make("sleep 0.5");
	struct rusage usage;
	int out = take_stdout(&s), status;

	(void)state;
	start(&s);
	assert_int_equal(wait4(s.pid, &status, 0, &usage), s.pid);
	assert_int_equal(status, 0);
	assert_in_range(usage.ru_nvcsw, 0, 50);
	(void)close(out);
	(void)close(s.notes[0]);
}

static void the_supervisor_is_filtered(void **state)
{
	struct session s = make("sleep 0.2; grep Seccomp: /proc/$PPID/status");
	int out = take_stdout(&s);

	(void)state;
	start(&s);
	await(out, "Seccomp:\t2\n");
	assert_exits(&s, 0);
	(void)close(out);
}

static void a_signal_that_ended_the_leader_ends_us(void **state)
{
	static const struct {
		const char *script;
		int signal;
	} rows[] = {
		{"kill -TERM $$", SIGTERM}, {"kill -HUP $$", SIGHUP},
		{"kill -KILL $$", SIGKILL}, {"kill -SEGV $$", SIGSEGV},
		{"kill -PIPE $$", SIGPIPE}, {"kill -INT $$", SIGINT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct session s = make(rows[i].script);
		int out = take_stdout(&s);

		start(&s);
		assert_dies_of(&s, rows[i].signal);
		(void)close(out);
	}
}

static void a_termination_is_a_hangup_for_the_leader(void **state)
{
	struct session s = make("trap 'echo hangup >&9; exit 9' HUP;"
	                        " echo ready; while :; do sleep 0.05; done");
	int out = take_stdout(&s);

	(void)state;
	start(&s);
	await(out, "ready");
	ctsh_nap_us(200000);
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	await(s.notes[0], "hangup");
	assert_exits(&s, 9);
	(void)close(out);
}

/* The watchdog ends the session then. */
static void where_signals_are_forbidden_we_die_of_it(void **state)
{
	static const int rows[] = {SIGTERM, SIGHUP};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct session s = make("echo ready; echo $$ >&9; sleep 5");
		int out = take_stdout(&s);
		char number[32] = "";

		s.as_user = true;
		start(&s);
		await(out, "ready");
		assert_true(read(s.notes[0], number, sizeof(number) - 1) > 0);
		ctsh_nap_us(200000);
		assert_int_equal(kill(s.pid, rows[i]), 0);
		assert_dies_of(&s, rows[i]);
		(void)kill((pid_t)strtol(number, NULL, 10), SIGKILL);
		(void)close(out);
	}
}

static void the_end_of_both_at_once_is_an_end(void **state)
{
	struct session s = make("echo last; exit 3");
	int out = take_stdout(&s);

	(void)state;
	s.both_gone = true;
	start(&s);
	await(out, "last");
	assert_exits(&s, 3);
	(void)close(out);
}

/* ---- relayed ------------------------------------------------------------ */

static void files_are_relayed_whole(void **state)
{
	const size_t size = 1000003;
	char *text = malloc(size + 1), *got = malloc(size + 1);
	struct session s = make("cat; exit 3");
	int in, out, copy;

	(void)state;
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 23);
	text[size] = '\0';
	in = temporary_file(text);
	out = temporary_file("");
	copy = dup(out);
	s.stdio[0] = in;
	s.stdio[1] = out;
	s.stdio[2] = null_device();
	start(&s);
	assert_exits(&s, 3);
	assert_int_equal(pread(copy, got, size + 1, 0), size);
	assert_memory_equal(got, text, size);
	free(text);
	free(got);
	(void)close(copy);
}

static void a_socket_on_all_three_works_both_ways(void **state)
{
	struct session s = make("echo hello; cat; echo bye >&2; exit 3");
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int fd = 0; fd < 3; fd++)
		s.stdio[fd] = fcntl(pair[0], F_DUPFD_CLOEXEC, 10);
	(void)close(pair[0]);
	start(&s);
	await(pair[1], "hello\n");
	put(pair[1], "there and back\n");
	await(pair[1], "there and back\n");
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	await(pair[1], "bye\n");
	assert_exits(&s, 3);
	(void)close(pair[1]);
}

static void a_reader_that_leaves_is_noticed_inside(void **state)
{
	struct session s = make("while echo x; do :; done");
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.stdio[0] = null_device();
	s.stdio[1] = pair[0];
	s.stdio[2] = null_device();
	start(&s);
	await(pair[1], "x\nx\n");
	(void)close(pair[1]);
	assert_dies_of(&s, SIGPIPE);
}

static void a_background_process_holds_no_relayed_output_up(void **state)
{
	struct session s = make("(exec yes) & sleep 0.1; echo $! >&9; exit 6");
	int64_t begin = ctsh_now_ms();
	char number[32] = "";

	(void)state;
	s.stdio[0] = null_device();
	s.stdio[1] = open("/dev/zero", O_WRONLY | O_CLOEXEC);
	s.stdio[2] = null_device();
	start(&s);
	assert_true(read(s.notes[0], number, sizeof(number) - 1) > 0);
	assert_exits(&s, 6);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
	/* It lost its reader with the session. */
	for (int i = 0; i < 100; i++) {
		if (kill((pid_t)strtol(number, NULL, 10), 0) < 0)
			break;
		ctsh_nap_us(20000);
	}
	assert_int_equal(kill((pid_t)strtol(number, NULL, 10), 0), -1);
}

/* ---- tapped: pipes, and as if they passed -------------------------------- */

/* Pipes on all three; our ends of them. */
static struct session make_tapped(const char *script, int ours[3])
{
	struct session s = make(script);
	int ends[2];

	s.tapped = true;
	for (int fd = 0; fd < 3; fd++) {
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		s.stdio[fd] = ends[fd == 0 ? 0 : 1];
		ours[fd] = ends[fd == 0 ? 1 : 0];
	}
	return s;
}

static void assert_end_of_file(int fd)
{
	char byte;

	assert_int_equal(ctsh_wait_fd(fd, POLLIN, ctsh_now_ms() + 10000), 1);
	assert_int_equal(read(fd, &byte, 1), 0);
	(void)close(fd);
}

static void tapped_pipes_carry_everything(void **state)
{
	int ours[3];
	struct session s = make_tapped("cat; echo err >&2; exit 9", ours);

	(void)state;
	start(&s);
	put(ours[0], "there and back\n");
	await(ours[1], "there and back\n");
	(void)close(ours[0]);
	await(ours[2], "err\n");
	assert_end_of_file(ours[1]);
	assert_end_of_file(ours[2]);
	assert_exits(&s, 9);
}

static void each_end_is_passed_on_when_it_comes(void **state)
{
	int ours[3];
	struct session s =
		make_tapped("exec <&- >&-; echo closed >&2; sleep 60", ours);

	(void)state;
	start(&s);
	await(ours[2], "closed");
	assert_end_of_file(ours[1]);
	/* Nobody reads stdin: known without a byte being written. */
	assert_int_equal(ctsh_wait_fd(ours[0], 0, ctsh_now_ms() + 10000), 1);
	(void)close(ours[0]);
	(void)kill(s.pid, SIGTERM);
	assert_dies_of(&s, SIGHUP);
	(void)close(ours[2]);
}

static void a_background_process_is_heard_to_its_end(void **state)
{
	int ours[3];
	struct session s = make_tapped(
		"exec 8<&0; (read x <&8; echo late $x) & echo >&9; exit 7",
		ours);
	char byte;

	(void)state;
	start(&s);
	assert_int_equal(read(s.notes[0], &byte, 1), 1);
	/* Time for the shell to end. */
	ctsh_nap_us(100000);
	put(ours[0], "word\n");
	await(ours[1], "late word\n");
	assert_end_of_file(ours[1]);
	assert_end_of_file(ours[2]);
	assert_exits(&s, 7);
	(void)close(ours[0]);
}

static void who_leaves_does_not_wait_for_the_background(void **state)
{
	int ours[3];
	struct session s = make_tapped("(exec sleep 60) & exit 7", ours);
	int64_t begin = ctsh_now_ms();

	(void)state;
	start(&s);
	ctsh_nap_us(100000);
	for (int fd = 0; fd < 3; fd++)
		(void)close(ours[fd]);
	assert_exits(&s, 7);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
}

static void a_tapped_pipe_on_both_outputs_keeps_the_order(void **state)
{
	int ours[3];
	struct session s = make_tapped("i=0; while [ $i -lt 300 ]; do echo o; "
	                               "echo e >&2; i=$((i + 1)); done; "
	                               "exec sleep 60 >&- 2>&-",
	                               ours);
	char text[1201] = "";
	size_t used = 0;
	ssize_t got;

	(void)state;
	(void)close(s.stdio[2]);
	s.stdio[2] = fcntl(s.stdio[1], F_DUPFD_CLOEXEC, 3);
	start(&s);
	while ((got = read(ours[1], text + used, sizeof(text) - used)) > 0)
		used += (size_t)got;
	assert_int_equal(used, 1200);
	for (size_t i = 0; i < used; i += 4)
		assert_memory_equal(text + i, "o\ne\n", 4);
	(void)kill(s.pid, SIGTERM);
	assert_dies_of(&s, SIGHUP);
	for (int fd = 0; fd < 3; fd++)
		(void)close(ours[fd]);
}

static void with_a_terminal_the_session_ends_with_its_leader(void **state)
{
	struct session s = make_with_terminal("(exec sleep 60) & exit 7");
	int64_t begin = ctsh_now_ms();
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.tapped = true;
	s.stdio[1] = ends[1];
	start(&s);
	assert_exits(&s, 7);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
	(void)close(ends[0]);
}

static int needs_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_go_in_and_output_comes_out),
		cmocka_unit_test(the_interrupt_key_is_the_containers),
		cmocka_unit_test(the_terminal_is_restored_at_the_end),
		cmocka_unit_test(a_new_window_size_arrives),
		cmocka_unit_test(a_hangup_reaches_the_session),
		cmocka_unit_test(what_ignores_the_hangup_lives_on),
		cmocka_unit_test(a_termination_hangs_the_session_up),
		cmocka_unit_test(all_output_is_delivered),
		cmocka_unit_test(
			a_silent_background_process_keeps_nobody_waiting),
		cmocka_unit_test(
			a_talking_background_process_keeps_nobody_waiting),
		cmocka_unit_test(
			a_stop_does_no_harm_and_the_terminal_is_raw_again),
		cmocka_unit_test(
			a_redirected_output_leaves_the_terminal_to_the_rest),
		cmocka_unit_test(
			a_terminal_open_for_reading_alone_still_echoes),
		cmocka_unit_test(a_pipe_is_the_containers_alone),
		cmocka_unit_test(waiting_takes_no_time),
		cmocka_unit_test(the_supervisor_is_filtered),
		cmocka_unit_test(a_signal_that_ended_the_leader_ends_us),
		cmocka_unit_test(a_termination_is_a_hangup_for_the_leader),
		cmocka_unit_test(where_signals_are_forbidden_we_die_of_it),
		cmocka_unit_test(the_end_of_both_at_once_is_an_end),
		cmocka_unit_test(files_are_relayed_whole),
		cmocka_unit_test(a_socket_on_all_three_works_both_ways),
		cmocka_unit_test(a_reader_that_leaves_is_noticed_inside),
		cmocka_unit_test(
			a_background_process_holds_no_relayed_output_up),
		cmocka_unit_test(tapped_pipes_carry_everything),
		cmocka_unit_test(each_end_is_passed_on_when_it_comes),
		cmocka_unit_test(a_background_process_is_heard_to_its_end),
		cmocka_unit_test(who_leaves_does_not_wait_for_the_background),
		cmocka_unit_test(a_tapped_pipe_on_both_outputs_keeps_the_order),
		cmocka_unit_test(
			with_a_terminal_the_session_ends_with_its_leader),
	};

	(void)alarm(100);
	return cmocka_run_group_tests(tests, needs_root, NULL);
}
