/* SPDX-License-Identifier: MIT */
/* Needs root, and the host's own user and PID namespaces. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "../../lib/enter/host.h"
#include "in_child.h"

static void test_the_host_is_taken_for_the_host(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_host_check(&err), 0);
}

static void expect_refusal(const char *ns)
{
	struct ctsh_error err = {.code = CTSH_OK};

	CHILD_EXPECT(ctsh_host_check(&err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	CHILD_EXPECT(strstr(err.what, ns) != NULL);
}

static void in_a_user_namespace(void *unused)
{
	(void)unused;
	CHILD_EXPECT(unshare(CLONE_NEWUSER) == 0);
	expect_refusal("ns/user");
}

static void with_a_proc_of_its_own(void *unused)
{
	(void)unused;
	CHILD_EXPECT(mount("proc", "/proc", "proc", 0, NULL) == 0);
	expect_refusal("ns/pid");
}

static void in_a_pid_namespace(void *unused)
{
	(void)unused;
	CHILD_EXPECT(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
	CHILD_EXPECT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHILD_EXPECT(in_child(with_a_proc_of_its_own, NULL) == 0);
}

/* As in a container whose root mounted something in place of it. */
static void without_a_proc(void *unused)
{
	struct ctsh_error err;

	(void)unused;
	CHILD_EXPECT(unshare(CLONE_NEWNS) == 0);
	CHILD_EXPECT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHILD_EXPECT(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	CHILD_EXPECT(ctsh_host_check(&err) == -1);
}

static void other_namespaces_do_not_matter(void *unused)
{
	struct ctsh_error err;

	(void)unused;
	CHILD_EXPECT(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS) == 0);
	CHILD_EXPECT(ctsh_host_check(&err) == 0);
}

static void test_in_other_namespaces(void **state)
{
	static in_child_fn *const cases[] = {
		in_a_user_namespace,
		in_a_pid_namespace,
		without_a_proc,
		other_namespaces_do_not_matter,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(in_child(cases[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_host_is_taken_for_the_host),
		cmocka_unit_test(test_in_other_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
