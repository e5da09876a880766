/* SPDX-License-Identifier: MIT */
/*
 * M and S.  Nothing here decides, looks up, logs or allocates; the order is the
 * design (enter.h), and each step fails hard.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/clean.h"
#include "confine.h"
#include "join.h"
#include "sandbox.h"
#include "seccomp.h"
#include "stage.h"

/* Where the pipes live once all else is closed. */
#define REPORT_PLACE 3
#define GO_PLACE 4
#define PROGRAM_PLACE 5 /* only if the plan has a program of ours */
#define BAGGAGE_PLACE 6 /* and this one and others if it has baggage */
#define PLACES_MAX (BAGGAGE_PLACE + CTSH_BAGGAGE_MAX)
#define OUT_OF_THE_WAY 16

static void say(int report, enum ctsh_stage stage, int sys)
{
	struct ctsh_message message = {(uint32_t)stage, sys};

	/* write(2) and read(2): what no filter can do without. */
	if (write(report, &message, sizeof(message)) != sizeof(message))
		_exit(CHAR_MAX);
}

static _Noreturn void fail(int report, enum ctsh_stage stage)
{
	say(report, stage, errno);
	_exit(CHAR_MAX);
}

/* Waits for the one byte.  P closing its end, or dying, ends us. */
static void await_go(int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(CHAR_MAX);
}

/*
 * Puts the three descriptors at 0 to 2 and the pipes behind them, and closes
 * the rest: from here on no descriptor leads to the host, but the one to the
 * single file of the plan's program, which is read-only.
 */
static void place_descriptors(const struct ctsh_entry *entry,
                              struct ctsh_line line)
{
	const int from[] = {entry->stdio[0], entry->stdio[1], entry->stdio[2],
	                    line.report,     line.go,         entry->program};
	const int count = entry->plan->program
	                          ? BAGGAGE_PLACE + entry->baggage_count
	                          : PROGRAM_PLACE;
	int parked[PLACES_MAX];

	for (int i = 0; i < count; i++) {
		parked[i] = fcntl(
			i < BAGGAGE_PLACE ? from[i]
					  : entry->baggage[i - BAGGAGE_PLACE],
			F_DUPFD_CLOEXEC, OUT_OF_THE_WAY + entry->baggage_count);
		if (parked[i] < 0)
			fail(line.report, CTSH_STAGE_DESCRIPTORS);
	}
	for (int i = 0; i < count; i++)
		if (i < REPORT_PLACE || i >= BAGGAGE_PLACE
		            ? dup2(parked[i], i) < 0
		            : dup3(parked[i], i, O_CLOEXEC) < 0)
			fail(parked[REPORT_PLACE], CTSH_STAGE_DESCRIPTORS);
	if (syscall(SYS_close_range, count, ~0U, 0))
		fail(parked[REPORT_PLACE], CTSH_STAGE_DESCRIPTORS);
}

static void reset_signals(void)
{
	sigset_t none;

	/* libc keeps two for itself and says EINVAL; so do KILL and STOP. */
	for (int sig = 1; sig < NSIG; sig++)
		if (signal(sig, SIG_DFL) == SIG_ERR && errno != EINVAL)
			fail(REPORT_PLACE, CTSH_STAGE_SIGNALS);
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL))
		fail(REPORT_PLACE, CTSH_STAGE_SIGNALS);
}

/*
 * The first of the directories that can be entered and lies below our root:
 * a symbolic link to /proc/self/fd/N may lead out of it (CVE-2024-21626), and
 * then the kernel's own getcwd says "(unreachable)" (CVE-2018-1000001).
 */
static void change_directory(const struct ctsh_plan *plan)
{
	static char cwd[PATH_MAX];

	for (size_t i = 0; i < plan->directory_count; i++)
		if (chdir(plan->directories[i]) == 0 &&
		    syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 &&
		    cwd[0] == '/') {
			if (i > 0)
				say(REPORT_PLACE, CTSH_STAGE_ELSEWHERE, 0);
			return;
		}
	fail(REPORT_PLACE, CTSH_STAGE_DIRECTORY);
}

/* Whether it is the label that stood in the way, and not the file's mode or a
 * mount without exec. */
