/* SPDX-License-Identifier: MIT */
/* The environment of a session, from its four sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../lib/route/environment.h"
#include "plan_world.h"

/* The image has what is asked for: C.UTF-8 first, then the others. */
#define EVERY_LOCALE UINT32_MAX
#define C_UTF8_ALONE 1u

static void environment_begins_with_the_first_shell(void **state)
{
	struct world *w = *state;

	build(w);
	assert_ptr_equal(w->plan.env[0], w->plan.shells[0].shell_env);
	expect_variable(w, "SHELL", "/bin/zsh");
}

static void bare_environment_is_that_of_a_login(void **state)
{
	struct world *w = *state;
	size_t count = 0;

	build(w);
	while (w->plan.env[count])
		count++;
	assert_int_equal(count, 5);
	expect_variable(w, "PATH",
	                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	                "/sbin:/bin");
	expect_variable(w, "TERM", NULL);
}

static void terminal_without_a_kind_is_dumb(void **state)
{
	struct world *w = *state;

	w->request.terminal = true;
	build(w);
	expect_variable(w, "TERM", "dumb");
	w->rule.keep_env = (char *[]){(char[]){"TERM"}, NULL};
	w->request.caller = (const char *const[]){"TERM=xterm-256color", NULL};
	build(w);
	expect_variable(w, "TERM", "xterm-256color");
}

static void containers_environment_comes_along_but_for_the_inits(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "PATH=/opt/bin:/bin\0LANG=C.UTF-8\0HOME=/root\0"
	               "USER=root\0LOGNAME=root\0SHELL=/bin/false\0TERM=vt52\0"
	               "PWD=/x\0OLDPWD=/y\0SHLVL=7\0_=/sbin/init\0A=\0B=1=2");
	build(w);
	expect_variable(w, "PATH", "/opt/bin:/bin");
	expect_variable(w, "LANG", "C.UTF-8");
	expect_variable(w, "A", "");
	expect_variable(w, "B", "1=2");
	expect_variable(w, "HOME", "/home/alice");
	expect_variable(w, "USER", "alice");
	expect_variable(w, "LOGNAME", "alice");
	expect_variable(w, "SHELL", "/bin/zsh");
	expect_variable(w, "TERM", NULL);
	expect_variable(w, "PWD", NULL);
	expect_variable(w, "OLDPWD", NULL);
	expect_variable(w, "SHLVL", NULL);
	expect_variable(w, "_", NULL);
}

static void containers_environment_can_be_left_out(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "A=1\0PATH=/opt/bin");
	w->rule.container_env = false;
	build(w);
	expect_variable(w, "A", NULL);
	expect_variable(w, "PATH",
	                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	                "/sbin:/bin");
}

static void hostile_container_environment_is_cut_to_valid_names(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "\0\0=x\0NOTHING\0"
	               "1A=x\0A B=x\0A-B=x\0"
	               "BASH_FUNC_x%%=() { :;}\0\xc3\xa4=x\0GOOD=yes");
	build(w);
	expect_variable(w, "GOOD", "yes");
	assert_string_equal(w->plan.env[1], "GOOD=yes");
	assert_memory_equal(w->plan.env[2], "PATH=", 5);
}

static void variable_that_was_cut_off_is_left_out(void **state)
{
	static const char text[] = "A=1\0LONG=abc";
	struct world *w = *state;

	SET_ENVIRON(w, text);
	w->interior.environ_length = sizeof(text) - 2;
	build(w);
	expect_variable(w, "A", "1");
	expect_variable(w, "LONG", NULL);
	memset(w->interior.environ, 'A', CTSH_ENVIRON_MAX);
	w->interior.environ_length = CTSH_ENVIRON_MAX;
	build(w);
	w->interior.environ_length = CTSH_ENVIRON_MAX + 1;
	build(w);
}

