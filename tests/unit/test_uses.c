/* SPDX-License-Identifier: MIT */
/* Needs root: the registry is root's alone.  A child stands for the init. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/proc.h"
#include "../../lib/registry/rundir.h"
#include "in_child.h"

static char base[64];

struct world {
	pid_t init;
	uint64_t start;
	char key[CTSH_USES_KEY];
};

static void wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		(void)pause();
}

static void begin(struct world *w)
{
	struct ctsh_error err;
	int proc;

	w->init = start_child(wait_forever, NULL);
	proc = ctsh_proc_of(w->init, &err);
	assert_true(proc >= 0);
	assert_int_equal(ctsh_proc_read_start(proc, &w->start, &err), 0);
	(void)close(proc);
	(void)snprintf(w->key, sizeof(w->key), "%d-%llu", w->init,
	               (unsigned long long)w->start);
}

static void end_init(const struct world *w)
{
	(void)kill(w->init, SIGKILL);
	(void)status_of(w->init);
}

static bool is_there(const struct world *w, const char *suffix)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/uses/%s%s", base, w->key,
	               suffix);
	return access(path, F_OK) == 0;
}

static int take(const struct world *w, struct ctsh_error *err)
{
	return ctsh_use_take_in(base, w->init, w->start, err);
}

static int taken(const struct world *w, uint32_t uid, uint32_t seconds)
{
	const struct ctsh_use by = {.uid = uid, .seconds = seconds};
	struct ctsh_error err;
	int use = take(w, &err);

	assert_true(use >= 0);
	assert_int_equal(ctsh_use_note(use, &by, &err), 0);
	return use;
}

static int ring(const struct world *w, int *vacant)
{
	struct ctsh_error err;
	int rung = ctsh_use_ring_in(base, w->init, w->start, vacant, &err);

	assert_true(rung >= 0);
	return rung;
}

/* A use that has ended, and its keeper. */
static void keep(const struct world *w, struct ctsh_keeper *k)
{
	struct ctsh_error err;
	int use = taken(w, 1001, 7), vacant = -1;

	assert_int_equal(ring(w, &vacant), 1);
	ctsh_close_fd(&vacant);
	ctsh_close_fd(&use);
	assert_int_equal(ctsh_keeper_begin_in(k, base, w->key, &err), 0);
}

static void the_longest_time_holds(void **state)
{
	static const struct {
		uint32_t uid, seconds, holds;
	} cases[] = {{1, 60, 1}, {2, 59, 1}, {3, 60, 3}, {4, 61, 4}};
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct ctsh_use by;
	struct world w;

	(void)state;
	begin(&w);
	keep(&w, &k);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int use = taken(&w, cases[i].uid, cases[i].seconds);

		ctsh_close_fd(&use);
		assert_int_equal(ctsh_keeper_unused(&k, &by, &err), 0);
		assert_int_equal(by.uid, cases[i].holds);
	}
	end_init(&w);
	ctsh_keeper_end(&k);
}

