/* SPDX-License-Identifier: MIT */
/*
 * refuse.h - a seccomp filter that one can recognise: mkdir fails with an errno
 * of one's choice, everything else is allowed.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_mkdir
#define REFUSE_OLD SYS_mkdir
#else
#define REFUSE_OLD SYS_mkdirat
#endif

/* Loads it; 0 for the errno makes one that allows everything. */
static inline int refuse_mkdir(int number)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REFUSE_OLD, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
	                 number ? SECCOMP_RET_ERRNO | (unsigned)number
	                        : SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(insns) / sizeof(insns[0]),
		.filter = insns,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
