/* SPDX-License-Identifier: MIT */
/* Needs root: a child becomes somebody else.  What it looks at is a runtime of
 * the test's own, which behaves as a parser in an attacker's hands would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/base/fdio.h"
#include "../../lib/route/owner.h"

#define UID 47110
#define GID 47111
#define ID "2a05f363220067e77c49b100163668c51c64b7e934acd3b0df5c22c40524160c"

typedef int find_fn(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_target *target,
                    struct ctsh_error *err);

static int ask(find_fn *find, struct ctsh_target *target,
               struct ctsh_error *err)
{
	static const struct ctsh_owner owner = {.uid = UID, .gid = GID};
	const struct ctsh_where where = {.owner = &owner};
	const struct ctsh_runtime runtime = {.name = "fake", .find = find};

	if (geteuid() != 0)
		fail_msg("this test needs root");
	return ctsh_owner_ask(&runtime, &where, "box", ctsh_now_ms() + 20000,
	                      target, err);
}

static void refused_as(find_fn *find, enum ctsh_code code)
{
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;

	assert_int_equal(ask(find, &target, &err), -1);
	if (err.code != code)
		fail_msg("%s", err.what);
	assert_int_equal(target.pid, 5);
}

/* As much as a runtime could say. */
static int say_all(const struct ctsh_where *where, const char *name,
                   int64_t deadline_ms, struct ctsh_target *target,
                   struct ctsh_error *err)
{
	(void)where;
	(void)name;
	(void)deadline_ms;
	(void)err;
	target->pid = 4711;
	strcpy(target->engine, "docker");
	strcpy(target->name, "another");
	strcpy(target->id, ID);
	strcpy(target->cgroup_id, ID);
	target->start_ticks = 9;
	target->not_after.tv_sec = 8;
	target->names_seccomp = true;
	return 0;
}

static void of_an_answer_no_more_than_a_claim_is_taken(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ask(say_all, &target, &err), 0);
	assert_int_equal(target.pid, 4711);
	assert_string_equal(target.id, ID);
	assert_string_equal(target.name, "box");
	assert_string_equal(target.engine, "");
	assert_string_equal(target.cgroup_id, "");
	assert_true(target.start_ticks == 0);
	assert_int_equal(target.not_after.tv_sec, 8);
	assert_true(target.names_seccomp);
}

static int say_wild_id(const struct ctsh_where *where, const char *name,
                       int64_t deadline_ms, struct ctsh_target *target,
                       struct ctsh_error *err)
{
	(void)say_all(where, name, deadline_ms, target, err);
	memset(target->id, '\x01', sizeof(target->id));
	return 0;
}

static int say_line(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	(void)say_all(where, name, deadline_ms, target, err);
	strcpy(target->id, "a\nopen user=root");
	return 0;
}

static int say_init(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	(void)say_all(where, name, deadline_ms, target, err);
	target->pid = 1;
	return 0;
}

static int say_negative(const struct ctsh_where *where, const char *name,
                        int64_t deadline_ms, struct ctsh_target *target,
                        struct ctsh_error *err)
{
	(void)say_all(where, name, deadline_ms, target, err);
	target->pid = -1;
	return 0;
}

static void an_answer_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	refused_as(say_wild_id, CTSH_E_UNSAFE);
	refused_as(say_line, CTSH_E_UNSAFE);
	refused_as(say_init, CTSH_E_UNSAFE);
	refused_as(say_negative, CTSH_E_UNSAFE);
}

