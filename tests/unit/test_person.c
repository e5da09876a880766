/* SPDX-License-Identifier: MIT */
/* Needs root: the name service is replaced in a mount namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/policy/person.h"
#include "../../lib/policy/person_files.h"
#include "own_host.h"

static const char passwd[] = "root:x:0:0::/root:/bin/sh\n"
			     "alice:x:1000:100::/home/alice:/bin/sh\n"
			     "twin:x:1000:100::/home/twin:/bin/sh\n"
			     "bob:x:1001:777::/home/bob:/bin/sh\n"
			     "bob:x:1002:100::/home/bob:/bin/sh\n"
			     "nobody:x:65534:65534::/:/bin/sh\n";
static const char group[] = "root:x:0:\n"
			    "users:x:100:\n"
			    "students:x:200:bob,alice\n"
			    "domain users:x:300:alice\n"
			    "others:x:400:bob\n";

static int64_t soon(void)
{
	return ctsh_now_ms() + 5000;
}

static bool is_member(const struct ctsh_person *person, gid_t gid)
{
	for (unsigned i = 0; i < person->group_count; i++)
		if (person->groups[i] == gid)
			return true;
	return false;
}

static void refuses(uid_t uid, enum ctsh_code code, const char *what)
{
	struct ctsh_person person = {.uid = 4711, .name = "untouched"};
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_person_load(uid, &person, soon(), &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(err.what, what);
	assert_int_equal(person.uid, 4711);
	assert_string_equal(person.name, "untouched");
}

static void a_person_has_a_name_and_all_groups(void **state)
{
	struct ctsh_person person;
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);

	assert_int_equal(ctsh_person_load(1000, &person, soon(), &err), 0);
	assert_int_equal(person.group_count, 0);
	assert_int_equal(ctsh_person_memberships(&person, soon(), &err), 0);

	assert_int_equal(person.uid, 1000);
	assert_int_equal(person.gid, 100);
	assert_string_equal(person.name, "alice");
	assert_string_equal(person.group, "users");
	assert_int_equal(person.group_count, 3);
	assert_true(is_member(&person, 100));
	assert_true(is_member(&person, 200));
	assert_true(is_member(&person, 300));
}

static void a_primary_group_needs_no_name(void **state)
{
	struct ctsh_person person;
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);

	assert_int_equal(ctsh_person_load(1001, &person, soon(), &err), 0);
	assert_int_equal(person.group_count, 0);
	assert_int_equal(ctsh_person_memberships(&person, soon(), &err), 0);

	assert_int_equal(person.gid, 777);
	assert_string_equal(person.group, "");
	assert_true(is_member(&person, 777));
}

static void a_uid_without_account_is_denied(void **state)
{
	(void)state;
	name_service(passwd, group);
	refuses(4242, CTSH_E_DENIED, "uid 4242 has no account");
	refuses(4294967294u, CTSH_E_DENIED, "uid 4294967294 has no account");
}

/* As after the removal of a package, with its line still there. */
static void a_service_that_is_not_installed_is_no_outage(void **state)
{
	(void)state;
	name_service(passwd, group);
	put_over("/etc/nsswitch.conf", "passwd: nonesuch files nonesuch\n");
	refuses(4242, CTSH_E_DENIED, "uid 4242 has no account");
}

static void a_name_that_leads_to_another_uid_is_denied(void **state)
{
	(void)state;
	name_service(passwd, group);
	refuses(1002, CTSH_E_DENIED,
	        "uid 1002 is user bob, who is not uid 1002");
}

static void a_name_that_does_not_fit_is_denied(void **state)
{
	char line[400];

	(void)state;
	(void)snprintf(line, sizeof(line), "%0300d:x:1000:100::/:/bin/sh\n", 1);
	name_service(line, group);
	refuses(1000, CTSH_E_DENIED, "uid 1000 has a name that cannot be used");
}

