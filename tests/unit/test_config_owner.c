/* SPDX-License-Identifier: MIT */
/* The key about whose engine it is.  A draft: nothing is demanded of its owner.
 */
#include "draft.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct ctsh_engine_kind kinds[] = {
	{.name = "crun", .has_root = true},
	{.name = "podman", .has_root = true, .has_owner = true},
	{.name = NULL},
};

static int load(const char *defaults, const char *container, const char *keys,
                struct ctsh_policy *policy, struct ctsh_error *err)
{
	char text[512];
	int length;

	length = snprintf(text, sizeof(text),
	                  "engine pods { type = podman }\n"
	                  "engine crunches { type = crun }\n"
	                  "defaults { %s }\n"
	                  "rule a { match = {\"*\"} container = \"%s\"\n"
	                  "%s }\n"
	                  "rule b { match = {\"*\"} deny = \"No.\" }\n",
	                  defaults, container, keys);
	return draft_load(text, (size_t)length, kinds, policy, err);
}

static void the_owner_is_read(void **state)
{
	static const struct {
		const char *defaults, *keys, *owner;
	} rows[] = {
		{"", "", NULL},
		{"", "owner = root", NULL},
		{"", "owner = \"%u\"", "%u"},
		{"", "owner = \"alice\"", "alice"},
		{"", "owner = \"a.b@example.org\"", "a.b@example.org"},
		{"owner = \"%u\"", "", "%u"},
		{"owner = \"%u\"", "owner = bob", "bob"},
		{"owner = \"%u\"", "owner = root", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;

		if (load(rows[i].defaults, "podman:a", rows[i].keys, &policy,
		         &err))
			fail_msg("%s", err.what);
		if (rows[i].owner)
			assert_string_equal(policy.rules[0].owner,
			                    rows[i].owner);
		else
			assert_null(policy.rules[0].owner);
		ctsh_policy_free(&policy);
	}
}

static void other_values_are_refused(void **state)
{
	static const char *const values[] = {
		"", "%U", "%g", "%u%u", "x%u", "-a", "a/b", "#1000", "a b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char keys[64], what[320];

		(void)snprintf(keys, sizeof(keys), "owner = \"%s\"", values[i]);
		(void)snprintf(what, sizeof(what),
		               "%s:5: owner: '%s' is neither %%u nor the name "
		               "of a user",
		               draft_path, values[i]);
		assert_int_equal(load("", "podman:a", keys, &policy, &err), -1);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

static void an_engine_must_be_able_to_have_one(void **state)
{
	static const struct {
		const char *container, *type;
	} rows[] = {
		{"crun:a", "crun"},
		{"crunches:a", "crun"},
		{"podman:a", NULL},
		{"pods:a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char what[320];
		int rc = load("", rows[i].container, "owner = \"%u\"", &policy,
		              &err);

		assert_int_equal(rc, rows[i].type ? -1 : 0);
		if (rc == 0) {
			ctsh_policy_free(&policy);
			continue;
		}
		(void)snprintf(what, sizeof(what),
		               "%s:4: 'owner' does not go with %s", draft_path,
		               rows[i].type);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_is_read),
		cmocka_unit_test(other_values_are_refused),
		cmocka_unit_test(an_engine_must_be_able_to_have_one),
	};

	return cmocka_run_group_tests(tests, draft_make, draft_remove);
}
