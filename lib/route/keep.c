/* SPDX-License-Identifier: MIT */
#include "keep.h"

#include <inttypes.h>
#include <stdio.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "../base/run.h"
#include "../enter/container.h"
#include "../registry/uses.h"
#include "../runtime/service.h"

/* A service manager that hangs is not to hold up the login. */
#define MANAGER_MS 5000

/* Not in the login's session, whose end is the end of all that is in it. */
static int by_manager(const char *key, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	const char *argv[] = {
		ctsh_service_runner(),
		"--quiet",
		"--collect",
		"--description=stops a container that ctsh finds unused",
		/* Killed it would leave the container running. */
		"--property=Restart=on-abnormal",
		"--",
		CTSH_CTL_PATH,
		"stop-idle",
		key,
		NULL,
	};
	int64_t own_ms = ctsh_now_ms() + MANAGER_MS;

	if (!ctsh_service_manager() || !argv[0])
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "no service manager");
	return ctsh_run_well(argv, CTSH_E_SYSTEM,
	                     own_ms < deadline_ms ? own_ms : deadline_ms, err);
}

static int by_ourselves(const char *key, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	const char *const argv[] = {CTSH_CTL_PATH, "stop-idle", "--background",
	                            key, NULL};

	return ctsh_run_well(argv, CTSH_E_SYSTEM, deadline_ms, err);
}

int ctsh_keep_use(int *use, const struct ctsh_container *c,
                  struct ctsh_error *err)
{
	ctsh_close_fd(use);
	*use = ctsh_use_take(c->pid, c->start_ticks, err);
	if (*use < 0)
		return -1;
	/* It may have been stopped before we had it. */
	if (!ctsh_container_alive(c))
		return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended",
		                 (int)c->pid);
	return 0;
}

int ctsh_keep_ring(const struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autoclose int vacant = -1;

	return ctsh_use_ring(c->pid, c->start_ticks, &vacant, err) < 0 ? -1 : 0;
}

int ctsh_keep(const struct ctsh_container *c, int64_t deadline_ms,
              struct ctsh_error *err)
{
	ctsh_autoclose int vacant = -1;
	char key[CTSH_USES_KEY];
	int rung = ctsh_use_ring(c->pid, c->start_ticks, &vacant, err);

	if (rung <= 0)
		return rung;
	(void)snprintf(key, sizeof(key), "%d-%" PRIu64, (int)c->pid,
	               c->start_ticks);
	if (by_manager(key, deadline_ms, err) == 0)
		return 0;
	return by_ourselves(key, deadline_ms, err);
}
