/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/registry/registry.h"
#include "../../lib/route/await.h"
#include "own_host.h"

#define DEADLINE_MS 20000

/* A container that comes after so many questions, and what was asked. */
struct world {
	int comes_after; /* -1: never */
	enum ctsh_code code;
	int coming;
	int questions, begun;
	unsigned seconds;
	int begin_fails;
	bool for_a_start;
	int starts;        /* how often it was started */
	int comes_so_late; /* questions after the start; -1: never */
	int start_fails;
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

static int begin(void *context, unsigned seconds, bool starts,
                 struct ctsh_error *err)
{
	struct world *w = context;

	w->begun++;
	w->for_a_start = starts;
	w->seconds = seconds;
	return w->begin_fails ? ctsh_fail(err, CTSH_E_SYSTEM, 0, "no") : 0;
}

/* With whatever differs from the rule in `a`. */
static int await_as(struct ctsh_await a, struct world *w, int64_t *deadline_ms,
                    struct ctsh_error *err)
{
	a.reach = a.reach ? a.reach : reach;
	a.begin = a.begin ? a.begin : begin;
	a.container = "docker:box";
	a.context = w;
	*deadline_ms = DEADLINE_MS;
	return ctsh_await(&a, deadline_ms, err);
}

static int await(struct world *w, unsigned seconds, int64_t *deadline_ms,
                 struct ctsh_error *err)
{
	return await_as((struct ctsh_await){.seconds = seconds}, w, deadline_ms,
	                err);
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
	const struct ctsh_await a = {.reach = turns_coming, .seconds = 15};
	int64_t deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_as(a, &w, &deadline, &err), 0);
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
	const struct ctsh_await a = {.reach = turns_paused, .seconds = 15};
	int64_t deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_as(a, &w, &deadline, &err), -1);
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

/* -- starting -------------------------------------------------------------- */

static int start(void *context, int64_t deadline_ms, struct ctsh_error *err)
{
	struct world *w = context;

	assert_in_range(deadline_ms, ctsh_now_ms(), ctsh_now_ms() + 15000);
	w->starts++;
	if (w->start_fails)
		return ctsh_fail(err, CTSH_E_ENGINE, 0, "disk full");
	if (w->comes_so_late >= 0)
		w->comes_after = w->questions + w->comes_so_late;
	return 0;
}

static int await_start(struct world *w, struct ctsh_error *err)
{
	const struct ctsh_await a = {.start = start, .seconds = 15};
	int64_t deadline;
	int rc;

	rc = await_as(a, w, &deadline, err);
	if (w->begun)
		assert_int_equal(deadline, DEADLINE_MS + 15000);
	return rc;
}

static void what_is_stopped_is_started(void **state)
{
	struct world w = {.comes_after = -1, .code = CTSH_E_ABSENT};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), 0);
	assert_int_equal(w.starts, 1);
	assert_int_equal(w.begun, 1);
	assert_true(w.for_a_start);
	/* At first, with the turn, and afterwards. */
	assert_int_equal(w.questions, 3);
}

static void what_is_created_is_started_too(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
		.comes_so_late = 3,
	};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), 0);
	assert_int_equal(w.starts, 1);
	assert_int_equal(w.questions, 6);
}

/* Of podman's there is no trace after a boot, as while one is being made. */
static void what_only_seemed_to_come_is_started(void **state)
{
	struct world w = {
		.comes_after = -1,
		.comes_so_late = 2,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING_SOON,
	};
	int64_t began = ctsh_now_ms();
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), 0);
	assert_int_equal(w.starts, 1);
	assert_int_equal(w.begun, 1);
	assert_in_range(ctsh_now_ms() - began, 1000, 1900);
}

static void what_runs_is_not_started(void **state)
{
	struct world w = {.comes_after = 0};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), 0);
	assert_int_equal(w.starts, 0);
	assert_int_equal(w.begun, 0);
}

static void what_another_one_started_is_not_started(void **state)
{
	struct world w = {.comes_after = 1, .code = CTSH_E_ABSENT};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), 0);
	assert_int_equal(w.starts, 0);
	assert_int_equal(w.questions, 2);
}

static void what_is_paused_or_silent_is_not_started(void **state)
{
	static const enum ctsh_code codes[] = {CTSH_E_PAUSED, CTSH_E_ENGINE,
	                                       CTSH_E_UNSAFE, CTSH_E_SYSTEM};
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		struct world w = {.comes_after = -1, .code = codes[i]};

		assert_int_equal(await_start(&w, &err), -1);
		assert_int_equal(err.code, codes[i]);
		assert_int_equal(w.starts, 0);
	}
}