#define FAILS_WITH(code)                                                 \
	static int fail_##code(const struct ctsh_where *where,           \
	                       const char *name, int64_t deadline_ms,    \
	                       struct ctsh_target *target,               \
	                       struct ctsh_error *err)                   \
	{                                                                \
		(void)where;                                             \
		(void)deadline_ms;                                       \
		(void)target;                                            \
		return ctsh_fail(err, CTSH_##code, 0, "%s\n\x1b", name); \
	}

FAILS_WITH(E_ABSENT)
FAILS_WITH(E_ENGINE)
FAILS_WITH(E_SYSTEM)
FAILS_WITH(E_PAUSED)
FAILS_WITH(E_DENIED)

/* No runtime says anything to the user; bytes that broke a parser might. */
static int speak(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_target *target,
                 struct ctsh_error *err)
{
	(void)fail_E_ABSENT(where, name, deadline_ms, target, err);
	strcpy(err->say, "Log in at example.org.");
	return -1;
}

static void all_but_absence_is_one_sentence(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	refused_as(fail_E_ABSENT, CTSH_E_ABSENT);
	refused_as(fail_E_ENGINE, CTSH_E_UNSAFE);
	refused_as(fail_E_SYSTEM, CTSH_E_UNSAFE);
	refused_as(fail_E_PAUSED, CTSH_E_UNSAFE);
	refused_as(fail_E_DENIED, CTSH_E_UNSAFE);
	assert_int_equal(ask(fail_E_ENGINE, &target, &err), -1);
	assert_null(strchr(err.what, '\n'));
	assert_string_equal(err.say, "");
	assert_int_equal(ask(speak, &target, &err), -1);
	assert_string_equal(err.say, "");
}

#define TRIES(name, what)                                                \
	static int name(const struct ctsh_where *where, const char *of,  \
	                int64_t deadline_ms, struct ctsh_target *target, \
	                struct ctsh_error *err)                          \
	{                                                                \
		what;                                                    \
		return say_all(where, of, deadline_ms, target, err);     \
	}

TRIES(tries_a_socket, (void)socket(AF_UNIX, SOCK_STREAM, 0))
TRIES(tries_a_program, (void)execl("/bin/true", "true", NULL))
TRIES(tries_a_process, (void)fork())
TRIES(tries_to_signal, (void)kill(getppid(), 0))
TRIES(tries_to_be_root, (void)!setuid(0))
TRIES(tries_to_unlink, (void)unlink("/nonexistent"))
TRIES(tries_to_be_seen, (void)prctl(PR_SET_DUMPABLE, 1))
TRIES(tries_to_crash, abort())

static void what_it_does_not_need_ends_it(void **state)
{
	static find_fn *const tries[] = {
		tries_a_socket,   tries_a_program,  tries_a_process,
		tries_to_signal,  tries_to_be_root, tries_to_unlink,
		tries_to_be_seen, tries_to_crash,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		refused_as(tries[i], CTSH_E_UNSAFE);
}

static int say_power(const struct ctsh_where *where, const char *name,
                     int64_t deadline_ms, struct ctsh_target *target,
                     struct ctsh_error *err)
{
	int shadow = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
	int made = open("/tmp/ctsh-test-owner",
	                O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int fd, held = 0;

	for (fd = 0; fd < 64; fd++)
		if (fd != shadow && fd != made && fcntl(fd, F_GETFD) >= 0)
			held++;
	(void)say_all(where, name, deadline_ms, target, err);
	/* Its ids, whether it could read root's file, and what it holds. */
	target->not_after.tv_sec = (time_t)geteuid();
	target->not_after.tv_nsec = shadow >= 0 ? 1000 : held;
	return 0;
}

static void it_is_the_owner_and_holds_nothing(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ask(say_power, &target, &err), 0);
	assert_int_equal(target.not_after.tv_sec, UID);
	/* /dev/null thrice, and what its answer goes through. */
	assert_int_equal(target.not_after.tv_nsec, 4);
	(void)unlink("/tmp/ctsh-test-owner");
}

static int eat_memory(const struct ctsh_where *where, const char *name,
                      int64_t deadline_ms, struct ctsh_target *target,
                      struct ctsh_error *err)
{
	char *volatile more = malloc(300U << 20);

	(void)say_all(where, name, deadline_ms, target, err);
	return more ? 0 : ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "memory");
}

static void its_memory_has_an_end(void **state)
{
	(void)state;
	refused_as(eat_memory, CTSH_E_UNSAFE);
}

static int never_answer(const struct ctsh_where *where, const char *name,
                        int64_t deadline_ms, struct ctsh_target *target,
                        struct ctsh_error *err)
{
	while (ctsh_now_ms() < INT64_MAX)
		;
	return say_all(where, name, deadline_ms, target, err);
}

static void its_time_has_an_end(void **state)
{
	int64_t begin = ctsh_now_ms();

	(void)state;
	refused_as(never_answer, CTSH_E_UNSAFE);
	assert_true(ctsh_now_ms() - begin < 8000);
}

/* -- starting ---------------------------------------------------------- */

static char started[128];

static int note_start(const struct ctsh_where *where, const char *name,
                      int64_t deadline_ms, struct ctsh_error *err)
{
	(void)deadline_ms;
	(void)err;
	(void)snprintf(started, sizeof(started), "%u %u %s", geteuid(),
	               where->owner->uid, name);
	return 0;
}

static int start(find_fn *identify, struct ctsh_error *err)
{
	static const struct ctsh_owner owner = {.uid = UID, .gid = GID};
	const struct ctsh_where where = {.owner = &owner};
	const struct ctsh_runtime runtime = {
		.name = "fake", .identify = identify, .start = note_start};

	started[0] = '\0';
	return ctsh_owner_start(&runtime, &where, "box", ctsh_now_ms() + 20000,
	                        err);
}

static int say_absent(const struct ctsh_where *where, const char *name,
                      int64_t deadline_ms, struct ctsh_target *target,
                      struct ctsh_error *err)
{
	(void)where;
	(void)name;
	(void)deadline_ms;
	(void)target;
	return ctsh_fail(err, CTSH_E_ABSENT, 0, "no such container");
}

/* What is read is read as them; the ID is all that comes of it. */
static void a_start_is_told_the_id_that_the_owner_says(void **state)
{
	struct ctsh_error err;
	char expected[128];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "0 %d %s", UID, ID);
	assert_int_equal(start(say_power, &err), 0);
	assert_string_equal(started, expected);
	(void)unlink("/tmp/ctsh-test-owner");
}

