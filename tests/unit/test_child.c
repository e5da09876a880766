/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../lib/base/child.h"
#include "../../lib/base/fdio.h"
#include "descriptors_world.h"

#define LARGE (50 * 1024)

/* --- children --------------------------------------------------------- */

static int answer_double(void *argument, int channel, void *answer, int *fd,
                         struct ctsh_error *err)
{
	(void)channel;
	(void)fd;
	(void)err;
	*(int *)answer = *(int *)argument * 2;
	return 0;
}

static int answer_pid_and_parent(void *argument, int channel, void *answer,
                                 int *fd, struct ctsh_error *err)
{
	pid_t *pids = answer;
	int deathsig = 0;

	(void)argument;
	(void)channel;
	(void)fd;
	(void)err;
	(void)prctl(PR_GET_PDEATHSIG, &deathsig);
	pids[0] = getpid();
	pids[1] = getppid();
	pids[2] = deathsig;
	return 0;
}

static int answer_if_zero_at_first(void *argument, int channel, void *answer,
                                   int *fd, struct ctsh_error *err)
{
	char *bytes = answer;

	(void)argument;
	(void)channel;
	(void)fd;
	for (size_t i = 0; i < LARGE; i++)
		if (bytes[i])
			return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not zero");
	memset(bytes, 'x', LARGE);
	return 0;
}

static int answer_with_pipe(void *argument, int channel, void *answer, int *fd,
                            struct ctsh_error *err)
{
	int ends[2];

	(void)argument;
	(void)channel;
	(void)answer;
	if (pipe(ends) || write(ends[1], "hi", 2) != 2)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	*fd = ends[0];
	return 0;
}

static int fail_as_told(void *argument, int channel, void *answer, int *fd,
                        struct ctsh_error *err)
{
	(void)channel;
	*(int *)answer = 77;
	*fd = 0;
	memcpy(err, argument, sizeof(*err));
	return -1;
}

static int fail_without_a_word(void *argument, int channel, void *answer,
                               int *fd, struct ctsh_error *err)
{
	(void)argument;
	(void)channel;
	(void)answer;
	(void)fd;
	(void)err;
	return -1;
}

static int die_of_signal(void *argument, int channel, void *answer, int *fd,
                         struct ctsh_error *err)
{
	struct rlimit none = {0, 0};

	(void)channel;
	(void)answer;
	(void)fd;
	(void)err;
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(*(int *)argument, SIG_DFL);
	(void)raise(*(int *)argument);
	return 0;
}

static int leave(void *argument, int channel, void *answer, int *fd,
                 struct ctsh_error *err)
{
	(void)argument;
	(void)channel;
	(void)answer;
	(void)fd;
	(void)err;
	_exit(0);
}

/* Waits for ever, deaf to whatever can be ignored. */
static _Noreturn void hang(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	for (;;)
		ctsh_nap_us(1000000);
}

static int never_answer(void *argument, int channel, void *answer, int *fd,
                        struct ctsh_error *err)
{
	(void)channel;
	(void)answer;
	(void)fd;
	(void)err;
	*(volatile pid_t *)argument = getpid();
	hang();
}

static int hang_up_and_stay(void *argument, int channel, void *answer, int *fd,
                            struct ctsh_error *err)
{
	(void)argument;
	(void)answer;
	(void)fd;
	(void)err;
	(void)close(channel);
	hang();
}

/* Says what it likes on the channel, then stays. */
struct speech {
	size_t length;
	char bytes[LARGE];
};

static int speak_and_stay(void *argument, int channel, void *answer, int *fd,
                          struct ctsh_error *err)
{
	const struct speech *speech = argument;

	(void)answer;
	(void)fd;
	(void)err;
	(void)!write(channel, speech->bytes, speech->length);
	hang();
}

static int answer_then_hostile_error(void *argument, int channel, void *answer,
                                     int *fd, struct ctsh_error *err)
{
	(void)argument;
	(void)channel;
	(void)answer;
	(void)fd;
	memset(err, 0xff, sizeof(*err));
	return -1;
}

/* Where a handler of atexit(3) notes that it ran. */
static int *exits;

static void note_exit(void)
{
	++*exits;
}

/* --- tests ------------------------------------------------------------ */

static void call_returns_the_answer(void **state)
{
	struct ctsh_error err = {0};
	unsigned before = open_fds();
	int question = 21, answer = 0, fd = 99;

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_double, &question, &answer,
	                                 sizeof(answer), &fd, soon(), &err),
	                 0);

	assert_int_equal(answer, 42);
	assert_int_equal(fd, -1);
	assert_int_equal(open_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void call_runs_in_a_child_that_dies_with_us(void **state)
{
	struct ctsh_error err;
	pid_t pids[3];

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_pid_and_parent, NULL, pids,
	                                 sizeof(pids), NULL, soon(), &err),
	                 0);

	assert_true(pids[0] != getpid());
	assert_int_equal(pids[1], getpid());
	assert_int_equal(pids[2], SIGKILL);
}

