/* SPDX-License-Identifier: MIT */
/* Needs root: ownership is what is tested, and the name service is replaced
 * in a mount namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/policy/break_glass.h"
#include "own_host.h"

#define FILE_PATH "/run/ctsh-test/break_glass"

static struct ctsh_person alice = {
	.uid = 1000,
	.gid = 100,
	.name = "alice",
	.group_count = 2,
	.groups = {100, 200},
};

static int setup(void **state)
{
	if (own_host(state) < 0 || mkdir("/run/ctsh-test", 0755) < 0)
		return -1;
	name_service("root:x:0:0::/root:/bin/sh\n",
	             "root:x:0:\nusers:x:100:\nadmins:x:200:\n"
	             "domain admins:x:300:\n");
	return 0;
}

static int64_t soon(void)
{
	return ctsh_now_ms() + 5000;
}

static void qualifies(const char *text, bool expected)
{
	struct ctsh_error err = {0};
	bool answer = !expected;

	put_text(FILE_PATH, text);
	assert_int_equal(
		ctsh_break_glass(FILE_PATH, &alice, &answer, soon(), &err), 0);
	assert_int_equal(answer, expected);
}

static void refuses(const char *what)
{
	struct ctsh_error err = {0};
	bool answer = false;

	assert_int_equal(
		ctsh_break_glass(FILE_PATH, &alice, &answer, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_string_equal(err.what, what);
	assert_false(answer);
}

static void who_is_named_qualifies(void **state)
{
	(void)state;
	qualifies("alice\n", true);
	qualifies("alice", true);
	qualifies("# who\n\n  alice\t# the boss\nbob\n", true);
	qualifies("bob\nalice\n", true);
	qualifies("@admins\n", true);
	qualifies("@users # as primary group\n", true);
	qualifies("@root\n@domain admins\n@admins\n", true);
}

static void who_is_not_named_does_not(void **state)
{
	(void)state;
	qualifies("", false);
	qualifies("\n", false);
	qualifies("# alice\n", false);
	qualifies("bob # alice\n", false);
	qualifies("alic\nalice2\nAlice\n", false);
	qualifies("admins\n", false);
	qualifies("@root\n", false);
	qualifies("@domain admins\n", false);
}

static void the_shipped_file_names_nobody(void **state)
{
	char *text =
		ctsh_read_file_at(AT_FDCWD, "conf/break_glass", 4096, NULL);

	(void)state;
	assert_non_null(text);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(*line, '#');
	qualifies(text, false);
	free(text);
}

static void without_a_file_nobody_qualifies(void **state)
{
	struct ctsh_error err = {0};
	bool answer = true;

	(void)state;
	(void)unlink(FILE_PATH);
	assert_int_equal(
		ctsh_break_glass(FILE_PATH, &alice, &answer, soon(), &err), 0);
	assert_false(answer);

	answer = true;
	assert_int_equal(ctsh_break_glass("/run/nonesuch/break_glass", &alice,
	                                  &answer, soon(), &err),
	                 0);
	assert_false(answer);
}

/* Even for those whom another line names: half a file is none. */
static void a_malformed_line_lets_nobody_in(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"bob eve", "one NAME or @GROUP a line"},
		{"bob, eve", "one NAME or @GROUP a line"},
		{"*", "one NAME or @GROUP a line"},
		{"al*", "one NAME or @GROUP a line"},
		{"!bob", "one NAME or @GROUP a line"},
		{"\"bob\"", "one NAME or @GROUP a line"},
		{"users = bob", "one NAME or @GROUP a line"},
		{"bob@", "one NAME or @GROUP a line"},
		{"@", "not the name of a group"},
		{"@ admins", "not the name of a group"},
		{"@@admins", "not the name of a group"},
		{"@ad*", "not the name of a group"},
		{"@admins,users", "not the name of a group"},
		{"bob\r", "not printable ASCII"},
		{"b\xc3\xb6"
	         "b",
	         "not printable ASCII"},
		{"\x1b[2J", "not printable ASCII"},
	};
	char text[64], what[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		(void)snprintf(text, sizeof(text), "alice\n%s\nalice\n",
		               cases[i].line);
		(void)snprintf(what, sizeof(what), FILE_PATH ":2: %s",
		               cases[i].why);
		put_text(FILE_PATH, text);
		refuses(what);
	}
}

