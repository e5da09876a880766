/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/policy/rule.h"

/* So small that what does not fit is easily written. */
#define NAME_SIZE 17
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Values that nobody changes, so that tables can be literals. */
static char text_alice[] = "alice", text_ci[] = "ci-*", text_all[] = "*";
static char title_a[] = "a", title_b[] = "b", own_title[] = "users/alice";
static char box_a[] = "docker:a", box_b[] = "docker:b", box_own[] = "docker:o";
static char no[] = "No.", never[] = "Never.", closed[] = "Closed.";
static char file[] = "ctsh.conf";

static const struct ctsh_person alice = {
	.uid = 1000,
	.gid = 1000,
	.name = "alice",
	.group = "staff",
	.group_count = 2,
	.groups = {1000, 50},
};
static const struct ctsh_person ci = {
	.uid = 1001, .gid = 1001, .name = "ci-7", .group = "ci"};
static const struct ctsh_person root = {.uid = 0, .gid = 0, .name = "root"};

static struct ctsh_match match_alice = {CTSH_MATCH_NAME, text_alice, 0, 0, 0};
static struct ctsh_match match_ci = {CTSH_MATCH_GLOB, text_ci, 0, 0, 0};
static struct ctsh_match match_all = {CTSH_MATCH_ANY, text_all, 0, 0, 0};

static struct ctsh_rule a_box(char *title, struct ctsh_match *match, char *box)
{
	return (struct ctsh_rule){.title = title,
	                          .file = file,
	                          .line = 7,
	                          .matches = match,
	                          .match_count = 1,
	                          .container = box};
}

static struct ctsh_rule a_denial(char *title, struct ctsh_match *match,
                                 char *sentence)
{
	return (struct ctsh_rule){.title = title,
	                          .file = file,
	                          .line = 7,
	                          .matches = match,
	                          .match_count = 1,
	                          .deny = sentence};
}

static struct ctsh_policy with_rules(struct ctsh_rule *rules, size_t count)
{
	return (struct ctsh_policy){
		.file = file, .rules = rules, .rule_count = count};
}

static void leads_to(const struct ctsh_policy *policy,
                     const struct ctsh_person *person, const char *container)
{
	const struct ctsh_rule *rule = NULL;
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_rule_find(policy, person, &rule, &err), 0);
	assert_string_equal(rule->container, container);
}

static void refuses(const struct ctsh_policy *policy,
                    const struct ctsh_person *person, const char *what,
                    const char *say)
{
	const struct ctsh_rule *rule = NULL;
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_rule_find(policy, person, &rule, &err), -1);
	assert_int_equal(err.code, CTSH_E_DENIED);
	assert_string_equal(err.what, what);
	assert_string_equal(err.say, say);
	assert_null(rule);
}

/* -- matches ------------------------------------------------------------ */

