/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/error.h"

static void fail_returns_minus_one_and_keeps_code_and_sys(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_fail(&err, CTSH_E_GONE, ESRCH, "x"), -1);

	assert_int_equal(err.code, CTSH_E_GONE);
	assert_int_equal(err.sys, ESRCH);
}

static void fail_appends_the_name_of_the_errno(void **state)
{
	struct ctsh_error err;

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, ENOENT, "open %s", "/a");

	assert_string_equal(err.what, "open /a: ENOENT");
}

static void fail_without_sys_appends_nothing(void **state)
{
	struct ctsh_error err;

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_CONFIG, 0, "line %d", 7);

	assert_string_equal(err.what, "line 7");
}

static void fail_knows_what_to_say_of_an_unknown_errno(void **state)
{
	struct ctsh_error err;

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 99999, "x");

	assert_string_equal(err.what, "x: unknown");
}

static void fail_replaces_what_is_not_printable_ascii(void **state)
{
	struct ctsh_error err;

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 0, "a%sb",
	                "\n\r\t\033[2J\177\200\303\244");

	assert_string_equal(err.what, "a????[2J????b");
}

static void fail_cuts_a_long_text_and_terminates_it(void **state)
{
	struct ctsh_error err;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	(void)ctsh_fail(&err, CTSH_E_SYSTEM, EIO, "%s", text);

	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	assert_null(strchr(err.what, ':'));
}

static void fail_clears_say(void **state)
{
	struct ctsh_error err = {.say = "Come back tomorrow."};

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_DENIED, 0, "x");

	assert_string_equal(err.say, "");
}

static void fail_preserves_errno(void **state)
{
	struct ctsh_error err;

	(void)state;
	errno = EXDEV;
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, ENOENT, "x");

	assert_int_equal(errno, EXDEV);
}

static void every_code_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int code = 0; code < CTSH_CODE_COUNT; code++) {
		const char *said = ctsh_code_sentence((enum ctsh_code)code);

		assert_non_null(ctsh_code_name((enum ctsh_code)code));
		assert_non_null(said);
		assert_int_equal(said[strlen(said) - 1], '.');
	}
	assert_string_equal(ctsh_code_name(CTSH_E_USAGE), "E_USAGE");
	assert_string_equal(ctsh_code_sentence(CTSH_E_DENIED),
	                    "You may not log in here.");
}

static void a_number_that_is_no_code_is_e_system(void **state)
{
	static const int numbers[] = {-1, CTSH_CODE_COUNT, INT_MAX, INT_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		enum ctsh_code code = (enum ctsh_code)numbers[i];

		assert_string_equal(ctsh_code_name(code), "E_SYSTEM");
		assert_string_equal(ctsh_code_sentence(code),
		                    ctsh_code_sentence(CTSH_E_SYSTEM));
	}
}

static void a_shell_is_named_as_it_failed(void **state)
{
	struct ctsh_error err;

	(void)state;
	(void)ctsh_fail(&err, CTSH_E_SHELL, ENOENT, "execute the shell");
	ctsh_error_name_shell(&err, "/bin/zsh");
	assert_string_equal(err.say, "Your shell /bin/zsh was not found.");
	assert_string_equal(err.what, "execute the shell: ENOENT");
	(void)ctsh_fail(&err, CTSH_E_SHELL, EACCES, "execute the shell");
	ctsh_error_name_shell(&err, "/bin/\x1b\x9b\"");
	assert_string_equal(err.say, "Your shell /bin/\\x1b\\x9b\\x22 could "
	                             "not be started.");
}

static void a_shell_with_a_long_name_is_still_one_sentence(void **state)
{
	static char path[4096];
	struct ctsh_error err = {.sys = EACCES};

	(void)state;
	memset(path, '\x1b', sizeof(path) - 1);
	ctsh_error_name_shell(&err, path);
	assert_string_equal(err.say + strlen(err.say) - 22,
	                    " could not be started.");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_returns_minus_one_and_keeps_code_and_sys),
		cmocka_unit_test(fail_appends_the_name_of_the_errno),
		cmocka_unit_test(fail_without_sys_appends_nothing),
		cmocka_unit_test(fail_knows_what_to_say_of_an_unknown_errno),
		cmocka_unit_test(fail_replaces_what_is_not_printable_ascii),
		cmocka_unit_test(fail_cuts_a_long_text_and_terminates_it),
		cmocka_unit_test(fail_clears_say),
		cmocka_unit_test(fail_preserves_errno),
		cmocka_unit_test(every_code_has_a_name_and_a_sentence),
		cmocka_unit_test(a_number_that_is_no_code_is_e_system),
		cmocka_unit_test(a_shell_is_named_as_it_failed),
		cmocka_unit_test(
			a_shell_with_a_long_name_is_still_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
