/* SPDX-License-Identifier: MIT */
#include "await.h"

#include <stdbool.h>

#include "../base/fdio.h"
#include "../base/text.h"

/* Between two questions: at first as for a container that is there in a moment,
 * later as for one that takes its time. */
#define NAP_FIRST_US 5000
#define NAP_LONGEST_US 250000

/* For what only seems to be coming. */
#define SOON_MS 1000

/* One wait. */
struct wait {
	int64_t since_ms, until_ms;
	unsigned nap_us;
	bool begun; /* it is not only for a moment */
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

/* Somebody is starting it: all of the rule's time. */
static int begin(const struct ctsh_await *await, struct wait *w,
                 int64_t *deadline_ms, struct ctsh_error *err)
{
	int64_t wait = (int64_t)await->seconds * 1000;

	if (await->begin && await->begin(await->context, await->seconds, err))
		return -1;
	w->begun = true;
	w->until_ms = w->since_ms + wait;
	*deadline_ms += wait;
	return 0;
}

static int nap(const struct ctsh_await *await, struct wait *w,
               int64_t *deadline_ms, struct ctsh_error *err)
{
	bool comes = err->code == CTSH_E_ABSENT && err->coming == CTSH_COMING;

	if (comes && !w->begun && begin(await, w, deadline_ms, err))
		return -1;
	if (ctsh_now_ms() >= w->until_ms)
		return came_not(w, err);
	ctsh_nap_us(w->nap_us);
	w->nap_us *= 2;
	if (w->nap_us > NAP_LONGEST_US)
		w->nap_us = NAP_LONGEST_US;
	return 0;
}

int ctsh_await(const struct ctsh_await *await, int64_t *deadline_ms,
               struct ctsh_error *err)
{
	struct wait w = {.since_ms = ctsh_now_ms(), .nap_us = NAP_FIRST_US};

	w.until_ms = w.since_ms + SOON_MS;
	while (await->reach(await->context, *deadline_ms, err))
		if (await->seconds == 0 || !may_come(err) ||
		    nap(await, &w, deadline_ms, err))
			return -1;
	return 0;
}
