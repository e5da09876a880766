/* SPDX-License-Identifier: MIT */
/*
 * moments.c - stops a login at each of its system calls, from the exec of the
 * stub to its end, and lets the caller do something to it there:
 *
 *   moments UID GID SLOTS survey 0 0 0 0 PROGRAM ARG...
 *       tries at each moment whom the caller may signal
 *   moments UID GID SLOTS signal SIG FIRST LAST STRIDE PROGRAM ARG...
 *       sends it at one moment, and again at the next one to a new login
 *   moments UID GID SLOTS key BYTE FIRST LAST STRIDE PROGRAM ARG...
 *       types it on the login's terminal
 *   moments UID GID SLOTS pester SIG COUNT SEED 0 PROGRAM ARG...
 *       without stops: sends it again and again, to everybody
 *   moments UID GID SLOTS crowd 0 COUNT 0 0 PROGRAM ARG...
 *       so many callers at the same moment
 *
 * ARG starts at argv[0].  SLOTS is the directory of the slots.  Needs root, to
 * trace; whatever is sent is sent by a process of the caller's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 30000
#define REAP_MS 5000

struct order {
	pid_t pid;
	int signal;
};

static uid_t uid;
static gid_t gid;
static const char *slots;
static char **command; /* program, then argv */
static int agent = -1;
static char output[4096];
static size_t used;

static void die(const char *what)
{
	perror(what);
	exit(3);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void become_caller(void)
{
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		_exit(90);
}

/* --- the caller's other process ----------------------------------------------
 */

static void obey(int orders)
{
	struct order order;

	become_caller();
	while (read(orders, &order, sizeof(order)) == sizeof(order)) {
		int result = kill(order.pid, order.signal) ? errno : 0;

		(void)!write(orders, &result, sizeof(result));
	}
	_exit(0);
}

static void start_agent(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	if (fork() == 0) {
		close(pair[1]);
		obey(pair[0]);
	}
	close(pair[0]);
	agent = pair[1];
}

/* As the caller; 0 or an errno. */
static int send_signal(pid_t pid, int signal)
{
	struct order order = {pid, signal};
	int result = -1;

	if (write(agent, &order, sizeof(order)) != sizeof(order) ||
	    read(agent, &result, sizeof(result)) != sizeof(result))
		die("agent");
	return result;
}

/* --- a login
 * ------------------------------------------------------------------- */

struct login {
	pid_t pid;
	int out; /* what it says, or its terminal */
	int go;
};

/* One terminal for all logins, ours as the shell's that started them: they are
 * jobs of its, or no ^Z would stop them. */
static int master = -1, slave = -1;

static void open_terminal(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master))
		die("ptmx");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	signal(SIGTTOU, SIG_IGN);
	if (slave < 0 || setsid() < 0 || ioctl(slave, TIOCSCTTY, 0))
		die("pty");
	fcntl(master, F_SETFL, O_NONBLOCK);
}

static void take_terminal(void)
{
	setpgid(0, 0);
	tcsetpgrp(slave, getpid());
	signal(SIGTTOU, SIG_DFL);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
}

static void run(int out, int go, bool terminal)
{
	char byte;
	char *environment[] = {"TERM=dumb", NULL};
	int null = open("/dev/null", O_RDWR);

	if (terminal) {
		take_terminal();
	} else {
		/* A group of its own: no orphan, or no TSTP would stop it. */
		setpgid(0, 0);
		dup2(null, 0);
		dup2(out, 1);
		dup2(out, 2);
	}
	become_caller();
	if (read(go, &byte, 1) != 1)
		_exit(92);
	execve(command[0], command + 1, environment);
	_exit(93);
}

static struct login start(bool terminal)
{
	struct login l;
	int go[2], out[2];

