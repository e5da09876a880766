/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../lib/policy/scan.h"

static const struct ctsh_scan_limits wide = {256 * 1024, 1000};
static const struct ctsh_scan_limits flat = {256 * 1024, 0};

/* Exactly `length` bytes and a NUL, so that a sanitizer sees one too many. */
static char *copy_of(const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static void refuses(const struct ctsh_scan_limits *limits, const char *text,
                    size_t length, const char *what)
{
	char *copy = copy_of(text, length);
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_scan("f", copy, length, limits, &scan, &err), -1);
	assert_string_equal(err.what, what);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_null(scan.sections);
	assert_int_equal(scan.section_count, 0);
	free(copy);
}

/* Comments are gone, and nothing else has moved. */
static void comments_become_blanks_and_lines_stay(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"# a\nb = c # d", "   \nb = c    "},
		{"// a\nb = c // d\n", "    \nb = c     \n"},
		{"/* a\n\n */b /**/=/***/c", "    \n\n   b     =     c"},
		{"b = \"# // /* */\"", "b = \"# // /* */\""},
		{"/*//*/b = c", "      b = c"},
		{"# /*\nb = c", "    \nb = c"},
		{"/* # ${X} \xfc */", "              "},
		{"a {b = c}# d", "a {b = c}   "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t length = strlen(cases[i].before);
		char *text = copy_of(cases[i].before, length);
		struct ctsh_scan scan;
		struct ctsh_error err = {0};

		assert_int_equal(
			ctsh_scan("f", text, length, &wide, &scan, &err), 0);
		assert_string_equal(text, cases[i].after);
		ctsh_scan_free(&scan);
		free(text);
	}
}

static void bytes_that_mislead_are_refused_everywhere(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *what;
	} cases[] = {
#define BYTES(text) text, sizeof(text) - 1
		{BYTES("\0"), "f:1: NUL byte"},
		{BYTES("a = b\n\0"), "f:2: NUL byte"},
		{BYTES("a = b\0c"), "f:1: NUL byte"},
		{BYTES("a = \"b\0c\""), "f:1: NUL byte"},
		{BYTES("# a\0b"), "f:1: NUL byte"},
		{BYTES("/* a\0b */"), "f:1: NUL byte"},
		{BYTES("a = b\r\n"), "f:1: carriage return"},
		{BYTES("# a\r\nb = c"), "f:1: carriage return"},
		{BYTES("/*\n\r*/"), "f:2: carriage return"},
		{BYTES("a = \"b\rc\""), "f:1: carriage return"},
		{BYTES("# \x1b[2J"), "f:1: control character 0x1b"},
		{BYTES("a = \"\x1b\""), "f:1: control character 0x1b"},
		{BYTES("a = b\x0c"), "f:1: control character 0x0c"},
		{BYTES("a = \"b\x7f\""), "f:1: control character 0x7f"},
		{BYTES("\xef\xbb\xbf# bom"), "f:1: byte 0xef is not ASCII"},
		{BYTES("a = \"\xc3\xbc\""), "f:1: byte 0xc3 is not ASCII"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		refuses(&wide, cases[i].text, cases[i].length, cases[i].what);
}

/* Wherever a file is cut off, it is refused, or what is left is a file. */
static void every_cut_is_noticed_or_lies_between_settings(void **state)
{
	static const char text[] =
		"/* x */ a = \"b\\\"\" # y\ns t { l = { \"v\", w } k = z }";
	static const char whole_at[] = "\0\7\10\21\22\23\24\25\26\62";

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		char *copy = copy_of(text, length);
		struct ctsh_scan scan;
		struct ctsh_error err = {0};
		bool whole = memchr(whole_at, (int)length,
		                    sizeof(whole_at) - 1) != NULL;

		assert_int_equal(
			ctsh_scan("f", copy, length, &wide, &scan, &err),
			whole ? 0 : -1);
		ctsh_scan_free(&scan);
		free(copy);
	}
}

static void places_are_recorded(void **state)
{
	char text[] = "a = 1\n"
		      "s one {\n"
		      "  k = v\n"
		      "  l = { x,\n"
		      "        \"y\" }\n"
		      "}\n"
		      "b\n"
		      "= {}\n"
		      "s two { }\n";
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_scan("f", text, strlen(text), &wide, &scan, &err),
	                 0);

	assert_int_equal(scan.section_count, 3);
	assert_string_equal(scan.sections[1].type, "s");
	assert_string_equal(scan.sections[1].title, "one");
	assert_int_equal(scan.sections[1].line, 2);
	assert_int_equal(scan.sections[1].key_count, 2);
	assert_int_equal(scan.sections[1].last_key, 2);
	assert_int_equal(scan.sections[2].line, 9);
	assert_int_equal(scan.sections[2].key_count, 0);
	assert_int_equal(scan.key_count, 4);
	assert_string_equal(scan.keys[2].name, "l");
	assert_int_equal(scan.keys[2].line, 4);
	assert_true(scan.keys[2].list);
	assert_int_equal(scan.keys[2].section, 1);
	assert_int_equal(scan.keys[2].value_count, 2);
	assert_int_equal(scan.value_lines[scan.keys[2].first_value], 4);
	assert_int_equal(scan.value_lines[scan.keys[2].first_value + 1], 5);
	assert_string_equal(scan.keys[3].name, "b");
	assert_int_equal(scan.keys[3].line, 7);
	assert_int_equal(scan.keys[3].section, 0);
	assert_int_equal(scan.keys[3].value_count, 0);
	ctsh_scan_free(&scan);
	ctsh_scan_free(&scan);
}

