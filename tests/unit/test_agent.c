/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../shell/agent.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static const char ask[] = {0, 0, 0, 1, 11};
static const char done[] = {0, 0, 0, 1, 6};

static void a_request_passes_whole(void **state)
{
	struct ctsh_agent a = {.unanswered = 0};

	(void)state;
	assert_int_equal(ctsh_agent_request(&a, ask, sizeof(ask)), 5);
	assert_int_equal(a.unanswered, 1);
	assert_int_equal(ctsh_agent_reply(&a, done, sizeof(done)), 5);
	assert_int_equal(a.unanswered, 0);
}

static void half_a_header_waits(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(ask); length++) {
		struct ctsh_agent a = {.unanswered = 0};

		assert_int_equal(ctsh_agent_request(&a, ask, length), 0);
		assert_int_equal(a.unanswered, 0);
	}
}

static void a_body_passes_in_any_pieces(void **state)
{
	static const char sign[] = {0, 0, 0, 4, 13, 'a', 'b', 'c'};
	struct ctsh_agent a = {.unanswered = 0};

	(void)state;
	assert_int_equal(ctsh_agent_request(&a, sign, 6), 6);
	assert_int_equal(ctsh_agent_request(&a, sign + 6, 1), 1);
	assert_int_equal(ctsh_agent_request(&a, sign + 7, 1), 1);
	assert_int_equal(ctsh_agent_request(&a, ask, sizeof(ask)), 5);
	assert_int_equal(a.unanswered, 2);
}

static void what_no_agent_is_asked_is_refused(void **state)
{
	static const char rows[][5] = {
		{0, 0, 0, 0, 11},     {0, 4, 0, 1, 11},
		{-1, -1, -1, -1, 11}, {0, 0, 0, 1, 20},
		{0, 0, 0, 1, 26},     {0, 0, 0, 1, 0},
		{0, 0, 0, 1, 5},      {0, 0, 0, 1, 12},
		{0, 0, 0, 1, -1},     {'G', 'E', 'T', ' ', '/'},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_agent a = {.unanswered = 0};

		assert_int_equal(ctsh_agent_request(&a, rows[i], 5), -1);
	}
}

static void an_answer_needs_a_question(void **state)
{
	struct ctsh_agent a = {.unanswered = 0};

	(void)state;
	assert_int_equal(ctsh_agent_reply(&a, done, sizeof(done)), -1);
}

static void questions_without_end_are_refused(void **state)
{
	struct ctsh_agent a = {.unanswered = 0};

	(void)state;
	for (int i = 0; i < 64; i++)
		assert_int_equal(ctsh_agent_request(&a, ask, sizeof(ask)), 5);
	assert_int_equal(ctsh_agent_request(&a, ask, sizeof(ask)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_passes_whole),
		cmocka_unit_test(half_a_header_waits),
		cmocka_unit_test(a_body_passes_in_any_pieces),
		cmocka_unit_test(what_no_agent_is_asked_is_refused),
		cmocka_unit_test(an_answer_needs_a_question),
		cmocka_unit_test(questions_without_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
