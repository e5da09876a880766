/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char sample[] =
	"{\"name\": \"/box\", \"State\": {\"Pid\": 17, \"Up\": true,"
	" \"Real\": 7.0, \"Minus\": -1, \"Big\": 9223372036854775807},"
	" \"none\": null, \"list\": [\"a\", \"b\"], \"mixed\": [\"a\", 1],"
	" \"empty\": []}";

static json_t *parse(const char *text)
{
	struct ctsh_error err;

	return ctsh_json_parse(text, strlen(text), &err);
}

static void parse_refuses_what_could_be_read_two_ways(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} bad[] = {
		{"", 0},
		{"{", 1},
		{"{}x", 3},
		{"{} {}", 5},
		{"\"text\"", 6},
		{"12", 2},
		{"null", 4},
		{"{\"a\":1,\"a\":1}", 13},
		{"{\"a\":1,\"\\u0061\":2}", 18},
		{"{\"a\":{\"b\":1,\"b\":2}}", 19},
		{"{\"a\":\"x\\u0000y\"}", 16},
		{"{\"a\\u0000b\":1}", 14},
		{"{\"a\":\"x\0y\"}", 11},
		{"{}\0", 3},
		{"{\"a\":\"\xff\"}", 9},
		{"{\"a\":\"\n\"}", 9},
		{"{\"a\":1e999}", 11},
		{"{\"a\":01}", 8},
		{"{\"a\":1,}", 8},
		{"{'a':1}", 7},
		{"[1] // c", 8},
	};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		err.code = CTSH_OK;
		assert_null(ctsh_json_parse(bad[i].text, bad[i].length, &err));
		assert_int_equal(err.code, CTSH_E_ENGINE);
	}
}

static void parse_stops_at_the_length_given(void **state)
{
	ctsh_autojson json_t *doc = NULL;
	struct ctsh_error err;

	(void)state;
	doc = ctsh_json_parse("[]garbage", 2, &err);
	assert_non_null(doc);
}

static json_t *nested(size_t depth)
{
	char *text = malloc(2 * depth);
	struct ctsh_error err;
	json_t *doc;

	assert_non_null(text);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	doc = ctsh_json_parse(text, 2 * depth, &err);
	free(text);
	return doc;
}

static void parse_bounds_the_depth(void **state)
{
	ctsh_autojson json_t *deep = NULL;

	(void)state;
	deep = nested(2048);
	assert_non_null(deep);
	assert_null(nested(2049));
	assert_null(nested(500000));
}

