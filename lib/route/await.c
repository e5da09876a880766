/* SPDX-License-Identifier: MIT */
#include "await.h"

#include <stdbool.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "../registry/registry.h"

/* Between two questions: at first as for a container that is there in a moment,
 * later as for one that takes its time. */
#define NAP_FIRST_US 5000
#define NAP_LONGEST_US 250000

/* For what only seems to be coming. */
#define SOON_MS 1000

/* One login's wait. */
struct wait {
	const struct ctsh_await *await;
	int64_t *deadline_ms;
	int64_t since_ms, until_ms;
	unsigned nap_us;
	bool begun; /* it is not only for a moment           */
	bool late;  /* what only seems to come has not come */
};

/* One that restarts may end between two questions. */
static bool may_come(const struct ctsh_error *err)
{
	return (err->code == CTSH_E_ABSENT && err->coming != CTSH_COMING_NOT) ||
	       err->code == CTSH_E_GONE;
}

/* Keeps what was said last. */
static int came_not(const struct wait *w, struct ctsh_error *err)
{
	int64_t waited = ctsh_now_ms() - w->since_ms;
	char last[sizeof(err->what)];

	if (!w->begun)
		return -1;
	(void)!ctsh_text_copy(last, sizeof(last), err->what);
	return ctsh_fail(err, err->code, 0, "%s; waited %d s", last,
	                 (int)((waited + 500) / 1000));
}

/* For more than a moment: all of the rule's time. */
static int begin(struct wait *w, bool starts, struct ctsh_error *err)
{
	const struct ctsh_await *a = w->await;
	int64_t wait = (int64_t)a->seconds * 1000;

	if (w->begun)
		return 0;
	if (a->begin && a->begin(a->context, a->seconds, starts, err))
		return -1;
	w->begun = true;
	w->until_ms = w->since_ms + wait;
	*w->deadline_ms += wait;
	return 0;
}

static int reach(const struct wait *w, struct ctsh_error *err)
{
	return w->await->reach(w->await->context, *w->deadline_ms, err);
}

static int nap(struct wait *w, struct ctsh_error *err)
{
	bool comes = err->code == CTSH_E_ABSENT && err->coming == CTSH_COMING;

	if (comes && begin(w, false, err))
		return -1;
	if (ctsh_now_ms() >= w->until_ms)
		return came_not(w, err);
	ctsh_nap_us(w->nap_us);
	w->nap_us *= 2;
	if (w->nap_us > NAP_LONGEST_US)
		w->nap_us = NAP_LONGEST_US;
	return 0;
}

/* One that is made and not started yet may wait for us as well as for somebody
 * else, and one that restarts is not hurt by it.  What seemed to be coming may
 * be left from before the last boot. */
static bool is_to_start(const struct wait *w, const struct ctsh_error *err)
{
	return w->await->start && err->code == CTSH_E_ABSENT &&
	       (err->coming != CTSH_COMING_SOON || w->late);
}

static int until_it_comes(struct wait *w, struct ctsh_error *err)
{
	while (reach(w, err))
		if (!may_come(err) || nap(w, err))
			return -1;
	return 0;
}

static int start(struct wait *w, int turn, struct ctsh_error *err)
{
	const struct ctsh_await *a = w->await;
	int64_t began = ctsh_now_ms(), now;
	char last[sizeof(err->what)];

	if (ctsh_turn_in_vain(turn, w->since_ms, w->until_ms - began))
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "another login has tried to start it");
	if (a->start(a->context, w->until_ms, err) == 0) {
		if (until_it_comes(w, err) == 0)
			return 0;
		(void)!ctsh_text_copy(last, sizeof(last), err->what);
		(void)ctsh_fail(err, err->code, 0, "was started; %s", last);
	}
	/* A rule that waits longer may see it come. */
	now = ctsh_now_ms();
	ctsh_turn_failed(turn, now < w->until_ms ? INT64_MAX : now - began);
	return -1;
}

/* Whoever had the turn before may have started it. */
static int take_turn(struct wait *w, struct ctsh_error *err)
{
	int turn, rc;

	if (begin(w, true, err))
		return -1;
	turn = ctsh_turn_take(w->await->container, w->until_ms, err);
	if (turn < 0)
		return -1;
	rc = reach(w, err);
	if (rc && is_to_start(w, err))
		rc = start(w, turn, err);
	else if (rc && may_come(err) && nap(w, err) == 0)
		rc = until_it_comes(w, err);
	ctsh_turn_end(&turn);
	return rc;
}

int ctsh_await(const struct ctsh_await *await, int64_t *deadline_ms,
               struct ctsh_error *err)
{
	struct wait w = {
		.await = await,
		.deadline_ms = deadline_ms,
		.since_ms = ctsh_now_ms(),
		.nap_us = NAP_FIRST_US,
	};

	w.until_ms = w.since_ms + SOON_MS;
	while (reach(&w, err)) {
		if (await->seconds == 0)
			return -1;
		if (is_to_start(&w, err))
			return take_turn(&w, err);
		if (!may_come(err) || nap(&w, err)) {
			w.late = true;
			return is_to_start(&w, err) ? take_turn(&w, err) : -1;
		}
	}
	return 0;
}