static bool lacks_transition(const struct ctsh_container *c, const char *path)
{
	int sys = errno;
	bool yes = c->label.file && (sys == EACCES || sys == EPERM) &&
	           access(path, X_OK) == 0;

	errno = sys;
	return yes;
}

/* By its descriptor alone: nothing of the container's is believed, and where a
 * filter forbids execveat(2) that is said.  The label's refusal is one like the
 * others here: which files of the host's it lets run is the policy's choice. */
static _Noreturn void execute_program(const struct ctsh_plan *plan)
{
	plan->env[0] = plan->shells[0].shell_env;
	(void)syscall(SYS_execveat, PROGRAM_PLACE, "", plan->program, plan->env,
	              AT_EMPTY_PATH);
	/* Not found is what no shell is: this one is there. */
	if (errno == ENOENT)
		errno = EACCES;
	fail(REPORT_PLACE, CTSH_STAGE_PROGRAM);
}

/* Of shells that are not there, all of them, the first one is named. */
static _Noreturn void execute(const struct ctsh_container *c,
                              const struct ctsh_plan *plan)
{
	enum ctsh_stage failed = CTSH_STAGE_EXEC;

	for (size_t i = 0; i < plan->shell_count; i++) {
		const struct ctsh_candidate *shell = &plan->shells[i];

		plan->env[0] = shell->shell_env;
		execve(shell->path, shell->argv, plan->env);
		if (lacks_transition(c, shell->path))
			fail(REPORT_PLACE, CTSH_STAGE_TRANSITION);
		if (errno != ENOENT && errno != ENOTDIR) {
			failed += (unsigned)i;
			break;
		}
	}
	fail(REPORT_PLACE, failed);
}

/* S: visible inside from its first instruction, without power since before. */
static _Noreturn void become_shell(const struct ctsh_entry *entry)
{
	await_go(GO_PLACE);
	if (setsid() < 0)
		fail(REPORT_PLACE, CTSH_STAGE_TERMINAL);
	/* 0: never steal it from another session. */
	if (entry->terminal >= 0 && ioctl(entry->terminal, TIOCSCTTY, 0))
		fail(REPORT_PLACE, CTSH_STAGE_TERMINAL);
	reset_signals();
	(void)umask(entry->plan->umask);
	change_directory(entry->plan);
	if (entry->plan->program)
		execute_program(entry->plan);
	execute(entry->container, entry->plan);
}

/*
 * The kernel writes the child's PID into the child's memory and into ours; what
 * the call returns may be faked by a filter.  Which of the last two arguments
 * is the child's depends on the machine; the other one is not used.
 */
static _Noreturn void give_birth(const struct ctsh_entry *entry)
{
	/* CLONE_PARENT: S is P's child, so its status reaches P from outside.
	 */
	const long flags = CLONE_PARENT | CLONE_PARENT_SETTID |
	                   CLONE_CHILD_SETTID | SIGCHLD;
	volatile pid_t child = 0, self = 0;
	long born;

#if defined(__s390x__)
	/* Here the stack comes first (clone(2)). */
	born = syscall(SYS_clone, 0, flags, &child, &self, &self);
#else
	born = syscall(SYS_clone, flags, 0, &child, &self, &self);
#endif
	if (born < 0)
		fail(REPORT_PLACE, CTSH_STAGE_CLONE);
	if (self != 0)
		become_shell(entry);
	say(REPORT_PLACE, CTSH_STAGE_STARTED, child);
	_exit(0);
}

_Noreturn void ctsh_inside(const struct ctsh_entry *entry,
                           struct ctsh_line line)
{
	const struct ctsh_container *c = entry->container;
	enum ctsh_stage failed;

	ctsh_hide();
	/* Out of the session that the user came by: its terminal and its
	 * processes would be in reach of whoever takes S over. */
	if (setsid() < 0)
		fail(line.report, CTSH_STAGE_SESSION);
	failed = ctsh_join(c, 0, NULL);
	if (!failed)
		failed = ctsh_take_root(c);
	if (failed)
		fail(line.report, failed);
	place_descriptors(entry, line);
	say(REPORT_PLACE, CTSH_STAGE_JOINED, 0);
	failed = ctsh_confine(c, entry->plan);
	if (failed)
		fail(REPORT_PLACE, failed);
	say(REPORT_PLACE, CTSH_STAGE_CONFINED, 0);
	await_go(GO_PLACE);
	give_birth(entry);
}
