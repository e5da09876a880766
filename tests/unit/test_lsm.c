/* SPDX-License-Identifier: MIT */
/* A directory stands for /proc/PID: no security module is needed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/enter/lsm.h"

static const char *const directories[] = {"attr", "attr/apparmor",
                                          "attr/smack"};

/* What the function says of a process with that text in that attribute. */
static int judge(const char *attribute, const char *text, size_t length,
                 struct ctsh_error *err)
{
	char path[] = "/tmp/ctsh-lsm-XXXXXX";
	int dir, file, result;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdirat(dir, directories[i], 0755), 0);
	if (attribute) {
		file = openat(dir, attribute, O_WRONLY | O_CREAT | O_EXCL,
		              0644);
		assert_int_equal(write(file, text, length), length);
		(void)close(file);
	}
	result = ctsh_lsm_refuse_label(dir, err);
	if (attribute)
		assert_int_equal(unlinkat(dir, attribute, 0), 0);
	for (size_t i = 3; i-- > 0;)
		assert_int_equal(unlinkat(dir, directories[i], AT_REMOVEDIR),
		                 0);
	(void)close(dir);
	assert_int_equal(rmdir(path), 0);
	return result;
}

static void a_process_without_label_passes(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(judge(NULL, NULL, 0, &err), 0);
	assert_int_equal(judge("attr/current", "", 0, &err), 0);
	assert_int_equal(judge("attr/current", "unconfined\n", 11, &err), 0);
	assert_int_equal(
		judge("attr/apparmor/current", "unconfined\n", 11, &err), 0);
}

static void a_label_is_refused_and_named(void **state)
{
	static const struct {
		const char *attribute;
		const char *label;
	} cases[] = {
		{"attr/current", "docker-default (enforce)"},
		{"attr/current", "docker-default (complain)"},
		{"attr/current", "system_u:system_r:container_t:s0:c1,c2"},
		{"attr/current", "unconfined_u:unconfined_r:unconfined_t:s0"},
		{"attr/current", "unconfined2"},
		{"attr/apparmor/current", "lxc-container-default (enforce)"},
		{"attr/smack/current", "_"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_error err = {0};

		/* With a NUL at the end, as SELinux has it. */
		assert_int_equal(judge(cases[i].attribute, cases[i].label,
		                       strlen(cases[i].label) + 1, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_non_null(strstr(err.what, cases[i].label));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_without_label_passes),
		cmocka_unit_test(a_label_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
