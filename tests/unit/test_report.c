/* SPDX-License-Identifier: MIT */
/* Needs root: the daemon is imitated in a mount namespace of its own. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "../../shell/report.h"
#include "in_child.h"

/* A report whose log line ends up in `*reader`. */
static struct ctsh_report make(const char *user, const char *from, int *reader)
{
	struct ctsh_report report = {.pid = 4711, .ref = "7f3a91c2"};
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	report.log = pair[0];
	*reader = pair[1];
	(void)snprintf(report.user, sizeof(report.user), "%s", user);
	(void)snprintf(report.from, sizeof(report.from), "%s", from);
	return report;
}

static void assert_line(int reader, const char *expected)
{
	char line[4096] = "";
	ssize_t got = read(reader, line, sizeof(line) - 1);

	assert_true(got > 0);
	assert_string_equal(line, expected);
}

static void finish(struct ctsh_report *report, int reader)
{
	(void)close(report->log);
	(void)close(reader);
}

static void log_is_one_line_with_the_reference_at_the_end(void **state)
{
	int reader;
	struct ctsh_report report = make("alice", "", &reader);

	(void)state;
	ctsh_report_log(&report, "open", "uid=%u as=%u:%u", 1001u, 1u, 2u);
	assert_line(reader, "<86>ctsh[4711]: open user=alice uid=1001 as=1:2"
	                    " ref=7f3a91c2");
	finish(&report, reader);
}

static void log_names_the_claimed_address(void **state)
{
	int reader;
	struct ctsh_report report = make("alice", "fe80::1%eth0", &reader);

	(void)state;
	ctsh_report_log(&report, "open", "uid=%u", 1001u);
	assert_line(reader, "<86>ctsh[4711]: open user=alice uid=1001"
	                    " claimed_from=fe80::1%eth0 ref=7f3a91c2");
	finish(&report, reader);
}

static void nothing_from_outside_can_forge_a_field_or_a_line(void **state)
{
	int reader;
	struct ctsh_report report =
		make("x code=OK\"\n<86>root", "1.2.3.4 ref=0", &reader);

	(void)state;
	ctsh_report_log(&report, "open", "id=%s", "a\nb\x1b\x80");
	assert_line(reader, "<86>ctsh[4711]: open"
	                    " user=\"x code=OK\\x22\\x0a<86>root\" id=a?b??"
	                    " claimed_from=\"1.2.3.4 ref=0\" ref=7f3a91c2");
	finish(&report, reader);
}

