/* SPDX-License-Identifier: MIT */
/* Needs root: the registry is root's alone. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../lib/registry/rundir.h"
#include "in_child.h"

#define UID 1001
#define SEATS 3

static char base[64];

static int take(uid_t uid, unsigned max, struct ctsh_error *err)
{
	return ctsh_seat_take_in(base, uid, max, err);
}

static void there_are_as_many_as_the_rule_says(void **state)
{
	struct ctsh_error err;
	int seat[SEATS];

	(void)state;
	for (int i = 0; i < SEATS; i++) {
		seat[i] = take(UID, SEATS, &err);
		assert_true(seat[i] >= 0);
	}
	assert_int_equal(take(UID, SEATS, &err), -1);
	assert_int_equal(err.code, CTSH_E_LIMIT);
	assert_string_equal(err.what, "uid 1001 has 3 sessions");
	ctsh_close_fd(&seat[1]);
	seat[1] = take(UID, SEATS, &err);
	assert_true(seat[1] >= 0);
	for (int i = 0; i < SEATS; i++)
		ctsh_close_fd(&seat[i]);
}

static void each_uid_has_its_own(void **state)
{
	struct ctsh_error err;
	int one, other;

	(void)state;
	one = take(UID, 1, &err);
	other = take(UID + 1, 1, &err);
	assert_true(one >= 0 && other >= 0);
	ctsh_close_fd(&one);
	ctsh_close_fd(&other);
}

static void hold_one(void *ready)
{
	struct ctsh_error err;

	CHILD_EXPECT(take(UID, 1, &err) >= 0);
	(void)!write(*(int *)ready, "x", 1);
	(void)pause();
}

static void a_seat_does_not_outlive_its_holder(void **state)
{
	struct ctsh_error err;
	int ends[2], seat;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = start_child(hold_one, &ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(take(UID, 1, &err), -1);
	(void)kill(pid, SIGKILL);
	(void)status_of(pid);
	seat = take(UID, 1, &err);
	assert_true(seat >= 0);
	ctsh_close_fd(&seat);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* Status 0: has one and keeps it until the test has seen all the others. */
static void compete(void *go)
{
	struct ctsh_error err;
	char byte;

	if (take(UID, SEATS, &err) < 0)
		_exit(err.code == CTSH_E_LIMIT ? 200 : 201);
	(void)!read(*(int *)go, &byte, 1);
}

static void of_many_at_once_exactly_so_many_get_one(void **state)
{
	enum { MANY = 24 };
	pid_t pids[MANY];
	int ends[2], losers = 0, winners = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < MANY; i++)
		pids[i] = start_child(compete, &ends[0]);
	while (losers < MANY - SEATS) {
		int status;

		assert_true(waitpid(-1, &status, 0) > 0);
		assert_int_equal(WEXITSTATUS(status), 200);
		losers++;
	}
	assert_int_equal(write(ends[1], "xxx", SEATS), SEATS);
	for (int i = 0; i < MANY; i++)
		winners += status_of(pids[i]) == 0;
	assert_int_equal(winners, SEATS);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void an_open_registry_is_refused(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(chmod(base, 0755), 0);
	assert_int_equal(take(UID, 1, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(chmod(base, 0700), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	(void)snprintf(base, sizeof(base), "/run/ctsh-seats-%d", getpid());
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	for (uid_t uid = UID; uid <= UID + 1; uid++)
		for (int i = 0; i < SEATS; i++) {
			(void)snprintf(path, sizeof(path), "%s/sessions/%u.%d",
			               base, uid, i);
			(void)unlink(path);
		}
	(void)snprintf(path, sizeof(path), "%s/sessions", base);
	return rmdir(path) || rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_as_many_as_the_rule_says),
		cmocka_unit_test(each_uid_has_its_own),
		cmocka_unit_test(a_seat_does_not_outlive_its_holder),
		cmocka_unit_test(of_many_at_once_exactly_so_many_get_one),
		cmocka_unit_test(an_open_registry_is_refused),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