static void call_carries_a_large_answer_that_was_zero_at_first(void **state)
{
	static char answer[LARGE];
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_if_zero_at_first, NULL,
	                                 answer, sizeof(answer), NULL, soon(),
	                                 &err),
	                 0);

	for (size_t i = 0; i < sizeof(answer); i++)
		assert_int_equal(answer[i], 'x');
}

static void call_hands_over_a_descriptor_close_on_exec(void **state)
{
	struct ctsh_error err;
	unsigned before = open_fds();
	char answer, buf[4] = "";
	int fd = -1;

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_with_pipe, NULL, &answer,
	                                 1, &fd, soon(), &err),
	                 0);

	assert_int_equal(read(fd, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "hi");
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
	assert_int_equal(open_fds(), before);
}

static void call_closes_a_descriptor_that_nobody_wants(void **state)
{
	struct ctsh_error err;
	unsigned before = open_fds();
	char answer;

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_with_pipe, NULL, &answer,
	                                 1, NULL, soon(), &err),
	                 0);

	assert_int_equal(open_fds(), before);
}

/* Fails like this, with answer and descriptor untouched and nothing left. */
static void fails(ctsh_child_fn *fn, void *argument, int64_t deadline_ms,
                  struct ctsh_error *err)
{
	unsigned before = open_fds();
	int answer = 33, fd = 99;