static void container_has_no_more_than_512_variables(void **state)
{
	struct world *w = *state;
	char *at = w->interior.environ;
	unsigned i;

	for (i = 0; i < 2000; i++)
		at += sprintf(at, "V%u=%u", i, i) + 1;
	w->interior.environ_length = (unsigned)(at - w->interior.environ);
	build(w);
	expect_variable(w, "V511", "511");
	expect_variable(w, "V512", NULL);
	expect_variable(w, "HOME", "/home/alice");
}

static void later_sources_win_without_duplicates(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "A=container\0B=container\0C=container\0A=again\0AB=x");
	w->rule.keep_env = (char *[]){(char[]){"?"}, NULL};
	w->request.caller =
		(const char *const[]){"B=caller", "C=caller", "AB=no", NULL};
	w->rule.set_env = (char *[]){(char[]){"C=rule"}, NULL};
	build(w);
	expect_variable(w, "A", "again");
	expect_variable(w, "B", "caller");
	expect_variable(w, "C", "rule");
	expect_variable(w, "AB", "x");
}

static void only_what_the_rule_names_is_kept_from_the_caller(void **state)
{
	struct world *w = *state;

	w->interior.locales = EVERY_LOCALE;
	w->rule.keep_env = (char *[]){(char[]){"LC_*"}, (char[]){"TZ"}, NULL};
	w->request.caller = (const char *const[]){"LC_TIME=de_DE.UTF-8",
	                                          "TZ=Europe/Berlin",
	                                          "LD_PRELOAD=x.so",
	                                          "LC=x",
	                                          "XLC_A=x",
	                                          "BASH_ENV=/tmp/x",
	                                          "LC_ALL",
	                                          "=LC_X",
	                                          NULL};
	build(w);
	expect_variable(w, "LC_TIME", "de_DE.UTF-8");
	expect_variable(w, "TZ", "Europe/Berlin");
	expect_variable(w, "LD_PRELOAD", NULL);
	expect_variable(w, "LC", NULL);
	expect_variable(w, "XLC_A", NULL);
	expect_variable(w, "BASH_ENV", NULL);
	expect_variable(w, "LC_ALL", NULL);
}

static void callers_path_is_kept_only_by_its_name(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "PATH=/opt/bin");
	w->request.caller = (const char *const[]){"PATH=/mine", NULL};
	w->rule.keep_env = (char *[]){(char[]){"*"}, (char[]){"P*"}, NULL};
	build(w);
	expect_variable(w, "PATH", "/opt/bin");
	w->rule.keep_env = (char *[]){(char[]){"PATH"}, NULL};
	build(w);
	expect_variable(w, "PATH", "/mine");
}

static void nobody_sets_what_is_ours(void **state)
{
	struct world *w = *state;

	w->rule.keep_env = (char *[]){(char[]){"*"}, NULL};
	w->request.caller = (const char *const[]){
		"HOME=/evil", "USER=root", "LOGNAME=root", "SHELL=/evil", NULL};
	w->rule.set_env =
		(char *[]){(char[]){"HOME=/set"}, (char[]){"SHELL=/set"},
	                   (char[]){"PATH=/set"}, NULL};
	build(w);
	expect_variable(w, "HOME", "/home/alice");
	expect_variable(w, "USER", "alice");
	expect_variable(w, "LOGNAME", "alice");
	expect_variable(w, "SHELL", "/bin/zsh");
	expect_variable(w, "PATH", "/set");
}

static void callers_bad_value_leaves_the_containers(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "LANG=C.UTF-8");
	w->rule.keep_env = (char *[]){(char[]){"LANG"}, NULL};
	w->request.caller = (const char *const[]){"LANG=/tmp/evil", NULL};
	build(w);
	expect_variable(w, "LANG", "C.UTF-8");
}

