/* SPDX-License-Identifier: MIT */
/* The keys about a container that is not there yet.  A draft: nothing is
 * demanded of its owner. */
#include "draft.h"

static const struct ctsh_engine_kind kinds[] = {
	{.name = "crun", .has_root = true, .starts = true, .has_bundle = true},
	{.name = "docker", .has_socket = true, .starts = true, .stops = true},
	{.name = "podman", .starts = true, .stops = true, .has_owner = true},
	{.name = "pidfile"},
	{.name = NULL},
};

static int load(const char *defaults, const char *keys,
                struct ctsh_policy *policy, struct ctsh_error *err)
{
	char text[512];
	int length;

	length = snprintf(text, sizeof(text),
	                  "defaults { %s }\n"
	                  "rule a { match = {\"*\"} container = \"docker:a\"\n"
	                  "%s }\n",
	                  defaults, keys);
	return draft_load(text, (size_t)length, kinds, policy, err);
}

static void unwritten_the_wait_is_short(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load("", "", &policy, &err), 0);
	assert_int_equal(policy.rules[0].wait, 15);
	assert_false(policy.rules[0].start);
	ctsh_policy_free(&policy);
}

static void each_key_is_read(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load("wait = 7", "", &policy, &err), 0);
	assert_int_equal(policy.rules[0].wait, 7);
	ctsh_policy_free(&policy);
	assert_int_equal(load("wait = 7", "wait = 0", &policy, &err), 0);
	assert_int_equal(policy.rules[0].wait, 0);
	ctsh_policy_free(&policy);
	assert_int_equal(load("start = ondemand", "", &policy, &err), 0);
	assert_true(policy.rules[0].start);
	ctsh_policy_free(&policy);
	assert_int_equal(
		load("start = ondemand", "start = \"never\"", &policy, &err),
		0);
	assert_false(policy.rules[0].start);
	ctsh_policy_free(&policy);
	assert_int_equal(load("", "wait = 300", &policy, &err), 0);
	assert_int_equal(policy.rules[0].wait, 300);
	assert_int_equal(policy.rules[0].stop_after, 0);
	ctsh_policy_free(&policy);
	assert_int_equal(load("stop_after = 900", "", &policy, &err), 0);
	assert_int_equal(policy.rules[0].stop_after, 900);
	ctsh_policy_free(&policy);
	assert_int_equal(
		load("stop_after = 900", "stop_after = 0", &policy, &err), 0);
	assert_int_equal(policy.rules[0].stop_after, 0);
	ctsh_policy_free(&policy);
	assert_int_equal(load("", "stop_after = 3153600000", &policy, &err), 0);
	assert_int_equal(policy.rules[0].stop_after, 3153600000);
	ctsh_policy_free(&policy);
}

