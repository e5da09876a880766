/* SPDX-License-Identifier: MIT */
/* Needs root: the watchdog keeps a capability of root's.  A pipe stands for
 * cgroup.kill, a file for cgroup.events, a directory for the group. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../shell/watchdog.h"
#include "in_child.h"

#define REF "7f3a91c2"

struct login {
	struct ctsh_report report;
	int log;
	pid_t leader;
	int leader_pidfd;
	int seat[2]; /* a pipe: its reader sees the end of who holds the other
	              */
	int kill[2];
	int parent;
	int events;
	int timer_ms;
};

static char directory[64];

static void wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		(void)pause();
}

static void end_with_three(void *unused)
{
	(void)unused;
	_exit(3);
}

static void events_say(const struct login *l, const char *text)
{
	assert_int_equal(pwrite(l->events, text, strlen(text), 0),
	                 (ssize_t)strlen(text));
}

static void start(struct login *l, in_child_fn *leader)
{
	struct timeval limit = {.tv_sec = 8};
	char path[96];
	int pair[2];

	*l = (struct login){
		.report = {.pid = 4711, .ref = REF, .user = "#1001"}};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	l->report.log = pair[0];
	l->log = pair[1];
	assert_int_equal(setsockopt(l->log, SOL_SOCKET, SO_RCVTIMEO, &limit,
	                            sizeof(limit)),
	                 0);
	assert_int_equal(pipe2(l->seat, O_CLOEXEC), 0);
	assert_int_equal(pipe2(l->kill, O_CLOEXEC), 0);
	l->leader = start_child(leader, NULL);
	l->leader_pidfd = (int)syscall(SYS_pidfd_open, l->leader, 0);
	l->parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/ctsh-" REF, directory);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/events", directory);
	l->events = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(l->leader_pidfd >= 0 && l->parent >= 0 && l->events >= 0);
	events_say(l, "populated 0\nfrozen 0\n");
}

/* In the login process: the test's own ends are not its business. */
static void hold_all(struct login *l, struct ctsh_watchdog *dog)
{
	struct ctsh_error err;

	(void)close(l->seat[0]);
	(void)close(l->kill[0]);
	CHILD_EXPECT(ctsh_watchdog_start(dog, &l->report, ctsh_now_ms() + 20000,
	                                 &err) == 0);
	CHILD_EXPECT(
		ctsh_watchdog_hold(dog, CTSH_HOLD_SEAT, l->seat[1], &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_hold(dog, CTSH_HOLD_PARENT, l->parent,
	                                &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_hold(dog, CTSH_HOLD_EVENTS, l->events,
	                                &err) == 0);
	CHILD_EXPECT(
		ctsh_watchdog_hold(dog, CTSH_HOLD_KILL, l->kill[1], &err) == 0);
	(void)close(l->seat[1]);
	(void)close(l->kill[1]);
	CHILD_EXPECT(dog->holds);
}

static void begin_session(struct login *l, struct ctsh_watchdog *dog)
{
	struct itimerspec once = {
		.it_value = {.tv_nsec = l->timer_ms * 1000000L}};
	struct ctsh_error err;
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);

	hold_all(l, dog);
	CHILD_EXPECT(timerfd_settime(timer, 0, &once, NULL) == 0);
	CHILD_EXPECT(ctsh_watchdog_hold(dog, CTSH_HOLD_TIMER, timer, &err) ==
	             0);
	CHILD_EXPECT(ctsh_watchdog_watch(dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(dog, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_session(dog, &err) == 0);
}

static void say_closed(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, 3 << 8);
}

static void just_die(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(argument, &dog);
	(void)raise(SIGKILL);
}

static void do_nothing(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(argument, &dog);
	wait_forever(NULL);
}

static void end_idle(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	for (int i = 0; i < 3; i++)
		ctsh_watchdog_end(dog.sock, CTSH_ENDING_IDLE);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, SIGHUP);
}

/* Its end is seen while the session lives, and not before it begins. */
static void drop(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct pollfd reader = {.events = POLLIN};
	struct ctsh_error err;
	int pipes[2];

	hold_all(l, &dog);
	CHILD_EXPECT(pipe2(pipes, O_CLOEXEC) == 0);
	reader.fd = pipes[0];
	CHILD_EXPECT(ctsh_watchdog_drop(&dog, &pipes[1], &err) == 0);
	CHILD_EXPECT(pipes[1] == -1);
	CHILD_EXPECT(ctsh_watchdog_watch(&dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(&dog, &err) == 0);
	CHILD_EXPECT(poll(&reader, 1, 50) == 0);
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == 0);
	CHILD_EXPECT(poll(&reader, 1, 2000) == 1);
	CHILD_EXPECT(!ctsh_watchdog_gone(&dog));
	CHILD_EXPECT(kill(l->leader, SIGKILL) == 0);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, SIGKILL);
}

static void dismiss(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	hold_all(argument, &dog);
	ctsh_watchdog_dismiss(&dog);
}

static void die_before(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	hold_all(argument, &dog);
	(void)close(STDERR_FILENO);
	(void)raise(SIGKILL);
}

