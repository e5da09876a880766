/* SPDX-License-Identifier: MIT */
/* Needs root: containers are made of real namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../lib/base/proc.h"
#include "../../lib/enter/container.h"
#include "../../lib/enter/proof.h"
#include "fake_container.h"

#define SHARE (CLONE_NEWUSER | CLONE_NEWCGROUP | 0x80u)

static const struct ctsh_terms usual = {.share = SHARE};

/* Opens it on these terms and expects this refusal. */
static void refuses(const struct ctsh_target *target,
                    const struct ctsh_terms *terms, enum ctsh_code code,
                    const char *reason)
{
	static struct ctsh_container c;
	struct ctsh_error err = {0};

	c.pidfd = 77; /* not ours, and not to be closed */
	assert_int_equal(fake_open(&c, target, terms, &err), -1);
	if (err.code != code || !strstr(err.what, reason))
		fail_msg("%s: %s", ctsh_code_name(err.code), err.what);
	assert_int_equal(c.pidfd, -1);
}

static void open_pins_an_init_and_reads_its_state(void **state)
{
	static struct ctsh_container c;
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);
	struct ctsh_error err = {0};

	(void)state;
	if (fake_open(&c, &target, &usual, &err))
		fail_msg("%s", err.what);
	assert_int_equal(c.pid, pid);
	assert_true(ctsh_container_alive(&c));
	assert_true(c.root >= 0 && c.proc >= 0 && c.environ >= 0);
	assert_int_equal(c.join, FAKE_ALL);
	assert_int_equal(c.uids.count, 1);
	fake_stop(pid);
	assert_false(ctsh_container_alive(&c));
	ctsh_container_close(&c);
	ctsh_container_close(&c);
	assert_int_equal(c.pidfd, -1);
}

static void open_refuses_a_process_that_ended(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	fake_stop(pid);
	refuses(&target, &usual, CTSH_E_GONE, "pidfd_open");
}

/* Its program stays one of the host's tree until it executes another. */
static void open_refuses_what_was_made_and_not_started(void **state)
{
	pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)FAKE_ALL | SIGCHLD,
	                           0, NULL, NULL, 0);
	struct ctsh_target target;

	(void)state;
	if (pid == 0)
		for (;;)
			(void)pause();
	target = fake_target(pid);
	refuses(&target, &usual, CTSH_E_ABSENT, "made, but not started");
	fake_stop(pid);
}

/* As if it had been there for the moment in which its root was opened. */
static void a_root_outside_of_its_tree_is_refused(void **state)
{
	static struct ctsh_container c;
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);
	struct ctsh_error err = {0};

	(void)state;
	if (fake_open(&c, &target, &usual, &err))
		fail_msg("%s", err.what);
	assert_int_equal(ctsh_proof_started(&c, &err), 0);
	(void)close(c.root);
	c.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(c.root >= 0);
	assert_int_equal(ctsh_proof_started(&c, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	ctsh_container_close(&c);
	fake_stop(pid);
}

static void open_refuses_a_zombie(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);
	siginfo_t info;

	(void)state;
	(void)kill(pid, SIGKILL);
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	refuses(&target, &usual, CTSH_E_GONE, "/proc/PID/ns");
	fake_stop(pid);
}

static void open_refuses_a_host_process(void **state)
{
	struct ctsh_target target = fake_target(getpid());

	(void)state;
	refuses(&target, &usual, CTSH_E_UNSAFE, "host's mnt namespace");
}

static void open_refuses_a_shared_namespace_unless_allowed(void **state)
{
	static const struct {
		int flag;
		const char *name;
		bool can_be_allowed;
	} cases[] = {
		{CLONE_NEWNET, "host's net namespace", true},
		{CLONE_NEWUTS, "host's uts namespace", true},
		{CLONE_NEWIPC, "host's ipc namespace", true},
		{CLONE_NEWPID, "host's pid namespace", false},
		{CLONE_NEWNS, "host's mnt namespace", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static struct ctsh_container c;
		pid_t pid = fake_start(FAKE_ALL & ~cases[i].flag, NULL);
		struct ctsh_target target = fake_target(pid);
		struct ctsh_terms terms = usual;
		struct ctsh_error err;

		refuses(&target, &terms, CTSH_E_UNSAFE, cases[i].name);
		terms.share |= (unsigned)cases[i].flag;
		if (!cases[i].can_be_allowed)
			refuses(&target, &terms, CTSH_E_UNSAFE, cases[i].name);
		else if (fake_open(&c, &target, &terms, &err))
			fail_msg("%s: %s", cases[i].name, err.what);
		else
			ctsh_container_close(&c);
		fake_stop(pid);
	}
}

static void open_refuses_without_any_proof(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	memset(&target.not_after, 0, sizeof(target.not_after));
	refuses(&target, &usual, CTSH_E_UNSAFE, "nothing proves");
	fake_stop(pid);
}

static void open_refuses_another_start_time(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	target.start_ticks = 1;
	refuses(&target, &usual, CTSH_E_UNSAFE, "another start time");
	fake_stop(pid);
}

static void open_refuses_another_cgroup(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	strcpy(target.cgroup_id, "2a0201f47147");
	refuses(&target, &usual, CTSH_E_UNSAFE, "does not name container");
	fake_stop(pid);
}

static void open_refuses_what_is_younger_than_its_pidfile(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	target.not_after.tv_sec -= 60;
	refuses(&target, &usual, CTSH_E_UNSAFE, "younger than the file");
	fake_stop(pid);
}

static void open_refuses_a_missing_filter_that_the_engine_names(void **state)
{
	static struct ctsh_container c;
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);
	struct ctsh_terms terms = usual;
	struct ctsh_error err;

	(void)state;
	target.names_seccomp = true;
	refuses(&target, &terms, CTSH_E_UNSAFE, "seccomp profile");
	terms.allow_no_seccomp = true;
	assert_int_equal(fake_open(&c, &target, &terms, &err), 0);
	ctsh_container_close(&c);
	fake_stop(pid);
}

