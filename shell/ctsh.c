/* SPDX-License-Identifier: MIT */
/*
 * ctsh - the setuid stub: clean everything, become root, exec ctsh-session.
 *
 * Privilege: real uid the caller's, effective uid 0.  It reads no file, asks
 *            nobody and links libc alone; all thinking is ctsh-session's, which
 *            never sees the caller's environment (CVE-2013-4400).
 * Trust:     nothing: arguments, environment, descriptors, signals, limits and
 *            directory are the caller's.  Only the real ids are the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "../lib/base/disposition.h"
#include "caller.h"
#include "handover.h"
#include "report.h"

/* glibc has a type of its own for it. */
#ifdef __GLIBC__
typedef __rlimit_resource_t resource_number;
#else
typedef int resource_number;
#endif

/* Logs, becomes the caller again for good, and only then writes to the caller's
 * stderr: what hangs there is the caller's own process, which it can kill and
 * which its limits count. */
static int refuse(uid_t uid, gid_t gid, enum ctsh_code code, int sys,
                  const char *what)
{
	struct ctsh_report report;
	struct ctsh_error err;

	(void)ctsh_fail(&err, code, sys, "%s", what);
	ctsh_report_open(&report, uid);
	ctsh_report_refused(&report, &err);
	if (geteuid() != 0 ||
	    (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	     setresuid(uid, uid, uid) == 0 &&
	     prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0))
		ctsh_report_tell(&report, &err);
	return CTSH_EXIT_FAILURE;
}

/* 0 to 2 are open and nothing else is: a file that a library opens later must
 * not become somebody's standard output. */
static int clean_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return (int)syscall(SYS_close_range, 3, ~0U, 0);
}

static int clean_signals(void)
{
	static const int from_terminal[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN,
	                                    SIGTTOU};
	struct itimerval off = {0};
	unsigned long none = 0;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP &&
		    ctsh_disposition(sig, SIG_DFL))
			return -1;
	for (size_t i = 0; i < sizeof(from_terminal) / sizeof(int); i++)
		if (ctsh_disposition(from_terminal[i], SIG_IGN))
			return -1;
	if (setitimer(ITIMER_REAL, &off, NULL) ||
	    setitimer(ITIMER_VIRTUAL, &off, NULL) ||
	    setitimer(ITIMER_PROF, &off, NULL))
		return -1;
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

/* A slack of hours would make each of our deadlines late by as much
 * (PR_SET_TIMERSLACK(2const)); a time stamp counter that faults would end us at
 * the first look at the clock, and is there on some processors only. */
static int clean_clock(void)
{
	const unsigned long slack_ns = 50000;

	(void)prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
	return prctl(PR_SET_TIMERSLACK, slack_ns, 0, 0, 0);
}

/* Below these the loader of ctsh-session fails, and writes to the caller's
 * stderr as root before our first line. */
static int check_hard_limits(void)
{
	static const struct {
		resource_number resource;
		rlim_t least;
	} needs[] = {
		{RLIMIT_AS, 64 << 20},
		{RLIMIT_DATA, 64 << 20},
		{RLIMIT_STACK, 1 << 20},
		{RLIMIT_NOFILE, 64},
	};
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (getrlimit(needs[i].resource, &limit) ||
		    limit.rlim_max < needs[i].least)
			return -1;
	return 0;
}

/* The caller's soft limits are its own choice and must not trip us half way;
 * its hard limits stay.  An unlimited stack would switch off part of the
 * randomisation of addresses. */
static int clean_limits(void)
{
	static const resource_number raise[] = {RLIMIT_FSIZE, RLIMIT_CPU,
	                                        RLIMIT_AS, RLIMIT_DATA};
	const rlim_t stack = 8 << 20, files = 1024;
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(raise) / sizeof(*raise); i++) {
		if (getrlimit(raise[i], &limit))
			return -1;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(raise[i], &limit))
			return -1;
	}
	if (getrlimit(RLIMIT_STACK, &limit))
		return -1;
	limit.rlim_cur = limit.rlim_max < stack ? limit.rlim_max : stack;
	if (setrlimit(RLIMIT_STACK, &limit) || getrlimit(RLIMIT_NOFILE, &limit))
		return -1;
	if (limit.rlim_cur < files)
		limit.rlim_cur =
			limit.rlim_max < files ? limit.rlim_max : files;
	if (setrlimit(RLIMIT_NOFILE, &limit) || getrlimit(RLIMIT_CORE, &limit))
		return -1;
	limit.rlim_cur = 0;
	return setrlimit(RLIMIT_CORE, &limit);
}

/* For good: from here on the caller can no longer signal us. */
static int become_root(void)
{
	uid_t r, e, s;
	gid_t none = 0;

	if (setgroups(1, &none) || setresgid(0, 0, 0) || setresuid(0, 0, 0) ||
	    getresuid(&r, &e, &s) || r || e || s)
		return -1;
	/* A change of ids may turn it on again (fs.suid_dumpable). */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/*
 * Executes the session from a private read-only mount of its file, so that a
 * container root that keeps /proc/PID/exe open gets EROFS when it later opens
 * it for writing (the attack of CVE-2019-5736).  The mount goes along, for the
 * session to end when nobody waits.  Returns on failure only.
 */
static void execute(char *const argv[], char *const envp[])
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, CTSH_SESSION_PATH,
	                      OPEN_TREE_CLONE);

	if (fd != CTSH_HANDOVER_MOUNT ||
	    syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
	            sizeof(attr)))
		return;
	(void)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

static int hand_over(uid_t uid, gid_t gid, mode_t mask, char *command)
{
	char version[] = CTSH_HANDOVER_VERSION;
	char name[] = "ctsh-session", login[] = "login", with[] = "command";
	char ruid[16], rgid[16], octal[16];
	char *argv[] = {name, version, ruid, rgid, octal, login, command, NULL};
	char **envp = ctsh_caller_environment(environ, command == NULL);

	if (!envp)
		return refuse(uid, gid, CTSH_E_USAGE, errno,
		              "SSH_ORIGINAL_COMMAND cannot be passed on");
	(void)snprintf(ruid, sizeof(ruid), "%u", uid);
	(void)snprintf(rgid, sizeof(rgid), "%u", gid);
	(void)snprintf(octal, sizeof(octal), "%03o", mask);
	if (command)
		argv[5] = with;
	execute(argv, envp);
	return refuse(uid, gid, CTSH_E_SYSTEM, errno,
	              errno == ENOSYS ? "this kernel is older than Linux 5.12"
	                              : "cannot execute " CTSH_SESSION_PATH);
}

int main(int argc, char **argv)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	mode_t mask = umask(077);

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || clean_descriptors())
		return CTSH_EXIT_FAILURE;
	if (geteuid() != 0)
		return refuse(uid, gid, CTSH_E_SYSTEM, 0,
		              "ctsh is not setuid root");
	if (check_hard_limits())
		return refuse(uid, gid, CTSH_E_SYSTEM, 0,
		              "the caller's hard resource limits are too low");
	if (chdir("/") || clean_signals() || clean_clock() || clean_limits() ||
	    become_root())
		return refuse(uid, gid, CTSH_E_SYSTEM, errno,
		              "cannot become root");
	/* Since Linux 5.18 an empty argv comes as one empty name. */
	if (argc == 1 && argv[0][0])
		return hand_over(uid, gid, mask, NULL);
	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		return hand_over(uid, gid, mask, argv[2]);
	return refuse(uid, gid, CTSH_E_USAGE, 0, "unsupported arguments");
}
