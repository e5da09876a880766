/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/text.h"
#include "../../lib/model/person.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

#define UNTOUCHED 12345

/* `count` times `c`, then `tail`. */
static const char *repeat(char *buf, char c, size_t count, const char *tail)
{
	memset(buf, c, count);
	strcpy(buf + count, tail);
	return buf;
}

static void number_takes_decimal_digits_up_to_max(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, value;
	} rows[] = {
		{"0", 0, 0},
		{"7", 7, 7},
		{"10", 10, 10},
		{"4294967295", UINT64_MAX, 4294967295u},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t out = UNTOUCHED;

		assert_true(ctsh_text_number(rows[i].text, rows[i].max, &out));
		assert_int_equal(out, rows[i].value);
	}
}

static void number_refuses_the_rest_and_leaves_out_untouched(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
	} rows[] = {
		{"", 9},
		{"+1", 9},
		{"-1", UINT64_MAX},
		{"-0", 9},
		{" 1", 9},
		{"1 ", 9},
		{"1\n", 9},
		{"01", 9},
		{"00", 9},
		{"0x1", 9},
		{"1.0", 99},
		{"1e1", 99},
		{"a", 99},
		{"1:", 99},
		{"1/", 99},
		{"\331\241", 99},
		{"8", 7},
		{"1", 0},
		{"11", 10},
		{"20", 19},
		{"18446744073709551616", UINT64_MAX},
		{"18446744073709551625", UINT64_MAX},
		{"99999999999999999999999", UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t out = UNTOUCHED;

		assert_false(ctsh_text_number(rows[i].text, rows[i].max, &out));
		assert_int_equal(out, UNTOUCHED);
	}
}

static void id_is_a_number_below_no_change(void **state)
{
	uint32_t out;

	(void)state;
	assert_true(ctsh_text_id("0", &out));
	assert_int_equal(out, 0);
	assert_true(ctsh_text_id("4294967294", &out));
	assert_int_equal(out, 4294967294u);
}

static void id_refuses_what_a_kernel_would_misread(void **state)
{
	static const char *const rows[] = {
		"4294967295", "4294967296",           "-1", "01",   "+0",
		" 0",         "18446744073709551616", "",   "root",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t out = UNTOUCHED;

		assert_false(ctsh_text_id(rows[i], &out));
		assert_int_equal(out, UNTOUCHED);
	}
}