static void a_match_fits_whom_it_names(void **state)
{
	static char a[] = "alice", b[] = "alic", c[] = "Alice", g[] = "al*",
		    q[] = "?????", s[] = "staff", star[] = "*";
	static const struct {
		struct ctsh_match match;
		bool alice, root;
	} cases[] = {
		{{CTSH_MATCH_NAME, a, 0, 0, 0}, true, false},
		{{CTSH_MATCH_NAME, b, 0, 0, 0}, false, false},
		{{CTSH_MATCH_NAME, c, 0, 0, 0}, false, false},
		{{CTSH_MATCH_GLOB, g, 0, 0, 0}, true, false},
		{{CTSH_MATCH_GLOB, q, 0, 0, 0}, true, false},
		{{CTSH_MATCH_ANY, star, 0, 0, 0}, true, false},
		{{CTSH_MATCH_GROUP, s, 0, 0, 1000}, true, false},
		{{CTSH_MATCH_GROUP, s, 0, 0, 50}, true, false},
		{{CTSH_MATCH_GROUP, s, 0, 0, 51}, false, false},
		{{CTSH_MATCH_GROUP, s, 0, 0, 0}, false, true},
		{{CTSH_MATCH_UIDS, a, 1000, 1000, 0}, true, false},
		{{CTSH_MATCH_UIDS, a, 999, 1000, 0}, true, false},
		{{CTSH_MATCH_UIDS, a, 1000, 1001, 0}, true, false},
		{{CTSH_MATCH_UIDS, a, 1001, 4294967294u, 0}, false, false},
		{{CTSH_MATCH_UIDS, a, 1, 999, 0}, false, false},
		{{CTSH_MATCH_UIDS, a, 0, 0, 0}, false, true},
		{{CTSH_MATCH_UIDS, a, 0, 2000, 0}, true, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(ctsh_rule_matches(&cases[i].match, 1, &alice),
		                 cases[i].alice);
		assert_int_equal(ctsh_rule_matches(&cases[i].match, 1, &root),
		                 cases[i].root);
	}
}

static void one_match_of_many_is_enough_and_none_is_not(void **state)
{
	struct ctsh_match both[] = {match_ci, match_alice};

	(void)state;
	assert_true(ctsh_rule_matches(both, 2, &alice));
	assert_false(ctsh_rule_matches(both, 1, &alice));
	assert_false(ctsh_rule_matches(both, 0, &alice));
}

/* -- the order ---------------------------------------------------------- */

static void without_a_rule_everybody_is_refused(void **state)
{
	struct ctsh_rule rules[] = {a_box(title_a, &match_ci, box_a)};
	struct ctsh_policy none = with_rules(NULL, 0);
	struct ctsh_policy others = with_rules(rules, COUNT(rules));

	(void)state;
	refuses(&none, &alice, "no rule in ctsh.conf matches", "");
	refuses(&others, &alice, "no rule in ctsh.conf matches", "");
	leads_to(&others, &ci, "docker:a");
}

static void the_first_rule_that_fits_decides(void **state)
{
	struct ctsh_rule rules[] = {
		a_box(title_a, &match_alice, box_a),
		a_box(title_b, &match_all, box_b),
	};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	leads_to(&policy, &alice, "docker:a");
	leads_to(&policy, &ci, "docker:b");
	refuses(&policy, &root, "no rule in ctsh.conf matches", "");
}

static void closed_goes_before_everything(void **state)
{
	struct ctsh_rule own = a_box(own_title, NULL, box_own);
	struct ctsh_rule rules[] = {a_denial(title_a, &match_alice, never)};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	policy.own = &own;
	policy.closed = closed;

	refuses(&policy, &alice, "closed in ctsh.conf", "Closed.");
}

static void a_denial_goes_before_the_own_file_and_earlier_rules(void **state)
{
	struct ctsh_rule own = a_box(own_title, NULL, box_own);
	struct ctsh_rule rules[] = {
		a_box(title_a, &match_alice, box_a),
		a_denial(title_b, &match_alice, never),
	};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	refuses(&policy, &alice, "rule b (ctsh.conf:7) denies", "Never.");
	policy.own = &own;
	refuses(&policy, &alice, "rule b (ctsh.conf:7) denies", "Never.");
	leads_to(&policy, &ci, "docker:o");
}

static void a_denial_of_all_comes_in_its_turn(void **state)
{
	struct ctsh_rule own = a_box(own_title, NULL, box_own);
	struct ctsh_rule rules[] = {
		a_box(title_a, &match_alice, box_a),
		a_denial(title_b, &match_all, no),
	};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	leads_to(&policy, &alice, "docker:a");
	refuses(&policy, &ci, "rule b (ctsh.conf:7) denies", "No.");
	policy.own = &own;
	leads_to(&policy, &ci, "docker:o");
}

/* Only `*` alone is the sentence at the end. */
static void a_denial_of_all_and_others_is_a_denial(void **state)
{
	struct ctsh_match both[] = {match_all, match_alice};
	struct ctsh_rule own = a_box(own_title, NULL, box_own);
	struct ctsh_rule rules[] = {a_denial(title_b, both, no)};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	rules[0].match_count = COUNT(both);
	policy.own = &own;

	refuses(&policy, &ci, "rule b (ctsh.conf:7) denies", "No.");
}

static void the_own_file_goes_before_rules_and_may_deny(void **state)
{
	struct ctsh_rule own = a_denial(own_title, NULL, no);
	struct ctsh_rule rules[] = {a_box(title_a, &match_alice, box_a)};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	policy.own = &own;

	refuses(&policy, &alice, "rule users/alice (ctsh.conf:7) denies",
	        "No.");
}

static void a_denial_without_a_sentence_is_one(void **state)
{
	static char empty[] = "";
	struct ctsh_rule rules[] = {a_denial(title_a, &match_alice, empty)};
	struct ctsh_policy policy = with_rules(rules, COUNT(rules));

	(void)state;
	refuses(&policy, &alice, "rule a (ctsh.conf:7) denies", "");
}

/* -- expansion ---------------------------------------------------------- */

static int expand(const char *container, const struct ctsh_person *person,
                  char name[NAME_SIZE], struct ctsh_error *err)
{
	char copy[64], engine[8];
	struct ctsh_rule rule;

	assert_true(strlen(container) < sizeof(copy));
	memcpy(copy, container, strlen(container) + 1);
	rule = a_box(title_a, NULL, copy);
	return ctsh_rule_expand(&rule, person, engine, sizeof(engine), name,
	                        NAME_SIZE, err);
}

static void expansions_are_replaced(void **state)
{
	static const struct {
		const char *container, *name;
	} cases[] = {
		{"docker:box", "box"},
		{"docker:%u", "alice"},
		{"docker:lab-%u", "lab-alice"},
		{"docker:%U.%u.%g", "1000.alice.staff"},
		{"pidfile:/run/%u", "/run/alice"},
		{"docker:a:b", "a:b"},
		{"docker:%%u", "%u"},
		{"docker:%u%u%u", "alicealicealice"},
		{"docker:0123456789%U%%%%", "01234567891000%%"},
	};
	char name[NAME_SIZE];
	struct ctsh_error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(expand(cases[i].container, &alice, name, &err),
		                 0);
		assert_string_equal(name, cases[i].name);
	}
}