static void what_ends_again_is_refused_at_once(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.comes_so_late = -1,
	};
	int64_t began = ctsh_now_ms();
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_start(&w, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "was started; not there");
	assert_in_range(ctsh_now_ms() - began, 0, 900);
}

static void a_failed_start_keeps_the_engines_words(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.start_fails = 1,
	};
	struct ctsh_error err;

	(void)state;
	/* Later than the failure of the test before. */
	ctsh_nap_us(2000);
	assert_int_equal(await_start(&w, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what, "disk full");
	assert_int_equal(w.starts, 1);
	/* Whoever comes later tries again. */
	ctsh_nap_us(2000);
	assert_int_equal(await_start(&w, &err), -1);
	assert_int_equal(w.starts, 2);
}

/* Has failed meanwhile, in the middle of our wait for the turn. */
static int fails_elsewhere(void *context, unsigned seconds, bool starts,
                           struct ctsh_error *err)
{
	int turn = ctsh_turn_take("docker:box", ctsh_now_ms() + 1000, err);

	assert_true(turn >= 0);
	ctsh_nap_us(2000);
	ctsh_turn_failed(turn, INT64_MAX);
	ctsh_turn_end(&turn);
	return begin(context, seconds, starts, err);
}

static void who_waited_for_a_failure_does_not_repeat_it(void **state)
{
	struct world w = {.comes_after = -1, .code = CTSH_E_ABSENT};
	const struct ctsh_await a = {
		.begin = fails_elsewhere, .start = start, .seconds = 15};
	int64_t deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_as(a, &w, &deadline, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "another login has tried to start it");
	assert_int_equal(w.starts, 0);
}

/* Another rule's login has started it, and its second has passed. */
static int runs_out_elsewhere(void *context, unsigned seconds, bool starts,
                              struct ctsh_error *err)
{
	const struct ctsh_await impatient = {.start = start, .seconds = 1};
	struct world other = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
		.comes_so_late = 1000,
	};
	int64_t deadline;

	/* Later than the failure of the test before. */
	ctsh_nap_us(2000);
	assert_int_equal(await_as(impatient, &other, &deadline, err), -1);
	assert_int_equal(other.starts, 1);
	return begin(context, seconds, starts, err);
}

static void who_waits_longer_is_not_refused_for_who_did_not(void **state)
{
	struct world w = {
		.comes_after = -1,
		.code = CTSH_E_ABSENT,
		.coming = CTSH_COMING,
	};
	const struct ctsh_await a = {
		.begin = runs_out_elsewhere, .start = start, .seconds = 15};
	int64_t deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_as(a, &w, &deadline, &err), 0);
	assert_int_equal(w.starts, 1);
}

/* Of many whose time is the same, not each tries for what is left of it. */
static void who_waits_as_long_does_not_repeat_it(void **state)
{
	struct world w = {.comes_after = -1, .code = CTSH_E_ABSENT};
	const struct ctsh_await a = {
		.begin = runs_out_elsewhere, .start = start, .seconds = 2};
	int64_t deadline;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(await_as(a, &w, &deadline, &err), -1);
	assert_string_equal(err.what, "another login has tried to start it");
	assert_int_equal(w.starts, 0);
}

static void a_turn_is_waited_for_and_no_longer(void **state)
{
	struct world w = {.comes_after = -1, .code = CTSH_E_ABSENT};
	const struct ctsh_await a = {.start = start, .seconds = 1};
	int64_t began = ctsh_now_ms(), deadline;
	struct ctsh_error err;
	int turn = ctsh_turn_take("docker:box", began, &err);

	(void)state;
	assert_true(turn >= 0);
	assert_int_equal(await_as(a, &w, &deadline, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "another login is starting it still");
	assert_in_range(ctsh_now_ms() - began, 1000, 1900);
	assert_int_equal(w.starts, 0);
	ctsh_turn_end(&turn);
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
		cmocka_unit_test(what_is_stopped_is_started),
		cmocka_unit_test(what_is_created_is_started_too),
		cmocka_unit_test(what_only_seemed_to_come_is_started),
		cmocka_unit_test(what_runs_is_not_started),
		cmocka_unit_test(what_another_one_started_is_not_started),
		cmocka_unit_test(what_is_paused_or_silent_is_not_started),
		cmocka_unit_test(what_ends_again_is_refused_at_once),
		cmocka_unit_test(a_failed_start_keeps_the_engines_words),
		cmocka_unit_test(who_waited_for_a_failure_does_not_repeat_it),
		cmocka_unit_test(
			who_waits_longer_is_not_refused_for_who_did_not),
		cmocka_unit_test(who_waits_as_long_does_not_repeat_it),
		cmocka_unit_test(a_turn_is_waited_for_and_no_longer),
	};

	return cmocka_run_group_tests(tests, own_host, NULL);
}
