/* SPDX-License-Identifier: MIT */
/* From rule, person, container and interior to what will be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <string.h>

#include "plan_world.h"

static char text_guest[] = "guest", text_dash[] = "/bin/dash";
static char text_fish[] = "/opt/fish", text_srv[] = "/srv";
static char text_relative[] = "srv";

static void expect_refusal(struct world *w, enum ctsh_code code)
{
	static const struct ctsh_plan empty;

	memset(&w->err, 0, sizeof(w->err));
	assert_int_equal(ctsh_plan_build(&w->rule, &w->person, &w->container,
	                                 &w->interior, &w->request, &w->plan,
	                                 &w->err),
	                 -1);
	assert_int_equal(w->err.code, code);
	assert_memory_equal(&w->plan, &empty, sizeof(empty));
}

static void expect_ids(const struct world *w, uid_t uid, gid_t gid)
{
	assert_int_equal(w->plan.uid, uid);
	assert_int_equal(w->plan.gid, gid);
}

static void expect_groups(const struct world *w, const gid_t *groups,
                          size_t count)
{
	assert_int_equal(w->plan.group_count, count);
	assert_memory_equal(w->plan.groups, groups, count * sizeof(*groups));
}

/* --- the question -------------------------------------------------------- */

static void query_asks_by_name_or_by_uid_as_the_rule_says(void **state)
{
	static const struct {
		enum ctsh_user_kind kind;
		bool by_uid;
		uid_t uid;
		const char *name;
	} table[] = {
		{CTSH_USER_SAME_NAME, false, 1001, "alice"},
		{CTSH_USER_SAME_UID, true, 1001, "alice"},
		{CTSH_USER_NAME, false, 1001, "guest"},
		{CTSH_USER_NUMERIC, true, 77, "alice"},
	};
	struct world *w = *state;
	struct ctsh_query query;
	size_t i;

	w->rule.user_name = text_guest;
	w->rule.user_uid = 77;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		w->rule.user = table[i].kind;
		ctsh_plan_query(&w->rule, &w->person, false, NULL, &query);
		assert_int_equal(query.by_uid, table[i].by_uid);
		assert_int_equal(query.uid, table[i].uid);
		assert_string_equal(query.name, table[i].name);
	}
}

static void query_wants_what_the_rule_wants(void **state)
{
	struct world *w = *state;
	struct ctsh_query query;

	ctsh_plan_query(&w->rule, &w->person, true, NULL, &query);
	assert_true(query.want_groups && query.want_environ &&
	            query.want_terminal);
	assert_string_equal(query.shell, "");
	w->rule.container_groups = w->rule.container_env = false;
	w->rule.shell = text_dash;
	ctsh_plan_query(&w->rule, &w->person, false, NULL, &query);
	assert_false(query.want_groups || query.want_environ ||
	             query.want_terminal);
	assert_string_equal(query.shell, "/bin/dash");
}

static void name_too_long_for_a_query_is_not_cut_to_another_name(void **state)
{
	struct world *w = *state;
	struct ctsh_query query;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	w->rule.user = CTSH_USER_NAME;
	w->rule.user_name = name;
	ctsh_plan_query(&w->rule, &w->person, false, NULL, &query);
	assert_string_equal(query.name, "");
}

/* --- who ----------------------------------------------------------------- */

static void identity_is_that_of_the_containers_passwd(void **state)
{
	static const gid_t groups[] = {601, 27, 50};
	struct world *w = *state;

	w->interior.uid = 600;
	w->interior.gid = 601;
	build(w);
	expect_ids(w, 600, 601);
	expect_groups(w, groups, 3);
	expect_variable(w, "USER", "alice");
	expect_variable(w, "LOGNAME", "alice");
	expect_variable(w, "HOME", "/home/alice");
}

static void ids_are_mapped_to_the_hosts(void **state)
{
	static const gid_t host[] = {201002, 200027, 200050};
	struct world *w = *state;

	w->container.uids.range[0].outside = 100000;
	w->container.uids.range[0].length = 65536;
	w->container.gids.range[0].outside = 200000;
	w->container.gids.range[0].length = 65536;
	build(w);
	expect_ids(w, 1001, 1002);
	assert_int_equal(w->plan.host_uid, 101001);
	assert_int_equal(w->plan.host_gid, 201002);
	assert_memory_equal(w->plan.host_groups, host, sizeof(host));
}