static void container_name_is_what_every_engine_takes(void **state)
{
	static const char *const good[] = {"a", "0", "Lab-1_x.y", "a..b"};
	static const char *const bad[] = {
		"",    ".a",  "-a",   "_a",  "a/b", "a b",
		"a\n", "a:b", "a%62", "../", "a@b", "\303\244",
	};
	char buf[200];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(ctsh_text_is_container_name(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(ctsh_text_is_container_name(bad[i]));
	assert_true(ctsh_text_is_container_name(repeat(buf, 'a', 128, "")));
	assert_false(ctsh_text_is_container_name(repeat(buf, 'a', 129, "")));
	assert_false(ctsh_text_is_container_name(repeat(buf, 'a', 127, "/")));
}

static void file_user_can_never_leave_the_directory(void **state)
{
	static const char *const good[] = {"alice", "_apt", "0x", "a@b.c-d_e",
	                                   "A"};
	static const char *const bad[] = {
		"",    ".",   "..",   ".hidden", "-rf", "@group", "a/b",
		"a b", "a\n", "a\\b", "a$",      "a:",  "\377",
	};
	char buf[CTSH_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(ctsh_text_is_file_user(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(ctsh_text_is_file_user(bad[i]));
	assert_true(ctsh_text_is_file_user(
		repeat(buf, 'a', CTSH_NAME_MAX - 1, "")));
	assert_false(
		ctsh_text_is_file_user(repeat(buf, 'a', CTSH_NAME_MAX, "")));
}

static void env_name_looks_at_exactly_length_characters(void **state)
{
	(void)state;
	assert_true(ctsh_text_is_env_name("PATH=x", 4));
	assert_true(ctsh_text_is_env_name("_", 1));
	assert_true(ctsh_text_is_env_name("a1_Z", 4));
	assert_false(ctsh_text_is_env_name("PATH=x", 5));
	assert_false(ctsh_text_is_env_name("PATH", 5));
	assert_false(ctsh_text_is_env_name("", 0));
	assert_false(ctsh_text_is_env_name("=x", 0));
	assert_false(ctsh_text_is_env_name("1A", 2));
	assert_false(ctsh_text_is_env_name("A-B", 3));
	assert_false(ctsh_text_is_env_name("BASH_FUNC_x%%", 13));
	assert_false(ctsh_text_is_env_name("A\303\204", 3));
}

static void absolute_takes_plain_paths_that_fit(void **state)
{
	static const char *const good[] = {
		"/", "/a", "/a/b c", "/...", "/.a/..b", "/a..", "/a//b", "/a/",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t length = strlen(good[i]);

		assert_true(ctsh_text_is_absolute(good[i], length + 1));
		assert_false(ctsh_text_is_absolute(good[i], length));
	}
}

static void absolute_refuses_dots_and_control_characters(void **state)
{
	static const char *const bad[] = {
		"",       "a",      "./a",  "/.",    "/..",       "/a/../b",
		"/a/./b", "/../x",  "/a/.", "/a/..", "/a\n",      "/a\t",
		"/\177",  "/\033c", "//.",  "~",     "/\303\244", " /a",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(ctsh_text_is_absolute(bad[i], 100));
	assert_false(ctsh_text_is_absolute("/", 0));
}

static void printable_is_ascii_from_blank_to_tilde(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, '\0'};

		assert_int_equal(ctsh_text_is_printable(text),
		                 c >= ' ' && c <= '~');
	}
	assert_true(ctsh_text_is_printable(""));
}

struct glob_row {
	const char *pattern, *text;
};

static void glob_fits(void **state)
{
	static const struct glob_row rows[] = {
		{"", ""},
		{"*", ""},
		{"*", "a/.b"},
		{"**", "a"},
		{"?", "a"},
		{"?", "\377"},
		{"ci-*", "ci-"},
		{"ci-*", "ci-7"},
		{"*.x", "a.x.x"},
		{"a*b*c", "aXbXbYc"},
		{"*", ".hidden"},
		{"?a", "/a"},
		{"\\*", "\\anything"},
		{"\\", "\\"},
		{"\\?", "\\x"},
		{"[abc]", "b"},
		{"[a-c]x", "cx"},
		{"[!a-c]", "d"},
		{"[^a-c]", "d"},
		{"[]a]", "]"},
		{"[!]a]", "b"},
		{"[a-]", "-"},
		{"[-a]", "-"},
		{"[.]", "."},
		{"[/]", "/"},
		{"[\\]", "\\"},
		{"[[]", "["},
		{"[*]", "*"},
		{"[?]", "?"},
		{"[a", "[a"},
		{"[", "["},
		{"[]", "[]"},
		{"[!", "[!"},
		{"[a]]", "a]"},
		{"*[0-9]", "a1b2"},
		{"[\200-\377]", "\303"},
		{"ci-[[:digit:]]", "ci-4"},
		{"[[:alpha:]_]", "_"},
		{"[![:alpha:]]", "1"},
		{"[[:xdigit:]]", "F"},
		{"[[:punct:]]", "@"},
		{"[[:space:]]", "\n"},
		{"[[:cntrl:]]", "\177"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!ctsh_text_glob(rows[i].pattern, rows[i].text))
			fail_msg("%s should fit %s", rows[i].pattern,
			         rows[i].text);
}

static void glob_does_not_fit(void **state)
{
	static const struct glob_row rows[] = {
		{"", "a"},
		{"a", ""},
		{"?", ""},
		{"?", "ab"},
		{"ci-*", "ci"},
		{"ci-*", "xci-1"},
		{"*b", "abc"},
		{"a", "A"},
		{"a*b*c", "acb"},
		{"[abc]", "d"},
		{"[abc]", ""},
		{"[a-c]", "-"},
		{"[c-a]", "b"},
		{"[!a-c]", "b"},
		{"[!a]", ""},
		{"[]a]", "[]a]"},
		{"[a", "a"},
		{"\\*", "*"},
		{"\\a", "a"},
		{"[[:digit:]]", "x"},
		{"[[:digit:]]", ":"},
		{"[[:alpha:]]", "\344"},
		{"[[:nothing:]]", "n"},
		{"[[:lower:]]", "A"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (ctsh_text_glob(rows[i].pattern, rows[i].text))
			fail_msg("%s should not fit %s", rows[i].pattern,
			         rows[i].text);
}

static void glob_takes_no_exponential_time(void **state)
{
	char pattern[2 * 60 + 2], text[10001];
	int64_t begin = ctsh_now_ms();

	(void)state;
	for (size_t i = 0; i < 60; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	strcpy(pattern + 2 * 60, "b");
	(void)repeat(text, 'a', 10000, "");

	assert_false(ctsh_text_glob(pattern, text));

	assert_true(ctsh_now_ms() - begin < 2000);
}

static void escape_writes_hex_for_what_is_dangerous(void **state)
{
	char out[100];

	(void)state;
	ctsh_text_escape(out, sizeof(out), "a \"b'c\\d\n\033\177\303\244~");

	assert_string_equal(out,
	                    "a \\x22b\\x27c\\x5cd\\x0a\\x1b\\x7f\\xc3\\xa4~");
}

static void escape_cuts_whole_escapes_only(void **state)
{
	char out[16];

	(void)state;
	ctsh_text_escape(out, 5, "\nx");
	assert_string_equal(out, "\\x0a");
	ctsh_text_escape(out, 4, "\nx");
	assert_string_equal(out, "");
	ctsh_text_escape(out, 5, "ab\nc");
	assert_string_equal(out, "ab");
	ctsh_text_escape(out, 3, "abc");
	assert_string_equal(out, "ab");
	ctsh_text_escape(out, 1, "abc");
	assert_string_equal(out, "");
}

static void copy_is_whole_or_empty(void **state)
{
	char out[4] = "zzz";

	(void)state;
	assert_true(ctsh_text_copy(out, sizeof(out), "abc"));
	assert_string_equal(out, "abc");
	assert_true(ctsh_text_copy(out, sizeof(out), ""));
	assert_string_equal(out, "");
	strcpy(out, "zzz");
	assert_false(ctsh_text_copy(out, sizeof(out), "abcd"));
	assert_string_equal(out, "");
	strcpy(out, "zzz");
	assert_false(ctsh_text_copy(out, 0, ""));
	assert_string_equal(out, "zzz");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_takes_decimal_digits_up_to_max),
		cmocka_unit_test(
			number_refuses_the_rest_and_leaves_out_untouched),
		cmocka_unit_test(id_is_a_number_below_no_change),
		cmocka_unit_test(id_refuses_what_a_kernel_would_misread),
		cmocka_unit_test(container_name_is_what_every_engine_takes),
		cmocka_unit_test(file_user_can_never_leave_the_directory),
		cmocka_unit_test(env_name_looks_at_exactly_length_characters),
		cmocka_unit_test(absolute_takes_plain_paths_that_fit),
		cmocka_unit_test(absolute_refuses_dots_and_control_characters),
		cmocka_unit_test(printable_is_ascii_from_blank_to_tilde),
		cmocka_unit_test(glob_fits),
		cmocka_unit_test(glob_does_not_fit),
		cmocka_unit_test(glob_takes_no_exponential_time),
		cmocka_unit_test(escape_writes_hex_for_what_is_dangerous),
		cmocka_unit_test(escape_cuts_whole_escapes_only),
		cmocka_unit_test(copy_is_whole_or_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
