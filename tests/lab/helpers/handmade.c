/* SPDX-License-Identifier: MIT */
/*
 * handmade.c - `handmade PID ROOT ERRNO`: a container without an engine, whose
 * init is /bin/probe of ROOT and has that PID (0: any) on the host.  Its filter
 * refuses mkdir with ERRNO (0: it has none).
 *
 * Prints the PID when the container runs.  Stays, and ends with its init.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "refuse.h"

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void become_init(const char *root, int number, int told)
{
	char *argv[] = {"/bin/probe", "init", NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setsid() < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(root, root, NULL, MS_BIND, NULL) || chdir(root) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		die("its root");
	if (mount("proc", "/proc", "proc", 0, NULL))
		die("its /proc");
	if (number && refuse_mkdir(number))
		die("its filter");
	/* Closed by the exec: that says that it runs. */
	fcntl(told, F_SETFD, FD_CLOEXEC);
	execv(argv[0], argv);
	die(argv[0]);
}

static pid_t clone_at(pid_t pid)
{
	pid_t wanted[] = {1, pid};
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
	                 CLONE_NEWIPC | CLONE_NEWUTS,
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (uintptr_t)wanted : 0,
		.set_tid_size = pid ? 2 : 0,
	};
	long got;

	/* A number is free again only when its owner has been reaped. */
	for (int i = 0; i < 1000; i++) {
		got = syscall(SYS_clone3, &args, sizeof(args));
		if (got >= 0 || errno != EEXIST)
			break;
		usleep(1000);
	}
	return (pid_t)got;
}

int main(int argc, char **argv)
{
	int told[2], status;
	char byte;
	pid_t pid;

	if (argc != 4 || pipe(told))
		return 2;
	pid = clone_at(atoi(argv[1]));
	if (pid < 0)
		die("clone3");
	if (pid == 0) {
		close(told[0]);
		become_init(argv[2], atoi(argv[3]), told[1]);
	}
	close(told[1]);
	if (read(told[0], &byte, 1) != 0)
		return 1;
	printf("%d\n", (int)pid);
	fflush(stdout);
	while (waitpid(pid, &status, 0) != pid)
		continue;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                           : WEXITSTATUS(status);
}
