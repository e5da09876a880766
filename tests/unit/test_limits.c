/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/limits.h"

#define START 1000000

static struct ctsh_limits begun(unsigned idle_s, unsigned session_s)
{
	struct ctsh_limits limits;

	ctsh_limits_begin(&limits, idle_s, session_s, START);
	return limits;
}

static void without_a_limit_nothing_is_ever_due(void **state)
{
	struct ctsh_limits limits = begun(0, 0);

	(void)state;
	assert_false(ctsh_limits_any(&limits));
	assert_int_equal(ctsh_limits_timeout(&limits, START), -1);
	assert_int_equal(ctsh_limits_due(&limits, INT64_MAX / 2),
	                 CTSH_DUE_NOTHING);
}

static void a_long_idle_session_is_warned_once_and_then_ended(void **state)
{
	struct ctsh_limits limits = begun(300, 0);

	(void)state;
	assert_true(ctsh_limits_any(&limits));
	assert_int_equal(ctsh_limits_timeout(&limits, START), 240000);
	assert_int_equal(ctsh_limits_due(&limits, START + 239999),
	                 CTSH_DUE_NOTHING);
	assert_int_equal(ctsh_limits_due(&limits, START + 240000),
	                 CTSH_DUE_WARN_IDLE);
	assert_int_equal(ctsh_limits_due(&limits, START + 240001),
	                 CTSH_DUE_NOTHING);
	assert_int_equal(ctsh_limits_timeout(&limits, START + 240000), 60000);
	assert_int_equal(ctsh_limits_due(&limits, START + 299999),
	                 CTSH_DUE_NOTHING);
	assert_int_equal(ctsh_limits_due(&limits, START + 300000),
	                 CTSH_DUE_END_IDLE);
	assert_int_equal(ctsh_limits_timeout(&limits, START + 400000), 0);
}

static void a_touch_puts_the_idle_end_off_and_warns_anew(void **state)
{
	struct ctsh_limits limits = begun(300, 0);

	(void)state;
	assert_int_equal(ctsh_limits_due(&limits, START + 250000),
	                 CTSH_DUE_WARN_IDLE);
	ctsh_limits_touch(&limits, START + 250000);
	assert_int_equal(ctsh_limits_due(&limits, START + 300000),
	                 CTSH_DUE_NOTHING);
	assert_int_equal(ctsh_limits_due(&limits, START + 490000),
	                 CTSH_DUE_WARN_IDLE);
	assert_int_equal(ctsh_limits_due(&limits, START + 550000),
	                 CTSH_DUE_END_IDLE);
}

static void a_touch_does_not_put_the_end_of_time_off(void **state)
{
	struct ctsh_limits limits = begun(0, 300);

	(void)state;
	ctsh_limits_touch(&limits, START + 299000);
	assert_int_equal(ctsh_limits_due(&limits, START + 299000),
	                 CTSH_DUE_WARN_SESSION);
	assert_int_equal(ctsh_limits_due(&limits, START + 300000),
	                 CTSH_DUE_END_SESSION);
}

static void a_limit_of_a_minute_has_no_warning(void **state)
{
	struct ctsh_limits limits = begun(60, 60);

	(void)state;
	assert_int_equal(ctsh_limits_timeout(&limits, START), 60000);
	assert_int_equal(ctsh_limits_due(&limits, START), CTSH_DUE_NOTHING);
	ctsh_limits_touch(&limits, START + 1000);
	assert_int_equal(ctsh_limits_due(&limits, START + 59999),
	                 CTSH_DUE_NOTHING);
	assert_int_equal(ctsh_limits_due(&limits, START + 60000),
	                 CTSH_DUE_END_SESSION);
	assert_int_equal(ctsh_limits_due(&limits, START + 70000),
	                 CTSH_DUE_END_SESSION);
}

static void the_largest_limit_fits(void **state)
{
	struct ctsh_limits limits = begun(UINT32_MAX, UINT32_MAX);

	(void)state;
	assert_int_equal(ctsh_limits_timeout(&limits, START), INT32_MAX);
	assert_int_equal(ctsh_limits_due(&limits, START), CTSH_DUE_NOTHING);
}

/* What was said between two calls, as it came out of a pipe. */
static void said(struct ctsh_limits *limits, int64_t now_ms, bool at_terminal,
                 enum ctsh_ending expected, const char *text)
{
	char seen[256] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	ctsh_limits_speak_on(limits, ends[1], at_terminal);
	assert_true(limits->voice > 2);
	limits->ref = "7f3a91c2";
	assert_int_equal(ctsh_limits_keep(limits, now_ms), expected);
	if (expected)
		ctsh_limits_say(limits, expected == CTSH_ENDING_IDLE
		                                ? CTSH_DUE_END_IDLE
		                                : CTSH_DUE_END_SESSION);
	(void)close(limits->voice);
	(void)close(ends[1]);
	assert_true(read(ends[0], seen, sizeof(seen) - 1) >= 0);
	assert_string_equal(seen, text);
	(void)close(ends[0]);
}

static void warnings_are_for_terminals(void **state)
{
	struct ctsh_limits limits = begun(61, 0);

	(void)state;
	said(&limits, START + 1000, true, CTSH_ENDING_NONE,
	     "\r\nctsh: Your session is idle and ends in one minute. "
	     "[7f3a91c2]\r\n");
	limits = begun(0, 61);
	said(&limits, START + 1000, true, CTSH_ENDING_NONE,
	     "\r\nctsh: Your session reaches its time limit in one minute. "
	     "[7f3a91c2]\r\n");
	limits = begun(61, 61);
	said(&limits, START + 1000, false, CTSH_ENDING_NONE, "");
}

static void the_end_is_said_everywhere(void **state)
{
	struct ctsh_limits limits = begun(1, 0);

	(void)state;
	said(&limits, START + 1000, false, CTSH_ENDING_IDLE,
	     "ctsh: Your session was idle for too long and has ended. "
	     "[7f3a91c2]\n");
	limits = begun(0, 1);
	said(&limits, START + 1000, true, CTSH_ENDING_MAX_SESSION,
	     "\r\nctsh: Your session has reached its time limit and has "
	     "ended. [7f3a91c2]\r\n");
}

static void a_full_pipe_is_not_waited_for(void **state)
{
	struct ctsh_limits limits = begun(1, 0);
	char block[4096] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(ends[1], block, sizeof(block)),
		                 sizeof(block));
	ctsh_limits_speak_on(&limits, ends[1], false);
	limits.ref = "7f3a91c2";
	(void)alarm(5);
	ctsh_limits_say(&limits, CTSH_DUE_END_IDLE);
	(void)alarm(0);
	(void)close(limits.voice);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void time_goes_on(void **state)
{
	int64_t before = ctsh_limits_now();

	(void)state;
	(void)usleep(2000);
	assert_true(ctsh_limits_now() > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_nothing_is_ever_due),
		cmocka_unit_test(
			a_long_idle_session_is_warned_once_and_then_ended),
		cmocka_unit_test(a_touch_puts_the_idle_end_off_and_warns_anew),
		cmocka_unit_test(a_touch_does_not_put_the_end_of_time_off),
		cmocka_unit_test(a_limit_of_a_minute_has_no_warning),
		cmocka_unit_test(the_largest_limit_fits),
		cmocka_unit_test(warnings_are_for_terminals),
		cmocka_unit_test(the_end_is_said_everywhere),
		cmocka_unit_test(a_full_pipe_is_not_waited_for),
		cmocka_unit_test(time_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
