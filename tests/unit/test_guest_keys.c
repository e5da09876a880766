/* SPDX-License-Identifier: MIT */
/* What a rule may not say where a service enters by itself. */
#include "../../lib/policy/guest_keys.h"
#include "draft.h"

static const struct ctsh_engine_kind kinds[] = {
	{.name = "crun", .has_root = true, .stops = true},
	{.name = NULL},
};

static int load(const char *defaults, const char *keys,
                struct ctsh_policy *policy, struct ctsh_error *err)
{
	char text[512];
	int length;

	length = snprintf(text, sizeof(text),
	                  "defaults { %s }\n"
	                  "rule a { match = {\"*\"} container = \"crun:a\"\n"
	                  "%s }\n",
	                  defaults, keys);
	return draft_load(text, (size_t)length, kinds, policy, err);
}

/* -1 with the reason behind file and line, or 0. */
static int check(const char *defaults, const char *keys, struct ctsh_error *err)
{
	struct ctsh_policy policy;
	int rc;

	assert_int_equal(load(defaults, keys, &policy, err), 0);
	rc = ctsh_guest_keys_check(&policy.rules[0], err);
	ctsh_policy_free(&policy);
	return rc;
}

static void these_are_refused_by_name(void **state)
{
	static const struct {
		const char *keys, *what;
	} cases[] = {
		{"missing_user = numeric",
	         "missing_user cannot be set with join=all: the service looks "
	         "the user up inside"},
		{"groups = none",
	         "groups cannot be set with join=all: the service takes the "
	         "groups that it finds inside"},
		{"shell = \"/bin/sh\"", "shell cannot be"},
		{"directory = \"/srv\"", "directory cannot be"},
		{"keep_env = {\"TERM\"}", "keep_env cannot be"},
		{"keep_env = {}", "keep_env cannot be"},
		{"set_env = {\"A=1\"}", "set_env cannot be"},
		{"container_env = false",
	         "container_env cannot be set with join=all: the service "
	         "decides that, and not the rule"},
		{"agent_forwarding = false", "agent_forwarding cannot be"},
		{"x11_forwarding = true",
	         "x11_forwarding cannot be set with join=all: the service "
	         "forwards by itself"},
		{"forward_socket = {\"/run/a:/run/b\"}",
	         "forward_socket cannot be"},
		{"on_disconnect = kill",
	         "on_disconnect cannot be set with join=all: no process of "
	         "ours watches the session"},
		{"idle_timeout = 1", "idle_timeout cannot be"},
		{"max_session = 1", "max_session cannot be"},
		{"max_sessions = 1", "max_sessions cannot be"},
		{"stop_after = 1", "stop_after cannot be"},
		{"record = output", "record cannot be"},
		{"record_dir = \"/srv\"", "record_dir cannot be"},
		{"record_max = 1", "record_max cannot be"},
		{"record_full = stop", "record_full cannot be"},
	};
	struct ctsh_error err;
	char place[96];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		(void)snprintf(place, sizeof(place), "%s:2: ", draft_path);
		assert_int_equal(check("", cases[i].keys, &err), -1);
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_memory_equal(err.what, place, strlen(place));
		assert_memory_equal(err.what + strlen(place), cases[i].what,
		                    strlen(cases[i].what));
		/* A default of the administrator's is none of ours. */
		assert_int_equal(check(cases[i].keys, "", &err), -1);
	}
}

static void all_others_may_stand(void **state)
{
	static const char *const cases[] = {
		"",
		"wait = 3",
		"user = \"same-uid\"",
		"allow_root = true",
		"trust_container = true",
		"share = {\"net\"}",
		"allow_unconfined = {\"lsm\"}",
		"shell = auto",
		"on_disconnect = hup",
		"record = none",
		"idle_timeout = 0",
	};
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(check("", cases[i], &err), 0);
	/* A rule's own value wins. */
	assert_int_equal(check("shell = \"/bin/sh\"", "shell = auto", &err), 0);
}

/* As shipped, where every key is written out. */
static void the_shipped_defaults_pass(void **state)
{
	static char text[65536];
	FILE *file = fopen("conf/ctsh.conf", "re");
	struct ctsh_policy policy;
	struct ctsh_error err;
	size_t length;

	(void)state;
	assert_non_null(file);
	length = fread(text, 1, sizeof(text) / 2, file);
	assert_int_equal(fclose(file), 0);
	length += (size_t)snprintf(text + length, sizeof(text) - length,
	                           "rule a { match = {\"*\"}\n"
	                           "container = \"crun:a\" }\n");
	assert_int_equal(draft_load(text, length, kinds, &policy, &err), 0);
	assert_int_equal(ctsh_guest_keys_check(&policy.rules[0], &err), 0);
	ctsh_policy_free(&policy);
}

static bool trusts(const char *defaults, const char *keys)
{
	struct ctsh_policy policy;
	struct ctsh_error err;
	bool trust;

	assert_int_equal(load(defaults, keys, &policy, &err), 0);
	trust = policy.rules[0].trust_container;
	ctsh_policy_free(&policy);
	return trust;
}

static void trust_is_written(void **state)
{
	(void)state;
	assert_false(trusts("", ""));
	assert_true(trusts("", "trust_container = true"));
	assert_true(trusts("trust_container = true", ""));
	assert_false(
		trusts("trust_container = true", "trust_container = false"));
}

static void trust_is_true_or_false(void **state)
{
	static const char *const cases[] = {
		"trust_container = yes", "trust_container = 1",
		"trust_container = True", "trust_container = \"\"",
		"trust_container = {\"true\"}"};
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(load("", cases[i], &policy, &err), -1);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(these_are_refused_by_name),
		cmocka_unit_test(all_others_may_stand),
		cmocka_unit_test(the_shipped_defaults_pass),
		cmocka_unit_test(trust_is_written),
		cmocka_unit_test(trust_is_true_or_false),
	};

	return cmocka_run_group_tests(tests, draft_make, draft_remove);
}
