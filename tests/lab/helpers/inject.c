/* SPDX-License-Identifier: MIT */
/*
 * inject.c - one login with one fault in it:
 *
 *	inject REPORT SECONDS UID GID ROLE GEN CALL NTH HOW PROGRAM [ARG...]
 *
 * Executes PROGRAM (ARG starts at argv[0]) as that user under ptrace, and in
 * the process ROLE lets the NTH system call with the number CALL since the
 * GENth execve go wrong: HOW is kill (SIGKILL instead of it), nothing (it is
 * not carried out and says 0) or -N (not carried out, errno N).  With HOW
 * record, no fault: every call of ROLE, or with * of all, goes to the file
 * REPORT.  Roles: P the login process, F1, F2... what it forks, M what it
 * makes by clone3, S what M makes.
 *
 * No process outlives it, and REPORT says which would have; so it must be
 * root, and setuid programs stay setuid below it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "write down how this architecture names the registers of a system call"
#endif

#define MAX_PROCESSES 64
#define OPTIONS                                                             \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

struct proc {
	pid_t pid;
	char role[16]; /* empty: it stopped before its parent said whose it is
	                */
	int generation;
	long seen; /* calls with the number in question, in this generation */
	bool stopped, ended;
	bool spoilt; /* the call under way was replaced */
	struct user_regs_struct before;
};

static struct proc procs[MAX_PROCESSES];
static int count, forks;
static FILE *report;
static struct timespec start;

static struct {
	const char *role, *how;
	int generation;
	long call, nth;
	bool record, done;
} fault;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(report, format, args);
	va_end(args);
}

static long ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start.tv_sec) * 1000 +
	       (now.tv_nsec - start.tv_nsec) / 1000000;
}

static struct proc *find(pid_t pid)
{
	for (int i = 0; i < count; i++)
		if (procs[i].pid == pid && !procs[i].ended)
			return &procs[i];
	if (count == MAX_PROCESSES)
		die("too many processes");
	procs[count] = (struct proc){.pid = pid};
	return &procs[count++];
}

static int alive(void)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n += !procs[i].ended;
	return n;
}

static bool is_target(const struct proc *p)
{
	return strcmp(fault.role, "*") == 0 || strcmp(fault.role, p->role) == 0;
}

/* On to the next system call if they are of interest, else to the next
 * event. */
static void resume(struct proc *p, int sig)
{
	bool step = p->spoilt || (!fault.done && is_target(p));

	p->stopped = false;
	/* ESRCH: killed in between; the wait will tell. */
	(void)ptrace(step ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, NULL,
	             (void *)(intptr_t)sig);
}

/* ---- what is written down --------------------------------------------- */

static void say_memory(pid_t pid, uint64_t address, size_t size, bool string)
{
	unsigned char bytes[256];
	struct iovec here = {bytes, size}, there = {(void *)address, size};
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	/* Up to the end of the page: a string may lie at the end of it. */
	if (got < 0) {
		there.iov_len = 4096 - address % 4096;
		got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	}
	say(" ");
	for (ssize_t i = 0; i < got && (!string || bytes[i]); i++)
		say("%02x", bytes[i]);
}

/* Where a descriptor leads. */
static void say_place(pid_t pid, uint64_t fd)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)fd);
	n = readlink(path, target, sizeof(target));
	say(" ");
	for (ssize_t i = 0; i < n; i++)
		say("%02x", (unsigned char)target[i]);
}

static void say_call(const struct proc *p,
                     const struct __ptrace_syscall_info *info)
{
	const uint64_t *args = (const uint64_t *)info->entry.args;

	say("call %s %d %" PRIu64, p->role, p->generation,
	    (uint64_t)info->entry.nr);
	for (int i = 0; i < 6; i++)
		say(" %" PRIx64, args[i]);
	switch (info->entry.nr) {
	case SYS_chdir:
	case SYS_chroot:
	case SYS_execve:
		say_memory(p->pid, args[0], 255, true);
		break;
	case SYS_openat:
	case SYS_openat2:
	case SYS_readlinkat:
	case SYS_mkdirat:
		say_memory(p->pid, args[1], 255, true);
		break;
	case SYS_newfstatat:
		if (args[3] & AT_EMPTY_PATH)
			say_place(p->pid, args[0]);
		else
			say_memory(p->pid, args[1], 255, true);
		break;
	case SYS_read:
	case SYS_flock:
	case SYS_fstatfs:
		say_place(p->pid, args[0]);
		break;
	case SYS_capset:
		say_memory(p->pid, args[1], 24, false);
		break;
	case SYS_write:
		say_memory(p->pid, args[1], args[2] < 16 ? args[2] : 16, false);
		break;
	}
	say("\n");
}