static void many_variables_of_the_caller_are_cut(void **state)
{
	static char text[2000][16];
	static const char *caller[2001];
	struct world *w = *state;
	unsigned i;

	for (i = 0; i < 2000; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "V%u=", i);
		caller[i] = text[i];
	}
	w->rule.keep_env = (char *[]){(char[]){"*"}, NULL};
	w->request.caller = caller;
	build(w);
	expect_variable(w, "V511", "");
	expect_variable(w, "V512", NULL);
	expect_variable(w, "HOME", "/home/alice");
}

static void keep(struct world *w, const char *pattern,
                 const char *const *caller)
{
	static char kept[16];
	static char *keep_env[] = {kept, NULL};

	(void)snprintf(kept, sizeof(kept), "%s", pattern);
	w->rule.keep_env = keep_env;
	w->request.caller = caller;
	build(w);
}

static void values_that_are_functions_come_from_nobody(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "A=() { :;}; id\0B=()\0C=a () {");
	keep(w, "*", (const char *const[]){"D=() { :;}; id", "E=a ()", NULL});
	expect_variable(w, "A", NULL);
	expect_variable(w, "B", NULL);
	expect_variable(w, "C", "a () {");
	expect_variable(w, "D", NULL);
	expect_variable(w, "E", "a ()");
}

static void places_of_another_login_come_from_nobody(void **state)
{
	struct world *w = *state;

	SET_ENVIRON(w, "XDG_RUNTIME_DIR=/run/user/0\0XDG_SESSION_ID=1\0"
	               "SSH_CONNECTION=x\0SSH_TTY=/dev/pts/9\0"
	               "SSH_AUTH_SOCK=/a\0NOTIFY_SOCKET=/n");
	keep(w, "XDG_*",
	     (const char *const[]){"XDG_RUNTIME_DIR=/run/user/1001",
	                           "XDG_SESSION_ID=2", "XDG_X=3", NULL});
	expect_variable(w, "XDG_RUNTIME_DIR", NULL);
	expect_variable(w, "XDG_SESSION_ID", NULL);
	expect_variable(w, "XDG_X", "3");
	expect_variable(w, "SSH_CONNECTION", NULL);
	expect_variable(w, "SSH_TTY", NULL);
	expect_variable(w, "SSH_AUTH_SOCK", NULL);
	expect_variable(w, "NOTIFY_SOCKET", NULL);
}

static void terminal_of_ssh_is_named_as_inside(void **state)
{
	static const char *const caller[] = {"SSH_TTY=/dev/pts/77", NULL};
	struct world *w = *state;

	keep(w, "*", caller);
	expect_variable(w, "SSH_TTY", NULL);
	w->request.terminal = true;
	w->request.terminal_number = 3;
	keep(w, "TERM", caller);
	expect_variable(w, "SSH_TTY", "/dev/pts/3");
	keep(w, "*", (const char *const[]){"SSH_TTYX=1", NULL});
	expect_variable(w, "SSH_TTY", NULL);
}

static void users_directory_is_named_unless_the_rule_has_one(void **state)
{
	struct world *w = *state;

	build(w);
	assert_int_equal(ctsh_environment_add_userdir(&w->plan, &w->err), 0);
	expect_variable(w, "XDG_RUNTIME_DIR", "/run/user/1001");
	expect_variable(w, "SHELL", "/bin/zsh");
	w->rule.set_env = (char *[]){(char[]){"XDG_RUNTIME_DIR=/tmp"}, NULL};
	build(w);
	assert_int_equal(ctsh_environment_add_userdir(&w->plan, &w->err), 0);
	expect_variable(w, "XDG_RUNTIME_DIR", "/tmp");
}

