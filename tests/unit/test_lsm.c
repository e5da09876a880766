/* SPDX-License-Identifier: MIT */
/* Directories stand for /proc/PID: no security module is needed. */
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

#define APPARMOR "attr/apparmor/current"
#define SMACK "attr/smack/current"
#define SHARED "attr/current"

static const char *const directories[] = {"attr", "attr/apparmor",
                                          "attr/smack"};
static const char *const files[] = {APPARMOR, SMACK, SHARED, "attr/exec",
                                    "attr/apparmor/exec"};

/* A process: what stands in which of its files. */
struct process {
	const char *apparmor, *smack, *shared;
};

static void put(int dir, const char *file, const char *text, size_t length)
{
	int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	(void)close(fd);
}

/* SELinux ends its text with a NUL, the others with a newline. */
static void put_label(int dir, const char *file, const char *label, int nul)
{
	char text[256];
	int length =
		snprintf(text, sizeof(text), "%s%s", label, nul ? "" : "\n");

	if (label)
		put(dir, file, text, (size_t)(length + nul));
}

static int make(char *path, const struct process *p)
{
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdirat(dir, directories[i], 0755), 0);
	put_label(dir, APPARMOR, p->apparmor, 0);
	put_label(dir, SMACK, p->smack, 0);
	put_label(dir, SHARED, p->shared, !p->apparmor && !p->smack);
	return dir;
}

static void take_away(const char *path, int dir)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		(void)unlinkat(dir, files[i], 0);
	for (size_t i = 3; i-- > 0;)
		assert_int_equal(unlinkat(dir, directories[i], AT_REMOVEDIR),
		                 0);
	(void)close(dir);
	assert_int_equal(rmdir(path), 0);
}

static int read_both(const struct process *init, const struct process *own,
                     struct ctsh_label *label, struct ctsh_error *err)
{
	char theirs[] = "/tmp/ctsh-lsm-XXXXXX", ours[] = "/tmp/ctsh-lsm-XXXXXX";
	int their_dir = make(theirs, init), our_dir = make(ours, own);
	int rc = ctsh_lsm_read(their_dir, our_dir, label, err);

	if (rc == 0)
		assert_int_equal(ctsh_lsm_check_unchanged(their_dir, our_dir,
		                                          label, err),
		                 0);
	take_away(theirs, their_dir);
	take_away(ours, our_dir);
	return rc;
}

#define CONTEXT "system_u:system_r:container_t:s0:c1,c2"
#define OURS "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"
#define STACK "lxd-c1_</var/lib/lxd>//&:lxd-c1_<var-lib-lxd>:unconfined"

