/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>

#include "../base/fdio.h"
#include "rundir.h"

#define NAP_US 10000

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* FNV-1a.  Names have slashes and can be longer than a file's; two that come
 * out the same wait for each other, and no more than that. */
static uint64_t digest(const char *text)
{
	uint64_t sum = FNV_START;

	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * FNV_PRIME;
	return sum;
}

int ctsh_turn_take_in(const char *base, const char *container,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "starts", err);
	char name[32];
	int turn = -1, got;

	if (dir < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "%016" PRIx64, digest(container));
	/* The files stay, as those of slots do. */
	while ((got = ctsh_registry_try_lock(dir, name, O_CREAT, &turn)) == 0) {
		if (ctsh_now_ms() >= deadline_ms)
			return ctsh_fail(err, CTSH_E_ABSENT, 0,
			                 "another login is starting it still");
		ctsh_nap_us(NAP_US);
	}
	if (got < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "lock starts/%s",
		                 name);
	return turn;
}

int ctsh_turn_take(const char *container, int64_t deadline_ms,
                   struct ctsh_error *err)
{
	return ctsh_turn_take_in(CTSH_RUNDIR, container, deadline_ms, err);
}

void ctsh_turn_log(const char *container, char *path, size_t size)
{
	(void)snprintf(path, size, CTSH_RUNDIR "/starts/%016" PRIx64 ".log",
	               digest(container));
}

/* A failure, as the file keeps it. */
struct failure {
	int64_t when_ms, tried_ms;
};

bool ctsh_turn_in_vain(int turn, int64_t since_ms, int64_t left_ms)
{
	struct failure last;

	return pread(turn, &last, sizeof(last), 0) == sizeof(last) &&
	       last.when_ms >= since_ms && last.when_ms <= ctsh_now_ms() &&
	       last.tried_ms >= left_ms;
}

void ctsh_turn_failed(int turn, int64_t tried_ms)
{
	struct failure now = {.when_ms = ctsh_now_ms(), .tried_ms = tried_ms};

	/* If it cannot be written, the next one tries for themselves. */
	(void)!pwrite(turn, &now, sizeof(now), 0);
}

void ctsh_turn_end(int *turn)
{
	ctsh_slot_release(turn);
}
