/* SPDX-License-Identifier: MIT */
/* Part of proc.h: start times and the clock that files are stamped with. */
#include <time.h>
#include <unistd.h>

#include "proc.h"

#define NSEC_PER_SEC 1000000000LL

static long long in_nsec(const struct timespec *ts)
{
	return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}

bool ctsh_proc_started_by(uint64_t start_ticks, const struct timespec *limit)
{
	long long hz = sysconf(_SC_CLK_TCK);
	struct timespec real, boot;
	long long started;

	if (hz <= 0 || clock_gettime(CLOCK_REALTIME, &real) ||
	    clock_gettime(CLOCK_BOOTTIME, &boot) ||
	    start_ticks > (uint64_t)(in_nsec(&boot) / (NSEC_PER_SEC / hz)))
		return false;
	started = in_nsec(&real) - in_nsec(&boot) +
	          (long long)start_ticks * (NSEC_PER_SEC / hz);
	/* The kernel stamps files with the time of the last tick. */
	return started <= in_nsec(limit) + NSEC_PER_SEC / hz;
}