static void long_values_are_cut_and_the_reference_stays(void **state)
{
	char name[256], text[3000];
	char line[4096] = "";
	int reader;
	struct ctsh_report report;
	ssize_t got;

	(void)state;
	memset(name, '\n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	report = make(name, name, &reader);
	ctsh_report_log(&report, "open", "%s", text);
	got = read(reader, line, sizeof(line) - 1);
	assert_in_range(got, 1, 2048);
	assert_string_equal(line + got - 13, " ref=7f3a91c2");
	finish(&report, reader);
}

static void closed_has_the_documented_form(void **state)
{
	static const struct {
		int64_t ms;
		const char *status, *tail;
	} rows[] = {
		{12345, "0", "seconds=12.3 status=0"},
		{0, "255", "seconds=0.0 status=255"},
		{86400099, "signal:15", "seconds=86400.0 status=signal:15"},
		{999, "lost", "seconds=0.9 status=lost"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int reader;
		struct ctsh_report report = make("alice", "::1", &reader);
		char expected[200];

		ctsh_report_closed(&report, rows[i].ms, rows[i].status);
		(void)snprintf(expected, sizeof(expected),
		               "<86>ctsh[4711]: close user=alice"
		               " ref=7f3a91c2 %s",
		               rows[i].tail);
		assert_line(reader, expected);
		finish(&report, reader);
	}
}

/* Sends the refusal with stderr turned into `fd`. */
static void refuse_to(int fd, struct ctsh_report *report,
                      const struct ctsh_error *err)
{
	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	(void)dup2(fd, STDERR_FILENO);
	ctsh_report_refused(report, err);
	ctsh_report_tell(report, err);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
}

static void refused_tells_the_log_why_and_the_user_that(void **state)
{
	struct ctsh_error err;
	char text[1024] = "";
	int reader, ends[2];
	struct ctsh_report report = make("alice", "192.0.2.7", &reader);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	(void)ctsh_fail(&err, CTSH_E_ABSENT, ENOENT, "no \"box\"\n");
	refuse_to(ends[1], &report, &err);

	assert_line(reader, "<85>ctsh[4711]: refused user=alice code=E_ABSENT"
	                    " reason=\"no \\x22box\\x22?: ENOENT\""
	                    " claimed_from=192.0.2.7 ref=7f3a91c2");
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "ctsh: Your container is not running."
	                          " [E_ABSENT 7f3a91c2]\n");
	(void)close(ends[0]);
	(void)close(ends[1]);
	finish(&report, reader);
}

static void refused_says_the_administrators_sentence(void **state)
{
	struct ctsh_error err;
	char text[1024] = "";
	int reader, ends[2];
	struct ctsh_report report = make("alice", "", &reader);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	(void)ctsh_fail(&err, CTSH_E_DENIED, 0, "closed");
	(void)snprintf(err.say, sizeof(err.say), "Bis sp\xc3\xa4ter\x1b[2J\n");
	refuse_to(ends[1], &report, &err);

	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "ctsh: Bis sp\xc3\xa4ter [2J "
	                          " [E_DENIED 7f3a91c2]\n");
	(void)close(ends[0]);
	(void)close(ends[1]);
	finish(&report, reader);
}

/* SIGPIPE is at its default and nobody reads: the process goes on. */
static void refuse_to_closed_pipe(void *argument)
{
	struct ctsh_report *report = argument;
	struct ctsh_error err;
	struct sigaction action;
	int ends[2];

	CHILD_EXPECT(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	CHILD_EXPECT(pipe(ends) == 0);
	CHILD_EXPECT(close(ends[0]) == 0);
	CHILD_EXPECT(dup2(ends[1], STDERR_FILENO) >= 0);
	(void)ctsh_fail(&err, CTSH_E_USAGE, 0, "x");
	ctsh_report_refused(report, &err);
	ctsh_report_tell(report, &err);
	CHILD_EXPECT(sigaction(SIGPIPE, NULL, &action) == 0);
	CHILD_EXPECT(action.sa_handler == SIG_DFL);
}

static void a_closed_stderr_neither_kills_nor_hides(void **state)
{
	int reader;
	struct ctsh_report report = make("alice", "", &reader);

	(void)state;
	assert_int_equal(in_child(refuse_to_closed_pipe, &report), 0);
	assert_line(reader, "<85>ctsh[4711]: refused user=alice code=E_USAGE"
	                    " reason=\"x\" ref=7f3a91c2");
	finish(&report, reader);
}

/* Nobody reads a pipe that is full: the line is logged, the sentence lost. */
static void a_full_stderr_does_not_block(void **state)
{
	struct ctsh_error err;
	int reader, ends[2];
	struct ctsh_report report = make("alice", "", &reader);

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], "................", 16) > 0)
		;
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	(void)ctsh_fail(&err, CTSH_E_USAGE, 0, "x");
	alarm(5);
	refuse_to(ends[1], &report, &err);
	alarm(0);
	assert_line(reader, "<85>ctsh[4711]: refused user=alice code=E_USAGE"
	                    " reason=\"x\" ref=7f3a91c2");
	(void)close(ends[0]);
	(void)close(ends[1]);
	finish(&report, reader);
}

static void a_daemon_that_stands_still_does_not_block(void **state)
{
	int reader;
	struct ctsh_report report = make("alice", "", &reader);

	(void)state;
	alarm(5);
	for (int i = 0; i < 10000; i++)
		ctsh_report_log(&report, "open", "n=%d", i);
	alarm(0);
	finish(&report, reader);
}

