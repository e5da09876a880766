/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../shell/handover.h"
#include "../../shell/invocation.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define V CTSH_HANDOVER_VERSION

static char *no_env[] = {CTSH_HANDOVER_PATH, CTSH_HANDOVER_LOCALE, NULL};

static int parse(char **argv, char **envp, struct ctsh_invocation *invocation,
                 struct ctsh_error *err)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return ctsh_invocation_parse(argc, argv, envp, invocation, err);
}

static void login_has_ids_and_no_command(void **state)
{
	char *argv[] = {"ctsh-session", V,       "1001", "1002",
	                "0027",         "login", NULL};
	struct ctsh_invocation i = {.login = false};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse(argv, no_env, &i, &err), 0);
	assert_int_equal(i.uid, 1001);
	assert_int_equal(i.gid, 1002);
	assert_int_equal(i.umask, 027);
	assert_true(i.login);
	assert_null(i.command);
	assert_null(i.caller[0]);
	assert_string_equal(i.from, "");
	ctsh_invocation_free(&i);
}

static void command_is_passed_untouched(void **state)
{
	static char *rows[] = {"true", "", " -c \n\x1b[31m; rm", "--help"};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		char *argv[] = {"ctsh-session", V,         "0",       "0",
		                "22",           "command", rows[row], NULL};
		struct ctsh_invocation i = {.login = true};
		struct ctsh_error err;

		assert_int_equal(parse(argv, no_env, &i, &err), 0);
		assert_false(i.login);
		assert_ptr_equal(i.command, rows[row]);
		ctsh_invocation_free(&i);
	}
}

static void ids_and_umask_take_their_whole_range(void **state)
{
	static const struct {
		char *id, *umask;
		uint32_t id_value;
		mode_t umask_value;
	} rows[] = {
		{"0", "0", 0, 0},
		{"4294967294", "777", 4294967294u, 0777},
		{"65534", "0000", 65534, 0},
		{"1", "0777", 1, 0777},
	};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		char *argv[] = {"s",
		                V,
		                rows[row].id,
		                rows[row].id,
		                rows[row].umask,
		                "login",
		                NULL};
		struct ctsh_invocation i = {.login = false};
		struct ctsh_error err;

		assert_int_equal(parse(argv, no_env, &i, &err), 0);
		assert_int_equal(i.uid, rows[row].id_value);
		assert_int_equal(i.gid, rows[row].id_value);
		assert_int_equal(i.umask, rows[row].umask_value);
		ctsh_invocation_free(&i);
	}
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
	static char *rows[][9] = {
		{NULL},
		{"s", NULL},
		{"s", V, NULL},
		{"s", V, "1", "1", "22", NULL},
		{"s", "0", "1", "1", "22", "login", NULL},
		{"s", "2", "1", "1", "22", "login", NULL},
		{"s", "", "1", "1", "22", "login", NULL},
		{"s", V " ", "1", "1", "22", "login", NULL},
		{"s", V, "1", "1", "22", "login", "extra", NULL},
		{"s", V, "1", "1", "22", "command", NULL},
		{"s", V, "1", "1", "22", "command", "a", "b", NULL},
		{"s", V, "1", "1", "22", "Login", NULL},
		{"s", V, "1", "1", "22", "", NULL},
		{"s", V, "1", "1", "22", "-c", "a", NULL},
		{"s", V, "4294967295", "1", "22", "login", NULL},
		{"s", V, "1", "4294967295", "22", "login", NULL},
		{"s", V, "4294967296", "1", "22", "login", NULL},
		{"s", V, "-1", "1", "22", "login", NULL},
		{"s", V, "1", "-1", "22", "login", NULL},
		{"s", V, "", "1", "22", "login", NULL},
		{"s", V, "1", "", "22", "login", NULL},
		{"s", V, "0x0", "1", "22", "login", NULL},
		{"s", V, "01", "1", "22", "login", NULL},
		{"s", V, "1 ", "1", "22", "login", NULL},
		{"s", V, "root", "1", "22", "login", NULL},
		{"s", V, "1", "1", "", "login", NULL},
		{"s", V, "1", "1", "8", "login", NULL},
		{"s", V, "1", "1", "-22", "login", NULL},
		{"s", V, "1", "1", "1000", "login", NULL},
		{"s", V, "1", "1", "00022", "login", NULL},
		{"s", V, "1", "1", "22x", "login", NULL},
	};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		struct ctsh_invocation i = {.uid = 77};
		struct ctsh_error err = {.code = CTSH_OK};

		if (parse(rows[row], no_env, &i, &err) != -1)
			fail_msg("row %zu was accepted", row);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
		assert_int_equal(i.uid, 77);
		assert_null(i.caller);
	}
}

static void caller_has_its_variables_under_their_own_names(void **state)
{
	char *argv[] = {"s", V, "1", "1", "22", "login", NULL};
	char *env[] = {CTSH_HANDOVER_PATH,
	               "CTSH_CALLER_TERM=xterm",
	               CTSH_HANDOVER_LOCALE,
	               "CTSH_CALLER_PATH=/evil",
	               "CTSH_CALLER_CTSH_CALLER_X=1",
	               "CTSH_CALLER__=",
	               NULL};
	struct ctsh_invocation i;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse(argv, env, &i, &err), 0);
	assert_string_equal(i.caller[0], "TERM=xterm");
	assert_string_equal(i.caller[1], "PATH=/evil");
	assert_string_equal(i.caller[2], "CTSH_CALLER_X=1");
	assert_string_equal(i.caller[3], "_=");
	assert_null(i.caller[4]);
	ctsh_invocation_free(&i);
}

