/* SPDX-License-Identifier: MIT */
/*
 * some_filters.h - filters to keep and compare, for tests.  After <cmocka.h>.
 *
 * Privilege: none.
 * Trust:     test code.
 */
#ifndef CTSH_SOME_FILTERS_H
#define CTSH_SOME_FILTERS_H

#include <stdlib.h>

#include "../../lib/base/filters.h"

/* `count` programs; the i-th has i + 1 instructions, all different. */
static inline struct ctsh_filters some_filters(unsigned count)
{
	struct ctsh_filters made = {.count = count};
	unsigned i, k;

	made.filter = calloc(count, sizeof(*made.filter));
	assert_non_null(made.filter);
	for (i = 0; i < count; i++) {
		struct ctsh_filter *filter = &made.filter[i];

		filter->length = i + 1;
		filter->insns = calloc(i + 1, sizeof(*filter->insns));
		assert_non_null(filter->insns);
		for (k = 0; k <= i; k++)
			filter->insns[k].k = i * 1000 + k;
	}
	return made;
}

static inline void assert_same_filters(const struct ctsh_filters *a,
                                       const struct ctsh_filters *b)
{
	unsigned i;

	assert_int_equal(a->count, b->count);
	for (i = 0; i < a->count; i++) {
		assert_int_equal(a->filter[i].length, b->filter[i].length);
		assert_memory_equal(a->filter[i].insns, b->filter[i].insns,
		                    a->filter[i].length *
		                            sizeof(struct sock_filter));
	}
}

#endif