static void log_without_a_daemon_is_silent(void **state)
{
	struct ctsh_report report = {.log = -1, .user = "alice"};

	(void)state;
	ctsh_report_log(&report, "open", "uid=%u", 1u);
	ctsh_report_closed(&report, 1, "0");
}

/* An empty /dev, and in it a socket of that type as /dev/log (0: none). */
static int fake_daemon(int type)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX,
	                           .sun_path = "/dev/log"};
	int fd;

	CHILD_EXPECT(unshare(CLONE_NEWNS) == 0);
	CHILD_EXPECT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHILD_EXPECT(mount("t", "/dev", "tmpfs", 0, NULL) == 0);
	if (!type)
		return -1;
	fd = socket(AF_UNIX, type, 0);
	CHILD_EXPECT(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	if (type == SOCK_STREAM)
		CHILD_EXPECT(listen(fd, 1) == 0);
	return fd;
}

static void open_with_daemon(void *unused)
{
	int fd = fake_daemon(SOCK_DGRAM);
	struct ctsh_report report;
	char line[200] = "", expected[200];

	(void)unused;
	ctsh_report_open(&report, 1001);
	CHILD_EXPECT(report.log >= 0);
	CHILD_EXPECT(fcntl(report.log, F_GETFD) & FD_CLOEXEC);
	CHILD_EXPECT(fcntl(report.log, F_GETFL) & O_NONBLOCK);
	ctsh_report_log(&report, "open", "x=1");
	CHILD_EXPECT(recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT) > 0);
	(void)snprintf(expected, sizeof(expected),
	               "<86>ctsh[%d]: open user=#1001 x=1 ref=%s",
	               (int)getpid(), report.ref);
	CHILD_EXPECT(strcmp(line, expected) == 0);
}

static void open_without(void *type)
{
	struct ctsh_report report;

	(void)fake_daemon(*(int *)type);
	ctsh_report_open(&report, 1001);
	CHILD_EXPECT(report.log == -1);
	CHILD_EXPECT(strcmp(report.user, "#1001") == 0);
	CHILD_EXPECT(report.from[0] == '\0');
}

static void open_connects_to_the_daemon(void **state)
{
	(void)state;
	assert_int_equal(in_child(open_with_daemon, NULL), 0);
}

static void open_does_without_a_daemon_of_its_kind(void **state)
{
	static int rows[] = {0, SOCK_STREAM};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(in_child(open_without, &rows[i]), 0);
}

static void every_login_has_a_reference_of_its_own(void **state)
{
	struct ctsh_report a, b;
	regex_t form;

	(void)state;
	ctsh_report_open(&a, 1);
	ctsh_report_open(&b, 1);
	assert_int_equal(
		regcomp(&form, "^[0-9a-f]{8}$", REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(regexec(&form, a.ref, 0, NULL, 0), 0);
	assert_int_equal(regexec(&form, b.ref, 0, NULL, 0), 0);
	assert_string_not_equal(a.ref, b.ref);
	regfree(&form);
	if (a.log >= 0)
		(void)close(a.log);
	if (b.log >= 0)
		(void)close(b.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_is_one_line_with_the_reference_at_the_end),
		cmocka_unit_test(log_names_the_claimed_address),
		cmocka_unit_test(
			nothing_from_outside_can_forge_a_field_or_a_line),
		cmocka_unit_test(long_values_are_cut_and_the_reference_stays),
		cmocka_unit_test(closed_has_the_documented_form),
		cmocka_unit_test(refused_tells_the_log_why_and_the_user_that),
		cmocka_unit_test(refused_says_the_administrators_sentence),
		cmocka_unit_test(a_closed_stderr_neither_kills_nor_hides),
		cmocka_unit_test(a_full_stderr_does_not_block),
		cmocka_unit_test(a_daemon_that_stands_still_does_not_block),
		cmocka_unit_test(log_without_a_daemon_is_silent),
		cmocka_unit_test(open_connects_to_the_daemon),
		cmocka_unit_test(open_does_without_a_daemon_of_its_kind),
		cmocka_unit_test(every_login_has_a_reference_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
