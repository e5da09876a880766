/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/route/await.h"

#define DEADLINE_MS 20000

/* A container that comes after so many questions, and what was asked. */
struct world {
	int comes_after; /* -1: never */
	enum ctsh_code code;
	int coming;
	int questions, begun;
	unsigned seconds;
	int begin_fails;
};

static int reach(void *context, int64_t deadline_ms, struct ctsh_error *err)
{
	struct world *w = context;

	assert_true(deadline_ms >= DEADLINE_MS);
	if (w->questions++ == w->comes_after)
		return 0;
	(void)ctsh_fail(err, w->code, 0, "not there");
	err->coming = w->coming;
	return -1;
}

static int begin(void *context, unsigned seconds, struct ctsh_error *err)
{
	struct world *w = context;

	w->begun++;
	w->seconds = seconds;
	return w->begin_fails ? ctsh_fail(err, CTSH_E_SYSTEM, 0, "no") : 0;
}

static int await(struct world *w, unsigned seconds, int64_t *deadline_ms,
                 struct ctsh_error *err)
{
	const struct ctsh_await a = {
		.reach = reach,
		.begin = begin,
		.context = w,
		.seconds = seconds,
	};

	*deadline_ms = DEADLINE_MS;
	return ctsh_await(&a, deadline_ms, err);
}

static void what_is_there_costs_one_question(void **state)
{
	struct world w = {.comes_after = 0};
	struct ctsh_error err;
	int64_t deadline;

	(void)state;
	assert_int_equal(await(&w, 15, &deadline, &err), 0);
	assert_int_equal(w.questions, 1);
	assert_int_equal(w.begun, 0);
	assert_int_equal(deadline, DEADLINE_MS);
}

static void what_comes_is_waited_for(void **state)
{
	struct world w = {
		.comes_after = 4,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
	};
	struct ctsh_error err;
	int64_t deadline;

	(void)state;
	assert_int_equal(await(&w, 15, &deadline, &err), 0);
	assert_int_equal(w.questions, 5);
	assert_int_equal(w.begun, 1);
	assert_int_equal(w.seconds, 15);
	assert_int_equal(deadline, DEADLINE_MS + 15000);
}

static void what_does_not_come_is_refused_at_once(void **state)
{
	static const struct world worlds[] = {
		{.code = CTSH_E_ABSENT, .coming = CTSH_COMING_NOT},
		{.code = CTSH_E_PAUSED, .coming = CTSH_COMING},
		{.code = CTSH_E_ENGINE, .coming = CTSH_COMING},
		{.code = CTSH_E_UNSAFE, .coming = CTSH_COMING},
	};
	struct ctsh_error err;
	int64_t deadline;

	(void)state;
	for (size_t i = 0; i < sizeof(worlds) / sizeof(*worlds); i++) {
		struct world w = worlds[i];

		w.comes_after = -1;
		assert_int_equal(await(&w, 15, &deadline, &err), -1);
		assert_int_equal(err.code, worlds[i].code);
		assert_string_equal(err.what, "not there");
		assert_int_equal(w.questions, 1);
		assert_int_equal(w.begun, 0);
	}
}

static void without_patience_nothing_is_waited_for(void **state)
{
	struct world w = {
		.comes_after = 1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
	};
	struct ctsh_error err;
	int64_t deadline;

	(void)state;
	assert_int_equal(await(&w, 0, &deadline, &err), -1);
	assert_int_equal(w.questions, 1);
	assert_int_equal(w.begun, 0);
}

static void waiting_ends_with_the_time(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
	};
	int64_t began = ctsh_now_ms(), deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await(&w, 1, &deadline, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "not there; waited 1 s");
	assert_in_range(ctsh_now_ms() - began, 1000, 1900);
	/* With a growing pause. */
	assert_in_range(w.questions, 6, 14);
}

/* Whatever the rule says, and nobody else's deadline moves for that. */
static void what_only_seems_to_come_has_a_second(void **state)
{
	static const struct world worlds[] = {
		{.code = CTSH_E_ABSENT, .coming = CTSH_COMING_SOON},
		{.code = CTSH_E_GONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(worlds) / sizeof(*worlds); i++) {
		int64_t began = ctsh_now_ms(), deadline;
		struct world w = worlds[i];
		struct ctsh_error err;

		w.comes_after = -1;
		assert_int_equal(await(&w, 300, &deadline, &err), -1);
		assert_int_equal(err.code, w.code);
		assert_in_range(ctsh_now_ms() - began, 1000, 1900);
		assert_int_equal(w.begun, 0);
		assert_int_equal(deadline, DEADLINE_MS);
	}
}

static int turns_coming(void *context, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	struct world *w = context;

	if (w->questions == 2)
		w->coming = CTSH_COMING;
	return reach(context, deadline_ms, err);
}

/* An engine that has not noticed the end yet. */
static void what_seemed_to_come_may_come_in_earnest(void **state)
{
	struct world w = {
		.comes_after = 10,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING_SOON,
	};
	const struct ctsh_await a = {
		.reach = turns_coming,
		.begin = begin,
		.context = &w,
		.seconds = 15,
	};
	int64_t deadline = DEADLINE_MS;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_await(&a, &deadline, &err), 0);
	assert_int_equal(w.begun, 1);
	assert_int_equal(deadline, DEADLINE_MS + 15000);
}

static int turns_paused(void *context, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	struct world *w = context;

	if (w->questions == 2)
		w->code = CTSH_E_PAUSED;
	return reach(context, deadline_ms, err);
}

static void waiting_ends_when_it_stays_away(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
	};
	const struct ctsh_await a = {
		.reach = turns_paused,
		.context = &w,
		.seconds = 15,
	};
	int64_t deadline = DEADLINE_MS;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_await(&a, &deadline, &err), -1);
	assert_int_equal(err.code, CTSH_E_PAUSED);
	assert_int_equal(w.questions, 3);
}

static void without_a_longer_deadline_nobody_waits(void **state)
{
	struct world w = {
		.comes_after = 1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
		.begin_fails = 1,
	};
	struct ctsh_error err;
	int64_t deadline;

	(void)state;
	assert_int_equal(await(&w, 15, &deadline, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(w.questions, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_costs_one_question),
		cmocka_unit_test(what_comes_is_waited_for),
		cmocka_unit_test(what_does_not_come_is_refused_at_once),
		cmocka_unit_test(without_patience_nothing_is_waited_for),
		cmocka_unit_test(waiting_ends_with_the_time),
		cmocka_unit_test(what_only_seems_to_come_has_a_second),
		cmocka_unit_test(what_seemed_to_come_may_come_in_earnest),
		cmocka_unit_test(waiting_ends_when_it_stays_away),
		cmocka_unit_test(without_a_longer_deadline_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