static void locale_that_the_image_lacks_is_replaced(void **state)
{
	static const char *const caller[] = {
		"LANG=xx_YY.UTF-8",   "LC_ALL=xx_YY",     "LC_TIME=POSIX",
		"LC_TERMINAL=iTerm2", "LC_CTYPE=C.UTF-8", NULL};
	struct world *w = *state;

	keep(w, "L*", caller);
	expect_variable(w, "LANG", "C");
	expect_variable(w, "LC_ALL", "C");
	expect_variable(w, "LC_TIME", "POSIX");
	expect_variable(w, "LC_TERMINAL", "iTerm2");
	expect_variable(w, "LC_CTYPE", "C");
	w->interior.locales = C_UTF8_ALONE;
	build(w);
	expect_variable(w, "LANG", "C.UTF-8");
	expect_variable(w, "LC_ALL", "C.UTF-8");
	expect_variable(w, "LC_CTYPE", "C.UTF-8");
	w->interior.locales = EVERY_LOCALE;
	build(w);
	expect_variable(w, "LANG", "xx_YY.UTF-8");
	expect_variable(w, "LC_ALL", "xx_YY");
}

static void images_own_locale_stands_before_a_plain_one(void **state)
{
	static const char *const caller[] = {"LANG=xx_YY.UTF-8", NULL};
	struct world *w = *state;

	SET_ENVIRON(w, "LANG=de_DE.UTF-8");
	keep(w, "LANG", caller);
	expect_variable(w, "LANG", "de_DE.UTF-8");
	w->interior.locales = EVERY_LOCALE;
	build(w);
	expect_variable(w, "LANG", "xx_YY.UTF-8");
}

static void locales_asked_for_are_those_that_are_kept(void **state)
{
	static const char *const caller[] = {
		"LANG=a", "LC_ALL=b",   "LC_TIME=a", "LC_NAME=/c", "LC_PAPER=C",
		"LC_X=d", "LANGUAGE=e", "PATH=f",    "LC_CTYPE=g", NULL};
	struct world *w = *state;
	struct ctsh_locales asked;

	w->rule.keep_env = (char *[]){(char[]){"L*"}, NULL};
	ctsh_environment_locales(&w->rule, caller, &asked);
	assert_int_equal(asked.count, 4);
	assert_string_equal(asked.name[0], "C.UTF-8");
	assert_string_equal(asked.name[1], "a");
	assert_string_equal(asked.name[2], "b");
	assert_string_equal(asked.name[3], "g");
	w->rule.keep_env = (char *[]){(char[]){"TZ"}, NULL};
	ctsh_environment_locales(&w->rule, caller, &asked);
	assert_int_equal(asked.count, 0);
	ctsh_environment_locales(&w->rule, NULL, &asked);
	assert_int_equal(asked.count, 0);
}

static void more_locales_than_there_is_room_for_are_missing(void **state)
{
	static char text[40][16];
	static const char *caller[41];
	struct world *w = *state;
	struct ctsh_locales asked;
	unsigned i;

	for (i = 0; i < 40; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "LANG=l%u", i);
		caller[i] = text[i];
	}
	w->interior.locales = EVERY_LOCALE;
	keep(w, "LANG", caller);
	ctsh_environment_locales(&w->rule, caller, &asked);
	assert_int_equal(asked.count, CTSH_LOCALES_MAX);
	/* The last one came too late; the one before it stands. */
	expect_variable(w, "LANG", "l13");
}

