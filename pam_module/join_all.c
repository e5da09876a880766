/* SPDX-License-Identifier: MIT */
#include "join_all.h"

#include "../lib/base/fdio.h"
#include "preload.h"
#include "report.h"

/* For the way in alone; that to the container is over. */
#define GOING_MS 10000

int ctsh_pam_all_find(struct opening *o, struct ctsh_error *err)
{
	return ctsh_route_visit_find(&o->route, &o->inside, o->deadline_ms,
	                             err);
}

/* In the witness, on the host. */
static void told(void *context, const struct ctsh_error *err)
{
	const struct opening *o = context;

	if (err)
		ctsh_pam_report_refused(o->pamh, o->visit.ref, o->flags, err);
	else
		ctsh_pam_report_joined(o);
}

int ctsh_pam_all_go(struct opening *o, struct ctsh_error *err)
{
	if (ctsh_pam_preload(err))
		return -1;
	return ctsh_route_visit_go(&o->route, &o->inside, told, o,
	                           ctsh_now_ms() + GOING_MS, err);
}