static void dump_file(pid_t pid, const char *name)
{
	char path[64];
	static char text[1 << 16];
	ssize_t n = -1, got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		for (n = 0; (got = read(fd, text + n, sizeof(text) - n)) > 0;)
			n += got;
	if (fd >= 0)
		close(fd);
	say("dump %s %zd\n", name, n);
	if (n > 0)
		fwrite(text, 1, n, report);
	say("\n");
}

static void dump_link(pid_t pid, const char *name)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, target, sizeof(target));
	say("dump %s %zd\n%.*s\n", name, n, n < 0 ? 0 : (int)n, target);
}

/* The shell, before its first instruction. */
static void dump(pid_t pid)
{
	static const char *const files[] = {
		"status",        "limits",       "cgroup",    "oom_score_adj",
		"timerslack_ns", "personality",  "stat",      "cmdline",
		"sessionid",     "attr/current", "mountinfo",
	};
	static const char *const links[] = {"ns/mnt",  "ns/uts",    "ns/ipc",
	                                    "ns/net",  "ns/pid",    "ns/user",
	                                    "ns/time", "ns/cgroup", "cwd"};
	char path[64];
	struct statx st = {0};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		dump_file(pid, files[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		dump_link(pid, links[i]);
	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "fd/%d", fd);
		dump_link(pid, path);
	}
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	(void)statx(AT_FDCWD, path, 0, STATX_INO | STATX_MNT_ID, &st);
	snprintf(path, sizeof(path), "%u:%u:%llu:%llu", st.stx_dev_major,
	         st.stx_dev_minor, (unsigned long long)st.stx_ino,
	         (unsigned long long)st.stx_mnt_id);
	say("dump root %zu\n%s\n", strlen(path), path);
}

/* ---- the fault ---------------------------------------------------------- */

/* Instead of the call, close(-1), which every filter of ours allows; what it
 * says is replaced when it is over.  A close(2) that fails has closed all the
 * same (close(2), NOTES). */
static void spoil(struct proc *p)
{
	struct user_regs_struct regs;

	if (strcmp(fault.how, "kill") == 0) {
		kill(p->pid, SIGKILL);
		return;
	}
	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &regs))
		die("PTRACE_GETREGS");
	p->before = regs;
	p->spoilt = true;
	if (regs.orig_rax == SYS_close)
		return;
	regs.orig_rax = SYS_close;
	regs.rdi = (unsigned long)-1;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &regs))
		die("PTRACE_SETREGS");
}

static void pretend(struct proc *p)
{
	struct user_regs_struct regs = p->before;

	regs.rax = strcmp(fault.how, "nothing") == 0
	                   ? 0
	                   : (unsigned long)strtol(fault.how, NULL, 10);
	/* Or it would be made again, after a signal. */
	regs.orig_rax = (unsigned long)-1;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &regs))
		die("PTRACE_SETREGS");
	p->spoilt = false;
}

static void at_call(struct proc *p)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, (void *)sizeof(info),
	           &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && p->spoilt)
		pretend(p);
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || fault.done)
		return;
	if (fault.record) {
		say_call(p, &info);
		return;
	}
	if (p->generation != fault.generation ||
	    (long)info.entry.nr != fault.call || ++p->seen != fault.nth)
		return;
	say_call(p, &info);
	say("hit %ld\n", ms());
	fault.done = true;
	spoil(p);
}

/* ---- who is who -----------------------------------------------------------
 */