	if (pipe2(go, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe");
	l.pid = fork();
	if (l.pid == 0)
		run(out[1], go[0], terminal);
	if (l.pid < 0)
		die("fork");
	close(out[1]);
	close(go[0]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	l.out = out[0];
	if (terminal) {
		/* What the one before left of it does not count. */
		close(out[0]);
		l.out = dup(master);
		tcflush(slave, TCIOFLUSH);
	}
	l.go = go[1];
	used = 0;
	output[0] = '\0';
	return l;
}

static void release(struct login *l)
{
	if (write(l->go, "x", 1) != 1)
		die("go");
	close(l->go);
}

static void collect(const struct login *l)
{
	ssize_t n;

	while (used < sizeof(output) - 1 &&
	       (n = read(l->out, output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
}

/* On one line of ours. */
static void print_output(void)
{
	printf("\"");
	for (size_t i = 0; i < used; i++)
		if (output[i] == '\n')
			printf("\\n");
		else if (output[i] >= ' ' && output[i] <= '~')
			printf("%c", output[i]);
	printf("\"\n");
	fflush(stdout);
}

/* How many slots of the caller's are locked. */
static int held(void)
{
	int count = 0;
	char prefix[16];
	struct dirent *entry;
	DIR *dir = opendir(slots);

	snprintf(prefix, sizeof(prefix), "%u.", uid);
	while (dir && (entry = readdir(dir))) {
		int fd;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB))
			count++;
		close(fd);
	}
	if (dir)
		closedir(dir);
	return count;
}

static int children_of(pid_t pid, pid_t *list, int most)
{
	char path[60];
	FILE *file;
	int count = 0, child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
	         (int)pid);
	file = fopen(path, "re");
	while (file && count < most && fscanf(file, "%d", &child) == 1)
		list[count++] = child;
	if (file)
		fclose(file);
	return count;
}

/* Whoever else there was comes to us.  1 if somebody stays. */
static int left(void)
{
	int64_t start = now_ms();

	while (now_ms() - start < REAP_MS) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
		pid_t list[8];

		/* The agent stays. */
		if (pid <= 0 && children_of(getpid(), list, 8) == 1)
			return 0;
		if (pid <= 0)
			usleep(500);
	}
	return 1;
}

/* --- tracing
 * ------------------------------------------------------------------- */

static void seize(const struct login *l)
{
	if (ptrace(PTRACE_SEIZE, l->pid, NULL,
	           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
	                   PTRACE_O_EXITKILL))
		die("seize");
}

static bool is_entry(pid_t pid, long *number)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	*number = (long)info.entry.nr;
	return true;
}

/* Lets it run to its next system call after the stub's exec.  False if it
 * ended, with its status. */
static bool step(const struct login *l, bool *begun, long *number, int *status)
{
	int signal = 0;

	for (;;) {
		if (*begun &&
		    ptrace(PTRACE_SYSCALL, l->pid, NULL, (long)signal))
			die("step");
		if (waitpid(l->pid, status, __WALL) != l->pid)
			die("wait");
		signal = 0;
		if (!WIFSTOPPED(*status))
			return false;
		if (WSTOPSIG(*status) == (SIGTRAP | 0x80)) {
			if (is_entry(l->pid, number))
				return true;
		} else if (*status >> 16) {
			*begun = true;
		} else {
			signal = WSTOPSIG(*status);
		}
		collect(l);
	}
}

static void survey(void)
{
	struct login l = start(false);
	bool begun = false;
	long number = 0;
	int status = 0, moment = 0;

	seize(&l);
	release(&l);
	for (; step(&l, &begun, &number, &status); moment++) {
		pid_t children[16];
		int count = children_of(l.pid, children, 16), reached = 0;

		for (int i = 0; i < count; i++)
			reached += send_signal(children[i], 0) == 0;
		printf("moment=%d call=%ld errno=%d children=%d reached=%d "
		       "held=%d\n",
		       moment, number, send_signal(l.pid, 0), count, reached,
		       held());
	}
	collect(&l);
	printf("moments=%d status=%#x left=%d out=", moment, (unsigned)status,
	       left());
	print_output();
	close(l.out);
}

/* Waits for the end of an untraced login; what stops is continued once the
 * slots have been looked at. */
static int finish(const struct login *l, int *stops, int *slots_held)
{
	int64_t start = now_ms();
	int status = 0;

	*stops = *slots_held = 0;
	while (now_ms() - start < LIMIT_MS) {
		pid_t got = waitpid(l->pid, &status, WNOHANG | WUNTRACED);

		collect(l);
		if (got == l->pid && !WIFSTOPPED(status))
			return status;
		if (got == l->pid) {
			++*stops;
			*slots_held += held();
			send_signal(l->pid, SIGCONT);
		} else {
			struct pollfd more = {.fd = l->out, .events = POLLIN};

			poll(&more, 1, 1);
			if (more.revents & POLLHUP)
				usleep(500);
		}
	}
	kill(l->pid, SIGKILL);
	waitpid(l->pid, &status, 0);
	return -1;
}

/* The kernel takes it from the terminal a little later: its echo tells when,
 * or, once the modes are raw, nothing does. */
static int type(const struct login *l, char key)
{
	struct pollfd echo = {.fd = l->out, .events = POLLIN};

	collect(l); /* a key empties the terminal's queues */
	if (write(l->out, &key, 1) != 1)
		return errno;
	poll(&echo, 1, 10);
	return 0;
}

/* One login, at whose system call number `moment` something happens. */
static bool disturb(int moment, int signal, char key)
{
	struct login l = start(key != 0);
	bool begun = false;
	long number = 0;
	int status = 0, stops, slots_held, result = 0;

	seize(&l);
	release(&l);
	for (int i = 0; i <= moment; i++)
		if (!step(&l, &begun, &number, &status)) {
			close(l.out);
			return left() != 0;
		}
	result = key ? type(&l, key) : send_signal(l.pid, signal);
	if (ptrace(PTRACE_DETACH, l.pid, NULL, 0L) && errno != ESRCH)
		die("detach");
	status = finish(&l, &stops, &slots_held);
	collect(&l);
	printf("moment=%d call=%ld errno=%d status=%#x stops=%d held=%d "
	       "left=%d out=",
	       moment, number, result, (unsigned)status, stops, slots_held,
	       left());
	print_output();
	close(l.out);
	return true;
}

/* --- without stops
 * ------------------------------------------------------------- */

static void harass(pid_t pid, int signal, unsigned seed, int report)
{
	int reached = 0;

	become_caller();
	srandom(seed);
	usleep((unsigned)random() % 40000);
	for (;;) {
		pid_t children[16];
		int count = children_of(pid, children, 16);

		(void)kill(pid, signal);
		for (int i = 0; i < count; i++)
			if (kill(children[i], signal) == 0)
				reached++;
		if (reached)
			(void)!write(report, "r", 1);
		reached = 0;
		usleep((unsigned)random() % 2000);
		(void)kill(pid, SIGCONT);
		usleep((unsigned)random() % 500);
		if (getppid() == 1)
			_exit(0);
	}
}

static void pester(int signal, unsigned seed)
{
	struct login l = start(false);
	int report[2], stops, slots_held, status;
	char byte;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC | O_NONBLOCK))
		die("pipe");
	pid = fork();
	if (pid == 0)
		harass(l.pid, signal, seed, report[1]);
	close(report[1]);
	release(&l);
	status = finish(&l, &stops, &slots_held);
	kill(pid, SIGKILL);
	collect(&l);
	printf("seed=%u status=%#x stops=%d reached=%d ", seed,
	       (unsigned)status, stops, read(report[0], &byte, 1) == 1);
	printf("left=%d out=", left());
	print_output();
	close(report[0]);
	close(l.out);
}

