/* SPDX-License-Identifier: MIT */
/* Needs root: looks at real processes. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/enter/container.h"
#include "../../lib/enter/verify.h"
#include "fake_container.h"

/*
 * The init stands for M: it is all that M must be, but that it has its
 * capabilities still, which is looked at after what these tests are about.
 */
struct world {
	struct ctsh_container c;
	gid_t groups[64];
	struct ctsh_plan plan;
	int stdio[3];
	int program; /* -1: none */
	struct ctsh_error err;
	pid_t init;
};

/* Five descriptors, as M has. */
static int five(void)
{
	return dup2(0, 3) == 3 && dup2(0, 4) == 4
	               ? close_range(5, ~0U, CLOSE_RANGE_CLOEXEC)
	               : -1;
}

static int six(void)
{
	/* Not one that tells the parent when we begin. */
	return five() || fcntl(0, F_DUPFD, 64) < 0;
}

/* And a sixth, which is not close-on-exec as M's is: the init executes. */
static int with_program(void)
{
	int fd = open("/bin/sh", O_PATH);

	return dup2(0, 3) == 3 && dup2(0, 4) == 4 && dup2(fd, 5) == 5
	               ? close_range(6, ~0U, CLOSE_RANGE_CLOEXEC)
	               : -1;
}

static int no_stdin(void)
{
	int null = open("/dev/zero", O_RDONLY);

	return dup2(null, 0) != 0 || five();
}

/* As an engine does that may not pivot_root: the old tree stays below. */
static int chrooted(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("/", "/mnt", NULL, MS_BIND, NULL) || chroot("/mnt") ||
	       chdir("/") || five();
}

/* The loader of its program opens files for a moment. */
static void wait_until_it_sleeps(pid_t pid)
{
	int64_t until = ctsh_now_ms() + 5000;
	char path[40], text[16] = "", sleeping[16];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	(void)snprintf(sleeping, sizeof(sleeping), "%d ", SYS_clock_nanosleep);
	while (strncmp(text, sleeping, strlen(sleeping))) {
		assert_true(ctsh_now_ms() < until);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0 && read(fd, text, sizeof(text)) > 0);
		(void)close(fd);
	}
}

static void prepare(struct world *w, fake_setup *setup)
{
	struct ctsh_terms terms = {.share = CLONE_NEWUSER | 0x80};
	struct ctsh_target target;
	int count = getgroups(64, w->groups);

	w->init = fake_start(FAKE_ALL, setup);
	wait_until_it_sleeps(w->init);
	target = fake_target(w->init);
	w->c = (struct ctsh_container)CTSH_CONTAINER_INIT;
	if (fake_open(&w->c, &target, &terms, &w->err))
		fail_msg("%s", w->err.what);
	w->plan = (struct ctsh_plan){.groups = w->groups,
	                             .host_groups = w->groups,
	                             .group_count = (size_t)count};
	for (int fd = 0; fd < 3; fd++)
		w->stdio[fd] = fd;
	w->program = -1;
}

static void expect(struct world *w, const char *reason)
{
	static char *argv[] = {NULL};
	struct ctsh_entry entry = {
		.container = &w->c,
		.plan = &w->plan,
		.program = w->program,
	};

	w->plan.program = w->program >= 0 ? argv : NULL;
	memcpy(entry.stdio, w->stdio, sizeof(entry.stdio));
	assert_true(ctsh_verify_joined(w->init, &entry, &w->err) ||
	            ctsh_verify_confined(w->init, &entry, 0, &w->err));
	assert_int_equal(w->err.code, CTSH_E_UNSAFE);
	if (!strstr(w->err.what, reason))
		fail_msg("%s", w->err.what);
	fake_stop(w->init);
	ctsh_container_close(&w->c);
}

static void all_else_is_right(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, five);
	expect(&w, "capabilities are left");
}

static void the_root_of_an_init_that_was_chrooted_counts(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, chrooted);
	expect(&w, "capabilities are left");
}

/* The root of the mount namespace is the same directory of another mount. */
static void another_root_is_noticed(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, chrooted);
	(void)close(w.c.root);
	w.c.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect(&w, "another root directory");
}

static void wider_limits_are_noticed(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, five);
	w.c.limits[RLIMIT_NOFILE].rlim_cur--;
	expect(&w, "wider limits");
	prepare(&w, five);
	w.c.limits[RLIMIT_NOFILE].rlim_max--;
	expect(&w, "wider limits");
}

static void a_descriptor_too_many_is_noticed(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, six);
	expect(&w, "more descriptors");
}

static void a_planned_program_is_expected_at_its_place(void **state)
{
	struct world w;
	int sh = open("/bin/sh", O_PATH | O_CLOEXEC);

	(void)state;
	prepare(&w, with_program);
	w.program = sh;
	/* The same file, seen through another mount than the init's. */
	expect(&w, "another program than planned");
	prepare(&w, with_program);
	expect(&w, "more descriptors");
	prepare(&w, five);
	w.program = sh;
	expect(&w, "more descriptors");
	(void)close(sh);
}

static void another_standard_input_is_noticed(void **state)
{
	struct world w;

	(void)state;
	prepare(&w, no_stdin);
	expect(&w, "another standard descriptor");
}

static void assert_executed(pid_t pid, bool executed)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	siginfo_t info;

	/* A zombie, as S is when it was killed. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(ctsh_verify_executed(pid, &c, &err),
	                 executed ? 0 : -1);
	if (!executed)
		assert_int_equal(err.code, CTSH_E_GONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_that_executed_nothing_is_noticed(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_executed(pid, false);
	pid = fork();
	if (pid == 0)
		(void)execl("/bin/true", "true", (char *)NULL);
	assert_executed(pid, true);
}

/* An engine that ends a container ends M with it. */
static void what_fails_of_one_that_ended_is_its_end(void **state)
{
	struct ctsh_error err = {.code = CTSH_E_UNSAFE, .what = "reason"};
	pid_t pid = fake_start(FAKE_ALL, NULL);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	(void)state;
	assert_int_equal(ctsh_verify_failed(pidfd, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	fake_stop(pid);
	assert_int_equal(ctsh_verify_failed(pidfd, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	assert_string_equal(err.what, "reason");
	(void)close(pidfd);
}

static int needs_root(void **state)
{
	int null = open("/dev/null", O_RDWR);

	(void)state;
	/* Whatever the caller's are. */
	return geteuid() == 0 && dup2(null, 0) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_else_is_right),
		cmocka_unit_test(the_root_of_an_init_that_was_chrooted_counts),
		cmocka_unit_test(another_root_is_noticed),
		cmocka_unit_test(wider_limits_are_noticed),
		cmocka_unit_test(a_descriptor_too_many_is_noticed),
		cmocka_unit_test(a_planned_program_is_expected_at_its_place),
		cmocka_unit_test(another_standard_input_is_noticed),
		cmocka_unit_test(what_fails_of_one_that_ended_is_its_end),
		cmocka_unit_test(a_process_that_executed_nothing_is_noticed),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, needs_root, NULL);
}
