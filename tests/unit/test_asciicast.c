/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../shell/asciicast.h"

#define FUZZ_BYTES 200000

static json_t *parse(const char *line, size_t length)
{
	json_t *value;

	assert_in_range(length, 3, CTSH_CAST_LINE);
	assert_int_equal(line[length - 1], '\n');
	/* A line that held another newline would be two. */
	assert_null(memchr(line, '\n', length - 1));
	value = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	assert_non_null(value);
	return value;
}

/* Appends what an event of that kind says. */
static void take(const char *line, size_t length, const char *kind, char *out,
                 size_t *used)
{
	json_t *event = parse(line, length);
	json_t *data = json_array_get(event, 2);

	assert_int_equal(json_array_size(event), 3);
	assert_true(json_is_number(json_array_get(event, 0)));
	assert_string_equal(json_string_value(json_array_get(event, 1)), kind);
	memcpy(out + *used, json_string_value(data), json_string_length(data));
	*used += json_string_length(data);
	json_decref(event);
}

/* The bytes in portions of `step` (0: random ones); what a player reads. */
static char *through(const char *bytes, size_t length, size_t step,
                     size_t *out_length)
{
	char line[CTSH_CAST_LINE];
	char *out = malloc(3 * length + 3);
	struct ctsh_cast_stream stream = {.need = 0};
	size_t used = 0, size;

	for (size_t at = 0; at < length;) {
		size_t part = step ? step : 1 + (size_t)rand() % 50;

		if (part > length - at)
			part = length - at;
		size = ctsh_cast_output(&stream, 1500000, bytes + at, part,
		                        line);
		if (size)
			take(line, size, "o", out, &used);
		at += part;
	}
	size = ctsh_cast_flush(&stream, 1500000, line);
	if (size)
		take(line, size, "o", out, &used);
	assert_int_equal(ctsh_cast_flush(&stream, 0, line), 0);
	*out_length = used;
	return out;
}

/* How long the character at `s` is, or 0: RFC 3629 as a table, and then how
 * many bytes could have begun one. */
static size_t character(const unsigned char *s, size_t left, size_t *prefix)
{
	static const struct {
		unsigned char first, last, low, high, more;
	} rows[] = {
		{0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1},
		{0xe0, 0xe0, 0xa0, 0xbf, 2}, {0xe1, 0xec, 0x80, 0xbf, 2},
		{0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
		{0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3},
		{0xf4, 0xf4, 0x80, 0x8f, 3},
	};

	*prefix = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n;

		if (s[0] < rows[i].first || s[0] > rows[i].last)
			continue;
		for (n = 1; n <= rows[i].more; n++) {
			unsigned low = n == 1 ? rows[i].low : 0x80;
			unsigned high = n == 1 ? rows[i].high : 0xbf;

			*prefix = n;
			if (n >= left || s[n] < low || s[n] > high)
				return 0;
		}
		return n;
	}
	return 0;
}

/* The same by looking at all of it at once. */
static char *repaired(const char *bytes, size_t length, size_t *out_length)
{
	char *out = malloc(3 * length + 3);
	size_t used = 0, prefix;

	for (size_t at = 0; at < length;) {
		size_t n = character((const unsigned char *)bytes + at,
		                     length - at, &prefix);

		memcpy(out + used, n ? bytes + at : "\xef\xbf\xbd", n ? n : 3);
		used += n ? n : 3;
		at += n ? n : prefix;
	}
	*out_length = used;
	return out;
}

static void assert_becomes(const char *bytes, size_t length, size_t step,
                           const char *wanted, size_t wanted_length)
{
	size_t got_length;
	char *got = through(bytes, length, step, &got_length);

	assert_int_equal(got_length, wanted_length);
	assert_memory_equal(got, wanted, wanted_length);
	free(got);
}

static void text_comes_back_however_it_is_cut(void **state)
{
	static const char text[] = "a\"b\\c\r\n\t\x1b[1m\x7f\0\x01\x1f/"
				   "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
				   "\xee\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++)
		assert_becomes(text, sizeof(text), step, text, sizeof(text));
}

