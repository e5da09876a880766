/* SPDX-License-Identifier: MIT */
/*
 * stepper.c - `stepper [-t] PROGRAM [ARG...]`: runs a login (P) and stops who
 * enters behind every system call, from M's birth to the execve of S.
 *
 * At each stop the process is stopped as by SIGSTOP and traced by nobody, so
 * that somebody else can try to.  Written are
 *
 *   born M|S PID           as the host counts
 *   stop M|S CALL RESULT   waits for a line on standard input; CALL is "birth"
 *                          before the first one
 *   gone M|S               it ended
 *   exec S                 what executes now is the shell
 *   end STATUS             of P
 *
 * M is the child that was made by clone3(2).  With -t, the login has a
 * terminal.  Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIND_OPTIONS (PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK)
#define STEP_OPTIONS (FIND_OPTIONS | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)
#define SYSCALL_STOP (SIGTRAP | 0x80)

static const struct {
	long nr;
	const char *name;
} calls[] = {
	{SYS_capset, "capset"},
	{SYS_chdir, "chdir"},
	{SYS_chroot, "chroot"},
	{SYS_clone, "clone"},
	{SYS_close_range, "close_range"},
	{SYS_execve, "execve"},
	{SYS_ioctl, "ioctl"},
	{SYS_keyctl, "keyctl"},
	{SYS_prctl, "prctl"},
	{SYS_read, "read"},
	{SYS_seccomp, "seccomp"},
	{SYS_setgroups, "setgroups"},
	{SYS_setns, "setns"},
	{SYS_setresgid, "setresgid"},
	{SYS_setresuid, "setresuid"},
	{SYS_setsid, "setsid"},
	{SYS_write, "write"},
};

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
	exit(99);
}

static const char *name_of(long nr)
{
	static char number[24];

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].nr == nr)
			return calls[i].name;
	snprintf(number, sizeof(number), "%ld", nr);
	return number;
}

/* -- P ----------------------------------------------------------------- */

static void take_terminal(int master)
{
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);

	if (slave < 0 || setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) ||
	    dup2(slave, 0) || dup2(slave, 1) != 1 || dup2(slave, 2) != 2)
		_exit(98);
	close(slave);
}

static pid_t start(char **argv, bool terminal)
{
	int go[2];
	char byte = 'g';
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) || grantpt(master) || unlockpt(master))
		die("start");
	pid = fork();
	if (pid == 0) {
		if (terminal)
			take_terminal(master);
		else if (dup2(open("/dev/null", O_RDWR), 0) || dup2(2, 1) != 1)
			_exit(98);
		if (read(go[0], &byte, 1) == 1)
			execv(argv[0], argv);
		_exit(97);
	}
	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, 0, FIND_OPTIONS) ||
	    write(go[1], &byte, 1) != 1)
		die("start");
	return pid;
}

/* The call that a stopped process is in. */
static long call_of(pid_t pid)
{
	char path[64];
	long nr = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%ld", &nr) != 1)
		nr = -1;
	if (file)
		fclose(file);
	return nr;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		if (errno != EINTR)
			die("waitpid");
	return status;
}

/* Lets P go on until M is born; other children are none of our business. */
static pid_t find_m(pid_t p)
{
	for (;;) {
		int status = wait_for(p);
		unsigned long child;

		if (!WIFSTOPPED(status)) {
			fprintf(stderr, "stepper: no M; status %x\n", status);
			exit(96);
		}
		if (status >> 16 == PTRACE_EVENT_FORK) {
			bool is_m = call_of(p) == SYS_clone3;

			if (ptrace(PTRACE_GETEVENTMSG, p, 0, &child))
				die("event");
			wait_for((pid_t)child);
			if (is_m)
				return (pid_t)child;
			ptrace(PTRACE_DETACH, child, 0, 0);
		}
		ptrace(PTRACE_CONT, p, 0, status >> 16 ? 0 : WSTOPSIG(status));
	}
}

/* -- steps ------------------------------------------------------------- */