/* --- many at once
 * -------------------------------------------------------------- */

/* Of root, with a process of its own: it has a slot.  Once it is the user's it
 * never is root's again. */
static bool works(pid_t pid)
{
	char path[40], line[200];
	pid_t children[4];
	unsigned real = 1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Uid: %u", &real) == 1)
			break;
	if (file)
		fclose(file);
	return file && real == 0 && children_of(pid, children, 4) > 0;
}

/* How many worked at one moment: who did before and does after, did then. */
static int working(const struct login *crowd, int count, bool *before)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		before[i] = works(crowd[i].pid);
	for (int i = 0; i < count; i++)
		sum += before[i] && works(crowd[i].pid);
	return sum;
}

static void crowd(int count)
{
	static struct login all[1000];
	static bool before[1000];
	int peak = 0, gone = 0, status;
	int64_t begun = now_ms();

	for (int i = 0; i < count; i++)
		all[i] = start(false);
	for (int i = 0; i < count; i++)
		release(&all[i]);
	while (gone < count && now_ms() - begun < 2 * LIMIT_MS) {
		int now = working(all, count, before);

		peak = now > peak ? now : peak;
		for (int i = 0; i < count; i++) {
			if (all[i].pid == 0 ||
			    waitpid(all[i].pid, &status, WNOHANG) <= 0)
				continue;
			used = 0;
			collect(&all[i]);
			close(all[i].out);
			all[i].pid = 0;
			gone++;
			printf("status=%#x out=", (unsigned)status);
			print_output();
		}
	}
	printf("peak=%d gone=%d left=%d held=%d ms=%d\n", peak, gone, left(),
	       held(), (int)(now_ms() - begun));
}

int main(int argc, char **argv)
{
	int what, first, last, stride;

	if (argc < 10 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return 2;
	uid = (uid_t)atoi(argv[1]);
	gid = (gid_t)atoi(argv[2]);
	slots = argv[3];
	what = atoi(argv[5]);
	first = atoi(argv[6]);
	last = atoi(argv[7]);
	stride = atoi(argv[8]);
	command = argv + 9;
	start_agent();
	if (strcmp(argv[4], "key") == 0)
		open_terminal();
	if (strcmp(argv[4], "survey") == 0)
		survey();
	else if (strcmp(argv[4], "crowd") == 0)
		crowd(first);
	else if (strcmp(argv[4], "pester") == 0)
		for (int i = 0; i < first; i++)
			pester(what, (unsigned)(last + i));
	else
		for (int i = first; i <= last; i += stride)
			if (!disturb(i, what,
			             strcmp(argv[4], "key") == 0 ? (char)what
			                                         : 0))
				break;
	return 0;
}