static void one_key_may_stand_in_two_sections(void **state)
{
	char text[] = "k = 1 s a { k = 1 } s b { k = 1 } t a { k = 1 }";
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_scan("f", text, strlen(text), &wide, &scan, &err),
	                 0);
	assert_int_equal(scan.key_count, 4);
	ctsh_scan_free(&scan);
}

static void a_flat_file_has_no_sections(void **state)
{
	(void)state;
	refuses(&flat, "a = b\ns { }", 11,
	        "f:2: '=' expected behind 's' (no sections in this file)");
	refuses(&flat, "s t {}", 6,
	        "f:1: '=' expected behind 's' (no sections in this file)");
}

/* -- limits ------------------------------------------------------------- */

/* `before`, then `count` times `piece`; "%zu" in it becomes the number. */
static char *pile(const char *before, const char *piece, size_t count)
{
	size_t size = strlen(before) + count * (strlen(piece) + 8) + 1;
	size_t used = strlen(before);
	char *text = malloc(size);
	const char *mark = strstr(piece, "%zu");

	assert_non_null(text);
	memcpy(text, before, used + 1);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%.*s%.0zu%s",
			mark ? (int)(mark - piece) : (int)strlen(piece), piece,
			mark ? i + 1 : 0, mark ? mark + 3 : "");
	return text;
}

static void the_largest_file_and_no_larger(void **state)
{
	char *text = pile("", "#", wide.bytes + 1);
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	(void)state;
	refuses(&wide, text, wide.bytes + 1,
	        "f:1: the file is larger than 256 KiB");
	text[wide.bytes] = '\0';
	assert_int_equal(ctsh_scan("f", text, wide.bytes, &wide, &scan, &err),
	                 0);
	ctsh_scan_free(&scan);
	free(text);
}

static void a_thousand_sections_and_no_more(void **state)
{
	char *text = pile("", "s t%zu { }\n", 1000);
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_scan("f", text, strlen(text), &wide, &scan, &err),
	                 0);
	assert_int_equal(scan.section_count, 1001);
	ctsh_scan_free(&scan);
	free(text);

	text = pile("", "s t%zu { }\n", 1001);
	refuses(&wide, text, strlen(text), "f:1001: more than 1000 sections");
	free(text);
}

static void sixty_four_keys_and_no_more(void **state)
{
	char *text = pile("", "k%zu = 1\n", 64);
	struct ctsh_scan scan;
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_scan("f", text, strlen(text), &wide, &scan, &err),
	                 0);
	assert_int_equal(scan.key_count, 64);
	ctsh_scan_free(&scan);
	free(text);

	text = pile("", "k%zu = 1\n", 65);
	refuses(&wide, text, strlen(text),
	        "f:65: too many keys in one section");
	free(text);
}

/* What is slow to read must be long; a second is a hundred times of what any
 * of these takes. */
static void no_text_takes_long(void **state)
{
	static const struct {
		const char *before, *piece;
		size_t count;
	} cases[] = {
		{"", "/", 260000},          {"", "/*", 130000},
		{"/*", "*", 260000},        {"", "# \n", 87000},
		{"a = {", "b,", 130000},    {"", "{", 260000},
		{"a = \"", "\\\\", 130000}, {"a", "a", 260000},
		{"", "a%zu=b ", 20000},     {"", "s t%zu{a=b}", 12000},
		{"", "\n", 260000},         {"a = \"", "a", 260000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text =
			pile(cases[i].before, cases[i].piece, cases[i].count);
		clock_t begin = clock();
		struct ctsh_scan scan;
		struct ctsh_error err = {0};

		if (ctsh_scan("f", text, strlen(text), &wide, &scan, &err) == 0)
			ctsh_scan_free(&scan);
		assert_true(clock() - begin < CLOCKS_PER_SEC);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_become_blanks_and_lines_stay),
		cmocka_unit_test(bytes_that_mislead_are_refused_everywhere),
		cmocka_unit_test(every_cut_is_noticed_or_lies_between_settings),
		cmocka_unit_test(places_are_recorded),
		cmocka_unit_test(one_key_may_stand_in_two_sections),
		cmocka_unit_test(a_flat_file_has_no_sections),
		cmocka_unit_test(the_largest_file_and_no_larger),
		cmocka_unit_test(a_thousand_sections_and_no_more),
		cmocka_unit_test(sixty_four_keys_and_no_more),
		cmocka_unit_test(no_text_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
