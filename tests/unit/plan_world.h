/* SPDX-License-Identifier: MIT */
/*
 * plan_world.h - one login for the tests of the plan and its environment.
 *
 * Privilege: none.
 * Trust:     none; for tests.  Include after cmocka.h.
 */
#ifndef CTSH_TESTS_PLAN_WORLD_H
#define CTSH_TESTS_PLAN_WORLD_H

#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/route/plan.h"

#define CAP(name) (UINT64_C(1) << (name))
#define ALL_IDS UINT32_MAX /* the length of the host's own map */

/* alice, 1001:1002 on the host, 1001:1002 in a container of the host's own
 * ids, in groups 27 and 50 there; nothing kept, nothing set. */
struct world {
	struct ctsh_rule rule;
	struct ctsh_person person;
	struct ctsh_container container;
	struct ctsh_interior interior;
	struct ctsh_request request;
	struct ctsh_plan plan;
	struct ctsh_error err;
};

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	w->rule.container_groups = true;
	w->rule.container_env = true;
	w->person.uid = 1001;
	w->person.gid = 1002;
	strcpy(w->person.name, "alice");
	w->container = (struct ctsh_container)CTSH_CONTAINER_INIT;
	w->container.bounding = CAP(CAP_SETUID) | CAP(CAP_SETGID);
	w->container.uids.count = w->container.gids.count = 1;
	w->container.uids.range[0].length = ALL_IDS;
	w->container.gids.range[0].length = ALL_IDS;
	w->interior.uid = 1001;
	w->interior.gid = 1002;
	strcpy(w->interior.name, "alice");
	strcpy(w->interior.home, "/home/alice");
	strcpy(w->interior.shell, "/bin/zsh");
	w->interior.group_count = 2;
	w->interior.groups[0] = 27;
	w->interior.groups[1] = 50;
	w->request.umask = 022;
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	ctsh_plan_free(&w->plan);
	ctsh_plan_free(&w->plan);
	free(w);
	return 0;
}

static inline void build(struct world *w)
{
	ctsh_plan_free(&w->plan);
	assert_int_equal(ctsh_plan_build(&w->rule, &w->person, &w->container,
	                                 &w->interior, &w->request, &w->plan,
	                                 &w->err),
	                 0);
}

/* The value of the only variable of that name, or NULL. */
static inline const char *value_of(const struct world *w, const char *name)
{
	const char *found = NULL;
	size_t length = strlen(name), i;

	for (i = 0; w->plan.env[i]; i++) {
		if (strncmp(w->plan.env[i], name, length) ||
		    w->plan.env[i][length] != '=')
			continue;
		assert_null(found);
		found = w->plan.env[i] + length + 1;
	}
	return found;
}

static inline void expect_variable(const struct world *w, const char *name,
                                   const char *value)
{
	const char *found = value_of(w, name);

	if (!value) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, value);
}

#define SET_ENVIRON(w, text)                                       \
	do {                                                       \
		memcpy((w)->interior.environ, text, sizeof(text)); \
		(w)->interior.environ_length = sizeof(text);       \
	} while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