/* 63 of them, then one more. */
#define SIXTY_THREE \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void values_of_the_caller_are_checked_by_name(void **state)
{
	static const struct {
		const char *name, *value;
		bool harmless;
	} table[] = {
		{"TERM", "xterm-256color", true},
		{"TERM", "screen.xterm+a_b", true},
		{"TERM", SIXTY_THREE, true},
		{"TERM", SIXTY_THREE "a", false},
		{"TERM", "", false},
		{"TERM", "../x", false},
		{"TERM", "a/b", false},
		{"TERM", "a b", false},
		{"TERM", "a:b", false},
		{"TERM", "xterm\n", false},
		{"LANG", "de_DE.UTF-8@euro", true},
		{"LANG", SIXTY_THREE, true},
		{"LANG", SIXTY_THREE "a", false},
		{"LANG", "", false},
		{"LANG", "/tmp/x", false},
		{"LANG", "%n", false},
		{"LC_ALL", "C", true},
		{"LC_ALL", "a/b", false},
		{"LC_", "%s", false},
		{"LC_TIME", "\xc3\xa4", false},
		{"LANGUAGE", "de:en", true},
		{"LANGUAGE", "../../tmp", false},
		{"LANGUAGE", "de:/tmp", false},
		{"TZ", "Europe/Berlin", true},
		{"TZ", "<-03>3", true},
		{"TZ", "EST5EDT,M3.2.0,M11.1.0", true},
		{"TZ", "", true},
		{"TZ", "/etc/shadow", false},
		{"TZ", ":/etc/shadow", false},
		{"TZ", ":UTC", false},
		{"TZ", "a/../../b", false},
		{"TZ", "\xc3\xa4", false},
		{"TZ", "UTC\t", false},
		{"COLORTERM", "truecolor", true},
		{"SSH_CONNECTION", "::1 5 ::1 22", true},
		{"EDITOR", "/usr/bin/vi -e \"x\" $y", true},
		{"NAME", "Zo\xc3\xab", true},
		{"NAME", "", true},
		{"NAME", "a()", true},
		{"NAME", "() { :;}; id", false},
		{"NAME", "()", false},
		{"NAME", "a\nb", false},
		{"NAME", "a\x1b[31mb", false},
		{"NAME", "a\x7f", false},
		{"NAME", "\x01", false},
		{"TERMINFO", "a b", true},
		{"LANGX", "%", true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (ctsh_environment_is_harmless(
			    table[i].name, table[i].value) != table[i].harmless)
			fail_msg("%s=%s", table[i].name, table[i].value);
}

/* A fixed sequence: the same values each time. */
static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void random_terms_are_harmless_only_within_their_alphabet(void **state)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ._+-";
	unsigned seed = 1, round, i;

	(void)state;
	for (round = 0; round < 10000; round++) {
		unsigned length = next_random(&seed) % 70;
		char value[80];
		bool within;

		for (i = 0; i < length; i++)
			value[i] =
				next_random(&seed) % 64
					? alphabet[next_random(&seed) % 66]
					: (char)(1 + next_random(&seed) % 255);
		value[length] = '\0';
		within = length && length <= 63 &&
		         strspn(value, alphabet) == length;
		assert_int_equal(ctsh_environment_is_harmless("TERM", value),
		                 within);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(environment_begins_with_the_first_shell),
		TEST(bare_environment_is_that_of_a_login),
		TEST(terminal_without_a_kind_is_dumb),
		TEST(containers_environment_comes_along_but_for_the_inits),
		TEST(containers_environment_can_be_left_out),
		TEST(hostile_container_environment_is_cut_to_valid_names),
		TEST(variable_that_was_cut_off_is_left_out),
		TEST(container_has_no_more_than_512_variables),
		TEST(later_sources_win_without_duplicates),
		TEST(only_what_the_rule_names_is_kept_from_the_caller),
		TEST(callers_path_is_kept_only_by_its_name),
		TEST(nobody_sets_what_is_ours),
		TEST(callers_bad_value_leaves_the_containers),
		TEST(many_variables_of_the_caller_are_cut),
		TEST(values_that_are_functions_come_from_nobody),
		TEST(places_of_another_login_come_from_nobody),
		TEST(terminal_of_ssh_is_named_as_inside),
		TEST(users_directory_is_named_unless_the_rule_has_one),
		TEST(locale_that_the_image_lacks_is_replaced),
		TEST(images_own_locale_stands_before_a_plain_one),
		TEST(locales_asked_for_are_those_that_are_kept),
		TEST(more_locales_than_there_is_room_for_are_missing),
		cmocka_unit_test(values_of_the_caller_are_checked_by_name),
		cmocka_unit_test(
			random_terms_are_harmless_only_within_their_alphabet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
