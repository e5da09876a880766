/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "rundir.h"

int ctsh_seat_take_in(const char *base, uid_t uid, unsigned max,
                      struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "sessions", err);
	char name[32];

	if (dir < 0)
		return -1;
	for (unsigned i = 0; i < max; i++) {
		int seat = -1, got;

		(void)snprintf(name, sizeof(name), "%u.%u", uid, i);
		/* The files stay, as those of slots do. */
		got = ctsh_registry_try_lock(dir, name, O_CREAT, &seat);
		if (got > 0)
			return seat;
		if (got < 0)
			return ctsh_fail(err, CTSH_E_SYSTEM, errno,
			                 "lock sessions/%s", name);
	}
	return ctsh_fail(err, CTSH_E_LIMIT, 0, "uid %u has %u sessions", uid,
	                 max);
}

int ctsh_seat_take(uid_t uid, unsigned max, struct ctsh_error *err)
{
	return ctsh_seat_take_in(CTSH_RUNDIR, uid, max, err);
}