static void what_is_no_utf8_is_replaced(void **state)
{
#define R "\xef\xbf\xbd"
	static const struct {
		const char *bytes, *wanted;
	} rows[] = {
		{"\xff", R},
		{"\xc0\x80", R R},             /* longer than it must be */
		{"\xed\xa0\x80", R R R},       /* a surrogate */
		{"\xf4\x90\x80\x80", R R R R}, /* too large */
		{"\x80x", R "x"},
		{"\xe2\x82x", R "x"},
		{"\xe2\x82\"", R "\""},
		{"\xe2\x82\xe2\x82\xac", R "\xe2\x82\xac"},
		{"\xf0\x9f\x98", R},
		{"\xc3\n", R "\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t step = 1; step < 5; step++)
			assert_becomes(rows[i].bytes, strlen(rows[i].bytes),
			               step, rows[i].wanted,
			               strlen(rows[i].wanted));
}

/* Of all bytes, or of those that make the more interesting sequences. */
static void fill(char *bytes, size_t size, bool likely)
{
	static const char some[] = "ab\"\\\n\x1b\x80\x8f\x90\x9f\xa0\xbf\xc2"
				   "\xdf\xe0\xe2\xed\xef\xf0\xf1\xf4\xf5";

	for (size_t i = 0; i < size; i++)
		bytes[i] = likely ? some[(size_t)rand() % (sizeof(some) - 1)]
		                  : (char)rand();
}

static void noise_in_random_portions_is_valid_and_in_step(void **state)
{
	char *bytes = malloc(FUZZ_BYTES);

	(void)state;
	srand(20);
	for (int round = 0; round < 4; round++) {
		size_t length;
		char *wanted;

		fill(bytes, FUZZ_BYTES, round & 1);
		wanted = repaired(bytes, FUZZ_BYTES, &length);
		assert_becomes(bytes, FUZZ_BYTES,
		               round < 2 ? 0 : CTSH_CAST_PORTION, wanted,
		               length);
		free(wanted);
	}
	free(bytes);
}

static void the_longest_line_fits(void **state)
{
	char bytes[CTSH_CAST_PORTION], line[CTSH_CAST_LINE];
	struct ctsh_cast_stream stream = {.need = 0};

	(void)state;
	assert_int_equal(ctsh_cast_output(&stream, 0, "\xf0\x9f\x98", 3, line),
	                 0);
	memset(bytes, 0x1b, sizeof(bytes));
	assert_in_range(ctsh_cast_output(&stream, INT64_MAX, bytes,
	                                 sizeof(bytes), line),
	                6 * sizeof(bytes) + 3, sizeof(line));
}

static void assert_line(const char *line, size_t length, const char *wanted)
{
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(line, wanted, length);
}

static void events_are_as_the_format_says(void **state)
{
	char line[CTSH_CAST_LINE];
	struct ctsh_cast_stream stream = {.need = 0};

	(void)state;
	assert_line(line, ctsh_cast_output(&stream, 1000042, "a\n", 2, line),
	            "[1.000042, \"o\", \"a\\u000a\"]\n");
	assert_line(line, ctsh_cast_resize(12000000, 80, 24, line),
	            "[12.000000, \"r\", \"80x24\"]\n");
	assert_line(line, ctsh_cast_marker(5, "\"full\"", line),
	            "[0.000005, \"m\", \"\\u0022full\\u0022\"]\n");
}

static void the_header_is_as_the_format_says(void **state)
{
	char line[CTSH_CAST_LINE];
	const struct ctsh_cast_header full = {
		.columns = 132,
		.rows = 43,
		.time = 1700000000,
		.title = "alice in docker:\xff\xc3",
		.term = "x\"y",
		.shell = "/bin/sh",
	};
	const struct ctsh_cast_header bare = {.columns = 5, .title = ""};

	(void)state;
	assert_line(line, ctsh_cast_header(&full, line),
	            "{\"version\": 2, \"width\": 132, \"height\": 43, "
	            "\"timestamp\": 1700000000, \"title\": "
	            "\"alice in docker:" R R "\", \"env\": {\"TERM\": "
	            "\"x\\u0022y\", \"SHELL\": \"/bin/sh\"}}\n");
	assert_line(line, ctsh_cast_header(&bare, line),
	            "{\"version\": 2, \"width\": 80, \"height\": 24, "
	            "\"timestamp\": 0, \"title\": \"\", \"env\": {}}\n");
}

static void long_values_are_cut(void **state)
{
	char value[100000], line[CTSH_CAST_LINE];
	struct ctsh_cast_header header = {
		.title = value, .term = value, .shell = value};

	(void)state;
	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	json_decref(parse(line, ctsh_cast_header(&header, line)));
	json_decref(parse(line, ctsh_cast_marker(0, value, line)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back_however_it_is_cut),
		cmocka_unit_test(what_is_no_utf8_is_replaced),
		cmocka_unit_test(noise_in_random_portions_is_valid_and_in_step),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(events_are_as_the_format_says),
		cmocka_unit_test(the_header_is_as_the_format_says),
		cmocka_unit_test(long_values_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
