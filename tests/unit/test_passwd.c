/* SPDX-License-Identifier: MIT */
/* Hostile tables of accounts and groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/clean.h"
#include "../../lib/enter/passwd.h"

/* Nobody's id: what the fields hold as long as nobody is found. */
#define NO_ID UINT32_MAX

static struct ctsh_query by_name(const char *name)
{
	struct ctsh_query query = {0};

	(void)snprintf(query.name, sizeof(query.name), "%s", name);
	return query;
}

static struct ctsh_query by_uid(uid_t uid)
{
	struct ctsh_query query = {.by_uid = true, .uid = uid};

	return query;
}

/* Looks in a copy of exactly that size, so that the sanitizer sees every
 * step over its end.  The result is the caller's to free. */
static struct ctsh_interior *look(const void *text, size_t length,
                                  struct ctsh_query query)
{
	struct ctsh_interior *seen = malloc(sizeof(*seen));
	char *copy = malloc(length);

	assert_non_null(seen);
	assert_true(copy || !length);
	memset(seen, 0x5a, sizeof(*seen));
	if (length)
		memcpy(copy, text, length);
	ctsh_passwd_find(copy, length, &query, seen);
	free(copy);
	return seen;
}

static struct ctsh_interior *look_text(const char *text,
                                       struct ctsh_query query)
{
	return look(text, strlen(text), query);
}

static void assert_nobody(const struct ctsh_interior *seen,
                          enum ctsh_account account)
{
	assert_int_equal(seen->account, account);
	assert_int_equal(seen->uid, NO_ID);
	assert_int_equal(seen->gid, NO_ID);
	assert_string_equal(seen->name, "");
	assert_string_equal(seen->home, "");
	assert_string_equal(seen->shell, "");
}

static void expect_account(const char *text, struct ctsh_query query,
                           enum ctsh_account account)
{
	ctsh_autofree struct ctsh_interior *seen = look_text(text, query);

	assert_nobody(seen, account);
}

static struct ctsh_interior *collect(const void *text, size_t length,
                                     const char *name, gid_t gid)
{
	struct ctsh_interior *seen = malloc(sizeof(*seen));
	char *copy = malloc(length);

	assert_non_null(seen);
	assert_true(copy || !length);
	memset(seen, 0x5a, sizeof(*seen));
	if (length)
		memcpy(copy, text, length);
	ctsh_group_collect(copy, length, name, gid, seen);
	free(copy);
	return seen;
}

#define ALICE "alice:x:1001:1002:A,,,:/home/alice:/bin/zsh\n"
#define ROOT "root:x:0:0:root:/root:/bin/sh\n"

static void finds_account_by_name_with_all_its_fields(void **state)
{
	ctsh_autofree struct ctsh_interior *seen =
		look_text(ROOT ALICE, by_name("alice"));

	(void)state;
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(seen->uid, 1001);
	assert_int_equal(seen->gid, 1002);
	assert_string_equal(seen->name, "alice");
	assert_string_equal(seen->home, "/home/alice");
	assert_string_equal(seen->shell, "/bin/zsh");
}

static void finds_account_by_uid_and_keeps_its_name(void **state)
{
	ctsh_autofree struct ctsh_interior *seen =
		look_text(ROOT ALICE, by_uid(1001));

	(void)state;
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_string_equal(seen->name, "alice");
}

static void finds_last_line_without_newline(void **state)
{
	ctsh_autofree struct ctsh_interior *seen =
		look_text(ROOT "bob:x:7:8::/:", by_name("bob"));

	(void)state;
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(seen->uid, 7);
	assert_int_equal(seen->gid, 8);
	assert_string_equal(seen->home, "/");
	assert_string_equal(seen->shell, "");
}

static void first_matching_line_wins(void **state)
{
	ctsh_autofree struct ctsh_interior *name = look_text(
		"alice:x:5:6::/first:/bin/a\n" ALICE, by_name("alice"));
	ctsh_autofree struct ctsh_interior *uid =
		look_text("zoe:x:1001:6::/first:/bin/a\n" ALICE, by_uid(1001));

	(void)state;
	assert_int_equal(name->uid, 5);
	assert_string_equal(name->home, "/first");
	assert_string_equal(uid->name, "zoe");
}