static void what_makes_no_sense_is_no_rule(void **state)
{
	const struct ctsh_use cases[] = {{0, 1}, {1, 0}};
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct ctsh_use by;
	struct world w;
	int use;

	(void)state;
	begin(&w);
	keep(&w, &k);
	for (size_t i = 0; i < 2; i++) {
		use = take(&w, &err);
		assert_int_equal(pwrite(use, &cases[i], sizeof(*cases), 0),
		                 sizeof(*cases));
		ctsh_close_fd(&use);
		assert_int_equal(ctsh_keeper_unused(&k, &by, &err), -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
	}
	use = taken(&w, 5, 1);
	ctsh_close_fd(&use);
	assert_int_equal(ctsh_keeper_unused(&k, &by, &err), 0);
	end_init(&w);
	ctsh_keeper_end(&k);
}

static void there_is_one_keeper(void **state)
{
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct world w;
	int vacant = -1, other = -1;

	(void)state;
	begin(&w);
	assert_int_equal(ring(&w, &vacant), 1);
	assert_int_equal(ring(&w, &other), 0); /* while one is asked for */
	ctsh_close_fd(&vacant);
	assert_int_equal(ring(&w, &vacant), 1);
	ctsh_close_fd(&vacant);
	keep(&w, &k);
	assert_int_equal(ring(&w, &vacant), 0);
	end_init(&w);
	ctsh_keeper_end(&k);
	assert_false(is_there(&w, ".use"));
	assert_false(is_there(&w, ".bell"));
}

static void it_waits_for_the_last_use(void **state)
{
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct ctsh_use by;
	struct world w;
	int use, ends[2];
	pid_t pid;
	char byte;

	(void)state;
	begin(&w);
	keep(&w, &k);
	use = taken(&w, 1001, 7);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		ctsh_close_fd(&use);
		(void)alarm(20);
		if (ctsh_keeper_unused(&k, &by, &err))
			_exit(1);
		(void)!write(ends[1], "x", 1);
		_exit(0);
	}
	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, ctsh_now_ms() + 100), 0);
	ctsh_close_fd(&use);
	assert_int_equal(ctsh_wait_fd(ends[0], POLLIN, ctsh_now_ms() + 5000),
	                 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(status_of(pid), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	end_init(&w);
	ctsh_keeper_end(&k);
}

static void after_its_time_nobody_comes_in_until_the_door_opens(void **state)
{
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct ctsh_use by;
	struct world w;
	int64_t since;
	int use;

	(void)state;
	begin(&w);
	keep(&w, &k);
	assert_int_equal(ctsh_keeper_unused(&k, &by, &err), 0);
	assert_int_equal(by.uid, 1001);
	assert_int_equal(by.seconds, 7);
	since = ctsh_now_ms();
	assert_int_equal(ctsh_keeper_wait(&k, 1), CTSH_KEEPING_IDLE);
	assert_in_range(ctsh_now_ms() - since, 990, 3000);
	assert_int_equal(take(&w, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_int_equal(err.coming, CTSH_COMING_NOT);
	ctsh_keeper_open(&k);
	use = take(&w, &err);
	assert_true(use >= 0);
	ctsh_close_fd(&use);
	end_init(&w);
	ctsh_keeper_end(&k);
}

static void whoever_has_come_begins_it_anew(void **state)
{
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct ctsh_use by;
	struct world w;
	int vacant, use;

	(void)state;
	begin(&w);
	keep(&w, &k);
	/* Gone again by now; who did not ring and stays. */
	assert_int_equal(ring(&w, &vacant), 0);
	assert_int_equal(ctsh_keeper_wait(&k, 60), CTSH_KEEPING_USED);
	assert_int_equal(ctsh_keeper_unused(&k, &by, &err), 0);
	/* Each is heard once. */
	assert_int_equal(ctsh_keeper_wait(&k, 1), CTSH_KEEPING_IDLE);
	ctsh_keeper_open(&k);
	use = taken(&w, 1001, 7);
	assert_int_equal(ctsh_keeper_wait(&k, 1), CTSH_KEEPING_USED);
	ctsh_close_fd(&use);
	end_init(&w);
	assert_int_equal(ctsh_keeper_wait(&k, 60), CTSH_KEEPING_GONE);
	ctsh_keeper_end(&k);
}

/* The keeper has the lock for a moment at the end of each use. */
static void a_moment_is_not_the_end(void **state)
{
	struct ctsh_error err;
	struct world w;
	char path[160];
	int use, fd;
	pid_t pid;

	(void)state;
	begin(&w);
	use = taken(&w, 1001, 7);
	ctsh_close_fd(&use);
	(void)snprintf(path, sizeof(path), "%s/uses/%s.use", base, w.key);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	pid = fork();
	if (pid == 0) {
		ctsh_nap_us(50000);
		_exit(flock(fd, LOCK_UN));
	}
	use = take(&w, &err);
	assert_true(use >= 0);
	ctsh_close_fd(&use);
	(void)close(fd);
	assert_int_equal(status_of(pid), 0);
	end_init(&w);
}

static void an_init_that_is_gone_needs_no_keeper(void **state)
{
	struct ctsh_keeper k = CTSH_KEEPER_INIT;
	struct ctsh_error err;
	struct world w, other;
	char later[64];
	int use;

	(void)state;
	begin(&other);
	use = taken(&other, 1001, 7);
	ctsh_close_fd(&use);
	end_init(&other);
	begin(&w);
	(void)snprintf(later, sizeof(later), "%d-%llu", w.init,
	               (unsigned long long)w.start + 1);
	assert_int_equal(ctsh_keeper_begin_in(&k, base, later, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	assert_int_equal(ctsh_keeper_begin_in(&k, base, other.key, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	/* Nobody has used it. */
	assert_int_equal(ctsh_keeper_begin_in(&k, base, w.key, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_true(is_there(&other, ".use"));
	keep(&w, &k);
	assert_false(is_there(&other, ".use"));
	assert_true(is_there(&w, ".use"));
	assert_true(is_there(&w, ".bell"));
	end_init(&w);
	ctsh_keeper_end(&k);
}

static void keys_are_taken_apart_strictly(void **state)
{
	static const char *const wrong[] = {
		"",       "-",
		"1-1",    "0-1",
		"x-1",    "2",
		"2-",     "2-x",
		"2-1-1",  "02-1",
		" 2-1",   "2-1\n",
		"2 -1",   "4294967298-1",
		"-2-1",   "2--1",
		"../2-1", "2-18446744073709551616",
	};
	uint64_t start;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(ctsh_uses_parse(wrong[i], &pid, &start), -1);
	assert_int_equal(
		ctsh_uses_parse("4194304-18446744073709551615", &pid, &start),
		0);
	assert_int_equal(pid, 4194304);
	assert_true(start == UINT64_MAX);
}

/* What is no lock and no FIFO of ours, whoever has put it there. */
static void other_kinds_of_files_are_refused(void **state)
{
	struct ctsh_error err;
	struct world w;
	char path[160];
	int vacant;

	(void)state;
	begin(&w);
	(void)snprintf(path, sizeof(path), "%s/uses/%s.use", base, w.key);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(take(&w, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/uses/%s.bell", base, w.key);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(ctsh_use_ring_in(base, w.init, w.start, &vacant, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(unlink(path), 0);
	end_init(&w);
}

static int set_up(void **state)
{
	struct ctsh_error err;
	int dir;

	(void)state;
	if (geteuid() != 0)
		fail_msg("these tests need root");
	(void)snprintf(base, sizeof(base), "/run/ctsh-uses-%d", getpid());
	dir = ctsh_rundir_open(base, "uses", &err);
	return dir < 0 ? -1 : close(dir);
}

static int tear_down(void **state)
{
	char command[160];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", base);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_time_holds),
		cmocka_unit_test(what_makes_no_sense_is_no_rule),
		cmocka_unit_test(there_is_one_keeper),
		cmocka_unit_test(it_waits_for_the_last_use),
		cmocka_unit_test(
			after_its_time_nobody_comes_in_until_the_door_opens),
		cmocka_unit_test(whoever_has_come_begins_it_anew),
		cmocka_unit_test(a_moment_is_not_the_end),
		cmocka_unit_test(an_init_that_is_gone_needs_no_keeper),
		cmocka_unit_test(keys_are_taken_apart_strictly),
		cmocka_unit_test(other_kinds_of_files_are_refused),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
