/* SPDX-License-Identifier: MIT */
/* Which command asks for an sftp-server, and which one it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/base/sftp.h"
#include "../../lib/route/sftp.h"
#include "plan_world.h"

#define DEBIAN "/usr/lib/openssh/sftp-server"
#define FEDORA "/usr/libexec/openssh/sftp-server"

static void a_known_place_with_plain_arguments_asks(void **state)
{
	static const char *const yes[] = {
		DEBIAN, FEDORA, DEBIAN " ", DEBIAN " -R",
		DEBIAN " -l INFO  -f AUTHPRIV -u 0027 -d /srv/%u"};
	static const char *const no[] = {"",
	                                 "sftp-server",
	                                 "/bin/sh",
	                                 DEBIAN "2",
	                                 DEBIAN "/x",
	                                 " " DEBIAN,
	                                 "exec " DEBIAN,
	                                 DEBIAN "\t-R",
	                                 DEBIAN "\n",
	                                 DEBIAN ";id",
	                                 DEBIAN " ; id",
	                                 DEBIAN " $(id)",
	                                 DEBIAN " `id`",
	                                 DEBIAN " -d ~",
	                                 DEBIAN " *",
	                                 DEBIAN " \"-R\"",
	                                 DEBIAN " a=b",
	                                 DEBIAN " <f",
	                                 DEBIAN " -d \xc3\xa4",
	                                 "/usr/lib/openssh"};
	const char *arguments;
	unsigned index;

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_int_equal(ctsh_sftp_asked(yes[i], &index, &arguments),
		                 0);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_int_equal(ctsh_sftp_asked(no[i], &index, &arguments),
		                 -1);
	assert_int_equal(ctsh_sftp_asked(FEDORA " -R", &index, &arguments), 0);
	assert_string_equal(ctsh_sftp_place(index), FEDORA);
	assert_string_equal(arguments, " -R");
	assert_false(ctsh_sftp_wanted(NULL));
}

static void there_are_no_more_places_than_bits(void **state)
{
	unsigned count = 0;

	(void)state;
	for (; ctsh_sftp_place(count); count++)
		assert_int_equal(ctsh_sftp_place(count)[0], '/');
	assert_in_range(count, 2, 32);
}

/* With the plan of such a command, where these servers are inside. */
static void plan_for(struct world *w, const char *command, uint32_t there)
{
	w->request.command = command;
	w->request.own_sftp = true;
	w->interior.sftp_servers = there;
	build(w);
}

static void expect_command(const struct world *w, const char *command)
{
	assert_null(w->plan.program);
	for (size_t i = 0; i < w->plan.shell_count; i++)
		assert_string_equal(w->plan.shells[i].argv[2], command);
}

static void the_one_that_is_asked_for_comes_first(void **state)
{
	struct world *w = *state;

	plan_for(w, DEBIAN " -R", 1 | 2);
	expect_command(w, DEBIAN " -R");
}

static void another_place_of_the_container_comes_second(void **state)
{
	struct world *w = *state;

	plan_for(w, DEBIAN "  -u 0027 ", 2 | 8);
	expect_command(w, FEDORA "  -u 0027 ");
	assert_true(w->plan.shell_count > 1);
}

static void ours_comes_last(void **state)
{
	struct world *w = *state;

	plan_for(w, DEBIAN "  -u 0027  -R ", 0);
	assert_non_null(w->plan.program);
	assert_string_equal(w->plan.program[0], "sftp-server");
	assert_string_equal(w->plan.program[1], "-u");
	assert_string_equal(w->plan.program[2], "0027");
	assert_string_equal(w->plan.program[3], "-R");
	assert_null(w->plan.program[4]);
	expect_variable(w, "SHELL", "/bin/zsh");
	plan_for(w, DEBIAN, 0);
	assert_string_equal(w->plan.program[0], "sftp-server");
	assert_null(w->plan.program[1]);
}

static void other_commands_and_logins_are_left_alone(void **state)
{
	struct world *w = *state;

	plan_for(w, DEBIAN "; id", 2);
	expect_command(w, DEBIAN "; id");
	plan_for(w, NULL, 0);
	assert_null(w->plan.program);
}

static void without_ours_the_shell_says_that_there_is_none(void **state)
{
	struct world *w = *state;

	plan_for(w, DEBIAN, 0);
	w->request.own_sftp = false;
	build(w);
	expect_command(w, DEBIAN);
}

static void a_shell_that_refuses_commands_keeps_refusing(void **state)
{
	static const struct {
		const char *shell;
		bool ours;
	} table[] = {
		{"/usr/sbin/nologin", false},  {"/sbin/nologin", false},
		{"/bin/false", false},         {"/usr/bin/git-shell", false},
		{"/bin/rbash", false},         {"/usr/bin/rssh", false},
		{"/usr/local/bin/sh2", false}, {"/bin/ash", true},
		{"/usr/bin/fish", true},       {"", true},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		strcpy(w->interior.shell, table[i].shell);
		plan_for(w, DEBIAN, 0);
		assert_int_equal(w->plan.program != NULL, table[i].ours);
		if (!table[i].ours)
			assert_string_equal(w->plan.shells[0].path,
			                    table[i].shell);
	}
}

static void the_shell_of_the_rule_counts_before_the_accounts(void **state)
{
	static char nologin[] = "/sbin/nologin", sh[] = "/bin/sh";
	struct world *w = *state;

	w->rule.shell = nologin;
	plan_for(w, DEBIAN, 0);
	expect_command(w, DEBIAN);
	strcpy(w->interior.shell, "/sbin/nologin");
	w->rule.shell = sh;
	plan_for(w, DEBIAN, 0);
	assert_non_null(w->plan.program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_known_place_with_plain_arguments_asks),
		TEST(there_are_no_more_places_than_bits),
		TEST(the_one_that_is_asked_for_comes_first),
		TEST(another_place_of_the_container_comes_second),
		TEST(ours_comes_last),
		TEST(other_commands_and_logins_are_left_alone),
		TEST(without_ours_the_shell_says_that_there_is_none),
		TEST(a_shell_that_refuses_commands_keeps_refusing),
		TEST(the_shell_of_the_rule_counts_before_the_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