static void malformed_line_of_the_user_is_not_passed_over(void **state)
{
	(void)state;
	expect_account("alice:x:1001\n" ALICE, by_name("alice"),
	               CTSH_ACCOUNT_MALFORMED);
	expect_account("alice\n" ALICE, by_name("alice"),
	               CTSH_ACCOUNT_MALFORMED);
	expect_account("zoe:x:1001\n" ALICE, by_uid(1001),
	               CTSH_ACCOUNT_MALFORMED);
}

static void uid_that_is_no_number_is_malformed(void **state)
{
	static const char *const hostile[] = {
		"",
		"-1",
		"-0",
		"+0",
		"+1001",
		" 0",
		"0 ",
		"\t0",
		"0\r",
		"00",
		"01001",
		"0x0",
		"0x3e9",
		"0X0",
		"0b0",
		"0o0",
		"1e3",
		"1.0",
		"1,001",
		"1_001",
		"4294967295",
		"4294967296",
		"4294968297",
		"8589934592",
		"18446744073709551615",
		"18446744073709551616",
		"18446744073709552617",
		"340282366920938463463374607431768",
		"-4294967295",
		"-4294966295",
		"2147483648x",
		"alice",
		"root",
		"nan",
		"inf",
		"0;0",
		"0\v",
		"\xd9\xa0",
		"\xef\xbc\x90",
		"1001/0",
		"0000000000",
		"0000001001",
		"99999999999",
		"*",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "alice:x:%s:1002::/home/alice:/bin/sh\n" ALICE,
		               hostile[i]);
		expect_account(text, by_name("alice"), CTSH_ACCOUNT_MALFORMED);
		(void)snprintf(text, sizeof(text),
		               "alice:x:1001:%s::/home/alice:/bin/sh\n" ALICE,
		               hostile[i]);
		expect_account(text, by_name("alice"), CTSH_ACCOUNT_MALFORMED);
		expect_account(text, by_uid(1001), CTSH_ACCOUNT_MALFORMED);
		(void)snprintf(text, sizeof(text),
		               "alice:x:%s:1002::/home/alice:/bin/sh\n",
		               hostile[i]);
		expect_account(text, by_uid(0), CTSH_ACCOUNT_MISSING);
		expect_account(text, by_uid(NO_ID), CTSH_ACCOUNT_MISSING);
	}
}

static void largest_ids_are_taken_exactly(void **state)
{
	ctsh_autofree struct ctsh_interior *seen =
		look_text("a:x:4294967294:4294967294::/:/bin/sh", by_name("a"));

	(void)state;
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(seen->uid, UINT32_MAX - 1);
	assert_int_equal(seen->gid, UINT32_MAX - 1);
}

static void line_of_another_shape_is_malformed(void **state)
{
	static const char *const shapes[] = {
		"alice:",
		"alice::",
		"alice:x:1001:1002::/home/alice",
		"alice:x:1001:1002:::/home/alice:/bin/sh",
		"alice:x:1001:1002::/home/alice:/bin/sh:",
		"alice:x:1001:1002::/home/alice:/bin/sh\r",
		"alice:x:1001:1002::/home/\x1b[31m:/bin/sh",
		"alice:x:1001:1002::/home/a\x7f:/bin/sh",
		"alice:x:1001:1002::/home/alice:/bin/\tsh",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text), "%s\n" ALICE, shapes[i]);
		expect_account(text, by_name("alice"), CTSH_ACCOUNT_MALFORMED);
	}
}

static void name_must_be_exactly_the_one_asked_for(void **state)
{
	static const char *const others[] = {
		"alic:x:1:1::/:",   "alice2:x:1:1::/:", "Alice:x:1:1::/:",
		" alice:x:1:1::/:", "alice :x:1:1::/:", "x:alice:1:1::/:",
		"#alice:x:1:1::/:", "+alice:x:1:1::/:", "-alice:x:1:1::/:",
		":alice:1:1::/:",   "+::::::",          "\n\n\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		expect_account(others[i], by_name("alice"),
		               CTSH_ACCOUNT_MISSING);
}

static void lines_of_the_name_service_switch_are_nobodys(void **state)
{
	(void)state;
	expect_account("+alice:x:1001:1002::/:/bin/sh", by_name("+alice"),
	               CTSH_ACCOUNT_MISSING);
	expect_account("+:x:1001:1002::/:/bin/sh", by_uid(1001),
	               CTSH_ACCOUNT_MISSING);
	expect_account("-bob:x:1001:1002::/:/bin/sh", by_uid(1001),
	               CTSH_ACCOUNT_MISSING);
	expect_account("#bob:x:1001:1002::/:/bin/sh", by_uid(1001),
	               CTSH_ACCOUNT_MISSING);
}