static void getters_give_what_is_there(void **state)
{
	ctsh_autojson json_t *doc = parse(sample);
	struct ctsh_error err;
	const char *text;
	uint64_t number;
	size_t count;
	bool up, there;

	(void)state;
	assert_non_null(doc);
	assert_int_equal(ctsh_json_text(doc, "name", &text, &err), 0);
	assert_string_equal(text, "/box");
	assert_int_equal(ctsh_json_bool(doc, "State.Up", &up, &err), 0);
	assert_true(up);
	assert_int_equal(
		ctsh_json_number(doc, "State.Pid", 17, 17, &number, &err), 0);
	assert_int_equal(number, 17);
	assert_int_equal(
		ctsh_json_number(doc, "State.Big", 0, INT64_MAX, &number, &err),
		0);
	assert_true(number == INT64_MAX);
	assert_int_equal(ctsh_json_has_object(doc, "State", &there, &err), 0);
	assert_true(there);
	assert_int_equal(ctsh_json_has_object(doc, "none", &there, &err), 0);
	assert_false(there);
	assert_int_equal(ctsh_json_has_object(doc, "no.such", &there, &err), 0);
	assert_false(there);
	assert_int_equal(ctsh_json_texts(doc, "list", &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(ctsh_json_text_at(doc, "list", 1), "b");
	assert_null(ctsh_json_text_at(doc, "list", 2));
}

static void an_array_of_objects_is_read(void **state)
{
	static const char *const others[] = {"{}", "[1]", "[{}, null]"};
	ctsh_autojson json_t *doc = parse("[{\"a\": \"x\"}, {}]");
	struct ctsh_error err;
	const char *text;
	size_t i, count;

	(void)state;
	assert_int_equal(ctsh_json_objects(doc, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(
		ctsh_json_text(ctsh_json_object_at(doc, 0), "a", &text, &err),
		0);
	assert_string_equal(text, "x");
	assert_null(ctsh_json_object_at(doc, 2));
	for (i = 0; i < COUNT(others); i++) {
		ctsh_autojson json_t *other = parse(others[i]);

		assert_int_equal(ctsh_json_objects(other, &count, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
	}
	assert_int_equal(count, 2);
}

static void a_missing_list_counts_as_empty(void **state)
{
	static const char *const paths[] = {"none", "empty", "nothing"};
	ctsh_autojson json_t *doc = parse(sample);
	struct ctsh_error err;
	size_t i, count;

	(void)state;
	for (i = 0; i < COUNT(paths); i++) {
		count = 9;
		assert_int_equal(ctsh_json_texts(doc, paths[i], &count, &err),
		                 0);
		assert_int_equal(count, 0);
	}
}

/* As a mask in a seccomp profile may be, in a record of an engine's. */
static void a_number_beyond_int64_spoils_only_itself(void **state)
{
	static const char text[] =
		"{\"mask\": 18446744073709551615, \"in\": {\"ticks\": "
		"4503599627370497}, \"rounded\": 9007199254740993,"
		" \"list\": [9223372036854775808, 1]}";
	ctsh_autojson json_t *doc = parse(text);
	struct ctsh_error err;
	uint64_t number = 5;

	(void)state;
	assert_non_null(doc);
	assert_int_equal(
		ctsh_json_number(doc, "mask", 0, INT64_MAX, &number, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_int_equal(
		ctsh_json_number(doc, "rounded", 0, INT64_MAX, &number, &err),
		-1);
	assert_int_equal(number, 5);
	assert_int_equal(
		ctsh_json_number(doc, "in.ticks", 0, INT64_MAX, &number, &err),
		0);
	assert_true(number == 4503599627370497);
}

static void numbers_must_be_integers_in_range(void **state)
{
	static const struct {
		const char *path;
		uint64_t low, high;
	} bad[] = {
		{"State.Pid", 18, 99}, {"State.Pid", 0, 16},
		{"State.Real", 0, 99}, {"State.Minus", 0, INT64_MAX},
		{"State.Up", 0, 99},   {"name", 0, 99},
		{"State.Gone", 0, 99}, {"State", 0, 99},
		{"none", 0, 99},       {"State.Pid.x", 0, 99},
		{"", 0, 99},           {"State.", 0, 99},
		{".State.Pid", 0, 99},
	};
	ctsh_autojson json_t *doc = parse(sample);
	struct ctsh_error err;
	uint64_t number = 5;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ctsh_json_number(doc, bad[i].path, bad[i].low,
		                                  bad[i].high, &number, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_int_equal(number, 5);
	}
}

static void a_wrong_type_is_named_in_the_reason(void **state)
{
	ctsh_autojson json_t *doc = parse(sample);
	struct ctsh_error err;
	const char *text = NULL;
	size_t count = 3;
	bool flag = true;

	(void)state;
	assert_int_equal(ctsh_json_text(doc, "State.Pid", &text, &err), -1);
	assert_string_equal(err.what, "member \"State.Pid\" is not a string");
	assert_int_equal(ctsh_json_text(doc, "State.Who", &text, &err), -1);
	assert_string_equal(err.what, "member \"State.Who\" is missing");
	assert_null(text);
	assert_int_equal(ctsh_json_bool(doc, "none", &flag, &err), -1);
	assert_int_equal(ctsh_json_has_object(doc, "list", &flag, &err), -1);
	assert_true(flag);
	assert_int_equal(ctsh_json_texts(doc, "mixed", &count, &err), -1);
	assert_int_equal(ctsh_json_texts(doc, "name", &count, &err), -1);
	assert_int_equal(count, 3);
}

static void a_path_with_too_long_a_name_finds_nothing(void **state)
{
	ctsh_autojson json_t *doc = parse(sample);
	char path[200];
	struct ctsh_error err;
	bool flag = false;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ctsh_json_bool(doc, path, &flag, &err), -1);
}

static void an_entry_may_have_dots_in_its_name(void **state)
{
	ctsh_autojson json_t *doc = parse(
		"{\"notes\": {\"io.k8s.name\": \"alice\", \"io\": {\"k8s\": "
		"{\"name\": \"bob\"}}, \"n\": 7}, \"a.b\": \"top\"}");

	(void)state;
	assert_string_equal(ctsh_json_entry(doc, "notes", "io.k8s.name"),
	                    "alice");
	assert_string_equal(ctsh_json_entry(doc, "", "a.b"), "top");
	assert_null(ctsh_json_entry(doc, "notes", "io.k8s"));
	assert_null(ctsh_json_entry(doc, "notes", "io"));
	assert_null(ctsh_json_entry(doc, "notes", "n"));
	assert_null(ctsh_json_entry(doc, "notes", ""));
	assert_null(ctsh_json_entry(doc, "none", "a"));
	assert_null(ctsh_json_entry(doc, "a.b", "a"));
	assert_null(ctsh_json_entry(NULL, "", "a.b"));
}

static void what_stands_in_arrays_goes(void **state)
{
	static const char *const rows[][2] = {
		{"{\"a\": 1}", "{\"a\": 1}"},
		{"{\"a\": [1, 2], \"b\": 3}", "{\"a\": [], \"b\": 3}"},
		{"[]", "[]"},
		{"[[1], {\"a\": [2]}]", "[]"},
		{"{\"a\": {\"b\": [{\"c\": []}], \"d\": [[]]}}",
	         "{\"a\": {\"b\": [], \"d\": []}}"},
		/* Brackets and quotes in strings are none. */
		{"{\"[\": \"]\", \"b\": [\"]\", \"\\\"]\"], \"c\": \"[\"}",
	         "{\"[\": \"]\", \"b\": [], \"c\": \"[\"}"},
		{"{\"a\\\\\": [\"\\\\\"], \"b\": [2]}",
	         "{\"a\\\\\": [], \"b\": []}"},
		/* From what is wrong on, all stays. */
		{"{\"a\": [1], \"b\": [2}", "{\"a\": [], \"b\": [2}"},
		{"[{]}, [1]", "[{]}, [1]"},
		{"[", "["},
		{"[\"", "[\""},
		{"[\"\\", "[\"\\"},
		{"{\"a\": \"[1]", "{\"a\": \"[1]"},
		{"", ""},
		{"]", "]"},
		{"[1]]", "[]]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* On the heap and without an end, for the sanitizer. */
		size_t length = strlen(rows[i][0]);
		char *text = malloc(length ? length : 1);

		memcpy(text, rows[i][0], length);
		length = ctsh_json_empty_arrays(text, length);
		assert_int_equal(length, strlen(rows[i][1]));
		assert_memory_equal(text, rows[i][1], length);
		free(text);
	}
}

/* As deep as the parser goes, and deeper. */
static void arrays_that_are_too_deep_stay(void **state)
{
	char text[2 * 65], deep[2 * 65];

	(void)state;
	for (size_t levels = 63; levels <= 65; levels++) {
		memset(text, '[', levels);
		memset(text + levels, ']', levels);
		memcpy(deep, text, sizeof(deep));
		if (levels <= 64) {
			assert_int_equal(
				ctsh_json_empty_arrays(text, 2 * levels), 2);
			assert_memory_equal(text, "[]", 2);
		} else {
			assert_int_equal(
				ctsh_json_empty_arrays(text, 2 * levels),
				2 * levels);
			assert_memory_equal(text, deep, 2 * levels);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_refuses_what_could_be_read_two_ways),
		cmocka_unit_test(parse_stops_at_the_length_given),
		cmocka_unit_test(parse_bounds_the_depth),
		cmocka_unit_test(getters_give_what_is_there),
		cmocka_unit_test(an_array_of_objects_is_read),
		cmocka_unit_test(a_missing_list_counts_as_empty),
		cmocka_unit_test(a_number_beyond_int64_spoils_only_itself),
		cmocka_unit_test(numbers_must_be_integers_in_range),
		cmocka_unit_test(a_wrong_type_is_named_in_the_reason),
		cmocka_unit_test(a_path_with_too_long_a_name_finds_nothing),
		cmocka_unit_test(an_entry_may_have_dots_in_its_name),
		cmocka_unit_test(what_stands_in_arrays_goes),
		cmocka_unit_test(arrays_that_are_too_deep_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
