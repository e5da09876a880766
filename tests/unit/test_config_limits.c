/* SPDX-License-Identifier: MIT */
/* The keys of session limits.  A draft: nothing is demanded of its owner. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/policy/config.h"

static const struct ctsh_engine_kind kinds[] = {
	{.name = "crun", .has_root = true},
	{.name = NULL},
};

static char path[64];

static int load(const char *keys, struct ctsh_policy *policy,
                struct ctsh_error *err)
{
	char text[512];
	int fd, length;

	length = snprintf(text, sizeof(text),
	                  "defaults { idle_timeout = 7 }\n"
	                  "rule a { match = {\"*\"} container = \"crun:a\"\n"
	                  "%s }\n",
	                  keys);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ctsh_write_all(fd, text, (size_t)length), 0);
	(void)close(fd);
	return ctsh_config_load(path, false, kinds, policy, err);
}

static void unwritten_nothing_is_limited(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load("", &policy, &err), 0);
	assert_false(policy.rules[0].kill_at_end);
	assert_int_equal(policy.rules[0].idle_timeout, 7);
	assert_int_equal(policy.rules[0].max_session, 0);
	assert_int_equal(policy.rules[0].max_sessions, 0);
	ctsh_policy_free(&policy);
}

static void each_key_is_read(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load("on_disconnect = kill idle_timeout = 0\n"
	                      "max_session = 3153600000 max_sessions = 1000",
	                      &policy, &err),
	                 0);
	assert_true(policy.rules[0].kill_at_end);
	assert_int_equal(policy.rules[0].idle_timeout, 0);
	assert_true(policy.rules[0].max_session == UINT32_C(3153600000));
	assert_int_equal(policy.rules[0].max_sessions, 1000);
	ctsh_policy_free(&policy);
	assert_int_equal(load("on_disconnect = \"hup\"", &policy, &err), 0);
	assert_false(policy.rules[0].kill_at_end);
	ctsh_policy_free(&policy);
}

static void other_values_are_refused(void **state)
{
	static const struct {
		const char *keys, *what;
	} cases[] = {
		{"on_disconnect = KILL",
	         "on_disconnect: 'KILL' is neither hup nor kill"},
		{"on_disconnect = \"\"",
	         "on_disconnect: '' is neither hup nor kill"},
		{"idle_timeout = 10m",
	         "idle_timeout: '10m' is not a number from 0 to 3153600000"},
		{"idle_timeout = -1",
	         "idle_timeout: '-1' is not a number from 0 to 3153600000"},
		{"max_session = 010",
	         "max_session: '010' is not a number from 0 to 3153600000"},
		{"max_session = 0x10",
	         "max_session: '0x10' is not a number from 0 to 3153600000"},
		{"max_session = \"3 \"",
	         "max_session: '3 ' is not a number from 0 to 3153600000"},
		{"max_session = 3153600001", "max_session: '3153600001' is not "
	                                     "a number from 0 to 3153600000"},
		{"max_session = 99999999999999999999999",
	         "max_session: '99999999999999999999999' is not a number from "
	         "0 to 3153600000"},
		{"max_sessions = 1001",
	         "max_sessions: '1001' is not a number from 0 to 1000"},
		{"max_sessions = \"\"",
	         "max_sessions: '' is not a number from 0 to 1000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char what[320];

		(void)snprintf(what, sizeof(what), "%s:3: %s", path,
		               cases[i].what);
		assert_int_equal(load(cases[i].keys, &policy, &err), -1);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/ctsh-limits-%d", getpid());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unwritten_nothing_is_limited),
		cmocka_unit_test(each_key_is_read),
		cmocka_unit_test(other_values_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
