/* SPDX-License-Identifier: MIT */
#include "login_use.h"

#include "../lib/base/clean.h"
#include "../lib/registry/uses.h"
#include "../lib/route/keep.h"

int ctsh_login_use(void *context, const struct ctsh_container *c,
                   struct ctsh_error *err)
{
	struct ctsh_login *l = context;

	return ctsh_keep_use(&l->use, c, err);
}

static int note(const struct ctsh_login *l, struct ctsh_error *err)
{
	const struct ctsh_use by = {
		.uid = l->invocation.uid,
		.seconds = l->route.rule->stop_after,
	};

	return ctsh_use_note(l->use, &by, err);
}

int ctsh_login_used(struct ctsh_login *l, struct ctsh_error *err)
{
	if (l->use < 0 || !l->route.found)
		return 0;
	if (note(l, err) ||
	    ctsh_watchdog_hold(&l->dog, CTSH_HOLD_USE, l->use, err) ||
	    ctsh_keep(&l->route.container, l->deadline_ms, err))
		return -1;
	ctsh_close_fd(&l->use);
	return 0;
}
