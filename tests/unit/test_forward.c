/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/route/forward.h"

#define AGENT (1U << CTSH_TARGET_AGENT)
#define X11 (1U << CTSH_TARGET_X11)
#define PATH (1U << CTSH_TARGET_PATHS)

static const struct ctsh_porter_order all = {.wanted = AGENT | X11 | PATH};

static void what_can_be_is_believed(void **state)
{
	struct ctsh_porter_answer a = {AGENT | X11 | PATH, 2, 999};

	(void)state;
	ctsh_forward_believe(&all, &a);
	assert_int_equal(a.listening, AGENT | X11 | PATH);
	assert_int_equal(a.place, 2);
	assert_int_equal(a.display, 999);
}

static void what_was_not_ordered_is_not_there(void **state)
{
	const struct ctsh_porter_order agent = {.wanted = AGENT};
	struct ctsh_porter_answer a = {UINT32_MAX, 0, 10};

	(void)state;
	ctsh_forward_believe(&agent, &a);
	assert_int_equal(a.listening, AGENT);
}

/* A number that names no directory must not be looked up, whatever else is
 * listened to. */
static void a_directory_that_is_none_is_never_looked_up(void **state)
{
	static const uint32_t places[] = {3, 4, INT32_MAX, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct ctsh_porter_answer a = {AGENT | X11 | PATH, places[i],
		                               10};

		ctsh_forward_believe(&all, &a);
		assert_int_equal(a.listening, PATH);
		assert_true(a.place < CTSH_PORTER_PLACES);
	}
}

static void a_display_that_is_none_is_not_there(void **state)
{
	static const uint32_t displays[] = {0, 9, 1000, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(displays) / sizeof(*displays); i++) {
		struct ctsh_porter_answer a = {AGENT | X11, 1, displays[i]};

		ctsh_forward_believe(&all, &a);
		assert_int_equal(a.listening, AGENT);
		assert_int_equal(a.place, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_is_believed),
		cmocka_unit_test(what_was_not_ordered_is_not_there),
		cmocka_unit_test(a_directory_that_is_none_is_never_looked_up),
		cmocka_unit_test(a_display_that_is_none_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