static void empty_name_is_never_found(void **state)
{
	(void)state;
	expect_account(":x:0:0::/:/bin/sh\n", by_name(""),
	               CTSH_ACCOUNT_MALFORMED);
	expect_account("", by_name(""), CTSH_ACCOUNT_MALFORMED);
	expect_account(":x:1001:0::/:/bin/sh\n", by_uid(1001),
	               CTSH_ACCOUNT_MALFORMED);
}

static void empty_file_has_no_account(void **state)
{
	(void)state;
	expect_account("", by_name("alice"), CTSH_ACCOUNT_MISSING);
	expect_account("\n", by_name("alice"), CTSH_ACCOUNT_MISSING);
	expect_account("", by_uid(0), CTSH_ACCOUNT_MISSING);
}

static void nul_makes_the_users_line_malformed(void **state)
{
	static const char texts[][48] = {
		"alice:\0:1001:1002::/home/alice:/bin/sh\nx",
		"alice:x:1001\0:1002::/home/alice:/bin/sh\nx",
		"alice:x:1001:1002\0:\0:/home/alice:/bin/sh\nx",
		"alice:x:1001:1002::/\0ome/alice:/bin/sh\nx",
		"alice:x:1001:1002::/home/alice:/bin/sh\0\nx",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ctsh_autofree struct ctsh_interior *seen =
			look(texts[i], sizeof(texts[i]), by_name("alice"));

		assert_nobody(seen, CTSH_ACCOUNT_MALFORMED);
	}
}

static void nul_in_a_name_makes_another_name(void **state)
{
	static const char text[] = "alice\0:x:0:0::/:/bin/sh\n" ALICE;
	ctsh_autofree struct ctsh_interior *seen =
		look(text, sizeof(text) - 1, by_name("alice"));

	(void)state;
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(seen->uid, 1001);
}

/* "alice:x:1001:1002:GECOS:HOME:SHELL" with fields of those lengths. */
static enum ctsh_account with_lengths(size_t gecos, size_t home, size_t shell)
{
	ctsh_autofree struct ctsh_interior *seen = NULL;
	ctsh_autofree char *text = malloc(gecos + home + shell + 64);
	char *at = text;

	assert_non_null(text);
	at += sprintf(at, "alice:x:1001:1002:");
	at = (char *)memset(at, 'g', gecos) + gecos;
	*at++ = ':';
	at = (char *)memset(at, '/', home) + home;
	*at++ = ':';
	at = (char *)memset(at, '/', shell) + shell;
	*at++ = '\n';
	seen = look(text, (size_t)(at - text), by_name("alice"));
	return seen->account;
}

static void field_that_does_not_fit_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(with_lengths(0, CTSH_PATH_MAX - 1, 1),
	                 CTSH_ACCOUNT_FOUND);
	assert_int_equal(with_lengths(0, CTSH_PATH_MAX, 1),
	                 CTSH_ACCOUNT_MALFORMED);
	assert_int_equal(with_lengths(0, 1, CTSH_PATH_MAX - 1),
	                 CTSH_ACCOUNT_FOUND);
	assert_int_equal(with_lengths(0, 1, CTSH_PATH_MAX),
	                 CTSH_ACCOUNT_MALFORMED);
}

static void line_that_is_too_long_is_malformed(void **state)
{
	/* 18 before the fifth field, two colons, two fields of one */
	size_t fits = CTSH_PASSWD_LINE_MAX - 18 - 2 - 2;

	(void)state;
	assert_int_equal(with_lengths(fits, 1, 1), CTSH_ACCOUNT_FOUND);
	assert_int_equal(with_lengths(fits + 1, 1, 1), CTSH_ACCOUNT_MALFORMED);
	assert_int_equal(with_lengths(CTSH_PASSWD_MAX, 1, 1),
	                 CTSH_ACCOUNT_MALFORMED);
}