static void who_is_labelled_alike_needs_nothing(void **state)
{
	static const struct process alike[] = {
		{NULL, NULL, NULL},
		{NULL, NULL, ""},
		{"unconfined", NULL, "unconfined"},
		{"docker-default (enforce)", NULL, "docker-default (enforce)"},
		{NULL, NULL, OURS},
		{NULL, "_", "_"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(alike) / sizeof(*alike); i++) {
		struct ctsh_label label = {0};
		struct ctsh_error err;

		assert_int_equal(read_both(&alike[i], &alike[i], &label, &err),
		                 0);
		assert_true(label.read);
		assert_null(label.file);
		ctsh_lsm_free(&label);
	}
}

static void another_label_is_asked_for_by_its_module(void **state)
{
	static const struct {
		struct process init, own;
		const char *file, *wanted;
	} cases[] = {
		{{"docker-default (enforce)", NULL, "docker-default (enforce)"},
	         {"unconfined", NULL, "unconfined"},
	         "attr/apparmor/exec",
	         "exec docker-default"},
		{{"a b (c) (complain)", NULL, "a b (c) (complain)"},
	         {"unconfined", NULL, "unconfined"},
	         "attr/apparmor/exec",
	         "exec a b (c)"},
		{{STACK " (mixed)", NULL, STACK " (mixed)"},
	         {"unconfined", NULL, "unconfined"},
	         "attr/apparmor/exec",
	         "exec " STACK},
		{{"unconfined", NULL, "unconfined"},
	         {"sshd (enforce)", NULL, "sshd (enforce)"},
	         "attr/apparmor/exec",
	         "exec unconfined"},
		{{NULL, NULL, CONTEXT},
	         {NULL, NULL, OURS},
	         "attr/exec",
	         CONTEXT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_label label = {0};
		struct ctsh_error err;

		if (read_both(&cases[i].init, &cases[i].own, &label, &err))
			fail_msg("case %zu: %s", i, err.what);
		assert_string_equal(label.file, cases[i].file);
		assert_string_equal(label.wanted, cases[i].wanted);
		ctsh_lsm_free(&label);
	}
}

static void a_label_that_cannot_be_asked_for_is_refused(void **state)
{
	static const struct {
		struct process init, own;
		const char *reason;
	} cases[] = {
		{{NULL, "box", "box"}, {NULL, "_", "_"}, "'box'"},
		{{NULL, NULL, ""}, {NULL, NULL, OURS}, "no security label"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_label label = {0};
		struct ctsh_error err = {0};

		assert_int_equal(
			read_both(&cases[i].init, &cases[i].own, &label, &err),
			-1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_non_null(strstr(err.what, cases[i].reason));
		assert_null(label.file);
	}
}

static void a_shell_that_kept_our_label_is_noticed(void **state)
{
	static const struct process plain = {"unconfined", NULL, "unconfined"};
	static const struct process box = {"box (enforce)", NULL, "box"};
	char theirs[] = "/tmp/ctsh-lsm-XXXXXX", ours[] = "/tmp/ctsh-lsm-XXXXXX";
	int their_dir = make(theirs, &box), our_dir = make(ours, &plain);
	struct ctsh_label label = {0};
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_lsm_read(their_dir, our_dir, &label, &err), 0);
	assert_int_equal(ctsh_lsm_check_taken(their_dir, &label, &err), 0);
	assert_int_equal(ctsh_lsm_check_taken(our_dir, &label, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	ctsh_lsm_free(&label);
	take_away(theirs, their_dir);
	take_away(ours, our_dir);
}

static void an_init_that_changes_its_label_is_noticed(void **state)
{
	static const struct process plain = {"unconfined", NULL, "unconfined"};
	static const struct process box = {"box (enforce)", NULL, "box"};
	char theirs[] = "/tmp/ctsh-lsm-XXXXXX", ours[] = "/tmp/ctsh-lsm-XXXXXX";
	int their_dir = make(theirs, &box), our_dir = make(ours, &plain);
	struct ctsh_label label = {0}, without = {0};
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(ctsh_lsm_read(their_dir, our_dir, &label, &err), 0);
	put_label(their_dir, APPARMOR, "box//more (enforce)", 0);
	assert_int_equal(
		ctsh_lsm_check_unchanged(their_dir, our_dir, &label, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	put_label(their_dir, APPARMOR, "unconfined", 0);
	assert_int_equal(
		ctsh_lsm_check_unchanged(their_dir, our_dir, &label, &err), -1);
	/* A rule that does without has nothing to compare. */
	assert_int_equal(
		ctsh_lsm_check_unchanged(their_dir, our_dir, &without, &err),
		0);
	ctsh_lsm_free(&label);
	take_away(theirs, their_dir);
	take_away(ours, our_dir);
}

/* Where no module takes it, the request fails: nobody starts without. */
static void a_request_that_nobody_takes_fails(void **state)
{
	static char shown[] = "box (enforce)", wanted[] = "exec box";
	const struct ctsh_label label = {.read = true,
	                                 .file = "attr/apparmor/exec",
	                                 .shown = shown,
	                                 .wanted = wanted};
	const struct ctsh_label none = {.read = true};

	(void)state;
	assert_int_equal(ctsh_lsm_ask(&none), 0);
	assert_int_equal(ctsh_lsm_ask(&label), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_labelled_alike_needs_nothing),
		cmocka_unit_test(another_label_is_asked_for_by_its_module),
		cmocka_unit_test(a_label_that_cannot_be_asked_for_is_refused),
		cmocka_unit_test(a_shell_that_kept_our_label_is_noticed),
		cmocka_unit_test(an_init_that_changes_its_label_is_noticed),
		cmocka_unit_test(a_request_that_nobody_takes_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
