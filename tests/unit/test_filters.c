/* SPDX-License-Identifier: MIT */
/* Lists of seccomp programs as bytes, and hostile bytes as such lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/base/filters.h"
#include "some_filters.h"

static void filters_survive_packing_in_their_order(void **state)
{
	struct ctsh_filters before = some_filters(5), after = {0};
	ctsh_autofree void *bytes = NULL;
	size_t length;

	(void)state;
	bytes = ctsh_filters_pack(&before, &length);
	assert_non_null(bytes);
	assert_int_equal(ctsh_filters_unpack(bytes, length, &after), 0);
	assert_same_filters(&before, &after);
	ctsh_filters_free(&before);
	ctsh_filters_free(&after);
	assert_null(after.filter);
	ctsh_filters_free(&after);
}

/* In memory of exactly that size. */
static void expect_bad_bytes(const void *bytes, size_t length)
{
	struct ctsh_filters out = {.count = 99};
	ctsh_autofree char *copy = malloc(length);

	assert_true(copy || !length);
	if (length)
		memcpy(copy, bytes, length);
	errno = 0;
	assert_int_equal(ctsh_filters_unpack(copy, length, &out), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(out.count, 99);
	assert_null(out.filter);
}

static void bytes_of_any_other_length_are_refused(void **state)
{
	struct ctsh_filters filters = some_filters(4);
	ctsh_autofree char *bytes = NULL;
	size_t length, i;

	(void)state;
	bytes = ctsh_filters_pack(&filters, &length);
	assert_non_null(bytes);
	for (i = 0; i < length; i++)
		expect_bad_bytes(bytes, i);
	bytes = realloc(bytes, length + 8);
	assert_non_null(bytes);
	memset(bytes + length, 0, 8);
	for (i = 1; i <= 8; i++)
		expect_bad_bytes(bytes, length + i);
	ctsh_filters_free(&filters);
}

static void wrong_numbers_in_bytes_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} wrong[] = {
		{0, 0},
		{4, 0x31465043},
		{8, 0},
		{8, 2},
		{8, CTSH_FILTERS_MAX + 1},
		{8, UINT32_MAX},
		{12, 0},
		{12, 2},
		{12, UINT32_MAX},
		{12, 0x20000001},
		{12, CTSH_FILTER_LENGTH_MAX + 1},
	};
	struct ctsh_filters filters = some_filters(1);
	ctsh_autofree char *bytes = NULL;
	size_t length, i;

	(void)state;
	bytes = ctsh_filters_pack(&filters, &length);
	assert_non_null(bytes);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ctsh_autofree char *changed = malloc(length);

		assert_non_null(changed);
		memcpy(changed, bytes, length);
		memcpy(changed + wrong[i].at, &wrong[i].value, 4);
		expect_bad_bytes(changed, length);
	}
	ctsh_filters_free(&filters);
}

/* `count` programs of the same length; the result of packing them. */
static int errno_of_packing(unsigned count, unsigned length_each)
{
	ctsh_autofree struct sock_filter *insns = NULL;
	ctsh_autofree struct ctsh_filter *filter = NULL;
	ctsh_autofree void *bytes = NULL;
	struct ctsh_filters filters = {.count = count}, back = {0};
	size_t length;
	unsigned i;

	insns = calloc(length_each + 1, sizeof(*insns));
	filter = calloc(count + 1, sizeof(*filter));
	assert_true(insns && filter);
	for (i = 0; i < count; i++) {
		filter[i].length = length_each;
		filter[i].insns = insns;
	}
	filters.filter = filter;
	bytes = ctsh_filters_pack(&filters, &length);
	if (!bytes)
		return errno;
	assert_in_range(length, 1, CTSH_FILTERS_BYTES_MAX);
	assert_int_equal(ctsh_filters_unpack(bytes, length, &back), 0);
	assert_int_equal(back.count, count);
	ctsh_filters_free(&back);
	return 0;
}

static void packing_keeps_to_the_kernels_limits(void **state)
{
	(void)state;
	assert_int_equal(errno_of_packing(0, 1), EINVAL);
	assert_int_equal(errno_of_packing(1, 0), EINVAL);
	assert_int_equal(errno_of_packing(1, CTSH_FILTER_LENGTH_MAX), 0);
	assert_int_equal(errno_of_packing(1, CTSH_FILTER_LENGTH_MAX + 1),
	                 EINVAL);
	assert_int_equal(errno_of_packing(CTSH_FILTERS_MAX, 28), 0);
	assert_int_equal(errno_of_packing(CTSH_FILTERS_MAX, 29), EINVAL);
	assert_int_equal(errno_of_packing(CTSH_FILTERS_MAX + 1, 1), EINVAL);
}

static bool pretends(uint16_t code, uint32_t k)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		{.code = code, .k = k},
	};
	struct ctsh_filter filter = {.length = 2, .insns = insns};

	return ctsh_filters_pretend(
		&(struct ctsh_filters){.count = 1, .filter = &filter});
}

static void a_result_of_zero_is_a_pretence(void **state)
{
	(void)state;
	assert_true(pretends(BPF_RET | BPF_K, SECCOMP_RET_ERRNO));
	assert_true(pretends(BPF_RET | BPF_A, 0));
	assert_false(pretends(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	assert_false(pretends(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0xffff));
	assert_false(pretends(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	assert_false(pretends(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	assert_false(pretends(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
	assert_false(pretends(BPF_LD | BPF_W | BPF_ABS, SECCOMP_RET_ERRNO));
	assert_false(ctsh_filters_pretend(&(struct ctsh_filters){.count = 0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_survive_packing_in_their_order),
		cmocka_unit_test(bytes_of_any_other_length_are_refused),
		cmocka_unit_test(wrong_numbers_in_bytes_are_refused),
		cmocka_unit_test(packing_keeps_to_the_kernels_limits),
		cmocka_unit_test(a_result_of_zero_is_a_pretence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