static void open_refuses_a_user_namespace_of_somebody_else(void **state)
{
	pid_t pid = fake_start(FAKE_ALL | CLONE_NEWUSER, NULL);
	struct ctsh_target target = fake_target(pid);
	struct ctsh_terms terms = usual;

	(void)state;
	terms.owner = 1000;
	refuses(&target, &terms, CTSH_E_UNSAFE,
	        "user namespace belongs to uid 0, not 1000");
	fake_stop(pid);
}

static void write_map(pid_t pid, const char *file, unsigned outside)
{
	char path[64], text[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(text, sizeof(text), "0 %u 1\n", outside);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void map_root(pid_t pid, unsigned uid, unsigned gid)
{
	write_map(pid, "uid_map", uid);
	write_map(pid, "gid_map", gid);
}

/* The PID namespace made first, by the host's root; then a user namespace. */
static int take_user_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static void pin_refuses_an_init_whose_ids_are_not_mapped(void **state)
{
	/* 0 inside is that one outside, and the init stays who it was. */
	static const struct {
		unsigned uid, gid;
	} maps[] = {{100000, 0}, {0, 100000}, {0, 0}};
	struct ctsh_container c;
	struct ctsh_target t;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		pid_t pid = fake_start(FAKE_ALL | CLONE_NEWUSER, NULL);

		t = fake_target(pid);
		assert_int_equal(ctsh_container_pin(&c, &t, 0, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_non_null(strstr(err.what, "does not map"));
		map_root(pid, maps[i].uid, maps[i].gid);
		if (i < 2) {
			assert_int_equal(ctsh_container_pin(&c, &t, 0, &err),
			                 -1);
			assert_int_equal(err.code, CTSH_E_UNSAFE);
		} else {
			assert_int_equal(ctsh_container_pin(&c, &t, 0, &err),
			                 0);
			ctsh_container_close(&c);
		}
		fake_stop(pid);
	}
}

static void open_refuses_namespaces_of_another_user_namespace(void **state)
{
	pid_t pid = fake_start(FAKE_ALL, take_user_namespace);
	struct ctsh_target target = fake_target(pid);

	(void)state;
	map_root(pid, 0, 0);
	refuses(&target, &usual, CTSH_E_UNSAFE,
	        "mnt namespace belongs to another user namespace");
	fake_stop(pid);
}

static void confirm_wants_the_same_answer_twice(void **state)
{
	static struct ctsh_container c;
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target first = fake_target(pid), second = first;
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(fake_open(&c, &first, &usual, &err), 0);
	assert_int_equal(ctsh_container_confirm(&c, &first, &second, &err), 0);
	second.pid++;
	assert_int_equal(ctsh_container_confirm(&c, &first, &second, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	second = first;
	strcpy(second.id, "other");
	assert_int_equal(ctsh_container_confirm(&c, &first, &second, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	fake_stop(pid);
	assert_int_equal(ctsh_container_confirm(&c, &first, &first, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	ctsh_container_close(&c);
}

static void what_failed_because_the_init_ended_is_gone(void **state)
{
	static struct ctsh_container c;
	pid_t pid = fake_start(FAKE_ALL, NULL);
	struct ctsh_target target = fake_target(pid);
	struct ctsh_error err = {0};

	(void)state;
	assert_int_equal(fake_open(&c, &target, &usual, &err), 0);
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, 0, "something");
	assert_int_equal(ctsh_container_failed(&c, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	fake_stop(pid);
	assert_int_equal(ctsh_container_failed(&c, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	assert_string_equal(err.what, "something");
	ctsh_container_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_pins_an_init_and_reads_its_state),
		cmocka_unit_test(open_refuses_a_process_that_ended),
		cmocka_unit_test(open_refuses_a_zombie),
		cmocka_unit_test(open_refuses_what_was_made_and_not_started),
		cmocka_unit_test(a_root_outside_of_its_tree_is_refused),
		cmocka_unit_test(open_refuses_a_host_process),
		cmocka_unit_test(
			open_refuses_a_shared_namespace_unless_allowed),
		cmocka_unit_test(open_refuses_without_any_proof),
		cmocka_unit_test(open_refuses_another_start_time),
		cmocka_unit_test(open_refuses_another_cgroup),
		cmocka_unit_test(open_refuses_what_is_younger_than_its_pidfile),
		cmocka_unit_test(
			open_refuses_a_missing_filter_that_the_engine_names),
		cmocka_unit_test(
			open_refuses_a_user_namespace_of_somebody_else),
		cmocka_unit_test(pin_refuses_an_init_whose_ids_are_not_mapped),
		cmocka_unit_test(
			open_refuses_namespaces_of_another_user_namespace),
		cmocka_unit_test(confirm_wants_the_same_answer_twice),
		cmocka_unit_test(what_failed_because_the_init_ended_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