static void account_with_the_same_uid_keeps_the_containers_name(void **state)
{
	struct world *w = *state;

	w->rule.user = CTSH_USER_SAME_UID;
	strcpy(w->interior.name, "ubuntu");
	build(w);
	expect_ids(w, 1001, 1002);
	expect_variable(w, "USER", "ubuntu");
}

static void account_of_somebody_else_is_refused(void **state)
{
	struct world *w = *state;

	strcpy(w->interior.name, "bob");
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.user = CTSH_USER_NAME;
	w->rule.user_name = text_guest;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.user = CTSH_USER_SAME_UID;
	w->interior.uid = 1003;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.user = CTSH_USER_NUMERIC;
	w->rule.user_uid = 1001;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void missing_account_is_refused_by_default(void **state)
{
	static const enum ctsh_user_kind kinds[] = {
		CTSH_USER_SAME_NAME, CTSH_USER_SAME_UID, CTSH_USER_NAME};
	struct world *w = *state;
	size_t i;

	w->interior.account = CTSH_ACCOUNT_MISSING;
	w->rule.user_name = text_guest;
	for (i = 0; i < 3; i++) {
		w->rule.user = kinds[i];
		expect_refusal(w, CTSH_E_IDENTITY);
	}
}

static void missing_account_can_be_the_callers_numbers(void **state)
{
	static const gid_t groups[] = {1002};
	struct world *w = *state;

	w->interior.account = CTSH_ACCOUNT_MISSING;
	w->rule.missing_user_numeric = true;
	build(w);
	expect_ids(w, 1001, 1002);
	expect_groups(w, groups, 1);
	expect_variable(w, "HOME", "/");
	expect_variable(w, "USER", "alice");
	assert_int_equal(w->plan.shell_count, 1);
	assert_string_equal(w->plan.shells[0].path, "/bin/sh");
	assert_int_equal(w->plan.directory_count, 1);
	assert_string_equal(w->plan.directories[0], "/");
}

static void malformed_account_is_refused_whatever_the_rule_allows(void **state)
{
	struct world *w = *state;

	w->interior.account = CTSH_ACCOUNT_MALFORMED;
	w->rule.missing_user_numeric = true;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.user = CTSH_USER_NUMERIC;
	w->rule.user_uid = 1001;
	w->rule.user_gid = 1002;
	w->rule.user_has_gid = true;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void make_numeric(struct world *w, bool has_gid)
{
	w->rule.user = CTSH_USER_NUMERIC;
	w->rule.user_uid = 1001;
	w->rule.user_gid = 2002;
	w->rule.user_has_gid = has_gid;
}

static void numeric_rule_needs_no_account(void **state)
{
	static const gid_t groups[] = {2002};
	struct world *w = *state;

	make_numeric(w, true);
	w->interior.account = CTSH_ACCOUNT_MISSING;
	build(w);
	expect_ids(w, 1001, 2002);
	expect_groups(w, groups, 1);
	expect_variable(w, "USER", "alice");
	expect_variable(w, "HOME", "/");
}

static void numeric_rule_without_gid_takes_that_of_the_account(void **state)
{
	struct world *w = *state;

	make_numeric(w, false);
	build(w);
	expect_ids(w, 1001, 1002);
	expect_variable(w, "HOME", "/home/alice");
	w->interior.account = CTSH_ACCOUNT_MISSING;
	ctsh_plan_free(&w->plan);
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void gid_of_the_rule_goes_before_that_of_the_account(void **state)
{
	static const gid_t groups[] = {2002, 27, 50};
	struct world *w = *state;

	make_numeric(w, true);
	build(w);
	expect_ids(w, 1001, 2002);
	expect_groups(w, groups, 3);
}

static void groups_none_means_the_primary_one_alone(void **state)
{
	static const gid_t groups[] = {1002};
	struct world *w = *state;

	w->rule.container_groups = false;
	build(w);
	expect_groups(w, groups, 1);
}

static void groups_of_the_host_never_come_along(void **state)
{
	static const gid_t groups[] = {1002, 27, 50};
	struct world *w = *state;

	w->person.group_count = 2;
	w->person.groups[0] = 1002;
	w->person.groups[1] = 998;
	build(w);
	expect_groups(w, groups, 3);
}

static void each_group_is_taken_once(void **state)
{
	static const gid_t groups[] = {1002, 27, 50};
	struct world *w = *state;

	w->interior.group_count = 5;
	w->interior.groups[2] = 27;
	w->interior.groups[3] = 1002;
	w->interior.groups[4] = 50;
	build(w);
	expect_groups(w, groups, 3);
}

static void too_many_groups_are_refused(void **state)
{
	struct world *w = *state;
	unsigned i;

	for (i = 0; i < CTSH_GROUPS_MAX; i++)
		w->interior.groups[i] = 5000 + i;
	w->interior.group_count = CTSH_GROUPS_MAX - 1;
	build(w);
	assert_int_equal(w->plan.group_count, CTSH_GROUPS_MAX);
	ctsh_plan_free(&w->plan);
	w->interior.group_count = CTSH_GROUPS_MAX;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->interior.group_count = CTSH_GROUPS_MAX + 1;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void id_that_is_not_mapped_is_refused(void **state)
{
	struct world *w = *state;

	w->container.uids.range[0].length = 1001;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->container.uids.range[0].length = 1002;
	w->container.gids.range[0].length = 1002;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->container.gids.range[0].length = 1003;
	build(w);
	ctsh_plan_free(&w->plan);
	w->interior.groups[1] = 1003;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.missing_user_numeric = true;
	w->interior.account = CTSH_ACCOUNT_MISSING;
	w->person.uid = 70000;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void id_that_means_no_change_is_refused(void **state)
{
	struct world *w = *state;

	/* Every number is mapped, this one too. */
	w->container.uids.count = w->container.gids.count = 2;
	w->container.uids.range[1].inside = UINT32_MAX;
	w->container.uids.range[1].outside = 7;
	w->container.uids.range[1].length = 1;
	w->container.gids.range[1].inside = UINT32_MAX;
	w->container.gids.range[1].outside = 7;
	w->container.gids.range[1].length = 1;
	w->interior.uid = UINT32_MAX;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->interior.uid = 1001;
	w->interior.gid = UINT32_MAX;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->interior.gid = 1002;
	w->interior.groups[0] = UINT32_MAX;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void root_is_refused_unless_allowed(void **state)
{
	struct world *w = *state;

	w->interior.uid = 0;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->interior.uid = 1001;
	w->interior.gid = 0;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->interior.gid = 1002;
	w->interior.groups[1] = 0;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.allow_root = true;
	w->interior.uid = w->interior.gid = 0;
	build(w);
	expect_ids(w, 0, 0);
}

static void root_by_number_is_refused_unless_allowed(void **state)
{
	struct world *w = *state;

	make_numeric(w, true);
	w->interior.account = CTSH_ACCOUNT_MISSING;
	w->rule.user_uid = 0;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->rule.user_uid = 1001;
	w->rule.user_gid = 0;
	expect_refusal(w, CTSH_E_IDENTITY);
}

static void root_of_the_host_under_another_number_is_root(void **state)
{
	struct world *w = *state;

	w->container.uids.range[0].inside = 1001;
	w->container.uids.range[0].length = 1;
	expect_refusal(w, CTSH_E_IDENTITY);
	w->container.uids.range[0].outside = 1001;
	build(w);
	ctsh_plan_free(&w->plan);
	w->container.gids.range[0].inside = 27;
	expect_refusal(w, CTSH_E_IDENTITY);
}

/* --- not more than the init ---------------------------------------------- */

static void init_that_cannot_change_uid_is_not_outdone(void **state)
{
	struct world *w = *state;

	w->container.bounding = CAP(CAP_SETGID);
	w->container.init_uid = 1000;
	expect_refusal(w, CTSH_E_UNSAFE);
	w->container.init_uid = 1001;
	build(w);
	ctsh_plan_free(&w->plan);
	w->container.init_uid = 1000;
	make_numeric(w, false);
	build(w);
}

static void init_that_cannot_change_gid_is_not_outdone(void **state)
{
	struct world *w = *state;

	w->container.bounding = CAP(CAP_SETUID);
	w->container.init_gid = 1000;
	w->rule.container_groups = false;
	expect_refusal(w, CTSH_E_UNSAFE);
	w->container.init_gid = 1002;
	build(w);
	ctsh_plan_free(&w->plan);
	w->rule.container_groups = true;
	expect_refusal(w, CTSH_E_UNSAFE);
}

static void numeric_gid_needs_no_power_but_groups_do(void **state)
{
	struct world *w = *state;

	w->container.bounding = 0;
	make_numeric(w, true);
	expect_refusal(w, CTSH_E_UNSAFE);
	w->rule.container_groups = false;
	build(w);
	expect_ids(w, 1001, 2002);
	ctsh_plan_free(&w->plan);
	w->rule.user_has_gid = false;
	expect_refusal(w, CTSH_E_UNSAFE);
}

static void callers_own_numbers_are_not_in_the_rule(void **state)
{
	struct world *w = *state;

	w->container.bounding = 0;
	w->rule.missing_user_numeric = true;
	w->interior.account = CTSH_ACCOUNT_MISSING;
	expect_refusal(w, CTSH_E_UNSAFE);
	w->container.init_uid = 1001;
	w->container.init_gid = 1002;
	build(w);
}

static void init_is_compared_as_the_host_counts(void **state)
{
	struct world *w = *state;

	w->container.bounding = 0;
	w->rule.container_groups = false;
	w->container.uids.range[0].outside = 100000;
	w->container.gids.range[0].outside = 100000;
	w->container.uids.range[0].length = 65536;
	w->container.gids.range[0].length = 65536;
	w->container.init_uid = 1001;
	w->container.init_gid = 1002;
	expect_refusal(w, CTSH_E_UNSAFE);
	w->container.init_uid = 101001;
	w->container.init_gid = 101002;
	build(w);
}

/* --- shell and directory ------------------------------------------------- */

static void expect_shells(const struct world *w, const char *const *paths)
{
	size_t i;

	for (i = 0; paths[i]; i++) {
		assert_true(i < w->plan.shell_count);
		assert_string_equal(w->plan.shells[i].path, paths[i]);
		assert_memory_equal(w->plan.shells[i].shell_env, "SHELL=", 6);
		assert_string_equal(w->plan.shells[i].shell_env + 6, paths[i]);
	}
	assert_int_equal(w->plan.shell_count, i);
}

static void shell_of_the_account_comes_first(void **state)
{
	static const struct {
		const char *entry;
		const char *shells[4];
	} table[] = {
		{"/bin/zsh", {"/bin/zsh", "/bin/bash", "/bin/sh"}},
		{"/bin/bash", {"/bin/bash", "/bin/sh"}},
		{"/bin/sh", {"/bin/sh", "/bin/bash"}},
		{"/usr/sbin/nologin",
	         {"/usr/sbin/nologin", "/bin/bash", "/bin/sh"}},
		{"", {"/bin/bash", "/bin/sh"}},
		{"zsh", {"/bin/bash", "/bin/sh"}},
		{"./zsh", {"/bin/bash", "/bin/sh"}},
		{"-c", {"/bin/bash", "/bin/sh"}},
		{"/bin/", {"/bin/bash", "/bin/sh"}},
		{"/", {"/bin/bash", "/bin/sh"}},
		{"/bin/../tmp/sh", {"/bin/bash", "/bin/sh"}},
		{"/bin/\x1b[31m", {"/bin/bash", "/bin/sh"}},
		{"/usr/bin/ctsh", {"/bin/bash", "/bin/sh"}},
		{"/usr/local/bin/ctsh", {"/bin/bash", "/bin/sh"}},
		{"/bin/ctshx", {"/bin/ctshx", "/bin/bash", "/bin/sh"}},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		strcpy(w->interior.shell, table[i].entry);
		build(w);
		expect_shells(w, table[i].shells);
	}
}

static void shell_of_the_rule_stands_alone(void **state)
{
	static const char *const alone[] = {"/opt/fish", NULL};
	struct world *w = *state;

	w->rule.shell = text_fish;
	build(w);
	expect_shells(w, alone);
	w->interior.account = CTSH_ACCOUNT_MISSING;
	w->rule.missing_user_numeric = true;
	build(w);
	expect_shells(w, alone);
}

static void login_shell_has_a_dash_before_its_name(void **state)
{
	struct world *w = *state;

	build(w);
	assert_true(w->plan.login);
	assert_string_equal(w->plan.shells[0].argv[0], "-zsh");
	assert_null(w->plan.shells[0].argv[1]);
	assert_string_equal(w->plan.shells[2].argv[0], "-sh");
}

static void command_is_passed_on_untouched(void **state)
{
	static const char *const commands[] = {
		"true",
		"",
		"-c",
		"  a 'b' \"c\" $d `e` \\ \n\t\xff\x01 ; ",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		w->request.command = commands[i];
		build(w);
		assert_false(w->plan.login);
		assert_string_equal(w->plan.shells[1].argv[0], "bash");
		assert_string_equal(w->plan.shells[1].argv[1], "-c");
		assert_string_equal(w->plan.shells[1].argv[2], commands[i]);
		assert_null(w->plan.shells[1].argv[3]);
	}
}

static void terminal_and_umask_are_those_of_the_request(void **state)
{
	struct world *w = *state;

	w->request.umask = 027;
	build(w);
	assert_int_equal(w->plan.umask, 027);
	assert_false(w->plan.terminal);
	w->request.terminal = true;
	build(w);
	assert_true(w->plan.terminal);
}

static void expect_directories(struct world *w, const char *first)
{
	build(w);
	assert_int_equal(w->plan.directory_count, first ? 2 : 1);
	if (first)
		assert_string_equal(w->plan.directories[0], first);
	assert_string_equal(w->plan.directories[w->plan.directory_count - 1],
	                    "/");
}

static void directory_is_the_rules_or_home_and_then_the_root(void **state)
{
	struct world *w = *state;

	expect_directories(w, "/home/alice");
	w->rule.directory = text_srv;
	expect_directories(w, "/srv");
	expect_variable(w, "HOME", "/home/alice");
	w->rule.directory = text_relative;
	expect_directories(w, NULL);
	w->rule.directory = NULL;
	strcpy(w->interior.home, "/");
	expect_directories(w, NULL);
}

static void home_that_is_not_absolute_is_the_root(void **state)
{
	struct world *w = *state;

	strcpy(w->interior.home, "home/alice");
	expect_directories(w, NULL);
	expect_variable(w, "HOME", "/");
	strcpy(w->interior.home, "");
	expect_directories(w, NULL);
	expect_variable(w, "HOME", "/");
}

static void plan_borrows_nothing(void **state)
{
	struct world *w = *state;
	char command[] = "echo hello", directory[] = "/srv";
	char kept[] = "A=caller", set[] = "B=rule";

	w->request.command = command;
	w->rule.directory = directory;
	w->rule.keep_env = (char *[]){(char[]){"A"}, NULL};
	w->request.caller = (const char *const[]){kept, NULL};
	w->rule.set_env = (char *[]){set, NULL};
	build(w);
	memset(command, 'x', sizeof(command) - 1);
	memset(directory, 'x', sizeof(directory) - 1);
	memset(kept, 'x', sizeof(kept) - 1);
	memset(set, 'x', sizeof(set) - 1);
	memset(&w->interior, 'x', sizeof(w->interior));
	memset(&w->person, 'x', sizeof(w->person));
	assert_string_equal(w->plan.shells[0].argv[2], "echo hello");
	assert_string_equal(w->plan.shells[0].path, "/bin/zsh");
	assert_string_equal(w->plan.directories[0], "/srv");
	expect_variable(w, "A", "caller");
	expect_variable(w, "B", "rule");
	expect_variable(w, "USER", "alice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(query_asks_by_name_or_by_uid_as_the_rule_says),
		TEST(query_wants_what_the_rule_wants),
		TEST(name_too_long_for_a_query_is_not_cut_to_another_name),
		TEST(identity_is_that_of_the_containers_passwd),
		TEST(ids_are_mapped_to_the_hosts),
		TEST(account_with_the_same_uid_keeps_the_containers_name),
		TEST(account_of_somebody_else_is_refused),
		TEST(missing_account_is_refused_by_default),
		TEST(missing_account_can_be_the_callers_numbers),
		TEST(malformed_account_is_refused_whatever_the_rule_allows),
		TEST(numeric_rule_needs_no_account),
		TEST(numeric_rule_without_gid_takes_that_of_the_account),
		TEST(gid_of_the_rule_goes_before_that_of_the_account),
		TEST(groups_none_means_the_primary_one_alone),
		TEST(groups_of_the_host_never_come_along),
		TEST(each_group_is_taken_once),
		TEST(too_many_groups_are_refused),
		TEST(id_that_is_not_mapped_is_refused),
		TEST(id_that_means_no_change_is_refused),
		TEST(root_is_refused_unless_allowed),
		TEST(root_by_number_is_refused_unless_allowed),
		TEST(root_of_the_host_under_another_number_is_root),
		TEST(init_that_cannot_change_uid_is_not_outdone),
		TEST(init_that_cannot_change_gid_is_not_outdone),
		TEST(numeric_gid_needs_no_power_but_groups_do),
		TEST(callers_own_numbers_are_not_in_the_rule),
		TEST(init_is_compared_as_the_host_counts),
		TEST(shell_of_the_account_comes_first),
		TEST(shell_of_the_rule_stands_alone),
		TEST(login_shell_has_a_dash_before_its_name),
		TEST(command_is_passed_on_untouched),
		TEST(terminal_and_umask_are_those_of_the_request),
		TEST(directory_is_the_rules_or_home_and_then_the_root),
		TEST(home_that_is_not_absolute_is_the_root),
		TEST(plan_borrows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
