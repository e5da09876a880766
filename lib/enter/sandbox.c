/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "caps.h"

/* A filter must name the architecture: the same number is another call under
 * another one, and a process may switch (int 0x80). */
#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARMEL__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define NATIVE_ARCH AUDIT_ARCH_S390X
#else
#error "sandbox.c does not know the audit name of this architecture"
#endif

/* In such a build each function that does not return, _exit(2) among them, asks
 * for the signal stack first. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

/* One filter instruction jumps at most 255 forward. */
#define CALLS_MAX 200
/* Numbers from here on are x32's on x86-64 and nobody's elsewhere. */
#define CALL_NUMBER_END 0x40000000
#define CAPABILITY_MAX 64

void ctsh_hide(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int fail(struct ctsh_error *err, const char *step)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "sandbox: %s", step);
}

/* For a step that succeeded and yet had not the effect it must have. */
static int unproved(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "sandbox: %s", what);
}

/* Secure bits could give capabilities back, or keep them, at a change of ids.
 * Since Linux 6.14 anybody may set two that say nothing of capabilities; no
 * login service does, so any is a sign of trouble. */
static int check_securebits(struct ctsh_error *err)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0)
		return fail(err, "read securebits");
	if (bits != 0)
		return unproved(err, "securebits are set");
	return 0;
}

/* The bounding set as the kernel has it.  The first number it does not know
 * ends it: /proc/sys/kernel/cap_last_cap may be the container's. */
static int read_bounding(uint64_t *set)
{
	*set = 0;
	for (int cap = 0; cap < CAPABILITY_MAX; cap++) {
		int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (held < 0)
			return errno == EINVAL ? 0 : -1;
		if (held)
			*set |= UINT64_C(1) << cap;
	}
	return 0;
}

static int drop_bounding(uint64_t keep, struct ctsh_error *err)
{
	return ctsh_caps_bound(keep) < 0 ? fail(err, "drop bounding set") : 0;
}

static int set_capabilities(uint64_t keep, struct ctsh_error *err)
{
	return ctsh_caps_set(keep) < 0 ? fail(err, "capset") : 0;
}

static int set_no_new_privs(struct ctsh_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "no_new_privs");
	return 0;
}

/* Permitted and effective are exactly `keep`; nothing is inheritable, and so
 * nothing can be ambient either. */
static int prove_capabilities(uint64_t keep, struct ctsh_error *err)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	uint64_t bounding;

	if (syscall(SYS_capget, &header, data) < 0)
		return fail(err, "capget");
	for (int half = 0; half < 2; half++) {
		uint32_t want = (uint32_t)(keep >> 32 * half);

		if (data[half].effective != want ||
		    data[half].permitted != want || data[half].inheritable)
			return unproved(err, "capabilities remain");
	}
	if (read_bounding(&bounding) < 0)
		return fail(err, "read bounding set");
	if (bounding != keep)
		return unproved(err, "the bounding set remains");
	return 0;
}

static int prove_closed(struct ctsh_error *err)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return unproved(err, "no_new_privs is not set");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return unproved(err, "still dumpable");
	return 0;
}

static bool all_uids_are(uid_t uid)
{
	uid_t r = ~uid, e = ~uid, s = ~uid;

	if (getresuid(&r, &e, &s) < 0)
		return false;
	/* setfsuid() of an impossible id changes nothing and tells the
	 * present one: it has no other way of asking. */
	return r == uid && e == uid && s == uid &&
	       (uid_t)setfsuid((uid_t)-1) == uid;
}

static bool all_gids_are(gid_t gid)
{
	gid_t r = ~gid, e = ~gid, s = ~gid, only = ~gid;

	if (getresgid(&r, &e, &s) < 0)
		return false;
	return r == gid && e == gid && s == gid &&
	       (gid_t)setfsgid((gid_t)-1) == gid && getgroups(1, &only) == 1 &&
	       only == gid;
}

/* Root must not come back: tried, not assumed. */
static int prove_ids(uid_t uid, gid_t gid, struct ctsh_error *err)
{
	if (uid != 0 && (setuid(0) == 0 || setresuid(0, 0, 0) == 0))
		return unproved(err, "uid 0 came back");
	if (gid != 0 && (setgid(0) == 0 || setresgid(0, 0, 0) == 0))
		return unproved(err, "gid 0 came back");
	if (!all_uids_are(uid))
		return unproved(err, "uids differ from what was set");
	if (!all_gids_are(gid))
		return unproved(err, "gids differ from what was set");
	return 0;
}

