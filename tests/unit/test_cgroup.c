/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../lib/enter/cgroup.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID "2a0201f471472a0201f471472a0201f4"

static void names_finds_the_whole_component_only(void **state)
{
	static const struct {
		const char *text;
		bool names;
	} cases[] = {
		{"0::/docker/" ID "\n", true},
		{"0::/docker/" ID "/init.scope\n", true},
		{"0::/system.slice/docker-" ID ".scope\n", true},
		{"0::/kube/cri-containerd-" ID ".scope\n", true},
		{"4:memory:/docker/" ID "\n0::/\n", true},
		{"1:name=systemd:/\n4:memory:/x/" ID "\n", true},
		{"0::/docker/" ID "0\n", false},
		{"0::/docker/0" ID "\n", false},
		{"0::/docker/x-" ID "\n", false},
		{"0::/docker-" ID ".scope.d\n", false},
		{"0::/-" ID ".scope\n", false},
		{"0::/docker1-" ID ".scope\n", false},
		{"0::/" ID ".scope\n", false},
		{"0::/a.b-" ID ".scope\n", false},
		{"0::/docker\n", false},
		{"0::/\n", false},
		{"4:" ID ":/\n", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (ctsh_cgroup_names(cases[i].text, ID) != cases[i].names)
			fail_msg("%s", cases[i].text);
}

static void names_never_finds_the_empty_id(void **state)
{
	(void)state;
	assert_false(ctsh_cgroup_names("0::/docker//x\n", ""));
}

static void never_makes_a_hierarchy_that_is_not_there(void **state)
{
	static const char *const controllers[] = {
		"name=ctsh-nowhere",
		"cpu",
		"name=ctsh-nowhere,cpu",
		"name=",
		("name=012345678901234567890123456789012345678901234567890123"
	         "45678901234567890"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(controllers); i++) {
		struct ctsh_proc_cgroup line = {
			.hierarchy = 4711,
			.controllers = controllers[i],
			.controllers_length = strlen(controllers[i]),
		};
		struct ctsh_error err;

		assert_int_equal(ctsh_cgroup_mount_named(&line, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_finds_the_whole_component_only),
		cmocka_unit_test(names_never_finds_the_empty_id),
		cmocka_unit_test(never_makes_a_hierarchy_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
