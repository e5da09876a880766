/* SPDX-License-Identifier: MIT */
/*
 * carry.c - `carry PID PROGRAM [ARG...]`: executes a program in the container
 * of that init with the init's capabilities and whatever descriptors it was
 * given, as `nsenter` would: what ctsh must not do.
 */
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t capabilities_of(int pid)
{
	char path[40], line[256];
	unsigned long long set = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapPrm: %llx", &set) == 1)
			break;
	if (file)
		fclose(file);
	return set;
}

/* Bounding set first: dropping from it needs what goes then. */
static int keep_only(uint64_t set)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3,
	                                          0};
	struct __user_cap_data_struct data[2] = {{0}};

	for (int cap = 0; cap < 64; cap++)
		if (!(set >> cap & 1) &&
		    prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -1;
	for (int half = 0; half < 2; half++)
		data[half].permitted = data[half].effective =
			(uint32_t)(set >> 32 * half);
	return (int)syscall(SYS_capset, &header, data);
}

int main(int argc, char **argv)
{
	const int all = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
	                CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	int pid = argc > 2 ? atoi(argv[1]) : 0;
	uint64_t set = capabilities_of(pid);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int status = 0;
	char *environment[] = {NULL};

	/* The init's root is the root of its mount namespace: setns goes there,
	 * as these engines pivot. */
	if (!set || pidfd < 0 || setns(pidfd, all)) {
		perror("carry");
		return 99;
	}
	close(pidfd);
	if (fork() == 0) {
		if (keep_only(set))
			_exit(98);
		execve(argv[2], argv + 2, environment);
		_exit(97);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}