static void an_expansion_that_does_not_fit_is_refused(void **state)
{
	static const char *const cases[] = {
		"docker:%u%u%u-%%",      "docker:0123456789abcdefg",
		"docker:012345678901%u", "docker:0123456789%U%%%%%%",
		"nonesuch:box",
	};
	char name[NAME_SIZE] = "x";
	struct ctsh_error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(expand(cases[i], &alice, name, &err), -1);
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_string_equal(name, "");
	}
}

/* A name that could be more than a part of another name: another place,
 * another syntax, nothing. */
static void names_that_would_mean_more_are_refused(void **state)
{
	static const char *const names[] = {
		"",    ".",        "..",    "../x", "a/b",  "id=0123",
		"a:b", "-rf",      "a b",   "a\\b", "ali%", ".hidden",
		"a@b", "\xc3\xbc", "$HOME", "*",    "a\nb",
	};
	struct ctsh_error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct ctsh_person person = {.uid = 1, .name = "x"};
		char name[NAME_SIZE];

		memcpy(person.name, names[i], strlen(names[i]) + 1);
		assert_int_equal(expand("docker:%u", &person, name, &err), -1);
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_int_equal(expand("docker:x%u", &person, name, &err), -1);
		memcpy(person.name, "x", 2);
		memcpy(person.group, names[i], strlen(names[i]) + 1);
		assert_int_equal(expand("docker:%g", &person, name, &err), -1);
	}
}

/* Taken for none, unknown memberships would pass by a rule that denies. */
static void unknown_memberships_refuse_where_a_group_decides(void **state)
{
	struct ctsh_match match = {CTSH_MATCH_GROUP, text_all, 0, 0, 50};
	struct ctsh_rule rules[] = {a_denial(text_alice, &match, no),
	                            a_box(text_all, &match_all, text_ci)};
	struct ctsh_policy policy = with_rules(rules, 2);
	const struct ctsh_rule *found = NULL;
	struct ctsh_person person = alice;
	struct ctsh_error err = {0};

	(void)state;
	person.group_count = 0;

	assert_int_equal(ctsh_rule_find(&policy, &person, &found, &err), -1);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "the groups of alice are not known");
	assert_null(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			unknown_memberships_refuse_where_a_group_decides),
		cmocka_unit_test(a_match_fits_whom_it_names),
		cmocka_unit_test(one_match_of_many_is_enough_and_none_is_not),
		cmocka_unit_test(without_a_rule_everybody_is_refused),
		cmocka_unit_test(the_first_rule_that_fits_decides),
		cmocka_unit_test(closed_goes_before_everything),
		cmocka_unit_test(
			a_denial_goes_before_the_own_file_and_earlier_rules),
		cmocka_unit_test(a_denial_of_all_comes_in_its_turn),
		cmocka_unit_test(a_denial_of_all_and_others_is_a_denial),
		cmocka_unit_test(the_own_file_goes_before_rules_and_may_deny),
		cmocka_unit_test(a_denial_without_a_sentence_is_one),
		cmocka_unit_test(expansions_are_replaced),
		cmocka_unit_test(an_expansion_that_does_not_fit_is_refused),
		cmocka_unit_test(names_that_would_mean_more_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
