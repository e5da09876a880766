/* SPDX-License-Identifier: MIT */
/*
 * imp.c - what a hostile container runs, and what is done to one from outside.
 * Static, one file: `imp WHAT [ARGUMENT...]`.  Says "ready" when it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1.h"

#define CALLS_MAX 32

static const struct {
	const char *name;
	int number;
} calls[] = {
	{"capset", SYS_capset},
	{"chdir", SYS_chdir},
	{"clone", SYS_clone},
	{"close", SYS_close},
	{"execve", SYS_execve},
	{"exit_group", SYS_exit_group},
	{"getcwd", SYS_getcwd},
	{"ioctl", SYS_ioctl},
	{"prctl", SYS_prctl},
	{"read", SYS_read},
	{"rt_sigaction", SYS_rt_sigaction},
	{"seccomp", SYS_seccomp},
	{"setgid", SYS_setgid},
	{"setgroups", SYS_setgroups},
	{"setresgid", SYS_setresgid},
	{"setresuid", SYS_setresuid},
	{"setsid", SYS_setsid},
	{"setuid", SYS_setuid},
	{"umask", SYS_umask},
	{"write", SYS_write},
};

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static void be_ready(void)
{
	puts("ready");
	fflush(stdout);
}

static int number_of(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	return -1;
}

static unsigned action_of(const char *name)
{
	if (strcmp(name, "zero") == 0)
		return SECCOMP_RET_ERRNO; /* of error 0: "it worked" */
	if (strcmp(name, "kill") == 0)
		return SECCOMP_RET_KILL_PROCESS;
	if (strcmp(name, "notify") == 0)
		return SECCOMP_RET_USER_NOTIF;
	return SECCOMP_RET_TRAP;
}

/* An init with a filter of its own: does that to those calls. */
static int fake(const char *privs, const char *action, char *names)
{
	struct sock_filter code[CALLS_MAX + 4];
	struct sock_fprog program = {.filter = code};
	int number[CALLS_MAX];
	unsigned char count = 0;
	unsigned short at = 0;

	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		if (count == CALLS_MAX || number_of(name) < 0)
			return 2;
		number[count++] = number_of(name);
	}
	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned char i = 0; i < count; i++)
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number[i],
			(unsigned char)(count - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                          SECCOMP_RET_ALLOW);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                          action_of(action));
	program.len = at;
	if (strcmp(privs, "nnp") == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("no_new_privs");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return fail("seccomp");
	return init();
}

/* An init that is at home in a directory of the tree. */
static int rooted(const char *directory)
{
	if (chroot(directory) || chdir("/"))
		return fail(directory);
	return init();
}

static int trace(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return fail("ptrace");
	be_ready();
	pause();
	return 0;
}

/* Touches that many MiB and keeps them. */
static int hold(long mebibytes)
{
	for (long i = 0; i < mebibytes; i++) {
		char *block = malloc(1 << 20);

		if (!block)
			return 1;
		memset(block, 1, 1 << 20);
	}
	be_ready();
	pause();
	return 0;
}

/* The greedy one: a request that was read and not answered cannot even be
 * given up by who dies. */
static int swallow(int fuse)
{
	static char request[1 << 20];
	const struct fuse_in_header *in = (const void *)request;
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} answer = {
		.header = {.len = sizeof answer},
		.init = {.major = FUSE_KERNEL_VERSION,
	                 .minor = 31,
	                 .max_write = 4096},
	};

	for (;;) {
		ssize_t got = read(fuse, request, sizeof request);

		if (got < 0 && errno == ENODEV)
			return 0;
		if (got < (ssize_t)sizeof *in || in->opcode != FUSE_INIT)
			continue;
		answer.header.unique = in->unique;
		if (write(fuse, &answer, sizeof answer) != sizeof answer)
			return fail("answer");
	}
}

static int enter_view(const char *pid)
{
	char path[40];
	int view;

	(void)snprintf(path, sizeof path, "/proc/%s/ns/mnt", pid);
	view = open(path, O_RDONLY | O_CLOEXEC);
	return view < 0 ? -1 : setns(view, CLONE_NEWNS);
}

/* Mounts a file system without answers on a path of that process's view. */
static int fuse(const char *how, const char *pid, const char *path)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char text[80];

	if (device < 0 || enter_view(pid))
		return fail("fuse");
	(void)snprintf(text, sizeof text,
	               "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other",
	               device);
	if (mount("mute", path, "fuse", MS_NOSUID | MS_NODEV, text))
		return fail("mount");
	be_ready();
	if (strcmp(how, "greedy") == 0)
		return swallow(device);
	pause();
	return 0;
}

/* Puts what one process has at that path over what another one has there. */
static int graft(const char *from, const char *to, const char *path)
{
	int view = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int tree;

	if (view < 0 || enter_view(from))
		return fail("graft");
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, path,
	                    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || setns(view, CLONE_NEWNS) || enter_view(to) ||
	    syscall(SYS_move_mount, tree, "", AT_FDCWD, path,
	            MOVE_MOUNT_F_EMPTY_PATH))
		return fail("graft");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "init") == 0)
		return init();
	if (argc == 5 && strcmp(what, "fake") == 0)
		return fake(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(what, "rooted") == 0)
		return rooted(argv[2]);
	if (argc == 3 && strcmp(what, "trace") == 0)
		return trace((pid_t)atol(argv[2]));
	if (argc == 3 && strcmp(what, "hold") == 0)
		return hold(atol(argv[2]));
	if (argc == 5 && strcmp(what, "graft") == 0)
		return graft(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(what, "fuse") == 0)
		return fuse(argv[2], argv[3], argv[4]);
	fprintf(stderr, "imp: what?\n");
	return 2;
}