static void name_that_does_not_fit_is_malformed(void **state)
{
	char text[512];
	int length = sprintf(text, "%0*d:x:1001:1002::/:\n", 255, 7);
	ctsh_autofree struct ctsh_interior *fits =
		look(text, (size_t)length, by_uid(1001));
	ctsh_autofree struct ctsh_interior *larger = NULL;

	(void)state;
	assert_int_equal(fits->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(strlen(fits->name), 255);
	length = sprintf(text, "%0*d:x:1001:1002::/:\n", 256, 7);
	larger = look(text, (size_t)length, by_uid(1001));
	assert_nobody(larger, CTSH_ACCOUNT_MALFORMED);
}

static void million_lines_are_read_to_the_last(void **state)
{
	const size_t lines = 1000000;
	ctsh_autofree char *text = malloc(lines * 2 + sizeof(ALICE));
	ctsh_autofree struct ctsh_interior *seen = NULL;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < lines; i++)
		memcpy(text + i * 2, i % 2 ? ":\n" : "a\n", 2);
	memcpy(text + lines * 2, ALICE, sizeof(ALICE));
	seen = look(text, lines * 2 + sizeof(ALICE) - 1, by_name("alice"));
	assert_int_equal(seen->account, CTSH_ACCOUNT_FOUND);
	assert_int_equal(seen->uid, 1001);
}

static void million_bytes_of_anything_find_nobody(void **state)
{
	static const char fill[] = {0, ':', '\n', ',', 'a', (char)0xff};
	ctsh_autofree char *text = malloc(CTSH_PASSWD_MAX);
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < sizeof(fill); i++) {
		ctsh_autofree struct ctsh_interior *name = NULL, *uid = NULL;

		memset(text, fill[i], CTSH_PASSWD_MAX);
		name = look(text, CTSH_PASSWD_MAX, by_name("alice"));
		uid = look(text, CTSH_PASSWD_MAX, by_uid(0));
		assert_nobody(name, CTSH_ACCOUNT_MISSING);
		assert_nobody(uid, CTSH_ACCOUNT_MISSING);
	}
}

static void every_prefix_of_a_file_is_read_within_its_bounds(void **state)
{
	static const char text[] = ROOT "+::::::\n\n" ALICE;
	const size_t whole = sizeof(text) - 2; /* with all of the last field */
	size_t length;

	(void)state;
	for (length = 0; length < sizeof(ROOT "+::::::\n\n"
	                                      "alice") -
	                                  1;
	     length++) {
		ctsh_autofree struct ctsh_interior *seen =
			look(text, length, by_name("alice"));

		assert_nobody(seen, CTSH_ACCOUNT_MISSING);
	}
	for (; length < whole - strlen("/bin/zsh"); length++) {
		ctsh_autofree struct ctsh_interior *seen =
			look(text, length, by_name("alice"));

		assert_nobody(seen, CTSH_ACCOUNT_MALFORMED);
	}
}

static void expect_groups(const char *text, const char *name, gid_t primary,
                          const gid_t *wanted, unsigned count)
{
	ctsh_autofree struct ctsh_interior *seen =
		collect(text, strlen(text), name, primary);

	assert_int_equal(seen->group_count, count);
	assert_memory_equal(seen->groups, wanted, count * sizeof(*wanted));
}

static void groups_are_those_that_name_the_user(void **state)
{
	static const gid_t wanted[] = {10, 20, 30, 40};

	(void)state;
	expect_groups("a:x:10:alice\nb:x:20:bob,alice\nc:x:30:alice,bob\n"
	              "d:x:35:bob\ne:x:36:\nf:x:40:bob,alice,carol",
	              "alice", 1002, wanted, 4);
}

static void members_are_compared_exactly(void **state)
{
	(void)state;
	expect_groups("a:x:1:alice2\nb:x:2:xalice\nc:x:3: alice\n"
	              "d:x:4:alice \ne:x:5:Alice\nf:x:6:ali,ce\n"
	              "alice:x:7:\ng:alice:8:\nh:x:9:alic\n",
	              "alice", 1002, NULL, 0);
}

static void primary_group_is_not_listed_again(void **state)
{
	static const gid_t wanted[] = {5};

	(void)state;
	expect_groups("p:x:1002:alice\nq:x:5:alice\n", "alice", 1002, wanted,
	              1);
}

static void malformed_groups_count_for_nothing(void **state)
{
	static const gid_t wanted[] = {77};

	(void)state;
	expect_groups("a:x:-1:alice\nb:x:4294967295:alice\nc:x:0x0:alice\n"
	              "d:x:1e3:alice\ne:x: 0:alice\nf:x:+0:alice\n"
	              "g:x::alice\nh:x:00:alice\ni:x:0:alice:\n"
	              "j:x:0\nk:0:alice\n+:x:0:alice\n-n:x:0:alice\n"
	              "#o:x:0:alice\np:x:99999999999:alice\nalice\n"
	              "ok:x:77:alice\n",
	              "alice", 1002, wanted, 1);
}