static void hold_twice(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct ctsh_error err = {.code = CTSH_OK};

	hold_all(l, &dog);
	CHILD_EXPECT(ctsh_watchdog_hold(&dog, CTSH_HOLD_SEAT, l->events,
	                                &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	/* And then there is no session any more. */
	CHILD_EXPECT(ctsh_watchdog_watch(&dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(&dog, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == -1);
	ctsh_watchdog_dismiss(&dog);
}

/* Runs a login to its end: killed by what it held, seat and group given back.
 * Its line in the log. */
static void run(in_child_fn *leader, in_child_fn *login, int timer_ms,
                char *line, size_t size)
{
	struct login l;
	char path[96], byte[2];
	ssize_t got;
	pid_t pid;

	start(&l, leader);
	l.timer_ms = timer_ms;
	pid = start_child(login, &l);
	(void)close(l.seat[1]);
	(void)close(l.kill[1]);
	(void)status_of(pid);
	/* The end of file: the watchdog has ended. */
	assert_int_equal(read(l.seat[0], byte, 1), 0);
	assert_int_equal(read(l.kill[0], byte, 2), 1);
	assert_int_equal(byte[0], '1');
	(void)snprintf(path, sizeof(path), "%s/ctsh-" REF, directory);
	assert_int_equal(access(path, F_OK), -1);
	got = recv(l.log, line, size - 1, MSG_DONTWAIT);
	line[got > 0 ? got : 0] = '\0';
	(void)kill(l.leader, SIGKILL);
	(void)status_of(l.leader);
	(void)close(l.seat[0]);
	(void)close(l.kill[0]);
	(void)close(l.log);
	(void)close(l.report.log);
	(void)close(l.parent);
	(void)close(l.events);
	(void)close(l.leader_pidfd);
}

static void ends_with(const char *line, const char *tail)
{
	size_t length = strlen(line);

	assert_true(length > strlen(tail));
	assert_string_equal(line + length - strlen(tail), tail);
}

static void all_is_given_back_at_the_end(void **state)
{
	char line[2048];

	(void)state;
	run(end_with_three, say_closed, 0, line, sizeof(line));
	ends_with(line, " status=3");
}

static void and_when_the_supervisor_dies(void **state)
{
	char line[2048];

	(void)state;
	run(wait_forever, just_die, 0, line, sizeof(line));
	ends_with(line, " status=lost");
}

static void the_timer_ends_the_session_and_its_supervisor(void **state)
{
	char line[2048];

	(void)state;
	run(wait_forever, do_nothing, 200, line, sizeof(line));
	ends_with(line, " status=lost reason=max_session");
}

static void an_early_end_has_its_reason(void **state)
{
	char line[2048];

	(void)state;
	run(wait_forever, end_idle, 0, line, sizeof(line));
	ends_with(line, " status=signal:1 reason=idle");
}

static void what_is_dropped_goes_once_the_session_runs(void **state)
{
	char line[2048];

	(void)state;
	run(wait_forever, drop, 0, line, sizeof(line));
	ends_with(line, " status=signal:9");
}

static void a_refused_login_gives_all_back(void **state)
{
	char line[2048];

	(void)state;
	run(end_with_three, dismiss, 0, line, sizeof(line));
	assert_string_equal(line, "");
}

static void so_does_one_that_is_killed(void **state)
{
	char line[2048];

	(void)state;
	run(end_with_three, die_before, 0, line, sizeof(line));
	/* By the end of its socket or by its own. */
	assert_non_null(strstr(line, "reason=\"the login process "));
}

static void nothing_is_held_twice(void **state)
{
	char line[2048];

	(void)state;
	run(end_with_three, hold_twice, 0, line, sizeof(line));
	assert_string_equal(line, "");
}

/* What is frozen does not end: the line comes, and the seat stays taken until
 * it does. */
static void what_does_not_end_keeps_its_seat(void **state)
{
	struct login l;
	char line[2048] = "";
	struct pollfd seat = {.events = POLLIN};

	(void)state;
	start(&l, wait_forever);
	events_say(&l, "populated 1\nfrozen 0\n");
	(void)status_of(start_child(just_die, &l));
	(void)close(l.seat[1]);
	(void)close(l.kill[1]);
	assert_true(recv(l.log, line, sizeof(line) - 1, 0) > 0);
	ends_with(line, " status=lost");
	seat.fd = l.seat[0];
	assert_int_equal(poll(&seat, 1, 100), 0);
	events_say(&l, "populated 0\nfrozen 0\n");
	assert_int_equal(poll(&seat, 1, 5000), 1);
	(void)status_of(l.leader);
	(void)close(l.seat[0]);
	(void)close(l.kill[0]);
}

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	(void)snprintf(directory, sizeof(directory), "/tmp/ctsh-holds-%d",
	               getpid());
	return mkdir(directory, 0755);
}

static int tear_down(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/events", directory);
	return unlink(path) || rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_given_back_at_the_end),
		cmocka_unit_test(and_when_the_supervisor_dies),
		cmocka_unit_test(the_timer_ends_the_session_and_its_supervisor),
		cmocka_unit_test(an_early_end_has_its_reason),
		cmocka_unit_test(what_is_dropped_goes_once_the_session_runs),
		cmocka_unit_test(a_refused_login_gives_all_back),
		cmocka_unit_test(so_does_one_that_is_killed),
		cmocka_unit_test(nothing_is_held_twice),
		cmocka_unit_test(what_does_not_end_keeps_its_seat),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