static void name_child(const struct proc *parent, struct proc *child)
{
	struct user_regs_struct regs;

	if (strcmp(parent->role, "P") == 0) {
		if (ptrace(PTRACE_GETREGS, parent->pid, NULL, &regs))
			die("PTRACE_GETREGS");
		if (regs.orig_rax == SYS_clone3)
			strcpy(child->role, "M");
		else
			snprintf(child->role, sizeof(child->role), "F%d",
			         ++forks);
	} else {
		strcpy(child->role, strcmp(parent->role, "M") == 0 ? "S" : "X");
	}
	say("born %s %d %ld\n", child->role, (int)child->pid, ms());
}

static void at_event(struct proc *p, int event)
{
	unsigned long message;
	struct proc *child;

	if (event == PTRACE_EVENT_EXEC) {
		p->generation++;
		p->seen = 0;
		say("exec %s %d %ld\n", p->role, p->generation, ms());
		if (strcmp(p->role, "S") == 0)
			dump(p->pid);
		return;
	}
	if (ptrace(PTRACE_GETEVENTMSG, p->pid, NULL, &message))
		return;
	child = find((pid_t)message);
	name_child(p, child);
	if (child->stopped)
		resume(child, 0);
}

static void at_stop(struct proc *p, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	p->stopped = true;
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, p->pid, NULL, NULL);
		return;
	}
	if (!p->role[0])
		return; /* goes on when its parent has told */
	if (sig == (SIGTRAP | 0x80)) {
		at_call(p);
		sig = 0;
	} else if (event) {
		if (event != PTRACE_EVENT_STOP)
			at_event(p, event);
		sig = 0;
	}
	resume(p, sig);
}

static void at_end(struct proc *p, int status)
{
	p->ended = true;
	/* As its parent's heir, the second time. */
	if (!p->role[0])
		return;
	say("end %s %s %d %ld\n", p->role,
	    WIFEXITED(status) ? "exit" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), ms());
}

/* ---- the login ---------------------------------------------------------- */

static _Noreturn void be_login(int go, uid_t uid, gid_t gid, char **argv)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(98);
	close(go);
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		_exit(97);
	execv(argv[0], argv + 1);
	_exit(96);
}

static void start_login(uid_t uid, gid_t gid, char **argv)
{
	struct proc *p;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		die("pipe2");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(go[1]);
		be_login(go[0], uid, gid, argv);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)OPTIONS))
		die("PTRACE_SEIZE");
	p = find(pid);
	strcpy(p->role, "P");
	/* Running: only a stop can turn on the watch over its calls. */
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		die("PTRACE_INTERRUPT");
	say("born P %d %ld\n", (int)pid, ms());
	if (write(go[1], "g", 1) != 1)
		die("write");
	close(go[1]);
}

static void kill_all(void)
{
	for (int i = 0; i < count; i++)
		if (!procs[i].ended) {
			say("left %s %d\n", procs[i].role, (int)procs[i].pid);
			kill(procs[i].pid, SIGKILL);
		}
}

static void ignore(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction late = {.sa_handler = ignore}; /* no SA_RESTART */
	int status;
	pid_t pid;

	if (argc < 11)
		die("usage: see the source");
	clock_gettime(CLOCK_MONOTONIC, &start);
	report = fopen(argv[1], "we");
	if (!report || prctl(PR_SET_CHILD_SUBREAPER, 1) ||
	    sigaction(SIGALRM, &late, NULL))
		die(argv[1]);
	fault.role = argv[5];
	fault.generation = atoi(argv[6]);
	fault.call = atol(argv[7]);
	fault.nth = atol(argv[8]);
	fault.how = argv[9];
	fault.record = strcmp(fault.how, "record") == 0;
	start_login((uid_t)atoi(argv[3]), (gid_t)atoi(argv[4]), argv + 10);
	/* Its copies of 0 to 2 would hold the other side's end open. */
	close(0);
	close(1);
	alarm((unsigned)atoi(argv[2]));
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct proc *p;

		if (pid < 0) {
			kill_all();
			continue;
		}
		p = find(pid);
		if (WIFSTOPPED(status))
			at_stop(p, status);
		else if (WIFEXITED(status) || WIFSIGNALED(status))
			at_end(p, status);
	}
	say("over %d %ld\n", alive(), ms());
	return fclose(report) ? 99 : 0;
}
