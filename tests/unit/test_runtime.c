/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/runtime/runtime.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID "d4d1dcd43be7b9a0952856b41dba5615d005f372bb999110969daf4e70bac6c2"

static void the_table_finds_each_runtime_by_its_name(void **state)
{
	static const char *const names[] = {
		"docker",     "crun", "runc", "pidfile", "podman", "containerd",
		"kubernetes", "lxc",  "lxd",  "incus",   "nspawn"};
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT(names); i++) {
		assert_string_equal(ctsh_runtime_at(i)->name, names[i]);
		assert_ptr_equal(ctsh_runtime_find(names[i]),
		                 ctsh_runtime_at(i));
	}
	assert_null(ctsh_runtime_at(COUNT(names)));
	assert_null(ctsh_runtime_find("dock"));
	assert_null(ctsh_runtime_find("docker "));
	assert_null(ctsh_runtime_find(""));
}

static void an_engine_section_may_say_where_it_is(void **state)
{
	(void)state;
	assert_true(ctsh_runtime_docker.has_socket);
	assert_false(ctsh_runtime_docker.has_root);
	assert_true(ctsh_runtime_crun.has_root);
	assert_false(ctsh_runtime_crun.has_socket);
	assert_true(ctsh_runtime_runc.has_root);
	assert_false(ctsh_runtime_runc.has_socket);
	assert_true(ctsh_runtime_containerd.has_root);
	assert_true(ctsh_runtime_kubernetes.has_root);
	assert_true(ctsh_runtime_kubernetes.has_run_root);
	assert_false(ctsh_runtime_kubernetes.has_socket);
	assert_true(ctsh_runtime_containerd.has_socket);
	assert_false(ctsh_runtime_pidfile.has_root);
	assert_false(ctsh_runtime_pidfile.has_socket);
	assert_true(ctsh_runtime_podman.has_root);
	assert_true(ctsh_runtime_podman.has_run_root);
	assert_false(ctsh_runtime_podman.has_socket);
	assert_false(ctsh_runtime_crun.has_run_root);
}

/* Pods are kubelet's to start, and a pidfile names no engine. */
static void all_but_two_start_containers(void **state)
{
	const struct ctsh_runtime *runtime;

	(void)state;
	for (unsigned i = 0; (runtime = ctsh_runtime_at(i)); i++) {
		assert_int_equal(runtime->start == NULL,
		                 runtime == &ctsh_runtime_kubernetes ||
		                         runtime == &ctsh_runtime_pidfile);
		if (runtime->has_owner && runtime->start)
			assert_non_null(runtime->identify);
	}
}

static void names_are_valid_as_each_engine_has_them(void **state)
{
	static const struct {
		const char *name;
		bool docker, oci, pidfile;
	} rows[] = {
		{"alice-box", true, true, false},
		{"a", true, true, false},
		{ID, true, true, false},
		{"id=" ID, true, false, false},
		{"id=" ID "0", false, false, false},
		{"id=d4d1", false, false, false},
		{"id=", false, false, false},
		{"id=D4d1dcd43be7b9a0952856b41dba5615"
	         "d005f372bb999110969daf4e70bac6c2",
	         false, false, false},
		{"", false, false, false},
		{"-x", false, false, false},
		{".", false, false, false},
		{"..", false, false, false},
		{"../x", false, false, false},
		{"a/b", false, false, false},
		{"a b", false, false, false},
		{"a\n", false, false, false},
		{"--root=", false, false, false},
		{"/run/box.pid", false, false, true},
		{"/run/box/", false, false, false},
		{"/", false, false, false},
		{"/run/../box.pid", false, false, false},
		{"/run/b\nx", false, false, false},
		{"run/box.pid", false, false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const char *name = rows[i].name;

		assert_int_equal(ctsh_runtime_docker.valid_name(name),
		                 rows[i].docker);
		assert_int_equal(ctsh_runtime_crun.valid_name(name),
		                 rows[i].oci);
		assert_int_equal(ctsh_runtime_runc.valid_name(name),
		                 rows[i].oci);
		assert_int_equal(ctsh_runtime_pidfile.valid_name(name),
		                 rows[i].pidfile);
	}
}

/* The caller checks names; should one slip through, no path is made of it. */
static void find_refuses_an_invalid_name_by_itself(void **state)
{
	static const char *const bad[] = {"", "../../etc", "a//b", "id=..",
	                                  "x\n"};
	struct ctsh_where where = {0};
	struct ctsh_target target;
	struct ctsh_error err;
	unsigned i, k;

	(void)state;
	for (i = 0; ctsh_runtime_at(i); i++) {
		for (k = 0; k < COUNT(bad); k++) {
			assert_int_equal(
				ctsh_runtime_at(i)->find(&where, bad[k], 0,
			                                 &target, &err),
				-1);
			assert_int_equal(err.code, CTSH_E_UNSAFE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_finds_each_runtime_by_its_name),
		cmocka_unit_test(an_engine_section_may_say_where_it_is),
		cmocka_unit_test(all_but_two_start_containers),
		cmocka_unit_test(names_are_valid_as_each_engine_has_them),
		cmocka_unit_test(find_refuses_an_invalid_name_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
