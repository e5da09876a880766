/* SPDX-License-Identifier: MIT */
/*
 * parity.c - everything by which two processes in one container can differ, as
 * lines KEY=VALUE.  Static, one file in the image:
 *
 *   parity state      what the kernel says of this process
 *   parity syscalls   what each system call answers to arguments that are all
 *                     -1: 0, or the errno, or how the call ended its process
 *   parity all        both
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Beyond what any kernel has today, so that a filter's default shows, too. */
#define LAST_CALL 480
/* A call that blocks ends its own process only. */
#define CALL_SECONDS 5

/* Not called, and why. */
static const long skipped[] = {
	SYS_exit,         /* has no answer                                   */
	SYS_exit_group,   /* likewise                                        */
	SYS_rt_sigreturn, /* goes on wherever the stack says                 */
	SYS_reboot,       /* nobody shall lose a machine by a mistake here   */
	SYS_sync,         /* takes no argument, and as long as the disks do  */
#ifdef SYS_pause
	SYS_pause, /* takes no argument, and does not end             */
#endif
#ifdef SYS_vfork
	SYS_vfork, /* two processes on one stack                      */
#endif
};

#ifdef __x86_64__
/* getpid(2) by the two other doors, which a filter has to know about. */
#define X32_CALL (0x40000000L | SYS_getpid)
#define I386_CALL 0x80000014L /* a number of our own */
#endif

/* --- the state --- */

/* Names, numbers and sizes of this very process. */
static int is_own(const char *key)
{
	static const char *const own[] = {
		"Name",
		"State",
		"Tgid",
		"Ngid",
		"Pid",
		"PPid",
		"NSpid",
		"NStgid",
		"NSpgid",
		"NSsid",
		"FDSize",
		"Umask",
		"SigQ",
		"Kthread",
		"voluntary_ctxt_switches",
		"nonvoluntary_ctxt_switches",
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strcmp(key, own[i]) == 0)
			return 1;
	return strncmp(key, "Vm", 2) == 0 || strncmp(key, "Rss", 3) == 0 ||
	       strncmp(key, "Huge", 4) == 0;
}

static void squeeze(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		int blank = *from == ' ' || *from == '\t' || *from == '\n';

		if (blank && (to == text || to[-1] == ' '))
			continue;
		*to++ = blank ? ' ' : *from;
	}
	while (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

static void status(void)
{
	char line[4096];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		squeeze(value);
		if (!is_own(line))
			printf("status.%s=%s\n", line, value);
	}
	if (!file || fclose(file))
		printf("status=errno %d\n", errno);
}

static void limits(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/limits", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *name = line;

		line[25] = '\0';
		squeeze(line + 26);
		squeeze(name);
		if (strcmp(name, "Limit") != 0)
			printf("limit.%s=%s\n", name, line + 26);
	}
	if (!file || fclose(file))
		printf("limits=errno %d\n", errno);
}

static void cgroups(void)
{
	char line[4096];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *path = strrchr(line, ':');

		if (!path)
			continue;
		*path++ = '\0';
		squeeze(path);
		printf("cgroup.%s=%s\n", strchr(line, ':') + 1, path);
	}
	if (!file || fclose(file))
		printf("cgroup=errno %d\n", errno);
}

static void small_file(const char *name)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		printf("%s=errno %d\n", name, errno);
	} else {
		text[n] = '\0';
		squeeze(text);
		printf("%s=%s\n", name, text);
	}
	if (fd >= 0)
		close(fd);
}

static void namespaces(void)
{
	static const char *const names[] = {
		"mnt",  "uts",
		"ipc",  "net",
		"pid",  "pid_for_children",
		"user", "cgroup",
		"time", "time_for_children",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64], text[64];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		n = readlink(path, text, sizeof(text) - 1);
		if (n < 0)
			printf("ns.%s=errno %d\n", names[i], errno);
		else
			printf("ns.%s=%.*s\n", names[i], (int)n, text);
	}
}

/* Which there are, what they are and how they were opened. */
static void descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd < 65536; fd++)
		if (fstat(fd, &st) == 0)
			printf("descriptor.%d=%o %x\n", fd,
			       (unsigned)st.st_mode & S_IFMT,
			       (unsigned)fcntl(fd, F_GETFL) & O_ACCMODE);
}

static void root(void)
{
	struct statx st;

	if (statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &st))
		printf("root=errno %d\n", errno);
	else
		printf("root=%u:%u %llu\nroot.mount=%llu\n", st.stx_dev_major,
		       st.stx_dev_minor, st.stx_ino, st.stx_mnt_id);
}

static void number(const char *key, long value)
{
	if (value < 0)
		printf("%s=errno %d\n", key, errno);
	else
		printf("%s=%ld\n", key, value);
}