static void a_nul_or_too_much_lets_nobody_in(void **state)
{
	static char large[64 * 1024 + 1], many[65 * 8 + 1];
	size_t used = 0;

	(void)state;
	put_bytes(FILE_PATH, "alice\nb\0b\n", 10);
	refuses(FILE_PATH ":2: NUL byte");
	put_bytes(FILE_PATH, "alice\n\0", 7);
	refuses(FILE_PATH ":2: NUL byte");

	memset(large, '\n', sizeof(large));
	memcpy(large, "alice", 5);
	put_bytes(FILE_PATH, large, sizeof(large));
	refuses(FILE_PATH ": larger than 64 KiB");
	put_bytes(FILE_PATH, large, sizeof(large) - 1);
	{
		struct ctsh_error err = {0};
		bool answer = false;

		assert_int_equal(ctsh_break_glass(FILE_PATH, &alice, &answer,
		                                  soon(), &err),
		                 0);
		assert_true(answer);
	}

	for (unsigned i = 0; i < 65; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used,
		                         "@users\n");
	put_bytes(FILE_PATH, many, used);
	refuses(FILE_PATH ":65: more than 64 groups");

	large[0] = 'x';
	memset(large, 'x', 300);
	put_bytes(FILE_PATH, large, 301);
	refuses(FILE_PATH ":1: the name is too long");
}

/* A stale group keeps out only those whom no other line names. */
static void a_missing_group_matters_only_to_the_rest(void **state)
{
	(void)state;
	qualifies("@nonesuch\nalice\n", true);
	qualifies("@nonesuch\n@admins\n", true);
	qualifies("@admins\n@nonesuch\n", true);
	put_text(FILE_PATH, "@nonesuch\n@root\nbob\n");
	refuses(FILE_PATH ": group nonesuch does not exist");
}

/* The name that is written needs no name service at all. */
static void who_is_named_qualifies_during_an_outage(void **state)
{
	struct ctsh_error err = {0};
	bool answer = false;

	(void)state;
	put_over("/etc/nsswitch.conf", "passwd: nonesuch\ngroup: nonesuch\n");

	qualifies("@admins\nalice\n", true);
	put_text(FILE_PATH, "@admins\n");
	assert_int_equal(
		ctsh_break_glass(FILE_PATH, &alice, &answer, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_false(answer);
	assert_int_equal(umount("/etc/nsswitch.conf"), 0);
}

static void an_unsafe_file_lets_nobody_in(void **state)
{
	(void)state;
	put_text(FILE_PATH, "alice\n");
	assert_int_equal(chmod(FILE_PATH, 0664), 0);
	refuses(FILE_PATH " is writable by others");
	assert_int_equal(chmod(FILE_PATH, 0644), 0);
	assert_int_equal(chown(FILE_PATH, 1000, 0), 0);
	refuses(FILE_PATH " is not owned by root");
	assert_int_equal(unlink(FILE_PATH), 0);

	put_text("/run/ctsh-test/real", "alice\n");
	assert_int_equal(symlink("real", FILE_PATH), 0);
	refuses(FILE_PATH " is a symbolic link");
	assert_int_equal(unlink(FILE_PATH), 0);

	put_text(FILE_PATH, "alice\n");
	assert_int_equal(chmod("/run/ctsh-test", 0775), 0);
	refuses("/run/ctsh-test is writable by others");
	assert_int_equal(chmod("/run/ctsh-test", 0755), 0);
	qualifies("alice\n", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_named_qualifies),
		cmocka_unit_test(who_is_not_named_does_not),
		cmocka_unit_test(the_shipped_file_names_nobody),
		cmocka_unit_test(without_a_file_nobody_qualifies),
		cmocka_unit_test(a_malformed_line_lets_nobody_in),
		cmocka_unit_test(a_nul_or_too_much_lets_nobody_in),
		cmocka_unit_test(a_missing_group_matters_only_to_the_rest),
		cmocka_unit_test(who_is_named_qualifies_during_an_outage),
		cmocka_unit_test(an_unsafe_file_lets_nobody_in),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