struct step {
	pid_t child; /* that was born within it, or 0 */
	bool gone, executed;
};

/* False if it is gone. */
static bool await_stopped(pid_t pid)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 5000; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return false;
		text[n] = '\0';
		end = strrchr(text, ')');
		if (end && end[2] == 'T')
			return true;
		if (end && (end[2] == 'Z' || end[2] == 'X'))
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	errno = ETIME;
	die("stop");
}

/* Stopped by a signal and not by us, before its next instruction. */
static bool let_be(pid_t pid)
{
	return syscall(SYS_tgkill, pid, pid, SIGSTOP) == 0 &&
	       ptrace(PTRACE_DETACH, pid, 0, 0) == 0 && await_stopped(pid);
}

static void offer(const char *role, const char *call, long long result)
{
	char line[16];

	printf("stop %s %s %lld\n", role, call, result);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(95);
}

/* P may have killed it meanwhile: then false. */
static bool take_back(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, STEP_OPTIONS)) {
		if (errno != ESRCH && errno != EPERM)
			die("take back");
		return false;
	}
	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
	       kill(pid, SIGCONT) == 0;
}

/* From one of our stops to the end of the next system call. */
static struct step run(pid_t pid, const char *role)
{
	struct step step = {0};
	unsigned long child;
	static long long nr; /* a birth comes between its two stops */
	int sig = 0;

	for (;;) {
		struct __ptrace_syscall_info info;
		int status;

		step.gone = ptrace(PTRACE_SYSCALL, pid, 0, sig) != 0 ||
		            waitpid(pid, &status, __WALL) != pid ||
		            !WIFSTOPPED(status);
		sig = 0;
		if (step.gone)
			return step;
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			step.executed = true;
			return step;
		}
		if (status >> 16 == PTRACE_EVENT_FORK) {
			if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child))
				die("event");
			step.child = (pid_t)child;
			return step;
		}
		if (status >> 16)
			continue;
		if (WSTOPSIG(status) != SYSCALL_STOP) {
			sig = WSTOPSIG(status);
			if (sig == SIGCONT || sig == SIGSTOP)
				sig = 0;
			continue;
		}
		memset(&info, 0, sizeof(info));
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <
		    0)
			continue;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			nr = (long long)info.entry.nr;
		if (info.op != PTRACE_SYSCALL_INFO_EXIT)
			continue;
		step.gone = !let_be(pid);
		if (!step.gone) {
			offer(role, name_of(nr), info.exit.rval);
			step.gone = !take_back(pid);
		}
		return step;
	}
}

/* A new process, stopped by ptrace at its first instruction. */
static void birth(const char *role, pid_t pid)
{
	printf("born %s %d\n", role, pid);
	if (let_be(pid))
		offer(role, "birth", 0);
}

/* M to its end.  S stays stopped from its birth on, traced by nobody. */
static pid_t step_m(pid_t m)
{
	pid_t s = 0;
	struct step step = {0};

	birth("M", m);
	step.gone = !take_back(m);
	while (!step.gone) {
		step = run(m, "M");
		if (step.child) {
			s = step.child;
			wait_for(s);
			birth("S", s);
		}
	}
	puts("gone M");
	return s;
}

static void step_s(pid_t s)
{
	struct step step = {.gone = !take_back(s)};

	while (!step.gone && !step.executed)
		step = run(s, "S");
	if (step.executed)
		ptrace(PTRACE_DETACH, s, 0, 0);
	puts(step.executed ? "exec S" : "gone S");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool terminal = argc > 1 && strcmp(argv[1], "-t") == 0;
	pid_t p, m, s;
	int status;

	if (argc < 2 + terminal)
		return 2;
	p = start(argv + 1 + terminal, terminal);
	m = find_m(p);
	if (ptrace(PTRACE_DETACH, p, 0, 0))
		die("detach");
	s = step_m(m);
	if (s)
		step_s(s);
	status = wait_for(p);
	printf("end %d\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	return 0;
}
