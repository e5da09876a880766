/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/route/named.h"
#include "own_host.h"

static int accounts(void **state)
{
	if (own_host(state))
		return -1;
	put_over("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
	put_over("/etc/passwd", "root:x:0:0::/root:/bin/sh\n"
	                        "toor:x:0:0::/root:/bin/sh\n"
	                        "alice:x:1001:1001::/home/alice:/bin/sh\n"
	                        "alias:x:1001:1001::/home/alice:/bin/sh\n");
	put_over("/etc/group", "root:x:0:\nalice:x:1001:\n"
	                       "staff:x:2000:bob,alice\nempty:x:2001:\n");
	return 0;
}

static int64_t soon(void)
{
	return ctsh_now_ms() + 10000;
}

static enum ctsh_code name_gives(const char *name, struct ctsh_person *person)
{
	struct ctsh_error err = {.code = CTSH_OK};

	return ctsh_named_person(name, person, soon(), &err) ? err.code
	                                                     : CTSH_OK;
}

static void a_name_maps_to_a_uid_and_back(void **state)
{
	struct ctsh_person person;

	(void)state;
	assert_int_equal(name_gives("alice", &person), CTSH_OK);
	assert_int_equal(person.uid, 1001);
	assert_string_equal(person.name, "alice");
	assert_int_equal(name_gives("alias", &person), CTSH_E_DENIED);
	assert_int_equal(name_gives("nobody-of-that-name", &person),
	                 CTSH_E_DENIED);
	assert_int_equal(name_gives("", &person), CTSH_E_DENIED);
}

static void any_name_of_uid_0_is_root(void **state)
{
	struct ctsh_person person;

	(void)state;
	assert_int_equal(name_gives("root", &person), CTSH_OK);
	assert_int_equal(person.uid, 0);
	assert_int_equal(name_gives("toor", &person), CTSH_OK);
	assert_int_equal(person.uid, 0);
}

static void lists_are_read(void **state)
{
	static const struct {
		const char *list;
		int expected; /* 1 listed, 0 not, -1 refused */
		const char *reason;
	} cases[] = {
		{"alice", 1, NULL},
		{"bob", 0, NULL},
		{"bob,alice", 1, NULL},
		{"@staff", 1, NULL},
		{"@alice", 1, NULL},
		{"@empty", 0, NULL},
		{"@empty,@staff", 1, NULL},
		{"@gone,@staff", 1, NULL},
		{"@gone,alice", 1, NULL},
		{"alice,@gone", 1, NULL},
		{"@gone", -1, "users: no group gone"},
		{"bob,@gone,@empty", -1, "users: no group gone"},
		{"", -1, "users: an empty name"},
		{"alice,", -1, "users: an empty name"},
		{",alice", -1, "users: an empty name"},
		{"@", -1, "users: a group without a name"},
		{"ali", 0, NULL},
		{"Alice", 0, NULL},
	};
	struct ctsh_person person;
	struct ctsh_error err;
	bool listed;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int rc;

		assert_int_equal(name_gives("alice", &person), CTSH_OK);
		rc = ctsh_named_in(cases[i].list, &person, &listed, soon(),
		                   &err);
		assert_int_equal(rc, cases[i].expected < 0 ? -1 : 0);
		if (rc == 0) {
			assert_int_equal(listed, cases[i].expected);
			continue;
		}
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_string_equal(err.what, cases[i].reason);
	}
}

static void long_lists_are_refused(void **state)
{
	char many[65 * 3 + 1] = "", longest[5000];
	struct ctsh_person person;
	struct ctsh_error err;
	bool listed;

	(void)state;
	assert_int_equal(name_gives("alice", &person), CTSH_OK);
	for (int i = 0; i < 65; i++)
		memcpy(many + 3 * i, "@g,", 4);
	many[65 * 3 - 1] = '\0';
	assert_int_equal(ctsh_named_in(many, &person, &listed, soon(), &err),
	                 -1);
	assert_string_equal(err.what, "users: more than 64 groups");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ctsh_named_in(longest, &person, &listed, soon(), &err),
	                 -1);
	assert_string_equal(err.what, "users: too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_maps_to_a_uid_and_back),
		cmocka_unit_test(any_name_of_uid_0_is_root),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(long_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, accounts, NULL);
}
