/* SPDX-License-Identifier: MIT */
/*
 * hostile_spoil.h - what a random caller does to itself before it calls:
 * signals, limits, attributes, session, directory.  For hostile_caller.c.
 */
#ifndef HOSTILE_SPOIL_H
#define HOSTILE_SPOIL_H

#include "hostile_case.h"

/* --- what is done to the process just before the exec ------------------------
 */

static const int timer_signals[] = {SIGALRM, SIGVTALRM, SIGPROF};

static void spoil_signals(void)
{
	static const int timers[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
	sigset_t set;

	sigfillset(&set);
	if (percent(30))
		for (int sig = 1; sig < NSIG; sig++)
			if (percent(50))
				signal(sig, SIG_IGN);
	if (percent(30)) {
		if (percent(50))
			for (int sig = 1; sig < NSIG; sig++)
				if (percent(50))
					sigdelset(&set, sig);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	if (s.pending) {
		sigset_t one;

		sigemptyset(&one);
		sigaddset(&one, s.pending);
		sigprocmask(SIG_BLOCK, &one, NULL);
		signal(s.pending, SIG_DFL);
		raise(s.pending);
	}
	if (s.timer >= 0) {
		struct itimerval soon = {{0, 1 + below(90000)},
		                         {0, 1 + below(90000)}};

		signal(timer_signals[s.timer], SIG_DFL);
		setitimer(timers[s.timer], &soon, NULL);
	}
	if (percent(5))
		alarm(2 + below(100));
}

struct limit {
	int resource;
	rlim_t values[5];
};

static void set_limit(int resource, rlim_t value, bool hard)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return;
	if (value > limit.rlim_max)
		value = limit.rlim_max;
	limit.rlim_cur = value;
	if (hard)
		limit.rlim_max = value;
	(void)setrlimit((__rlimit_resource_t)resource, &limit);
}

/* Soft limits that the loader lives in change nothing at all. */
static void spoil_limits(void)
{
	static const struct limit soft[] = {
		{RLIMIT_FSIZE, {0, 1, 100, 4096, RLIM_INFINITY}},
		{RLIMIT_CPU, {1, 2, 10, 100, RLIM_INFINITY}},
		{RLIMIT_CORE, {0, 1, 4096, RLIM_INFINITY, RLIM_INFINITY}},
		{RLIMIT_NPROC, {0, 1, 2, 10, RLIM_INFINITY}},
		{RLIMIT_MEMLOCK, {0, 1, 4096, 65536, RLIM_INFINITY}},
		{RLIMIT_SIGPENDING, {0, 1, 2, 10, RLIM_INFINITY}},
		{RLIMIT_MSGQUEUE, {0, 1, 2, 10, RLIM_INFINITY}},
		{RLIMIT_NICE, {0, 1, 2, 10, 40}},
		{RLIMIT_RTPRIO, {0, 1, 2, 10, 99}},
		{RLIMIT_RTTIME, {1, 10, 1000, 1000000, RLIM_INFINITY}},
		{RLIMIT_LOCKS, {0, 1, 2, 10, RLIM_INFINITY}},
		{RLIMIT_NOFILE, {64, 70, 100, 1024, RLIM_INFINITY}},
		{RLIMIT_STACK,
	         {1 << 20, 4 << 20, 16 << 20, 100 << 20, RLIM_INFINITY}},
	};

	for (size_t i = 0; i < sizeof(soft) / sizeof(*soft); i++)
		if (percent(25))
			set_limit(soft[i].resource, soft[i].values[below(5)],
			          false);
}

/* Only where no sanitizer needs terabytes of addresses. */
static void spoil_hard_limits(void)
{
	static const struct limit hard[] = {
		{RLIMIT_AS, {1 << 20, 30 << 20, 63 << 20, 70 << 20, 1 << 30}},
		{RLIMIT_DATA, {1 << 10, 1 << 20, 63 << 20, 70 << 20, 1 << 30}},
		{RLIMIT_STACK,
	         {64 << 10, 256 << 10, 1 << 20, 2 << 20, 8 << 20}},
		{RLIMIT_NOFILE, {0, 3, 8, 64, 100}},
		{RLIMIT_NPROC, {0, 1, 2, 10, 100}},
		{RLIMIT_FSIZE, {0, 1, 100, 4096, 1 << 20}},
		{RLIMIT_CPU, {1, 2, 3, 10, 100}},
		{RLIMIT_MEMLOCK, {0, 1, 4096, 65536, 1 << 20}},
		{RLIMIT_SIGPENDING, {0, 1, 2, 10, 100}},
		{RLIMIT_CORE, {0, 0, 1, 4096, 1 << 20}},
	};
	const struct limit *one = &PICK(hard);

	set_limit(one->resource, one->values[below(5)], percent(60));
}

static void spoil_attributes(void)
{
	static const unsigned long personalities[] = {
		ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, ADDR_COMPAT_LAYOUT,
		MMAP_PAGE_ZERO,    SHORT_INODE,       WHOLE_SECONDS,
		STICKY_TIMEOUTS,   ADDR_LIMIT_3GB,    PER_LINUX32};
	struct sched_param zero = {.sched_priority = 0};
	cpu_set_t one;

	umask((mode_t)below(01000));
	if (percent(10))
		personality(PER_LINUX | PICK(personalities));
	if (percent(10)) {
		CPU_ZERO(&one);
		CPU_SET(below(2), &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
	}
	if (percent(10))
		(void)!nice((int)below(6));
	if (percent(10))
		(void)sched_setscheduler(0, SCHED_BATCH, &zero);
	if (percent(10))
		prctl(PR_SET_TIMERSLACK, 1 + below(1000000), 0, 0, 0);
	if (percent(10))
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (percent(10))
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (percent(10))
		prctl(PR_SET_NAME, "ctsh\n[open]", 0, 0, 0);
	if (percent(5))
		prctl(PR_SET_MDWE, 1, 0, 0, 0);
	if (percent(5))
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (percent(5))
		prctl(PR_SET_DUMPABLE, (int)below(2), 0, 0, 0);
	if (percent(5)) /* ioprio: the idle class */
		syscall(SYS_ioprio_set, 1, 0, 3 << 13);
}

/* One call fails, or ends the process. */
static void filter(void)
{
	static const int calls[] = {SYS_close_range, SYS_prctl,  SYS_umask,
	                            SYS_fcntl,       SYS_sendto, SYS_setitimer};
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)PICK(calls), 0,
	                 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog fprog = {4, code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog))
		_exit(90);
}

