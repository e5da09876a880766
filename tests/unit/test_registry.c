/* SPDX-License-Identifier: MIT */
/*
 * Slots and kept filters.  Needs root: the registry's directory
 * must be root's, and so must all above it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/filters.h"
#include "../../lib/base/proc.h"
#include "../../lib/registry/rundir.h"
#include "../../lib/registry/sweep.h"
#include "some_filters.h"

#define USER 4242u

static int64_t in_ms(int64_t ms)
{
	return ctsh_now_ms() + ms;
}

/* A registry of its own for each test, below a directory that passes. */
struct world {
	char top[64];
	char base[80];
	uint64_t start; /* of this process */
	uint64_t stack; /* where its stack begins */
	int proc;
	/* Shared with children. */
	struct shared {
		unsigned copies;  /* made by fake_copy()      */
		unsigned working; /* fake_copy() at this time */
		unsigned crowded; /* ... that were not alone  */
	} * shared;
};

static struct world world;

static uint64_t start_of(pid_t pid)
{
	struct ctsh_error err;
	ctsh_autoclose int proc = ctsh_proc_of(pid, &err);
	uint64_t ticks = 0;

	assert_true(proc >= 0);
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	return ticks;
}

static int set_up(void **state)
{
	struct ctsh_error err;

	(void)state;
	if (geteuid()) {
		print_error("test_registry must be run by root\n");
		return -1;
	}
	strcpy(world.top, "/run/ctsh-unit-XXXXXX");
	if (!mkdtemp(world.top))
		return -1;
	(void)snprintf(world.base, sizeof(world.base), "%s/ctsh", world.top);
	world.start = start_of(getpid());
	world.proc = ctsh_proc_of(getpid(), &err);
	if (world.proc < 0 ||
	    ctsh_proc_read_stack(world.proc, &world.stack, &err))
		return -1;
	world.shared = mmap(NULL, sizeof(*world.shared), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return world.shared == MAP_FAILED ? -1 : 0;
}

static void remove_below(const char *path)
{
	DIR *list = opendir(path);
	struct dirent *entry;

	while (list && (entry = readdir(list))) {
		char inner[512];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path,
		               entry->d_name);
		if (unlink(inner) && errno == EISDIR)
			remove_below(inner);
	}
	if (list)
		(void)closedir(list);
	(void)rmdir(path);
}

static int tear_down(void **state)
{
	(void)state;
	remove_below(world.top);
	ctsh_close_fd(&world.proc);
	return munmap(world.shared, sizeof(*world.shared));
}

static int exists(const char *file)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", world.base, file);
	return !access(path, F_OK);
}

static void write_file(const char *file, const void *data, size_t length)
{
	char path[256];
	ctsh_autoclose int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", world.base, file);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ctsh_write_all(fd, data, length), 0);
}

static void make_dirs(void)
{
	struct ctsh_error err;
	ctsh_autoclose int slots = ctsh_rundir_open(world.base, "slots", &err);
	ctsh_autoclose int filters =
		ctsh_rundir_open(world.base, "filters", &err);

	assert_true(slots >= 0 && filters >= 0);
}

