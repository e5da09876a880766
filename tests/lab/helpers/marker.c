/* SPDX-License-Identifier: MIT */
/*
 * marker.c - evil code: says in /marks and in HOST_MARKS who executes it, so
 * that a test can tell a user's own power from anybody else's.  A constructor
 * of a shared object, or (LOADER) a program that ends with status 77.  No
 * libc: it must not need one.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "rawcall.h"

/* What lab/hostile.py unpacks. */
struct mark {
	uint32_t uid[3], gid[3];
	uint32_t groups;
	uint32_t no_new_privs;
	uint64_t effective, permitted, inheritable;
	char pid_namespace[32];
};

static uint64_t join(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

static void leave(const char *path, const struct mark *mark)
{
	long fd = call(SYS_openat, AT_FDCWD, (long)path,
	               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		return;
	call(SYS_write, fd, (long)mark, sizeof(*mark), 0);
	call(SYS_close, fd, 0, 0, 0);
}

static void look(struct mark *m)
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct caps[2];

	header.version = _LINUX_CAPABILITY_VERSION_3;
	header.pid = 0;
	caps[0].effective = caps[1].effective = UINT32_MAX;
	call(SYS_getresuid, (long)&m->uid[0], (long)&m->uid[1],
	     (long)&m->uid[2], 0);
	call(SYS_getresgid, (long)&m->gid[0], (long)&m->gid[1],
	     (long)&m->gid[2], 0);
	m->groups = (uint32_t)call(SYS_getgroups, 0, 0, 0, 0);
	m->no_new_privs =
		(uint32_t)call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0);
	call(SYS_capget, (long)&header, (long)caps, 0, 0);
	m->effective = join(caps[0].effective, caps[1].effective);
	m->permitted = join(caps[0].permitted, caps[1].permitted);
	m->inheritable = join(caps[0].inheritable, caps[1].inheritable);
	call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/ns/pid",
	     (long)m->pid_namespace, sizeof(m->pid_namespace));
}

static void leave_marks(void)
{
	struct mark mark;
	char *byte = (char *)&mark;

	for (unsigned i = 0; i < sizeof(mark); i++)
		*(volatile char *)(byte + i) = 0;
	look(&mark);
	leave("/marks/mark", &mark);
	leave(HOST_MARKS "/mark", &mark);
}

#ifdef LOADER
#if defined(__x86_64__)
/* Nobody called this, so the stack is aligned otherwise than in a function. */
__attribute__((force_align_arg_pointer))
#endif
void _start(void);

void _start(void)
{
	leave_marks();
	call(SYS_exit_group, 77, 0, 0, 0);
	__builtin_unreachable();
}
#else
__attribute__((constructor)) static void loaded(void)
{
	leave_marks();
}
#endif
