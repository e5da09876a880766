/* SPDX-License-Identifier: MIT */
/* Needs root: the watchdog keeps a capability of root's. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../shell/watchdog.h"
#include "in_child.h"

/* One login: the process that starts a watchdog is a child of the test's, the
 * session's leader another one, so that the test sees how both ended. */
struct login {
	struct ctsh_report report;
	int log; /* where the lines come out             */
	pid_t leader;
	int leader_pidfd;
	int ready; /* tells the test to go on              */
	int ready_writer;
	int64_t patience_ms; /* the deadline, from now            */
};

static void wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		(void)pause();
}

static void ignore_hangup(void *ready)
{
	(void)signal(SIGHUP, SIG_IGN);
	(void)!write(*(int *)ready, "x", 1);
	wait_forever(NULL);
}

static void end_with_three(void *unused)
{
	(void)unused;
	_exit(3);
}

static void end_by_terminating(void *unused)
{
	(void)unused;
	(void)raise(SIGTERM);
}

/* As if the watchdog was kept from working between a look at the socket, in
 * which nothing was, and one at the login, which has ended since. */
static bool is_slow;

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	const struct timespec left = {.tv_sec = timeout / 1000,
	                              .tv_nsec = timeout % 1000 * 1000000L};
	int ready = ppoll(fds, count, timeout < 0 ? NULL : &left, NULL);

	if (!is_slow || count < 2 || ready < 1 || !fds[0].revents)
		return ready;
	/* All but the last message is answered. */
	if (ppoll(&fds[1], 1, &(struct timespec){.tv_nsec = 300000000}, NULL) ==
	    1)
		fds[0].revents = 0;
	return ready;
}

static void start(struct login *l, in_child_fn *leader)
{
	struct timeval limit = {.tv_sec = 8};
	int pair[2], ends[2];

	*l = (struct login){
		.report = {.pid = 4711, .ref = "7f3a91c2", .user = "#1001"},
		.patience_ms = 20000};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	l->report.log = pair[0];
	l->log = pair[1];
	l->ready = ends[0];
	l->ready_writer = ends[1];
	assert_int_equal(setsockopt(l->log, SOL_SOCKET, SO_RCVTIMEO, &limit,
	                            sizeof(limit)),
	                 0);
	l->leader = start_child(leader, &l->ready_writer);
	l->leader_pidfd = (int)syscall(SYS_pidfd_open, l->leader, 0);
	assert_true(l->leader_pidfd >= 0);
}

static void wait_ready(struct login *l)
{
	char c;

	assert_int_equal(read(l->ready, &c, 1), 1);
}

static void finish(struct login *l)
{
	(void)close(l->log);
	(void)close(l->report.log);
	(void)close(l->ready);
	(void)close(l->ready_writer);
	(void)close(l->leader_pidfd);
}

static void assert_line(struct login *l, const char *start_of_line)
{
	char line[2048] = "";

	assert_true(recv(l->log, line, sizeof(line) - 1, 0) > 0);
	line[strlen(start_of_line) < sizeof(line) ? strlen(start_of_line) : 0] =
		'\0';
	assert_string_equal(line, start_of_line);
}

/* Once nobody can write to it any more, the log has had its last line. */
static void assert_no_line(struct login *l)
{
	char line[2048];
	struct pollfd p = {.fd = l->log, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 300), 0);
	assert_int_equal(recv(l->log, line, sizeof(line), MSG_DONTWAIT), -1);
}