static void other_values_are_refused(void **state)
{
	static const struct {
		const char *keys, *what;
	} cases[] = {
		{"wait = 301", "wait: '301' is not a number from 0 to 300"},
		{"wait = -1", "wait: '-1' is not a number from 0 to 300"},
		{"wait = 1s", "wait: '1s' is not a number from 0 to 300"},
		{"wait = 010", "wait: '010' is not a number from 0 to 300"},
		{"wait = \"\"", "wait: '' is not a number from 0 to 300"},
		{"stop_after = 3153600001",
	         "stop_after: '3153600001' is not a number from 0 to "
	         "3153600000"},
		{"stop_after = never",
	         "stop_after: 'never' is not a number from 0 to 3153600000"},
		{"start = yes", "start: 'yes' is neither never nor ondemand"},
		{"start = \"\"", "start: '' is neither never nor ondemand"},
		{"bundle = \"srv\"", "bundle: 'srv' is not an absolute path"},
		{"bundle = \"/srv/../a\"",
	         "bundle: '/srv/../a' is not an absolute path"},
		{"bundle = \"/srv/%x\"",
	         "bundle: only %u, %U, %g and %% may follow a '%'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char what[320];

		(void)snprintf(what, sizeof(what), "%s:3: %s", draft_path,
		               cases[i].what);
		assert_int_equal(load("", cases[i].keys, &policy, &err), -1);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

static int load_text(const char *text, struct ctsh_policy *policy,
                     struct ctsh_error *err)
{
	int fd = open(draft_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	              0600);

	assert_true(fd >= 0);
	assert_int_equal(ctsh_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
	return ctsh_config_load(draft_path, false, kinds, policy, err);
}

static void an_owners_is_started_too(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(
		load_text("rule a { match = {\"*\"} container = \"podman:a\"\n"
	                  "start = ondemand owner = \"%u\" }",
	                  &policy, &err),
		0);
	assert_true(policy.rules[0].start);
	assert_string_equal(policy.rules[0].owner, "%u");
	ctsh_policy_free(&policy);
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{"rule a { match = {\"*\"} container = \"docker:a\"\n"
	         "start = ondemand wait = 0 }",
	         "1: 'start' needs a 'wait' above 0"},
		{"rule a { match = {\"*\"} container = \"crun:a\"\n"
	         "start = ondemand }",
	         "1: 'start' needs a 'bundle' with this engine"},
		{"rule a { match = {\"*\"} container = \"crun:a\"\n"
	         "bundle = \"/srv/a\" }",
	         "1: 'bundle' needs 'start = ondemand'"},
		{"rule a { match = {\"*\"} container = \"docker:a\"\n"
	         "start = ondemand bundle = \"/srv/a\" }",
	         "1: 'bundle': this engine has none"},
		{"defaults { bundle = \"/srv/a\" }",
	         "1: 'bundle' is no key or section that may stand here"},
		{"rule a { match = {\"*\"} start = ondemand\n"
	         "container = \"pidfile:/run/a\" }",
	         "1: 'start': this engine starts no containers"},
		{"engine p { type = pidfile }\ndefaults { start = ondemand }\n"
	         "rule a { match = {\"*\"} container = \"p:/run/a\" }",
	         "3: 'start': this engine starts no containers"},
		{"rule a { match = {\"*\"} container = \"podman:a\"\n"
	         "stop_after = 60 owner = \"%u\" }",
	         "1: 'stop_after' does not go with 'owner'"},
		{"defaults { stop_after = 60 }\n"
	         "rule a { match = {\"*\"} container = \"pidfile:/run/a\" }",
	         "2: 'stop_after': this engine stops no containers"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char what[320];

		(void)snprintf(what, sizeof(what), "%s:%s", draft_path,
		               cases[i].what);
		assert_int_equal(load_text(cases[i].text, &policy, &err), -1);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

static void what_is_inherited_may_suit_no_rule_that_denies(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load_text("defaults { start = ondemand }\n"
	                           "engine c { type = docker }\n"
	                           "rule a { match = {\"a\"} deny = \"No.\" }\n"
	                           "rule b { match = {\"*\"}\n"
	                           "container = \"c:b\" }\n",
	                           &policy, &err),
	                 0);
	assert_true(policy.rules[1].start);
	ctsh_policy_free(&policy);
}

static void a_bundle_is_its_rules_own(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(
		load_text("defaults { start = ondemand }\n"
	                  "rule a { match = {\"a\"} container = \"crun:a\"\n"
	                  "bundle = \"/srv/%u\" }\n"
	                  "rule b { match = {\"*\"} container = \"docker:b\" }",
	                  &policy, &err),
		0);
	assert_string_equal(policy.rules[0].bundle, "/srv/%u");
	assert_null(policy.rules[1].bundle);
	ctsh_policy_free(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unwritten_the_wait_is_short),
		cmocka_unit_test(each_key_is_read),
		cmocka_unit_test(other_values_are_refused),
		cmocka_unit_test(a_bundle_is_its_rules_own),
		cmocka_unit_test(an_owners_is_started_too),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(
			what_is_inherited_may_suit_no_rule_that_denies),
	};

	return cmocka_run_group_tests(tests, draft_make, draft_remove);
}