static void a_name_that_the_stub_never_passes_is_refused(void **state)
{
	static char *rows[] = {
		"CTSH_CALLER_",           "CTSH_CALLER_=x",
		"CTSH_CALLER_1=x",        "CTSH_CALLER_A B=x",
		"CTSH_CALLER_NOSIGN",     "CTSH_CALLER_A-B=x",
		"CTSH_CALLER_\xc3\xa4=x",
	};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		char *argv[] = {"s", V, "1", "1", "22", "login", NULL};
		char *env[] = {rows[row], NULL};
		struct ctsh_invocation i = {.caller = NULL};
		struct ctsh_error err = {.code = CTSH_OK};

		assert_int_equal(parse(argv, env, &i, &err), -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
		assert_null(i.caller);
	}
}

static void a_login_with_sshs_command_becomes_that_command(void **state)
{
	char *argv[] = {"s", V, "1", "1", "22", "login", NULL};
	char *env[] = {"CTSH_CALLER_SSH_ORIGINAL_COMMANDX=no",
	               "CTSH_CALLER_SSH_ORIGINAL_COMMAND=uname -a",
	               "CTSH_CALLER_SSH_ORIGINAL_COMMAND=second", NULL};
	struct ctsh_invocation i;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse(argv, env, &i, &err), 0);
	assert_false(i.login);
	assert_string_equal(i.command, "uname -a");
	ctsh_invocation_free(&i);
}

static void an_empty_command_of_sshs_is_a_command(void **state)
{
	char *argv[] = {"s", V, "1", "1", "22", "login", NULL};
	char *env[] = {"CTSH_CALLER_SSH_ORIGINAL_COMMAND=", NULL};
	struct ctsh_invocation i;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse(argv, env, &i, &err), 0);
	assert_false(i.login);
	assert_string_equal(i.command, "");
	ctsh_invocation_free(&i);
}

static void beside_a_command_sshs_is_an_ordinary_variable(void **state)
{
	char *argv[] = {"s", V, "1", "1", "22", "command", "mine", NULL};
	char *env[] = {"CTSH_CALLER_SSH_ORIGINAL_COMMAND=other", NULL};
	struct ctsh_invocation i;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse(argv, env, &i, &err), 0);
	assert_string_equal(i.command, "mine");
	assert_string_equal(i.caller[0], "SSH_ORIGINAL_COMMAND=other");
	ctsh_invocation_free(&i);
}

static void from_is_an_address_or_nothing(void **state)
{
	static const struct {
		char *variable;
		const char *from;
	} rows[] = {
		{"CTSH_CALLER_SSH_CONNECTION=192.0.2.7 5 10.0.0.1 22",
	         "192.0.2.7"},
		{"CTSH_CALLER_SSH_CLIENT=2001:db8::1 5 22", "2001:db8::1"},
		{"CTSH_CALLER_SSH_CONNECTION=fe80::1%eth0.5 5 x 22",
	         "fe80::1%eth0.5"},
		{"CTSH_CALLER_SSH_CONNECTION=::ffff:192.0.2.7",
	         "::ffff:192.0.2.7"},
		{"CTSH_CALLER_SSH_CONNECTION=", ""},
		{"CTSH_CALLER_SSH_CONNECTION= 192.0.2.7", ""},
		{"CTSH_CALLER_SSH_CONNECTION=UNKNOWN 65535", ""},
		{"CTSH_CALLER_SSH_CONNECTION=1.2.3.4\nrefused user=x", ""},
		{"CTSH_CALLER_SSH_CONNECTION=1.2.3.4\" code=\"x", ""},
		{"CTSH_CALLER_SSH_CONNECTION=%eth0 1", ""},
		{"CTSH_CALLER_SSH_CONNECTION=fe80::1%\x1b[2J 1", ""},
		{"CTSH_CALLER_SSH_CONNECTION="
	         "1111111111111111111111111111111111111111111111111111111111"
	         "111111",
	         ""},
		{"CTSH_CALLER_SSH_CONNECTIONS=1.2.3.4 5", ""},
	};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		char *argv[] = {"s", V, "1", "1", "22", "login", NULL};
		char *env[] = {rows[row].variable, NULL};
		struct ctsh_invocation i;
		struct ctsh_error err;

		assert_int_equal(parse(argv, env, &i, &err), 0);
		assert_string_equal(i.from, rows[row].from);
		ctsh_invocation_free(&i);
	}
}

static void free_is_harmless_twice(void **state)
{
	struct ctsh_invocation i = {.login = false};

	(void)state;
	ctsh_invocation_free(&i);
	ctsh_invocation_free(&i);
	assert_null(i.caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_has_ids_and_no_command),
		cmocka_unit_test(command_is_passed_untouched),
		cmocka_unit_test(ids_and_umask_take_their_whole_range),
		cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
		cmocka_unit_test(
			caller_has_its_variables_under_their_own_names),
		cmocka_unit_test(a_name_that_the_stub_never_passes_is_refused),
		cmocka_unit_test(
			a_login_with_sshs_command_becomes_that_command),
		cmocka_unit_test(an_empty_command_of_sshs_is_a_command),
		cmocka_unit_test(beside_a_command_sshs_is_an_ordinary_variable),
		cmocka_unit_test(from_is_an_address_or_nothing),
		cmocka_unit_test(free_is_harmless_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
