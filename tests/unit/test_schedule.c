/* SPDX-License-Identifier: MIT */
/* Needs root: real children with real priorities. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/enter/schedule.h"

/* How a process asks to be served. */
struct wish {
	int policy;
	int nice;
	int ioprio; /* class << 13 | level */
};

enum { NONE = 0, RT = 1 << 13, BE = 2 << 13, LAZY = 3 << 13 };

static pid_t start(const struct wish *wish)
{
	struct sched_param rt = {.sched_priority = 1}, other = {0};
	bool real_time = wish->policy == SCHED_FIFO || wish->policy == SCHED_RR;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_int_equal(setpriority(PRIO_PROCESS, (id_t)pid, wish->nice), 0);
	assert_int_equal(
		sched_setscheduler(pid, wish->policy, real_time ? &rt : &other),
		0);
	assert_int_equal(syscall(SYS_ioprio_set, 1, pid, wish->ioprio), 0);
	return pid;
}

static void stop(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static const struct {
	struct wish init, own, got;
} cases[] = {
	/* Nobody asked for anything. */
	{{SCHED_OTHER, 0, NONE}, {SCHED_OTHER, 0, NONE}, {SCHED_OTHER, 0, 0}},
	/* The init has less than the caller. */
	{{SCHED_OTHER, 7, NONE}, {SCHED_OTHER, 0, NONE}, {SCHED_OTHER, 7, 0}},
	{{SCHED_OTHER, 7, NONE}, {SCHED_OTHER, -5, NONE}, {SCHED_OTHER, 7, 0}},
	{{SCHED_OTHER, 0, NONE}, {SCHED_OTHER, -9, NONE}, {SCHED_OTHER, 0, 0}},
	{{SCHED_IDLE, 0, LAZY}, {SCHED_OTHER, 0, NONE}, {SCHED_IDLE, 0, LAZY}},
	{{SCHED_BATCH, 3, BE | 6},
         {SCHED_OTHER, 0, BE | 2},
         {SCHED_BATCH, 3, BE | 6}},
	/* The caller has less than the init. */
	{{SCHED_OTHER, -3, NONE},
         {SCHED_OTHER, 4, BE | 7},
         {SCHED_OTHER, 4, BE | 7}},
	{{SCHED_OTHER, 0, NONE}, {SCHED_IDLE, 0, LAZY}, {SCHED_IDLE, 0, LAZY}},
	{{SCHED_BATCH, 0, BE | 1},
         {SCHED_IDLE, 0, NONE},
         {SCHED_IDLE, 0, NONE}},
	/* What no choice means lies in the middle. */
	{{SCHED_OTHER, 0, NONE},
         {SCHED_OTHER, 0, BE | 1},
         {SCHED_OTHER, 0, NONE}},
	{{SCHED_OTHER, 0, BE | 5},
         {SCHED_OTHER, 0, NONE},
         {SCHED_OTHER, 0, BE | 5}},
	/* Real time goes on from neither side. */
	{{SCHED_FIFO, 0, RT | 4}, {SCHED_OTHER, 0, NONE}, {SCHED_OTHER, 0, 0}},
	{{SCHED_OTHER, 0, NONE}, {SCHED_RR, 0, RT}, {SCHED_OTHER, 0, 0}},
	{{SCHED_FIFO, 0, RT}, {SCHED_FIFO, 0, RT}, {SCHED_OTHER, 0, 0}},
};

static void the_worse_of_both_is_given(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static struct ctsh_container c;
		struct ctsh_error err;
		pid_t own = start(&cases[i].own);

		c.pid = start(&cases[i].init);
		if (ctsh_schedule_read(&c, &err) ||
		    ctsh_schedule_give(&c, own, &err))
			fail_msg("case %zu: %s", i, err.what);
		if (sched_getscheduler(own) != cases[i].got.policy ||
		    getpriority(PRIO_PROCESS, (id_t)own) != cases[i].got.nice ||
		    syscall(SYS_ioprio_get, 1, own) != cases[i].got.ioprio)
			fail_msg("case %zu: policy %d, nice %d, ioprio %#lx", i,
			         sched_getscheduler(own),
			         getpriority(PRIO_PROCESS, (id_t)own),
			         syscall(SYS_ioprio_get, 1, own));
		stop(c.pid);
		stop(own);
	}
}

/* As Linux shows it before 5.15 of a process that never used a disk. */
static void a_level_without_a_class_is_no_choice(void **state)
{
	const struct wish none = {SCHED_OTHER, 0, NONE},
			  rt = {SCHED_OTHER, 0, RT};
	static struct ctsh_container c;
	struct ctsh_error err;
	pid_t own[] = {start(&none), start(&rt)};

	(void)state;
	c.pid = start(&none);
	assert_int_equal(ctsh_schedule_read(&c, &err), 0);
	c.schedule.ioprio = NONE | 4;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		assert_int_equal(ctsh_schedule_give(&c, own[i], &err), 0);
		assert_int_equal(syscall(SYS_ioprio_get, 1, own[i]), NONE);
		stop(own[i]);
	}
	stop(c.pid);
}

static void the_affinity_is_the_inits(void **state)
{
	const struct wish none = {SCHED_OTHER, 0, NONE};
	static struct ctsh_container c;
	struct ctsh_error err;
	cpu_set_t one, got, all;
	pid_t own = start(&none);

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	c.pid = start(&none);
	for (int narrow_init = 0; narrow_init < 2; narrow_init++) {
		pid_t narrow = narrow_init ? c.pid : own;
		pid_t wide = narrow_init ? own : c.pid;

		assert_int_equal(sched_setaffinity(narrow, sizeof(one), &one),
		                 0);
		assert_int_equal(sched_setaffinity(wide, sizeof(all), &all), 0);
		assert_int_equal(ctsh_schedule_read(&c, &err), 0);
		assert_int_equal(ctsh_schedule_give(&c, own, &err), 0);
		assert_int_equal(sched_getaffinity(own, sizeof(got), &got), 0);
		assert_true(CPU_EQUAL(&got, narrow_init ? &one : &all));
	}
	stop(c.pid);
	stop(own);
}

static void a_process_that_ended_is_an_error(void **state)
{
	const struct wish none = {SCHED_OTHER, 0, NONE};
	static struct ctsh_container c;
	struct ctsh_error err = {0};

	(void)state;
	c.pid = start(&none);
	stop(c.pid);
	assert_int_equal(ctsh_schedule_read(&c, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	assert_int_equal(ctsh_schedule_give(&c, c.pid, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worse_of_both_is_given),
		cmocka_unit_test(a_level_without_a_class_is_no_choice),
		cmocka_unit_test(the_affinity_is_the_inits),
		cmocka_unit_test(a_process_that_ended_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