static void group_with_a_nul_counts_for_nothing(void **state)
{
	static const char text[] = "a:x:0\0:alice\nb:x:0:alice,\0\n"
				   "c\0:x:0:alice\nd:x:0:alice\0\n";
	ctsh_autofree struct ctsh_interior *seen =
		collect(text, sizeof(text) - 1, "alice", 1002);

	(void)state;
	assert_int_equal(seen->group_count, 0);
}

static void empty_member_and_empty_name_do_not_meet(void **state)
{
	(void)state;
	expect_groups("a:x:0:,,\nb:x:0:\n", "", 1002, NULL, 0);
}

static void long_group_line_is_read_to_its_last_member(void **state)
{
	const size_t members = 100000;
	ctsh_autofree char *text = malloc(members * 5 + 32);
	ctsh_autofree struct ctsh_interior *seen = NULL;
	char *at = text;
	size_t i;

	(void)state;
	assert_non_null(text);
	at += sprintf(at, "all:x:50:");
	for (i = 0; i < members; i++)
		at += sprintf(at, "bob%c,", 'a' + (int)(i % 26));
	at += sprintf(at, "alice");
	seen = collect(text, (size_t)(at - text), "alice", 1002);
	assert_int_equal(seen->group_count, 1);
	assert_int_equal(seen->groups[0], 50);
}

static struct ctsh_interior *in_groups(unsigned count)
{
	ctsh_autofree char *text = malloc(count * 32);
	char *at = text;
	unsigned i;

	assert_non_null(text);
	for (i = 0; i < count; i++)
		at += sprintf(at, "g%u:x:%u:alice\n", i, 2000 + i);
	return collect(text, (size_t)(at - text), "alice", 1002);
}

static void groups_are_counted_up_to_one_too_many(void **state)
{
	ctsh_autofree struct ctsh_interior *full = in_groups(CTSH_GROUPS_MAX);
	ctsh_autofree struct ctsh_interior *over =
		in_groups(CTSH_GROUPS_MAX + 1);
	ctsh_autofree struct ctsh_interior *many = in_groups(30000);

	(void)state;
	assert_int_equal(full->group_count, CTSH_GROUPS_MAX);
	assert_int_equal(full->groups[CTSH_GROUPS_MAX - 1],
	                 2000 + CTSH_GROUPS_MAX - 1);
	assert_int_equal(over->group_count, CTSH_GROUPS_MAX + 1);
	assert_int_equal(many->group_count, CTSH_GROUPS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_account_by_name_with_all_its_fields),
		cmocka_unit_test(finds_account_by_uid_and_keeps_its_name),
		cmocka_unit_test(finds_last_line_without_newline),
		cmocka_unit_test(first_matching_line_wins),
		cmocka_unit_test(malformed_line_of_the_user_is_not_passed_over),
		cmocka_unit_test(uid_that_is_no_number_is_malformed),
		cmocka_unit_test(largest_ids_are_taken_exactly),
		cmocka_unit_test(line_of_another_shape_is_malformed),
		cmocka_unit_test(name_must_be_exactly_the_one_asked_for),
		cmocka_unit_test(lines_of_the_name_service_switch_are_nobodys),
		cmocka_unit_test(empty_name_is_never_found),
		cmocka_unit_test(empty_file_has_no_account),
		cmocka_unit_test(nul_makes_the_users_line_malformed),
		cmocka_unit_test(nul_in_a_name_makes_another_name),
		cmocka_unit_test(field_that_does_not_fit_is_malformed),
		cmocka_unit_test(line_that_is_too_long_is_malformed),
		cmocka_unit_test(name_that_does_not_fit_is_malformed),
		cmocka_unit_test(million_lines_are_read_to_the_last),
		cmocka_unit_test(million_bytes_of_anything_find_nobody),
		cmocka_unit_test(
			every_prefix_of_a_file_is_read_within_its_bounds),
		cmocka_unit_test(groups_are_those_that_name_the_user),
		cmocka_unit_test(members_are_compared_exactly),
		cmocka_unit_test(primary_group_is_not_listed_again),
		cmocka_unit_test(malformed_groups_count_for_nothing),
		cmocka_unit_test(group_with_a_nul_counts_for_nothing),
		cmocka_unit_test(empty_member_and_empty_name_do_not_meet),
		cmocka_unit_test(long_group_line_is_read_to_its_last_member),
		cmocka_unit_test(groups_are_counted_up_to_one_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