/* Runs `fn` in a child; it ends with the status of what that returns. */
static pid_t in_child(int (*fn)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static pid_t dead_pid(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	(void)status_of(pid);
	return pid;
}

/* --- the directory ------------------------------------------------------- */

static void missing_directories_are_made_private(void **state)
{
	struct stat base, slots;
	char path[256];

	(void)state;
	make_dirs();
	(void)snprintf(path, sizeof(path), "%s/slots", world.base);
	assert_int_equal(stat(world.base, &base), 0);
	assert_int_equal(stat(path, &slots), 0);
	assert_int_equal(base.st_mode, S_IFDIR | 0700);
	assert_int_equal(slots.st_mode, S_IFDIR | 0700);
}

static void expect_refused_directory(void)
{
	struct ctsh_error err = {0};
	int fd = ctsh_rundir_open(world.base, "slots", &err);

	assert_int_equal(fd, -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
}

static void directory_that_others_can_read_is_refused(void **state)
{
	(void)state;
	make_dirs();
	assert_int_equal(chmod(world.base, 0755), 0);
	expect_refused_directory();
}

static void directory_of_somebody_else_is_refused(void **state)
{
	(void)state;
	make_dirs();
	assert_int_equal(chown(world.base, 1000, 0), 0);
	expect_refused_directory();
}

static void subdirectory_that_others_can_read_is_refused(void **state)
{
	char path[256];

	(void)state;
	make_dirs();
	(void)snprintf(path, sizeof(path), "%s/slots", world.base);
	assert_int_equal(chmod(path, 0711), 0);
	expect_refused_directory();
}

static void symbolic_link_is_no_directory(void **state)
{
	char path[256];

	(void)state;
	make_dirs();
	(void)snprintf(path, sizeof(path), "%s/slots", world.base);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("filters", path), 0);
	expect_refused_directory();
}

static void file_is_no_directory(void **state)
{
	(void)state;
	make_dirs();
	remove_below(world.base);
	close(open(world.base, O_WRONLY | O_CREAT, 0600));
	expect_refused_directory();
}

static void directory_below_a_writable_one_is_refused(void **state)
{
	(void)state;
	make_dirs();
	assert_int_equal(chmod(world.top, 01777), 0);
	expect_refused_directory();
}

/* --- slots --------------------------------------------------------------- */

static int take(uid_t uid, int64_t wait_ms, struct ctsh_error *err)
{
	return ctsh_slot_take_in(world.base, uid, in_ms(wait_ms), err);
}

static void take_all(int slots[CTSH_SLOTS])
{
	struct ctsh_error err;
	int i;

	for (i = 0; i < CTSH_SLOTS; i++) {
		slots[i] = take(USER, 0, &err);
		assert_true(slots[i] >= 0);
	}
}

static void give_all(int slots[CTSH_SLOTS])
{
	int i;

	for (i = 0; i < CTSH_SLOTS; i++)
		ctsh_slot_release(&slots[i]);
}

static void ninth_login_waits_and_is_refused_when_late(void **state)
{
	struct ctsh_error err;
	int slots[CTSH_SLOTS];
	int64_t begin;

	(void)state;
	take_all(slots);
	begin = ctsh_now_ms();
	assert_int_equal(take(USER, 40, &err), -1);
	assert_int_equal(err.code, CTSH_E_LIMIT);
	assert_in_range(ctsh_now_ms() - begin, 40, 1000);
	give_all(slots);
}

static void another_uid_has_slots_of_its_own(void **state)
{
	struct ctsh_error err;
	int slots[CTSH_SLOTS];
	ctsh_autoclose int other = -1;

	(void)state;
	take_all(slots);
	other = take(USER + 1, 0, &err);
	assert_true(other >= 0);
	give_all(slots);
}

static void slot_is_close_on_exec_and_released_once(void **state)
{
	struct ctsh_error err;
	int slot = take(USER, 0, &err);

	(void)state;
	assert_true(slot >= 0);
	assert_int_equal(fcntl(slot, F_GETFD), FD_CLOEXEC);
	ctsh_slot_release(&slot);
	assert_int_equal(slot, -1);
	ctsh_slot_release(&slot);
}

static void released_slot_is_free_although_a_child_holds_a_copy(void **state)
{
	struct ctsh_error err;
	int slots[CTSH_SLOTS], again;
	int pipe_fds[2];
	pid_t child;
	char byte;

	(void)state;
	take_all(slots);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(pipe_fds[0]);
	ctsh_slot_release(&slots[3]);
	again = take(USER, 0, &err);
	assert_true(again >= 0);
	slots[3] = again;
	close(pipe_fds[1]);
	assert_int_equal(status_of(child), 0);
	give_all(slots);
}

static int take_and_exit(void)
{
	struct ctsh_error err;

	return take(USER, 5000, &err) >= 0 ? 0 : (int)err.code;
}

static void waiting_login_gets_the_slot_that_becomes_free(void **state)
{
	int slots[CTSH_SLOTS];
	pid_t child;

	(void)state;
	take_all(slots);
	child = in_child(take_and_exit);
	ctsh_nap_us(30000);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	ctsh_slot_release(&slots[5]);
	assert_int_equal(status_of(child), 0);
	give_all(slots);
}

static void forty_logins_at_once_all_land(void **state)
{
	pid_t children[40];
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		children[i] = in_child(take_and_exit);
	for (i = 0; i < 40; i++)
		assert_int_equal(status_of(children[i]), 0);
}

static void slot_of_a_killed_login_is_free(void **state)
{
	struct ctsh_error err;
	ctsh_autoclose int slot = -1;
	int i;

	(void)state;
	for (i = 0; i < CTSH_SLOTS; i++)
		assert_int_equal(status_of(in_child(take_and_exit)), 0);
	slot = take(USER, 0, &err);
	assert_true(slot >= 0);
}

static void login_beyond_those_that_may_wait_is_refused_at_once(void **state)
{
	struct ctsh_error err;
	int slots[CTSH_SLOTS], waiting[CTSH_SLOTS_WAITING];
	char path[256];
	int64_t begin;
	int i;

	(void)state;
	take_all(slots);
	for (i = 0; i < CTSH_SLOTS_WAITING; i++) {
		(void)snprintf(path, sizeof(path), "%s/slots/%u.w%d",
		               world.base, USER, i);
		waiting[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(flock(waiting[i], LOCK_EX | LOCK_NB), 0);
	}
	begin = ctsh_now_ms();
	assert_int_equal(take(USER, 60000, &err), -1);
	assert_int_equal(err.code, CTSH_E_LIMIT);
	assert_in_range(ctsh_now_ms() - begin, 0, 5000);
	for (i = 0; i < CTSH_SLOTS_WAITING; i++)
		close(waiting[i]);
	give_all(slots);
}

/* Those that wait for their container let the next ones work. */
static void as_many_as_may_wait_can_wait_for_their_container(void **state)
{
	int places[CTSH_SLOTS_WAITING], slots[CTSH_SLOTS];
	int one_more = -1, slot, i;
	struct ctsh_error err;

	(void)state;
	for (i = 0; i < CTSH_SLOTS_WAITING; i++) {
		places[i] = -1;
		slot = take(USER, 0, &err);
		assert_true(slot >= 0);
		assert_int_equal(ctsh_slot_yield_in(world.base, USER, &slot,
		                                    &places[i], &err),
		                 0);
		assert_int_equal(slot, -1);
		assert_true(places[i] >= 0);
	}
	/* Who finds no place keeps the slot, and so there is an end. */
	take_all(slots);
	slot = slots[0];
	assert_int_equal(
		ctsh_slot_yield_in(world.base, USER, &slot, &one_more, &err),
		0);
	assert_int_equal(slot, slots[0]);
	assert_int_equal(one_more, -1);
	assert_int_equal(take(USER, 60000, &err), -1);
	assert_int_equal(err.code, CTSH_E_LIMIT);
	give_all(slots);
	for (i = 0; i < CTSH_SLOTS_WAITING; i++)
		ctsh_slot_release(&places[i]);
}

static void who_waited_for_its_container_waits_for_a_slot_again(void **state)
{
	int slots[CTSH_SLOTS], slot, place = -1, none = -1;
	struct ctsh_error err;

	(void)state;
	slot = take(USER, 0, &err);
	assert_true(slot >= 0);
	assert_int_equal(
		ctsh_slot_yield_in(world.base, USER, &slot, &place, &err), 0);
	take_all(slots);
	assert_int_equal(ctsh_slot_regain_in(world.base, USER, &slot, &place,
	                                     in_ms(50), &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_LIMIT);
	assert_true(place >= 0);
	ctsh_slot_release(&slots[3]);
	assert_int_equal(ctsh_slot_regain_in(world.base, USER, &slot, &place,
	                                     in_ms(50), &err),
	                 0);
	assert_true(slot >= 0);
	assert_int_equal(place, -1);
	slots[3] = slot;
	/* Who did not wait keeps what it has. */
	assert_int_equal(
		ctsh_slot_regain_in(world.base, USER, &slot, &none, 0, &err),
		0);
	assert_int_equal(slot, slots[3]);
	give_all(slots);
}

static void slot_that_is_a_symbolic_link_is_refused(void **state)
{
	struct ctsh_error err;
	char path[256];

	(void)state;
	make_dirs();
	(void)snprintf(path, sizeof(path), "%s/slots/%u.0", world.base, USER);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(take(USER, 0, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
}

/* --- kept filters -------------------------------------------------------- */

/* In place of a real copy: as many filters as the init says. */
static int fake_copy(const struct ctsh_container *c,
                     struct ctsh_filters *filters, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	(void)deadline_ms;
	(void)err;
	if (__atomic_add_fetch(&world.shared->working, 1, __ATOMIC_SEQ_CST) > 1)
		__atomic_add_fetch(&world.shared->crowded, 1, __ATOMIC_SEQ_CST);
	ctsh_nap_us(3000);
	__atomic_add_fetch(&world.shared->copies, 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&world.shared->working, 1, __ATOMIC_SEQ_CST);
	*filters = some_filters(c->filter_count);
	return 0;
}

static int failing_copy(const struct ctsh_container *c,
                        struct ctsh_filters *filters, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	(void)filters;
	(void)deadline_ms;
	return ctsh_fail(err, CTSH_E_UNSAFE, EPERM, "seize %d", c->pid);
}

static int short_copy(const struct ctsh_container *c,
                      struct ctsh_filters *filters, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	(void)deadline_ms;
	(void)err;
	*filters = some_filters(c->filter_count - 1);
	return 0;
}

/* This process, as if it were a container's init. */
static struct ctsh_container init_with(unsigned count)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;

	c.pid = getpid();
	c.start_ticks = world.start;
	c.proc = world.proc;
	c.filter_count = count;
	return c;
}

static void fetch(struct ctsh_container *c)
{
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_registry_filters_in(world.base, c, fake_copy,
	                                          in_ms(5000), &err),
	                 0);
}

static void assert_fetches(unsigned count, unsigned copies)
{
	struct ctsh_container c = init_with(count);
	struct ctsh_filters wanted = some_filters(count);

	fetch(&c);
	assert_same_filters(&c.filters, &wanted);
	assert_int_equal(world.shared->copies, copies);
	ctsh_filters_free(&c.filters);
	ctsh_filters_free(&wanted);
}

/* "filters/PID-START" and what follows, of this process. */
static const char *file_of(const char *rest)
{
	static char name[2][128];
	static unsigned turn;

	turn ^= 1;
	(void)snprintf(name[turn], sizeof(name[turn]),
	               "filters/%d-%" PRIu64 "%s", getpid(), world.start, rest);
	if (rest[0] == '-')
		(void)snprintf(name[turn] + strlen(name[turn]), 24, "-%" PRIu64,
		               world.stack);
	return name[turn];
}

static void init_without_filters_is_not_touched(void **state)
{
	struct ctsh_container c = init_with(0);

	(void)state;
	fetch(&c);
	assert_int_equal(c.filters.count, 0);
	assert_int_equal(world.shared->copies, 0);
	assert_int_equal(exists(""), 0);
}

static void second_login_uses_the_kept_copy(void **state)
{
	(void)state;
	assert_fetches(3, 1);
	assert_fetches(3, 1);
	assert_int_equal(exists(file_of("-3")), 1);
	assert_int_equal(exists(file_of(".new")), 0);
}

static void kept_copy_is_roots_own(void **state)
{
	char path[256];
	struct stat st;

	(void)state;
	assert_fetches(3, 1);
	(void)snprintf(path, sizeof(path), "%s/%s", world.base, file_of("-3"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void another_count_or_start_needs_another_copy(void **state)
{
	(void)state;
	assert_fetches(3, 1);
	assert_fetches(4, 2);
	world.start++;
	assert_fetches(3, 3);
}

static void filters_held_before_are_replaced(void **state)
{
	struct ctsh_container c = init_with(2);

	(void)state;
	c.filters = some_filters(7);
	fetch(&c);
	assert_int_equal(c.filters.count, 2);
	ctsh_filters_free(&c.filters);
}

static void broken_copy_is_replaced(void **state)
{
	(void)state;
	make_dirs();
	write_file(file_of("-3"), "CTSHBPF1 not quite", 18);
	assert_fetches(3, 1);
	assert_fetches(3, 1);
}

static void copy_of_another_count_is_replaced(void **state)
{
	struct ctsh_filters two = some_filters(2);
	ctsh_autofree void *bytes = NULL;
	size_t length;

	(void)state;
	make_dirs();
	bytes = ctsh_filters_pack(&two, &length);
	assert_non_null(bytes);
	write_file(file_of("-3"), bytes, length);
	assert_fetches(3, 1);
	assert_fetches(3, 1);
	ctsh_filters_free(&two);
}

static void copy_that_is_a_symbolic_link_is_not_followed(void **state)
{
	char path[256], other[256];

	(void)state;
	assert_fetches(3, 1);
	(void)snprintf(path, sizeof(path), "%s/%s", world.base, file_of("-3"));
	(void)snprintf(other, sizeof(other), "%s/real", world.base);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_fetches(3, 2);
}

static void draft_of_a_killed_login_is_no_obstacle(void **state)
{
	(void)state;
	make_dirs();
	write_file(file_of(".new"), "half", 4);
	assert_fetches(3, 1);
	assert_int_equal(exists(file_of(".new")), 0);
}

static void expect_no_filters(ctsh_registry_copy *copy, int64_t wait_ms,
                              enum ctsh_code code)
{
	struct ctsh_container c = init_with(3);
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_registry_filters_in(world.base, &c, copy,
	                                          in_ms(wait_ms), &err),
	                 -1);
	assert_int_equal(err.code, code);
	assert_int_equal(c.filters.count, 0);
	assert_null(c.filters.filter);
	assert_int_equal(exists(file_of("-3")), 0);
}

static void failed_copy_is_reported_and_not_kept(void **state)
{
	(void)state;
	expect_no_filters(failing_copy, 1000, CTSH_E_UNSAFE);
	assert_fetches(3, 1);
}

static void copy_with_a_filter_less_is_unsafe(void **state)
{
	(void)state;
	expect_no_filters(short_copy, 1000, CTSH_E_UNSAFE);
}

static void lock_of_another_login_is_waited_for_until_the_deadline(void **state)
{
	struct ctsh_error err;
	ctsh_autoclose int dir = -1;
	int lock = -1;

	(void)state;
	dir = ctsh_rundir_open(world.base, "filters", &err);
	assert_int_equal(ctsh_registry_try_lock(
				 dir, file_of(".lock") + strlen("filters/"),
				 O_CREAT, &lock),
	                 1);
	expect_no_filters(fake_copy, 20, CTSH_E_SYSTEM);
	assert_int_equal(world.shared->copies, 0);
	ctsh_slot_release(&lock);
	assert_fetches(3, 1);
}

static int fetch_and_exit(void)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;

	c.pid = getppid();
	c.start_ticks = world.start;
	c.proc = world.proc;
	c.filter_count = 3;
	if (ctsh_registry_filters_in(world.base, &c, fake_copy, in_ms(10000),
	                             &err))
		return (int)err.code;
	return c.filters.count == 3 ? 0 : 100;
}

static void forty_logins_at_once_make_one_copy(void **state)
{
	pid_t children[40];
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		children[i] = in_child(fetch_and_exit);
	for (i = 0; i < 40; i++)
		assert_int_equal(status_of(children[i]), 0);
	assert_int_equal(world.shared->copies, 1);
	assert_int_equal(world.shared->crowded, 0);
}

/* --- sweeping ------------------------------------------------------------ */

static void name_file(char *out, size_t size, pid_t pid, uint64_t start,
                      const char *rest)
{
	(void)snprintf(out, size, "filters/%d-%" PRIu64 "%s", pid, start, rest);
}

/* A thread can take the first one's place by execve(2). */
static void copy_of_another_program_is_not_used(void **state)
{
	char from[256], to[256];

	(void)state;
	assert_fetches(3, 1);
	(void)snprintf(from, sizeof(from), "%s/%s", world.base, file_of("-3"));
	world.stack += 16;
	(void)snprintf(to, sizeof(to), "%s/%s", world.base, file_of("-3"));
	world.stack -= 16;
	assert_int_equal(rename(from, to), 0);
	assert_fetches(3, 2);
}

static void files_of_ended_processes_are_swept_away(void **state)
{
	static const char *const rests[] = {"-3-4", ".new", ".lock"};
	pid_t dead = dead_pid();
	char name[128];
	size_t i;

	(void)state;
	make_dirs();
	for (i = 0; i < 3; i++) {
		name_file(name, sizeof(name), dead, 5, rests[i]);
		write_file(name, "x", 1);
		/* A recycled PID: it runs, but started at another time. */
		name_file(name, sizeof(name), getpid(), world.start - 1,
		          rests[i]);
		write_file(name, "x", 1);
	}
	assert_fetches(3, 1);
	for (i = 0; i < 3; i++) {
		name_file(name, sizeof(name), dead, 5, rests[i]);
		assert_int_equal(exists(name), 0);
		name_file(name, sizeof(name), getpid(), world.start - 1,
		          rests[i]);
		assert_int_equal(exists(name), 0);
	}
}

static void files_of_running_processes_stay(void **state)
{
	char one[128];

	(void)state;
	make_dirs();
	name_file(one, sizeof(one), 1, start_of(1), "-2-4");
	write_file(one, "x", 1);
	assert_fetches(3, 1);
	assert_int_equal(exists(one), 1);
	assert_int_equal(exists(file_of("-3")), 1);
	assert_int_equal(exists(file_of(".lock")), 1);
}

/* An init can add filters, and execute itself as often as it likes. */
static void outdated_copies_do_not_pile_up(void **state)
{
	char other[128];

	(void)state;
	assert_fetches(2, 1);
	name_file(other, sizeof(other), getpid(), world.start, "-3-16");
	write_file(other, "x", 1);
	assert_fetches(3, 2);
	assert_int_equal(exists(file_of("-2")), 0);
	assert_int_equal(exists(other), 0);
	assert_int_equal(exists(file_of("-3")), 1);
	assert_fetches(3, 2);
}

static void files_of_other_names_are_left_alone(void **state)
{
	static const char *const names[] = {
		"filters/readme",
		"filters/-5-3-4",
		"filters/99999999-5",
		"filters/99999999-5-",
		"filters/99999999-5-x",
		"filters/99999999-5-3",
		"filters/99999999-5-3-",
		"filters/99999999-5.lock.old",
		"filters/0-5-3-4",
		"filters/99999999999999999999999999-1-1-1",
	};
	size_t i;

	(void)state;
	make_dirs();
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		write_file(names[i], "x", 1);
	assert_fetches(3, 1);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(exists(names[i]), 1);
}

static void lock_that_somebody_holds_is_not_swept_away(void **state)
{
	struct ctsh_error err;
	ctsh_autoclose int dir = -1;
	char name[128];
	int lock = -1;

	(void)state;
	dir = ctsh_rundir_open(world.base, "filters", &err);
	name_file(name, sizeof(name), dead_pid(), 5, ".lock");
	assert_int_equal(ctsh_registry_try_lock(dir, strchr(name, '/') + 1,
	                                        O_CREAT, &lock),
	                 1);
	ctsh_registry_sweep(dir, "1-1-1-1");
	assert_int_equal(exists(name), 1);
	ctsh_slot_release(&lock);
	ctsh_registry_sweep(dir, "1-1-1-1");
	assert_int_equal(exists(name), 0);
}

/* Whoever opened the file before it was removed must not believe that lock.
 * The moment between open and flock is made by a holder that removes it. */
static void lock_on_a_removed_file_is_worth_nothing(void **state)
{
	struct ctsh_error err;
	ctsh_autoclose int dir = -1;
	ctsh_autoclose int early = -1;
	int first = -1, second = -1;

	(void)state;
	dir = ctsh_rundir_open(world.base, "filters", &err);
	assert_int_equal(
		ctsh_registry_try_lock(dir, "7-7.lock", O_CREAT, &first), 1);
	early = openat(dir, "7-7.lock", O_RDWR | O_CLOEXEC);
	assert_int_equal(ctsh_registry_try_lock(dir, "7-7.lock", 0, &second),
	                 0);
	assert_int_equal(unlinkat(dir, "7-7.lock", 0), 0);
	ctsh_slot_release(&first);
	assert_int_equal(flock(early, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(
		ctsh_registry_try_lock(dir, "7-7.lock", O_CREAT, &second), 1);
	ctsh_slot_release(&second);
}

/* Children lock and unlink as fast as they can; never two at once inside. */
static int fight_for_lock(void)
{
	struct ctsh_error err;
	ctsh_autoclose int dir = ctsh_rundir_open(world.base, "filters", &err);
	int round, lock = -1;

	for (round = 0; round < 2000; round++) {
		if (ctsh_registry_try_lock(dir, "7-7.lock", O_CREAT, &lock) !=
		    1)
			continue;
		if (__atomic_add_fetch(&world.shared->working, 1,
		                       __ATOMIC_SEQ_CST) > 1)
			__atomic_add_fetch(&world.shared->crowded, 1,
			                   __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&world.shared->copies, 1, __ATOMIC_SEQ_CST);
		__atomic_sub_fetch(&world.shared->working, 1, __ATOMIC_SEQ_CST);
		(void)unlinkat(dir, "7-7.lock", 0);
		ctsh_slot_release(&lock);
	}
	return 0;
}

static void removed_locks_never_let_two_in(void **state)
{
	pid_t children[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		children[i] = in_child(fight_for_lock);
	for (i = 0; i < 4; i++)
		assert_int_equal(status_of(children[i]), 0);
	assert_true(world.shared->copies > 0);
	assert_int_equal(world.shared->crowded, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(missing_directories_are_made_private),
		TEST(directory_that_others_can_read_is_refused),
		TEST(directory_of_somebody_else_is_refused),
		TEST(subdirectory_that_others_can_read_is_refused),
		TEST(symbolic_link_is_no_directory),
		TEST(file_is_no_directory),
		TEST(directory_below_a_writable_one_is_refused),
		TEST(ninth_login_waits_and_is_refused_when_late),
		TEST(another_uid_has_slots_of_its_own),
		TEST(slot_is_close_on_exec_and_released_once),
		TEST(released_slot_is_free_although_a_child_holds_a_copy),
		TEST(waiting_login_gets_the_slot_that_becomes_free),
		TEST(forty_logins_at_once_all_land),
		TEST(slot_of_a_killed_login_is_free),
		TEST(login_beyond_those_that_may_wait_is_refused_at_once),
		TEST(as_many_as_may_wait_can_wait_for_their_container),
		TEST(who_waited_for_its_container_waits_for_a_slot_again),
		TEST(slot_that_is_a_symbolic_link_is_refused),
		TEST(init_without_filters_is_not_touched),
		TEST(second_login_uses_the_kept_copy),
		TEST(kept_copy_is_roots_own),
		TEST(another_count_or_start_needs_another_copy),
		TEST(filters_held_before_are_replaced),
		TEST(broken_copy_is_replaced),
		TEST(copy_of_another_count_is_replaced),
		TEST(copy_that_is_a_symbolic_link_is_not_followed),
		TEST(draft_of_a_killed_login_is_no_obstacle),
		TEST(failed_copy_is_reported_and_not_kept),
		TEST(copy_with_a_filter_less_is_unsafe),
		TEST(lock_of_another_login_is_waited_for_until_the_deadline),
		TEST(forty_logins_at_once_make_one_copy),
		TEST(copy_of_another_program_is_not_used),
		TEST(files_of_ended_processes_are_swept_away),
		TEST(files_of_running_processes_stay),
		TEST(outdated_copies_do_not_pile_up),
		TEST(files_of_other_names_are_left_alone),
		TEST(lock_that_somebody_holds_is_not_swept_away),
		TEST(lock_on_a_removed_file_is_worth_nothing),
		TEST(removed_locks_never_let_two_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