/* "Not found" and "could not look" are told apart. */
static void a_failing_name_service_is_not_an_absence(void **state)
{
	uid_t uid = 4711;
	gid_t gid = 4711;
	const char *const names[] = {"users"};
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);
	put_over("/etc/nsswitch.conf", "passwd: nonesuch\ngroup: nonesuch\n");

	refuses(1000, CTSH_E_SYSTEM, "look up uid 1000: EIO");
	assert_int_equal(ctsh_person_uid("alice", &uid, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(ctsh_person_groups(names, 1, &gid, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(uid, 4711);
	assert_int_equal(gid, 4711);
}

static void a_name_service_that_hangs_is_given_up(void **state)
{
	struct ctsh_person person;
	struct ctsh_error err = {0};
	int64_t begin = ctsh_now_ms();

	(void)state;
	name_service(NULL, group);

	assert_int_equal(ctsh_person_load(1000, &person, begin + 200, &err),
	                 -1);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_true(ctsh_now_ms() - begin >= 200);
	assert_true(ctsh_now_ms() - begin < 3000);
}

static void name_service_with_groups(unsigned count)
{
	size_t size = 64 * 1024, used = 0;
	char *text = malloc(size);

	assert_non_null(text);
	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
		                         "g%u:x:%u:alice\n", i, 2000 + i);
	name_service(passwd, text);
	free(text);
}

static void as_many_groups_as_fit_and_no_more(void **state)
{
	struct ctsh_person person;
	struct ctsh_error err = {0};

	(void)state;
	name_service_with_groups(CTSH_HOST_GROUPS_MAX - 1);
	assert_int_equal(ctsh_person_load(1000, &person, soon(), &err), 0);
	assert_int_equal(person.group_count, 0);
	assert_int_equal(ctsh_person_memberships(&person, soon(), &err), 0);
	assert_int_equal(person.group_count, CTSH_HOST_GROUPS_MAX);

	name_service_with_groups(CTSH_HOST_GROUPS_MAX);
	assert_int_equal(ctsh_person_load(1000, &person, soon(), &err), 0);
	assert_int_equal(ctsh_person_memberships(&person, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "alice is in more than 1024 groups");
	assert_int_equal(person.group_count, 0);
}

static void a_group_with_many_members_is_read(void **state)
{
	size_t size = 1024 * 1024, used;
	char *text = malloc(size);
	struct ctsh_person person;
	struct ctsh_error err = {0};

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, "users:x:100:u0");
	for (unsigned i = 0; i < 50000; i++)
		used += (size_t)snprintf(text + used, size - used, ",user%u",
		                         i);
	(void)snprintf(text + used, size - used, "\n");
	name_service(passwd, text);
	free(text);

	assert_int_equal(ctsh_person_load(1000, &person, soon(), &err), 0);
	assert_int_equal(person.group_count, 0);
	assert_int_equal(ctsh_person_memberships(&person, soon(), &err), 0);
	assert_string_equal(person.group, "users");
}

static void a_name_gives_a_uid(void **state)
{
	uid_t uid = 4711;
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);

	assert_int_equal(ctsh_person_uid("alice", &uid, soon(), &err), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(ctsh_person_uid("twin", &uid, soon(), &err), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(ctsh_person_uid("mallory", &uid, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_USAGE);
	assert_string_equal(err.what, "no user mallory");
	assert_int_equal(ctsh_person_uid("", &uid, soon(), &err), -1);
	assert_int_equal(err.code, CTSH_E_USAGE);
}

static void groups_are_resolved_in_order(void **state)
{
	const char *const names[] = {"students", "domain users", "root",
	                             "students"};
	gid_t gids[4] = {0};
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);

	assert_int_equal(ctsh_person_groups(names, 4, gids, soon(), &err), 0);

	assert_int_equal(gids[0], 200);
	assert_int_equal(gids[1], 300);
	assert_int_equal(gids[2], 0);
	assert_int_equal(gids[3], 200);
}

static void a_group_that_does_not_exist_has_no_gid(void **state)
{
	const char *const names[] = {"students", "teachers", "root"};
	gid_t gids[3] = {7, 7, 7};
	struct ctsh_error err = {0};

	(void)state;
	name_service(passwd, group);

	assert_int_equal(ctsh_person_groups(names, 3, gids, soon(), &err), 0);

	assert_int_equal(gids[0], 200);
	assert_true(gids[1] == CTSH_NO_GROUP);
	assert_int_equal(gids[2], 0);
}

/* Also when the deadline has passed: nobody is asked. */
static void no_groups_are_resolved_at_once(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_person_groups(NULL, 0, NULL, 0, &err), 0);
}

static void the_files_decide_only_where_they_come_first(void **state)
{
	static const struct {
		const char *nsswitch;
		bool decide;
	} cases[] = {
		{"passwd: files\ngroup: files\n", true},
		{"# x\npasswd:  files systemd\n\tgroup:\tfiles sss\n", true},
		{"group:files\npasswd:files", true},
		{"passwd: files # more\ngroup: files\n", true},
		{"passwd: sss files\ngroup: files\n", false},
		{"passwd: files\ngroup: sss files\n", false},
		{"passwd: files [SUCCESS=merge] sss\ngroup: files\n", false},
		{"passwd: files\ngroup: files [SUCCESS=continue] sss\n", false},
		{"passwd: files[SUCCESS=merge] sss\ngroup: files\n", false},
		{"passwd: filesystem\ngroup: files\n", false},
		{"passwd: compat\ngroup: files\n", false},
		{"passwd: files\npasswd: sss\ngroup: files\n", false},
		{"passwd: files\n", false},
		{"", false},
	};

	(void)state;
	name_service(passwd, group);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_person person = {.uid = 4711};

		put_over("/etc/nsswitch.conf", cases[i].nsswitch);
		if (ctsh_person_from_files(1000, &person) != cases[i].decide)
			fail_msg("'%s'", cases[i].nsswitch);
		assert_int_equal(person.uid, cases[i].decide ? 1000 : 4711);
		assert_string_equal(person.name,
		                    cases[i].decide ? "alice" : "");
		assert_string_equal(person.group,
		                    cases[i].decide ? "users" : "");
	}
}

static void the_files_decide_nothing_that_is_odd(void **state)
{
	static const struct {
		const char *passwd, *group;
		uid_t uid;
	} cases[] = {
		{passwd, group, 4242}, /* nobody there     */
		{passwd, group, 1001}, /* no group of 777  */
		{passwd, group, 1002}, /* leads elsewhere  */
		{"+\nalice:x:1000:100::/:\n", group, 1000}, /* compat    */
		{"-bob\nalice:x:1000:100::/:\n", group, 1000},
		{"alice:x:1000:100::/:\n", "+\nusers:x:100:\n", 1000},
		{":x:1000:100::/:\n", group, 1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_person person;

		name_service(cases[i].passwd, cases[i].group);
		if (ctsh_person_from_files(cases[i].uid, &person))
			fail_msg("case %zu", i);
	}
}

static void files_that_others_may_write_decide_nothing(void **state)
{
	struct ctsh_person person;

	(void)state;
	name_service(passwd, group);
	assert_true(ctsh_person_from_files(1000, &person));
	assert_int_equal(chmod("/etc/passwd", 0666), 0);
	assert_false(ctsh_person_from_files(1000, &person));
	assert_int_equal(chmod("/etc/passwd", 0644), 0);
	put_over("/etc/passwd", NULL);
	assert_false(ctsh_person_from_files(1000, &person));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_has_a_name_and_all_groups),
		cmocka_unit_test(a_primary_group_needs_no_name),
		cmocka_unit_test(a_uid_without_account_is_denied),
		cmocka_unit_test(a_service_that_is_not_installed_is_no_outage),
		cmocka_unit_test(a_name_that_leads_to_another_uid_is_denied),
		cmocka_unit_test(a_name_that_does_not_fit_is_denied),
		cmocka_unit_test(a_failing_name_service_is_not_an_absence),
		cmocka_unit_test(a_name_service_that_hangs_is_given_up),
		cmocka_unit_test(as_many_groups_as_fit_and_no_more),
		cmocka_unit_test(a_group_with_many_members_is_read),
		cmocka_unit_test(a_name_gives_a_uid),
		cmocka_unit_test(groups_are_resolved_in_order),
		cmocka_unit_test(a_group_that_does_not_exist_has_no_gid),
		cmocka_unit_test(no_groups_are_resolved_at_once),
		cmocka_unit_test(the_files_decide_only_where_they_come_first),
		cmocka_unit_test(the_files_decide_nothing_that_is_odd),
		cmocka_unit_test(files_that_others_may_write_decide_nothing),
	};

	return cmocka_run_group_tests(tests, own_host, NULL);
}