/* Children that the program knows nothing of.  They end with it. */
static void bear_children(void)
{
	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (i == 0)
			_exit(5);
		usleep(below(100000));
		_exit(6);
	}
}

/* Somebody else has the terminal. */
static void step_back(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (int fd = 0; fd < 100; fd++)
			close(fd);
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	tcsetpgrp(s.slave, pid);
}

static void enter_session(void)
{
	if (s.session && setsid() < 0)
		_exit(91);
	if (s.controlling && s.slave >= 0)
		ioctl(s.slave, TIOCSCTTY, 0);
	if (s.background && s.controlling && s.slave >= 0)
		step_back();
}

static void enter_directory(void)
{
	char *name = format("%s/cwd.%d", directory, (int)getpid());

	if (s.directory == 3)
		(void)!chdir("/");
	if (s.directory != 1 && s.directory != 2)
		return;
	if (mkdir(name, 0700) || chdir(name))
		_exit(92);
	if (s.directory == 1)
		rmdir(name);
	else
		chmod(name, 0);
}

/* Moves the ends to 0, 1 and 2.  They are numbered above 10 before that. */
static void take_ends(int report)
{
	for (int fd = 0; fd < 3; fd++) {
		if (s.end[fd].theirs >= 0)
			dup2(s.end[fd].theirs, fd);
		else
			close(fd);
	}
	for (unsigned more = percent(20) ? below(40) : 0; more > 0; more--) {
		int fd = 3 + (int)below(300);

		if (fd != report && fcntl(fd, F_GETFD) < 0)
			dup3(report, fd, 0);
	}
}

static void become_caller(int report, uint64_t seed)
{
	state = seed * 31 + 7;
	if (s.children)
		bear_children();
	enter_directory();
	enter_session();
	spoil_attributes();
	take_ends(report);
	spoil_signals();
	spoil_limits();
	if (s.low)
		spoil_hard_limits();
	if (s.unprivileged && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(93);
	if (s.filtered)
		filter();
	execve(program, s.argv, s.envp);
	/* Too long a list for the stack's limit, most of all. */
	(void)!write(report, &(int){errno}, sizeof(int));
	_exit(94);
}

#endif