static void nothing_is_started_of_a_wild_answer(void **state)
{
	static find_fn *const wild[] = {say_wild_id, say_line, eat_memory};
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
		assert_int_equal(start(wild[i], &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_string_equal(started, "");
	}
	assert_int_equal(start(say_absent, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(started, "");
}

static void the_caller_is_an_owner_who_is_known(void **state)
{
	struct ctsh_person person = {
		.uid = 1000, .gid = 100, .name = "alice", .home = "/h/alice"};
	struct ctsh_rule rule = {.file = "f", .line = 3};
	char *owners[] = {"%u", "alice"};
	struct ctsh_owner owner;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		rule.owner = owners[i];
		memset(&owner, 0, sizeof(owner));
		assert_int_equal(
			ctsh_owner_resolve(&rule, &person, &owner, 0, &err), 0);
		assert_int_equal(owner.uid, 1000);
		assert_int_equal(owner.gid, 100);
		assert_string_equal(owner.home, "/h/alice");
	}
	person.uid = 0;
	assert_int_equal(ctsh_owner_resolve(&rule, &person, &owner, 0, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_string_equal(err.what, "f:3: owner alice has uid 0: write root");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_an_answer_no_more_than_a_claim_is_taken),
		cmocka_unit_test(an_answer_that_makes_no_sense_is_refused),
		cmocka_unit_test(all_but_absence_is_one_sentence),
		cmocka_unit_test(what_it_does_not_need_ends_it),
		cmocka_unit_test(it_is_the_owner_and_holds_nothing),
		cmocka_unit_test(its_memory_has_an_end),
		cmocka_unit_test(its_time_has_an_end),
		cmocka_unit_test(the_caller_is_an_owner_who_is_known),
		cmocka_unit_test(a_start_is_told_the_id_that_the_owner_says),
		cmocka_unit_test(nothing_is_started_of_a_wild_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
