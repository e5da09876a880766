/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../shell/agent.h"

#define SIGN 13
#define ADD 17
#define ADD_CONSTRAINED 25
#define PROVIDER "sk-provider@openssh.com"

/* A request of that type with that body; its length. */
static size_t make(char *out, uint8_t type, const char *body)
{
	size_t length = strlen(body);

	memcpy(out, (char[]){0, 0, 0, (char)(length + 1), (char)type}, 5);
	memcpy(out + 5, body, length);
	return length + 5;
}

/* Whether all of it passes, given in pieces of that size. */
static bool passes(const char *data, size_t length, size_t piece)
{
	struct ctsh_agent a = {.request_left = 0};
	size_t done = 0, seen = 0;

	while (seen < length) {
		ssize_t more;

		seen = seen + piece < length ? seen + piece : length;
		more = ctsh_agent_request(&a, data + done, seen - done);
		if (more < 0)
			return false;
		done += (size_t)more;
	}
	assert_int_equal(done, length);
	return true;
}

static void check(uint8_t type, const char *body, bool expected)
{
	char data[256];
	size_t length = make(data, type, body);

	for (size_t piece = 1; piece <= length; piece++)
		assert_int_equal(passes(data, length, piece), expected);
}

static void no_key_brings_a_library(void **state)
{
	(void)state;
	check(ADD, "key\377" PROVIDER "/usr/lib/evil.so", false);
	check(ADD_CONSTRAINED, "key\377" PROVIDER "/usr/lib/evil.so", false);
	check(ADD_CONSTRAINED, PROVIDER, false);
	check(ADD_CONSTRAINED, "s" PROVIDER, false);
	check(ADD_CONSTRAINED, "sk-" PROVIDER, false);
	check(ADD_CONSTRAINED, "sk-provider@opens" PROVIDER, false);
	check(ADD_CONSTRAINED, "sk-provider@openss" PROVIDER, false);
	check(ADD_CONSTRAINED, "sk-provider@opensk-provider@openssh.com",
	      false);
}

static void other_requests_may_say_anything(void **state)
{
	(void)state;
	check(ADD, "", true);
	check(ADD_CONSTRAINED, "key\001\0\0\0\012", true);
	check(ADD_CONSTRAINED, "sk-provider@openssh.co", true);
	check(ADD_CONSTRAINED, "sk-ssh-ed25519@openssh.com", true);
	check(SIGN, "this is signed: " PROVIDER, true);
}

/* Each request is looked at by itself. */
static void nothing_is_left_of_the_request_before(void **state)
{
	char data[256];
	size_t length = make(data, ADD, "sk-provider@");

	(void)state;
	length += make(data + length, ADD, "openssh.com");
	length += make(data + length, SIGN, PROVIDER);
	for (size_t piece = 1; piece <= length; piece++)
		assert_true(passes(data, length, piece));
	length += make(data + length, ADD, PROVIDER);
	for (size_t piece = 1; piece <= length; piece++)
		assert_false(passes(data, length, piece));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_brings_a_library),
		cmocka_unit_test(other_requests_may_say_anything),
		cmocka_unit_test(nothing_is_left_of_the_request_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