static void attributes(void)
{
	int word = 0;

	number("personality", syscall(SYS_personality, 0xffffffffL));
	number("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	number("keepcaps", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	number("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	number("mce_kill", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	number("thp_disable", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	number("ssb", prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0));
	number("indirect_branch", prctl(PR_GET_SPECULATION_CTRL, 1, 0, 0, 0));
	number("l1d_flush", prctl(PR_GET_SPECULATION_CTRL, 2, 0, 0, 0));
	number("mdwe", prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0));
	number("parent_death_signal",
	       prctl(PR_GET_PDEATHSIG, &word, 0, 0, 0) ? -1 : word);
	number("subreaper",
	       prctl(PR_GET_CHILD_SUBREAPER, &word, 0, 0, 0) ? -1 : word);
	number("tsc", prctl(PR_GET_TSC, &word, 0, 0, 0) ? -1 : word);
}

static void scheduling(void)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
		unsigned util_min, util_max;
	} a = {.size = sizeof(a)};
	unsigned long nodes[128] = {0};
	int mode = 0;

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0))
		printf("scheduling=errno %d\n", errno);
	else
		printf("scheduling.policy=%u\nscheduling.flags=%llu\n"
		       "scheduling.nice=%d\nscheduling.priority=%u\n"
		       "scheduling.utilisation=%u %u\n",
		       a.policy, a.flags, a.nice, a.priority, a.util_min,
		       a.util_max);
	number("scheduling.io", syscall(SYS_ioprio_get, 1, 0));
	if (syscall(SYS_get_mempolicy, &mode, nodes, 8192, NULL, 0))
		printf("memory_policy=errno %d\n", errno);
	else
		printf("memory_policy=%d %lx\n", mode, nodes[0]);
	number("timer_slack", prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
}

/* With arguments that make sense: some engines have this one answered by a
 * listener. */
static void make_device(void)
{
	static const char path[] = "/tmp/parity-device";

	if (mknod(path, S_IFCHR | 0600, makedev(1, 3))) {
		printf("make_device=errno %d\n", errno);
		return;
	}
	printf("make_device=made\n");
	unlink(path);
}

static void state(void)
{
	status();
	limits();
	cgroups();
	namespaces();
	small_file("oom_score_adj");
	small_file("coredump_filter");
	small_file("attr/current");
	small_file("attr/exec");
	small_file("setgroups");
	descriptors();
	root();
	attributes();
	scheduling();
	make_device();
}

/* --- the system calls --- */

static int is_skipped(long call)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(*skipped); i++)
		if (skipped[i] == call)
			return 1;
	return 0;
}

static long make_call(long call)
{
#ifdef I386_CALL
	if (call == I386_CALL) {
		long got = call & 0xff;

		__asm__ volatile("int $0x80" : "+a"(got) : : "memory");
		errno = (int)-got;
		return got < 0 ? -1 : got;
	}
#endif
	return syscall(call, -1L, -1L, -1L, -1L, -1L, -1L);
}

/* In a process of its own: what the call does to it is over with it.  fork(2)
 * comes here, too, and returns twice. */
static _Noreturn void try_call(long call, volatile int *answer)
{
	long got;

	alarm(CALL_SECONDS);
	got = make_call(call);
	*answer = got == -1 ? errno : 0;
#ifdef SYS_msgget
	/* -1 is a key like any other: the queue was made. */
	if (call == SYS_msgget && got >= 0)
		(void)msgctl((int)got, IPC_RMID, NULL);
#endif
	_exit(0);
}

static void one_call(long call, volatile int *answer)
{
	int how;
	pid_t pid;

	*answer = -1;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		try_call(call, answer);
	if (pid < 0 || waitpid(pid, &how, 0) != pid)
		printf("syscall.%ld=not tried: %d\n", call, errno);
	else if (WIFSIGNALED(how))
		printf("syscall.%ld=signal %d\n", call, WTERMSIG(how));
	else
		printf("syscall.%ld=%d\n", call, *answer);
}

/* One place for each, since the second process that fork(2) makes may be
 * late. */
static int calls(void)
{
	volatile int *answer =
		mmap(NULL, (LAST_CALL + 3) * sizeof(*answer),
	             PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (answer == MAP_FAILED)
		return 1;
	for (long call = 0; call <= LAST_CALL; call++)
		if (is_skipped(call))
			printf("syscall.%ld=skipped\n", call);
		else
			one_call(call, &answer[call]);
#ifdef I386_CALL
	one_call(X32_CALL, &answer[LAST_CALL + 1]);
	one_call(I386_CALL, &answer[LAST_CALL + 2]);
#endif
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int all = strcmp(what, "all") == 0;

	if (all || strcmp(what, "state") == 0)
		state();
	if (all || strcmp(what, "syscalls") == 0)
		return calls();
	return 0;
}