static int set_ids(uid_t uid, gid_t gid, struct ctsh_error *err)
{
	if (setgroups(1, &gid) < 0)
		return fail(err, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return fail(err, "setresgid");
	if (setresuid(uid, uid, uid) < 0)
		return fail(err, "setresuid");
	return 0;
}

int ctsh_become(uid_t uid, gid_t gid, struct ctsh_error *err)
{
	ctsh_hide();
	/* -1 would mean "as it is" to setresuid(2). */
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return ctsh_fail(err, CTSH_E_SYSTEM, EINVAL, "sandbox: id -1");
	/* The bounding set first: dropping it needs what goes last.  The
	 * capabilities after the ids: uid 0 would keep them. */
	if (check_securebits(err) < 0 || drop_bounding(0, err) < 0 ||
	    set_ids(uid, gid, err) < 0 || set_capabilities(0, err) < 0 ||
	    set_no_new_privs(err) < 0)
		return -1;
	/* fs.suid_dumpable may have turned it on at the change of ids. */
	ctsh_hide();
	if (prove_ids(uid, gid, err) < 0 || prove_capabilities(0, err) < 0)
		return -1;
	return prove_closed(err);
}

int ctsh_keep_only(uint64_t keep, struct ctsh_error *err)
{
	ctsh_hide();
	if (check_securebits(err) < 0 || drop_bounding(keep, err) < 0 ||
	    set_capabilities(keep, err) < 0 || set_no_new_privs(err) < 0)
		return -1;
	ctsh_hide();
	if (prove_capabilities(keep, err) < 0)
		return -1;
	return prove_closed(err);
}

/* Layout: four instructions of preamble, one comparison per call, then
 * "kill", then "allow". */
static size_t assemble(struct sock_filter *code, const int *calls, size_t count)
{
	size_t at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	                                          NATIVE_ARCH, 1, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                          SECCOMP_RET_KILL_PROCESS);
	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
#ifdef ADDRESS_SANITIZER
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	                                          SYS_sigaltstack,
	                                          (uint8_t)(count + 1), 0);
#endif
	for (size_t i = 0; i < count; i++)
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
			(uint8_t)(count - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                          SECCOMP_RET_KILL_PROCESS);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	                                          SECCOMP_RET_ALLOW);
	return at;
}

static int load(struct sock_filter *code, size_t count, struct ctsh_error *err)
{
	const struct sock_fprog program = {.len = (unsigned short)count,
	                                   .filter = code};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return fail(err, "load filter");
	return 0;
}

int ctsh_allow_only(const int *calls, size_t count, struct ctsh_error *err)
{
	struct sock_filter code[CALLS_MAX + 7];

	if (count > CALLS_MAX)
		return ctsh_fail(err, CTSH_E_SYSTEM, E2BIG, "sandbox: calls");
	/* The comparison is exact, so with x32's numbers kept off the list
	 * every x32 call is refused. */
	for (size_t i = 0; i < count; i++)
		if (calls[i] < 0 || calls[i] >= CALL_NUMBER_END)
			return ctsh_fail(err, CTSH_E_SYSTEM, EINVAL,
			                 "sandbox: call %d", calls[i]);
	return load(code, assemble(code, calls, count), err);
}

/* Where a filter finds the lower half of an argument.  Of an int, what a caller
 * has above it is not looked at by the kernel either. */
static uint32_t low_half(unsigned argument)
{
	uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) +
	                         argument * sizeof(uint64_t));

	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? at + sizeof(uint32_t)
	                                              : at;
}

int ctsh_allow_sockets(int family, struct ctsh_error *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)family, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return load(code, sizeof(code) / sizeof(*code), err);
}

/* Requests have their kind in the second byte, and those of terminals are of
 * two: which one depends on the architecture. */
int ctsh_allow_terminal_ioctls(struct ctsh_error *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half(1)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FIONREAD, 5, 0),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'T', 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 't', 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return load(code, sizeof(code) / sizeof(*code), err);
}

/* Words of an argument are compared as they lie in memory: the kernel's struct
 * has them in the machine's own order. */
int ctsh_allow_argument(int call, unsigned argument, uint32_t value,
                        struct ctsh_error *err)
{
	uint32_t low = (uint32_t)(offsetof(struct seccomp_data, args) +
	                          argument * sizeof(uint64_t));
	uint32_t high = low + (uint32_t)sizeof(uint32_t);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, high),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
		code[2].k = high;
		code[4].k = low;
	}
	if (argument > 5)
		return ctsh_fail(err, CTSH_E_SYSTEM, EINVAL,
		                 "sandbox: argument %u", argument);
	return load(code, sizeof(code) / sizeof(*code), err);
}