	assert_int_equal(ctsh_child_call("reader", fn, argument, &answer,
	                                 sizeof(answer), &fd, deadline_ms, err),
	                 -1);
	assert_int_equal(answer, 33);
	assert_int_equal(fd, 99);
	assert_int_equal(open_fds(), before);
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void the_childs_own_error_comes_back(void **state)
{
	struct ctsh_error err = {0};
	struct ctsh_error told = {.code = CTSH_E_IDENTITY,
	                          .sys = EPERM,
	                          .what = "no such user",
	                          .say = "Ask Bob."};

	(void)state;
	fails(fail_as_told, &told, soon(), &err);

	assert_int_equal(err.code, CTSH_E_IDENTITY);
	assert_int_equal(err.sys, EPERM);
	assert_string_equal(err.what, "no such user");
	assert_string_equal(err.say, "Ask Bob.");
}

static void an_error_without_a_word_names_the_child(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	fails(fail_without_a_word, NULL, soon(), &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "reader: failed");
}

static void a_hostile_error_is_terminated_printable_and_a_code(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	fails(answer_then_hostile_error, NULL, soon(), &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	assert_int_equal(strspn(err.what, "?"), sizeof(err.what) - 1);
	assert_int_equal(strlen(err.say), sizeof(err.say) - 1);
	assert_int_equal(strspn(err.say, "?"), sizeof(err.say) - 1);
}

static void an_error_that_says_ok_is_e_system(void **state)
{
	struct ctsh_error err = {0};
	struct ctsh_error told = {.code = CTSH_OK, .what = "a\033[2Jb"};

	(void)state;
	fails(fail_as_told, &told, soon(), &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "a?[2Jb");
}

static void a_child_that_died_says_of_what(void **state)
{
	static int signals[] = {SIGSEGV, SIGSYS, SIGKILL};
	static const char *const texts[] = {
		"reader: died by signal 11",
		"reader: died by signal 31",
		"reader: died by signal 9",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct ctsh_error err = {0};

		fails(die_of_signal, &signals[i], soon(), &err);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
		assert_string_equal(err.what, texts[i]);
	}
}

static void a_child_that_leaves_gave_no_answer(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	fails(leave, NULL, soon(), &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "reader: ended without an answer");
}

static void a_late_child_is_killed_and_reaped(void **state)
{
	struct ctsh_error err = {0};
	int64_t begin = ctsh_now_ms();
	pid_t *child = mmap(NULL, sizeof(*child), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(child != MAP_FAILED);
	fails(never_answer, child, begin + 100, &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "reader: no answer in time");
	assert_in_range(ctsh_now_ms() - begin, 100, 3000);
	assert_true(*child > 0);
	errno = 0;
	assert_int_equal(kill(*child, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(munmap(child, sizeof(*child)), 0);
}

static void a_child_that_hangs_up_and_stays_is_late(void **state)
{
	struct ctsh_error err = {0};

	(void)state;
	fails(hang_up_and_stay, NULL, ctsh_now_ms() + 100, &err);

	assert_string_equal(err.what, "reader: no answer in time");
}

static void an_answer_of_another_size_is_refused(void **state)
{
	static const size_t lengths[] = {
		1, 4, 15, 21, 200, sizeof(struct ctsh_error),
	};
	static struct speech speech;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (char failed = 0; failed < 2; failed++) {
			struct ctsh_error err = {0};

			speech.length = lengths[i];
			speech.bytes[0] = failed;
			fails(speak_and_stay, &speech, soon(), &err);
			assert_int_equal(err.code, CTSH_E_SYSTEM);
			assert_string_equal(err.what,
			                    "reader: answer of the wrong size");
		}
}

static void an_answer_larger_than_any_is_refused(void **state)
{
	static struct speech speech = {.length = LARGE};
	struct ctsh_error err = {0};

	(void)state;
	fails(speak_and_stay, &speech, soon(), &err);

	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_string_equal(err.what, "reader: receive: EMSGSIZE");
}

static void one_that_answered_and_stays_is_ended_at_once(void **state)
{
	static struct speech speech = {.length = 16 + sizeof(int)};
	struct ctsh_error err = {0};
	int64_t begin = ctsh_now_ms();
	int answer = 33;

	(void)state;
	/* A message as child.c makes it: no failure, and a 5. */
	speech.bytes[16] = 5;
	assert_int_equal(ctsh_child_call("reader", speak_and_stay, &speech,
	                                 &answer, sizeof(answer), NULL, soon(),
	                                 &err),
	                 0);

	assert_int_equal(answer, 5);
	assert_true(ctsh_now_ms() - begin < 2000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void the_child_runs_no_exit_handlers(void **state)
{
	struct ctsh_error err;
	int question = 1, answer;

	(void)state;
	exits = mmap(NULL, sizeof(*exits), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(exits != MAP_FAILED);
	assert_int_equal(atexit(note_exit), 0);

	assert_int_equal(ctsh_child_call("x", answer_double, &question, &answer,
	                                 sizeof(answer), NULL, soon(), &err),
	                 0);

	assert_int_equal(*exits, 0);
}

static void the_child_dies_with_its_parent(void **state)
{
	volatile pid_t *child =
		mmap(NULL, sizeof(*child), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent;

	(void)state;
	assert_true(child != MAP_FAILED);
	/* Orphans come to us, so that we see how it ended. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	parent = fork();
	if (parent == 0) {
		struct ctsh_error err;
		int answer;

		_exit(ctsh_child_call("x", never_answer, (void *)child, &answer,
		                      sizeof(answer), NULL, soon(), &err));
	}
	while (!*child)
		ctsh_nap_us(1000);

	assert_int_equal(kill(parent, SIGKILL), 0);

	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(waitpid(*child, NULL, 0), *child);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_int_equal(munmap((void *)child, sizeof(*child)), 0);
}

static int refuse_with_limit(rlim_t descriptors, struct ctsh_error *err)
{
	struct rlimit old, tight;
	int question = 1, answer = 33, result;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = old;
	tight.rlim_cur = descriptors;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	result = ctsh_child_call("reader", answer_double, &question, &answer,
	                         sizeof(answer), NULL, soon(), err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(answer, 33);
	return result;
}

static void without_room_for_descriptors_nothing_is_left(void **state)
{
	unsigned before = open_fds();
	struct ctsh_error err = {0};
	int next = dup(0);

	(void)state;
	assert_true(next > 0);
	assert_int_equal(close(next), 0);

	/* Room for none, then for one end of the channel only. */
	assert_int_equal(refuse_with_limit((rlim_t)next, &err), -1);
	assert_string_equal(err.what, "reader: start: EMFILE");
	assert_int_equal(refuse_with_limit((rlim_t)next + 1, &err), -1);
	assert_string_equal(err.what, "reader: start: EMFILE");

	assert_int_equal(open_fds(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int answer_zero(void *argument, int channel, void *answer, int *fd,
                       struct ctsh_error *err)
{
	(void)argument;
	(void)channel;
	(void)fd;
	(void)err;
	memset(answer, 0, sizeof(int));
	return 0;
}

/* Zeros do not travel, and must not leave what was there before. */
static void zeros_at_the_end_of_an_answer_arrive(void **state)
{
	struct ctsh_error err = {0};
	int answer = 33;

	(void)state;
	assert_int_equal(ctsh_child_call("x", answer_zero, NULL, &answer,
	                                 sizeof(answer), NULL, soon(), &err),
	                 0);
	assert_int_equal(answer, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_at_the_end_of_an_answer_arrive),
		cmocka_unit_test(call_returns_the_answer),
		cmocka_unit_test(call_runs_in_a_child_that_dies_with_us),
		cmocka_unit_test(
			call_carries_a_large_answer_that_was_zero_at_first),
		cmocka_unit_test(call_hands_over_a_descriptor_close_on_exec),
		cmocka_unit_test(call_closes_a_descriptor_that_nobody_wants),
		cmocka_unit_test(the_childs_own_error_comes_back),
		cmocka_unit_test(an_error_without_a_word_names_the_child),
		cmocka_unit_test(
			a_hostile_error_is_terminated_printable_and_a_code),
		cmocka_unit_test(an_error_that_says_ok_is_e_system),
		cmocka_unit_test(a_child_that_died_says_of_what),
		cmocka_unit_test(a_child_that_leaves_gave_no_answer),
		cmocka_unit_test(a_late_child_is_killed_and_reaped),
		cmocka_unit_test(a_child_that_hangs_up_and_stays_is_late),
		cmocka_unit_test(an_answer_of_another_size_is_refused),
		cmocka_unit_test(an_answer_larger_than_any_is_refused),
		cmocka_unit_test(one_that_answered_and_stays_is_ended_at_once),
		cmocka_unit_test(the_child_runs_no_exit_handlers),
		cmocka_unit_test(the_child_dies_with_its_parent),
		cmocka_unit_test(without_room_for_descriptors_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