static void assert_ended_by(pid_t pid, int signal)
{
	int status = status_of(pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
}

static void assert_exited(pid_t pid, int code)
{
	int status = status_of(pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void end_leader(struct login *l)
{
	(void)kill(l->leader, SIGKILL);
	(void)status_of(l->leader);
}

static void begin(struct login *l, struct ctsh_watchdog *dog)
{
	struct ctsh_error err;

	CHILD_EXPECT(ctsh_watchdog_start(dog, &l->report,
	                                 ctsh_now_ms() + l->patience_ms,
	                                 &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watch(dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(dog, &err) == 0);
}

static void begin_session(struct login *l, struct ctsh_watchdog *dog)
{
	struct ctsh_error err;

	begin(l, dog);
	(void)snprintf(l->report.user, sizeof(l->report.user), "alice");
	CHILD_EXPECT(ctsh_watchdog_session(dog, &err) == 0);
}

static void say_closed(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	/* Not ours to reap: the status is the test's to know. */
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, 3 << 8);
	CHILD_EXPECT(dog.sock == -1);
}

/* An entry that failed before it asked whether it is watched. */
static void go_on_after_a_failed_entry(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct pollfd more = {.events = POLLIN};
	struct ctsh_error err;

	CHILD_EXPECT(ctsh_watchdog_start(&dog, &l->report,
	                                 ctsh_now_ms() + l->patience_ms,
	                                 &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watch(&dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watch(&dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(&dog, &err) == 0);
	(void)snprintf(l->report.user, sizeof(l->report.user), "alice");
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == 0);
	more.fd = dog.sock;
	CHILD_EXPECT(poll(&more, 1, 100) == 0);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, 3 << 8);
}

static void say_closed_by_signal(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	ctsh_watchdog_closed(&dog, SIGTERM);
}

static void just_die(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(argument, &dog);
	(void)raise(SIGKILL);
}

static void lie_about_the_end(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(argument, &dog);
	ctsh_watchdog_closed(&dog, 0);
}

static void dismiss_in_session(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(argument, &dog);
	ctsh_watchdog_dismiss(&dog);
}

/* One that the user has taken over may say what it likes. */
static void talk_nonsense(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	CHILD_EXPECT(ctsh_send(dog.sock, "x", 1, l->log) == 0);
	wait_forever(NULL);
}

static void hang(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin(argument, &dog);
	wait_forever(NULL);
}

static void die_during_login(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin(argument, &dog);
	(void)raise(SIGTERM);
}

static void dismiss(void *argument)
{
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin(argument, &dog);
	ctsh_watchdog_dismiss(&dog);
	CHILD_EXPECT(dog.sock == -1);
}

/* Its child was killed by the watchdog: it notices and reports by itself. */
static void report_in_time(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct ctsh_error err = {.code = CTSH_OK};

	begin(l, &dog);
	CHILD_EXPECT(ctsh_wait_fd(l->leader_pidfd, POLLIN,
	                          ctsh_now_ms() + 5000) == 1);
	/* Nothing new is begun now. */
	CHILD_EXPECT(ctsh_watchdog_watch(&dog, l->leader_pidfd, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_watches(&dog, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	ctsh_watchdog_dismiss(&dog);
	_exit(125);
}

static void session_of_nobody(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct ctsh_error err = {.code = CTSH_OK};

	CHILD_EXPECT(ctsh_watchdog_start(&dog, &l->report,
	                                 ctsh_now_ms() + 20000, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	ctsh_watchdog_dismiss(&dog);
}

static void assert_end_logged(in_child_fn *leader, in_child_fn *supervisor,
                              const char *tail)
{
	struct login l;
	char line[2048] = "";
	size_t length;

	start(&l, leader);
	assert_exited(start_child(supervisor, &l), 0);
	assert_true(recv(l.log, line, sizeof(line) - 1, 0) > 0);
	assert_non_null(strstr(line, "<86>ctsh[4711]: close user=alice"
	                             " ref=7f3a91c2 seconds=0."));
	length = strlen(line);
	assert_string_equal(line + length - strlen(tail), tail);
	end_leader(&l);
	finish(&l);
}

static void the_end_is_logged_with_exit_status(void **state)
{
	(void)state;
	assert_end_logged(end_with_three, say_closed, " status=3");
}

static void the_answers_to_a_failed_entry_are_nobody_elses(void **state)
{
	(void)state;
	assert_end_logged(end_with_three, go_on_after_a_failed_entry,
	                  " status=3");
}

static void the_end_is_logged_with_signal(void **state)
{
	(void)state;
	assert_end_logged(end_by_terminating, say_closed_by_signal,
	                  " status=signal:15");
}

static void assert_lost(struct login *l)
{
	char line[2048] = "";

	assert_true(recv(l->log, line, sizeof(line) - 1, 0) > 0);
	assert_non_null(strstr(line, "close user=alice ref=7f3a91c2 "));
	assert_non_null(strstr(line, " status=lost"));
}

static void a_dead_supervisor_hangs_the_session_up(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_ended_by(start_child(just_die, &l), SIGKILL);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	finish(&l);
}

static void what_ignores_the_hangup_is_killed(void **state)
{
	struct login l;

	(void)state;
	start(&l, ignore_hangup);
	wait_ready(&l);
	assert_ended_by(start_child(just_die, &l), SIGKILL);
	assert_ended_by(l.leader, SIGKILL);
	assert_lost(&l);
	finish(&l);
}

static void a_stopped_leader_is_hung_up_too(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_int_equal(kill(l.leader, SIGSTOP), 0);
	assert_ended_by(start_child(just_die, &l), SIGKILL);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	finish(&l);
}

static void an_end_is_not_believed_while_the_leader_lives(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_exited(start_child(lie_about_the_end, &l), 0);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	finish(&l);
}

static void a_session_cannot_be_dismissed(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_exited(start_child(dismiss_in_session, &l), 0);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	finish(&l);
}

static void nonsense_ends_the_session_and_nothing_else(void **state)
{
	struct login l;
	pid_t pid;

	(void)state;
	start(&l, wait_forever);
	pid = start_child(talk_nonsense, &l);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	(void)kill(pid, SIGKILL);
	(void)status_of(pid);
	finish(&l);
}

/* Runs `fn` as the login process with stderr into a pipe; its text. */
static pid_t start_with_stderr(in_child_fn *fn, struct login *l, int *text)
{
	int ends[2], saved = dup(STDERR_FILENO);
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	pid = start_child(fn, l);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	*text = ends[0];
	return pid;
}

static void a_login_that_hangs_is_killed_and_reported(void **state)
{
	struct login l;
	char text[512] = "";
	int err_reader;
	pid_t pid;

	(void)state;
	start(&l, wait_forever);
	l.patience_ms = 200;
	pid = start_with_stderr(hang, &l, &err_reader);
	assert_ended_by(l.leader, SIGKILL);
	assert_ended_by(pid, SIGKILL);
	assert_line(&l, "<85>ctsh[4711]: refused user=#1001 code=E_SYSTEM"
	                " reason=\"the login took too long\" ref=7f3a91c2");
	assert_true(read(err_reader, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "ctsh: Something failed on this machine."
	                          " [E_SYSTEM 7f3a91c2]\n");
	(void)close(err_reader);
	finish(&l);
}

static void wait_and_hang(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct ctsh_error err;

	begin(l, &dog);
	CHILD_EXPECT(ctsh_watchdog_wait(&dog, 1, &err) == 0);
	wait_forever(NULL);
}

static void a_login_that_waits_has_so_much_longer(void **state)
{
	int64_t began = ctsh_now_ms();
	struct login l;
	pid_t pid;

	(void)state;
	start(&l, wait_forever);
	l.patience_ms = 200;
	pid = start_child(wait_and_hang, &l);
	assert_ended_by(l.leader, SIGKILL);
	assert_in_range(ctsh_now_ms() - began, 1200, 3000);
	assert_ended_by(pid, SIGKILL);
	finish(&l);
}

static void wait_in_vain(void *argument)
{
	static const unsigned nonsense[] = {0, 301, (unsigned)-5};
	struct login *l = argument;
	struct ctsh_error err;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
		struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

		begin(l, &dog);
		CHILD_EXPECT(ctsh_watchdog_wait(&dog, nonsense[i], &err) == -1);
		CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == -1);
		ctsh_watchdog_dismiss(&dog);
	}
}

static void wait_twice(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;
	struct ctsh_error err;

	begin(l, &dog);
	CHILD_EXPECT(ctsh_watchdog_wait(&dog, 300, &err) == 0);
	CHILD_EXPECT(ctsh_watchdog_wait(&dog, 1, &err) == -1);
	CHILD_EXPECT(ctsh_watchdog_session(&dog, &err) == -1);
	ctsh_watchdog_dismiss(&dog);
}

static void no_login_waits_twice_or_for_ever(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_exited(start_child(wait_in_vain, &l), 0);
	assert_exited(start_child(wait_twice, &l), 0);
	end_leader(&l);
	finish(&l);
}

static void a_login_may_report_its_lateness_itself(void **state)
{
	struct login l;
	pid_t pid;

	(void)state;
	start(&l, wait_forever);
	l.patience_ms = 200;
	pid = start_child(report_in_time, &l);
	assert_ended_by(l.leader, SIGKILL);
	assert_exited(pid, 125);
	assert_no_line(&l);
	finish(&l);
}

static void a_login_that_dies_takes_its_processes_along(void **state)
{
	struct login l;
	char text[512] = "";
	int err_reader;
	pid_t pid;

	(void)state;
	start(&l, wait_forever);
	pid = start_with_stderr(die_during_login, &l, &err_reader);
	assert_ended_by(pid, SIGTERM);
	assert_ended_by(l.leader, SIGKILL);
	assert_line(&l, "<85>ctsh[4711]: refused user=#1001 code=E_SYSTEM"
	                " reason=\"the login process ");
	assert_true(read(err_reader, text, sizeof(text) - 1) > 0);
	(void)close(err_reader);
	finish(&l);
}

static void dismissal_ends_it_without_a_word(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_exited(start_child(dismiss, &l), 0);
	assert_no_line(&l);
	assert_int_equal(waitpid(l.leader, NULL, WNOHANG), 0);
	end_leader(&l);
	finish(&l);
}

static void what_was_said_last_counts_for_a_slow_watchdog(void **state)
{
	char line[2048] = "";
	struct login l;

	(void)state;
	is_slow = true;
	start(&l, wait_forever);
	assert_exited(start_child(dismiss, &l), 0);
	assert_no_line(&l);
	end_leader(&l);
	finish(&l);
	start(&l, end_with_three);
	assert_exited(start_child(say_closed, &l), 0);
	assert_true(recv(l.log, line, sizeof(line) - 1, 0) > 0);
	assert_non_null(strstr(line, " status=3"));
	end_leader(&l);
	finish(&l);
	is_slow = false;
}

static void a_session_needs_a_leader(void **state)
{
	struct login l;

	(void)state;
	start(&l, wait_forever);
	assert_exited(start_child(session_of_nobody, &l), 0);
	assert_no_line(&l);
	end_leader(&l);
	finish(&l);
}

/* A login process that stays until the test closes `ready`'s other end. */
static void stay_in_session(void *argument)
{
	struct login *l = argument;
	struct ctsh_watchdog dog = CTSH_WATCHDOG_INIT;

	begin_session(l, &dog);
	(void)!write(l->ready_writer, "x", 1);
	/* It no longer holds the caller's stderr; nor may the watchdog. */
	(void)close(STDERR_FILENO);
	wait_forever(NULL);
}

static void read_status(pid_t pid, char *text, size_t size)
{
	char path[64];
	int fd;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	text[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	got = read(fd, text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	(void)close(fd);
}

/* The watchdog among the children of `parent`, with its status. */
static pid_t find_dog(pid_t parent, char *text, size_t size)
{
	DIR *proc = opendir("/proc");
	char wanted[64];
	struct dirent *entry;
	pid_t found = -1;

	(void)snprintf(wanted, sizeof(wanted), "\nPPid:\t%d\n", (int)parent);
	while (found < 0 && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		read_status(pid, text, size);
		if (strstr(text, wanted) &&
		    !strncmp(text, "Name:\tctsh-watchdog\n", 20))
			found = pid;
	}
	(void)closedir(proc);
	return found;
}

static void the_session_watchdog_has_cap_kill_and_a_filter(void **state)
{
	static const char *const expected[] = {
		"\nUid:\t0\t0\t0\t0\n",
		"\nCapInh:\t0000000000000000\n",
		"\nCapPrm:\t0000000000000020\n",
		"\nCapEff:\t0000000000000020\n",
		"\nCapBnd:\t0000000000000020\n",
		"\nCapAmb:\t0000000000000000\n",
		"\nNoNewPrivs:\t1\n",
		"\nSeccomp:\t2\n",
		"\nSigBlk:\tfffffffe7ffbdeff\n",
	};
	struct login l;
	char text[8192], byte;
	int err_reader;
	pid_t pid, dog;

	(void)state;
	start(&l, wait_forever);
	pid = start_with_stderr(stay_in_session, &l, &err_reader);
	wait_ready(&l);
	dog = find_dog(pid, text, sizeof(text));
	assert_true(dog > 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		if (!strstr(text, expected[i]))
			fail_msg("not%s in %s", expected[i], text);
	assert_int_equal(getsid(dog), dog);
	/* The end of file comes although the session goes on. */
	assert_int_equal(read(err_reader, &byte, 1), 0);
	(void)kill(pid, SIGKILL);
	(void)status_of(pid);
	assert_ended_by(l.leader, SIGHUP);
	assert_lost(&l);
	(void)close(err_reader);
	finish(&l);
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
		cmocka_unit_test(the_end_is_logged_with_exit_status),
		cmocka_unit_test(the_end_is_logged_with_signal),
		cmocka_unit_test(
			the_answers_to_a_failed_entry_are_nobody_elses),
		cmocka_unit_test(a_dead_supervisor_hangs_the_session_up),
		cmocka_unit_test(what_ignores_the_hangup_is_killed),
		cmocka_unit_test(a_stopped_leader_is_hung_up_too),
		cmocka_unit_test(an_end_is_not_believed_while_the_leader_lives),
		cmocka_unit_test(a_session_cannot_be_dismissed),
		cmocka_unit_test(nonsense_ends_the_session_and_nothing_else),
		cmocka_unit_test(a_login_that_hangs_is_killed_and_reported),
		cmocka_unit_test(a_login_that_waits_has_so_much_longer),
		cmocka_unit_test(no_login_waits_twice_or_for_ever),
		cmocka_unit_test(a_login_may_report_its_lateness_itself),
		cmocka_unit_test(a_login_that_dies_takes_its_processes_along),
		cmocka_unit_test(dismissal_ends_it_without_a_word),
		cmocka_unit_test(what_was_said_last_counts_for_a_slow_watchdog),
		cmocka_unit_test(a_session_needs_a_leader),
		cmocka_unit_test(
			the_session_watchdog_has_cap_kill_and_a_filter),
	};

	/* A watchdog that does not bite must not stop the tests. */
	(void)alarm(60);
	return cmocka_run_group_tests(tests, needs_root, NULL);
}
