/* SPDX-License-Identifier: MIT */
#include "fdio.h"

#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The smallest descriptor to keep that is at least `from`; ~0U: none. */
static unsigned next_kept(const int *keep, size_t count, unsigned from)
{
	unsigned next = ~0U;

	for (size_t i = 0; i < count; i++)
		if (keep[i] >= 0 && (unsigned)keep[i] >= from &&
		    (unsigned)keep[i] < next)
			next = (unsigned)keep[i];
	return next;
}

int ctsh_close_but(const int *keep, size_t count)
{
	unsigned from = 3;

	for (;;) {
		unsigned kept = next_kept(keep, count, from);
		unsigned last = kept == ~0U ? ~0U : kept - 1;

		if (kept != from && syscall(SYS_close_range, from, last, 0))
			return -1;
		if (kept == ~0U)
			return 0;
		from = kept + 1;
	}
}
