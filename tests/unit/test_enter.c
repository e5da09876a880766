/* SPDX-License-Identifier: MIT */
/* Needs root: enters real namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/filters.h"
#include "../../lib/base/proc.h"
#include "../../lib/enter/container.h"
#include "../../lib/enter/enter.h"
#include "../../lib/enter/parcel.h"
#include "../../lib/enter/sandbox.h"
#include "../../lib/enter/seccomp.h"
#include "fake_container.h"

#define UID 1234
#define WAIT_MS 5000

static char sh[] = "/bin/sh", name[] = "sh", option[] = "-c";
static char shell_env[] = "SHELL=/bin/sh", path_env[] = "PATH=/bin:/usr/bin";
static char nowhere[] = "/nowhere", top[] = "/";
static char absent[] = "/bin/no-such-shell", inert[] = "/etc/passwd";

/* One entry with a small plan; tests change what they are about. */
struct trial {
	struct ctsh_container c;
	gid_t groups[2];
	char *argv[4];
	char *env[3];
	struct ctsh_plan plan;
	struct ctsh_entry entry;
	struct ctsh_session_leader leader;
	struct ctsh_error err;
	int watched;
	pid_t init;
};

static int count(void *context, int pidfd, struct ctsh_error *err)
{
	struct trial *t = context;

	(void)err;
	assert_true(pidfd >= 0);
	t->watched++;
	return 0;
}

static int is_watched(void *context, struct ctsh_error *err)
{
	(void)context;
	(void)err;
	return 0;
}

static int is_not_watched(void *context, struct ctsh_error *err)
{
	(void)context;
	return ctsh_fail(err, CTSH_E_SYSTEM, 0, "not watched");
}

static void prepare(struct trial *t, int namespaces, fake_setup *setup,
                    char *command)
{
	struct ctsh_terms terms = {.share = CLONE_NEWUSER | CLONE_NEWCGROUP |
	                                    0x80};
	struct ctsh_target target;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	memset(t, 0, sizeof(*t));
	t->init = fake_start(namespaces, setup);
	target = fake_target(t->init);
	if (fake_open(&t->c, &target, &terms, &t->err))
		fail_msg("%s", t->err.what);
	if (t->c.filter_count &&
	    ctsh_seccomp_copy(&t->c, &t->c.filters, ctsh_now_ms() + WAIT_MS,
	                      &t->err))
		fail_msg("%s", t->err.what);
	t->groups[0] = UID;
	t->groups[1] = UID + 1;
	t->argv[0] = name;
	t->argv[1] = option;
	t->argv[2] = command;
	t->env[1] = path_env;
	t->plan = (struct ctsh_plan){
		.uid = UID,
		.gid = UID,
		.host_uid = UID,
		.host_gid = UID,
		.group_count = 2,
		.groups = t->groups,
		.host_groups = t->groups,
		.shells = {{sh, t->argv, shell_env}},
		.shell_count = 1,
		.directories = {nowhere, top},
		.directory_count = 2,
		.env = t->env,
		.umask = 027,
	};
	t->entry = (struct ctsh_entry){
		.container = &t->c,
		.plan = &t->plan,
		.stdio = {null, null, null},
		.terminal = -1,
		.heap = ctsh_parcel_mark(),
		.watch = count,
		.watched = is_watched,
		.context = t,
		.deadline_ms = ctsh_now_ms() + WAIT_MS,
	};
}

static void finish(struct trial *t)
{
	(void)close(t->entry.stdio[0]);
	fake_stop(t->init);
	ctsh_container_close(&t->c);
	free((void *)t->entry.heap);
}

/* The shell's exit status after a successful entry. */
static int run(struct trial *t)
{
	int status;

	if (ctsh_enter(&t->entry, &t->leader, &t->err))
		fail_msg("%s", t->err.what);
	assert_int_equal(t->watched, 2);
	assert_int_equal(waitpid(t->leader.pid, &status, 0), t->leader.pid);
	(void)close(t->leader.pidfd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_refusal(struct trial *t, enum ctsh_code code,
                           const char *reason)
{
	assert_int_equal(ctsh_enter(&t->entry, &t->leader, &t->err), -1);
	if (t->err.code != code || !strstr(t->err.what, reason))
		fail_msg("%s: %s", ctsh_code_name(t->err.code), t->err.what);
	/* Nothing is left behind but the init. */
	finish(t);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Own namespaces need a /proc of their own for what the shell looks at. */
static int mount_proc(void)
{
	return system("mount --make-rprivate / && mount -t proc proc /proc");
}

static void enter_starts_the_shell_as_planned(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, mount_proc,
	        (char[]){"test \"$(id -u):$(id -g):$(id -G)\" = "
	                 "'1234:1234:1234 1235' && test $(umask) = 0027 && "
	                 "test $PWD = / && test $SHELL = /bin/sh && "
	                 "grep -q '^CapEff:.0*$' /proc/self/status && "
	                 "grep -q '^CapPrm:.0*$' /proc/self/status && "
	                 "test ! -e /proc/self/fd/4 && exit 7"});
	assert_int_equal(run(t), 7);
	finish(t);
}

static void enter_puts_the_shell_into_every_namespace(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, mount_proc,
	        (char[]){"for n in mnt uts ipc net pid cgroup user time; do "
	                 "test $(readlink /proc/self/ns/$n) = "
	                 "$(readlink /proc/1/ns/$n) || exit 1; done; "
	                 "test $(cat /proc/self/cgroup | head -1) = "
	                 "$(cat /proc/1/cgroup | head -1)"});
	/* The init is root's, so its links can be read by root alone. */
	t->plan.uid = t->plan.gid = t->plan.host_uid = t->plan.host_gid = 0;
	t->groups[0] = 0;
	assert_int_equal(run(t), 0);
	finish(t);
}

static int give_up_most(void)
{
	if (mount_proc())
		return -1;
	for (int cap = 2; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void enter_cuts_the_bounding_set_to_the_inits(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, give_up_most,
	        (char[]){"grep -q '^CapBnd:.0000000000000003$' "
	                 "/proc/self/status"});
	assert_int_equal(run(t), 0);
	finish(t);
}

/* One of ours: by its descriptor alone, as if it had no path. */
static void execute_ours(struct trial *t, char *command)
{
	ctsh_autofree char *path = realpath(sh, NULL);

	prepare(t, FAKE_ALL, mount_proc, command);
	assert_non_null(path);
	t->plan.program = t->argv;
	t->plan.shell_count = 0;
	t->entry.program = ctsh_program_open(path, &t->err);
	assert_true(t->entry.program >= 0);
}

/* What is left over of another plan lies in a heap that M does not have. */
static void enter_executes_a_program_of_ours_without_a_shell(void **state)
{
	struct trial *t = *state;

	execute_ours(t, (char[]){"test -z \"$SHELL\" && "
	                         "test ! -e /proc/self/fd/5 && exit 7"});
	t->plan.shells[0].shell_env = strdup(shell_env);
	assert_non_null(t->plan.shells[0].shell_env);
	assert_int_equal(run(t), 7);
	free(t->plan.shells[0].shell_env);
	(void)close(t->entry.program);
	finish(t);
}

/* Whoever takes S over before its execve(2), and may mount, has this. */
static void nobody_makes_the_mount_of_a_program_writable(void **state)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	struct trial *t = *state;
	char path[32];
	int fd = ctsh_program_open("/bin/true", &t->err);

	assert_true(fd >= 0);
	assert_int_equal(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH,
	                         &attr, sizeof(attr)),
	                 -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(syscall(SYS_move_mount, fd, "", AT_FDCWD, "/dev/null",
	                         MOVE_MOUNT_F_EMPTY_PATH),
	                 -1);
	assert_int_equal(errno, EINVAL);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(open(path, O_WRONLY), -1);
	assert_int_equal(errno, EROFS);
	(void)close(fd);
}

/* What crosses the barrier is packed, and there is an end to it. */
static void enter_refuses_a_plan_without_end(void **state)
{
	struct trial *t = *state;
	size_t size = (size_t)16 << 20;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->env[1] = malloc(size);
	assert_non_null(t->env[1]);
	memset(t->env[1], 'x', size - 1);
	t->env[1][size - 1] = '\0';
	expect_refusal(t, CTSH_E_SYSTEM, "pack the parcel: E2BIG");
	free(t->env[1]);
}

/* What M becomes is compared with the init as it was when it was opened. */
static void enter_refuses_an_init_that_has_changed_since(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.bounding = 3;
	expect_refusal(t, CTSH_E_UNSAFE, "the init changed its bounding set");

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.no_new_privs = true;
	expect_refusal(t, CTSH_E_UNSAFE, "the init changed its seccomp");

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.init_uid = 7;
	expect_refusal(t, CTSH_E_UNSAFE, "the init changed its ids");

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	(void)close(t->c.root);
	t->c.root = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect_refusal(t, CTSH_E_UNSAFE, "the init changed its root");
}

static void nobody_goes_on_unwatched(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->entry.watched = is_not_watched;
	expect_refusal(t, CTSH_E_SYSTEM, "not watched");
	assert_int_equal(t->watched, 1);
}

/* Dies as soon as M is known. */
static int die(void *context, int pidfd, struct ctsh_error *err)
{
	(void)context;
	(void)pidfd;
	(void)err;
	return kill(getpid(), SIGKILL);
}

static void nothing_outlives_a_login_process_that_dies(void **state)
{
	struct trial *t = *state;
	int64_t until = ctsh_now_ms() + WAIT_MS;
	pid_t p;

	/* What it leaves becomes our child. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	prepare(t, FAKE_ALL, NULL, (char[]){"sleep 100"});
	t->entry.watch = die;
	p = fork();
	if (p == 0)
		_exit(ctsh_enter(&t->entry, &t->leader, &t->err));
	assert_int_equal(waitpid(p, NULL, 0), p);
	finish(t);
	while (waitpid(-1, NULL, WNOHANG) != -1 && ctsh_now_ms() < until)
		ctsh_nap_us(1000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void enter_lowers_limits_and_never_raises_them(void **state)
{
	struct trial *t = *state;
	struct rlimit own, small;

	prepare(t, FAKE_ALL, NULL,
	        (char[]){"test $(ulimit -Hn) = 200 && test $(ulimit -Sn) = "
	                 "100 && test $(ulimit -Hf) = 4096"});
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &own), 0);
	small = (struct rlimit){4096 * 512, 4096 * 512};
	t->c.limits[RLIMIT_NOFILE] = (struct rlimit){100, 200};
	t->c.limits[RLIMIT_FSIZE] =
		(struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(run(t), 0);
	finish(t);
}

static int be_served_otherwise(void)
{
	if (mount_proc() || setpriority(PRIO_PROCESS, 0, 6) ||
	    syscall(SYS_ioprio_set, 1, 0, 3 << 13) ||
	    prctl(PR_SET_TIMERSLACK, 70000, 0, 0, 0))
		return -1;
	return personality(ADDR_NO_RANDOMIZE) < 0;
}

static void enter_takes_the_traits_of_the_init(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, be_served_otherwise,
	        (char[]){"test $(nice) = 6 && "
	                 "test \"$(ionice -p $$)\" = idle && "
	                 "test $(cat /proc/self/timerslack_ns) = 70000 && "
	                 "test $(cat /proc/self/personality) = 00040000"});
	assert_int_equal(run(t), 0);
	finish(t);
}

/* What the caller had, and the init has not. */
static void enter_leaves_the_traits_of_the_caller_behind(void **state)
{
	struct trial *t = *state;
	struct sched_param rt = {.sched_priority = 1}, other = {0};

	prepare(t, FAKE_ALL, mount_proc,
	        (char[]){"test $(nice) = 0 && "
	                 "chrt -p $$ | grep -q SCHED_OTHER && "
	                 "test $(cat /proc/self/timerslack_ns) = 50000 && "
	                 "test $(cat /proc/self/personality) = 00000000"});
	assert_int_equal(sched_setscheduler(0, SCHED_FIFO, &rt), 0);
	assert_true(personality(UNAME26) >= 0);
	assert_int_equal(prctl(PR_SET_TIMERSLACK, 1000000, 0, 0, 0), 0);
	assert_int_equal(run(t), 0);
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &other), 0);
	assert_true(personality(0) >= 0);
	assert_int_equal(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0), 0);
	finish(t);
}

static void enter_refuses_a_label_that_nobody_takes(void **state)
{
	static char shown[] = "box (enforce)", wanted[] = "exec box";
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.label.file = "attr/apparmor/exec";
	t->c.label.shown = strdup(shown);
	t->c.label.wanted = strdup(wanted);
	expect_refusal(t, CTSH_E_UNSAFE, "ask for the security label");
}

static void enter_sets_no_new_privs_like_the_init(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, give_up_most,
	        (char[]){"grep -q '^NoNewPrivs:.1$' /proc/self/status"});
	assert_int_equal(run(t), 0);
	finish(t);
}

static void enter_tries_the_next_shell_only_when_there_is_none(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 5"});
	t->plan.shells[1] = t->plan.shells[0];
	t->plan.shells[0].path = absent;
	t->plan.shell_count = 2;
	assert_int_equal(run(t), 5);
	finish(t);

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 5"});
	t->plan.shells[1] = t->plan.shells[0];
	t->plan.shells[0].path = inert;
	t->plan.shell_count = 2;
	expect_refusal(t, CTSH_E_SHELL, "execute the shell: EACCES");
	assert_string_equal(t->err.say,
	                    "Your shell /etc/passwd could not be started.");
}

static void enter_names_the_shell_that_failed(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 5"});
	t->plan.shells[1] = t->plan.shells[2] = t->plan.shells[0];
	t->plan.shells[0].path = absent;
	t->plan.shells[1].path = inert;
	t->plan.shell_count = 3;
	expect_refusal(t, CTSH_E_SHELL, "execute the shell: EACCES");
	assert_string_equal(t->err.say,
	                    "Your shell /etc/passwd could not be started.");

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 5"});
	t->plan.shells[1] = t->plan.shells[0];
	t->plan.shells[0].path = absent;
	t->plan.shells[1].path = nowhere;
	t->plan.shell_count = 2;
	expect_refusal(t, CTSH_E_SHELL, "execute the shell: ENOENT");
	assert_string_equal(t->err.say,
	                    "Your shell /bin/no-such-shell was not found.");
}

static void enter_says_whether_it_is_in_the_first_directory(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"test $PWD = /"});
	assert_int_equal(run(t), 0);
	assert_true(t->leader.elsewhere);
	finish(t);

	prepare(t, FAKE_ALL, NULL, (char[]){"test $PWD = /"});
	t->plan.directories[0] = top;
	assert_int_equal(run(t), 0);
	assert_false(t->leader.elsewhere);
	finish(t);
}

static void enter_says_when_there_is_no_shell(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 5"});
	t->plan.shells[0].path = absent;
	expect_refusal(t, CTSH_E_SHELL, "execute the shell: ENOENT");
	assert_string_equal(t->err.say,
	                    "Your shell /bin/no-such-shell was not found.");
}

static void enter_refuses_when_the_cgroup_differs(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.cgroup_text[0] = 'x';
	expect_refusal(t, CTSH_E_UNSAFE, "not in the init's cgroups");
}

static void enter_refuses_when_a_namespace_differs(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	t->c.join &= ~(unsigned)CLONE_NEWUTS; /* as if it were skipped */
	expect_refusal(t, CTSH_E_UNSAFE, "another uts namespace");
}

static void enter_refuses_an_init_that_ended(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, NULL, (char[]){"exit 0"});
	(void)kill(t->init, SIGKILL);
	assert_int_equal(ctsh_wait_fd(t->c.pidfd, POLLIN, INT64_MAX), 1);
	expect_refusal(t, CTSH_E_GONE, "join the namespaces");
}

/* A filter that answers one system call itself, with "success". */
static int fake_success(unsigned call)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, insns};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static int fake_clone(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       fake_success(SYS_clone);
}

static int fake_capset(void)
{
	return fake_success(SYS_capset);
}

static int fake_ids(void)
{
	return mount_proc() || fake_success(SYS_setresuid) ||
	       fake_success(SYS_setresgid) || fake_success(SYS_setgroups);
}

static void enter_refuses_a_filter_that_fakes_birth(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, fake_clone, (char[]){"exit 0"});
	assert_int_equal(t->c.filters.count, 1);
	expect_refusal(t, CTSH_E_UNSAFE, "was not born inside");
}

static void enter_refuses_a_filter_that_fakes_the_last_drop(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, fake_capset, (char[]){"exit 0"});
	expect_refusal(t, CTSH_E_UNSAFE, "capabilities are left");
}

static void enter_changes_ids_before_filters_can_fake_it(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, fake_ids,
	        (char[]){"grep -q '^Uid:.1234.1234.1234.1234$' "
	                 "/proc/self/status && "
	                 "grep -q '^Seccomp_filters:.3$' /proc/self/status"});
	assert_int_equal(t->c.filters.count, 3);
	assert_int_equal(run(t), 0);
	finish(t);
}

static void copy_keeps_the_order_of_the_filters(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, fake_ids, (char[]){"exit 0"});
	/* The number compared in the second instruction tells them apart. */
	assert_int_equal(t->c.filters.filter[0].insns[1].k, SYS_setresuid);
	assert_int_equal(t->c.filters.filter[1].insns[1].k, SYS_setresgid);
	assert_int_equal(t->c.filters.filter[2].insns[1].k, SYS_setgroups);
	finish(t);
}

/* unshare(2) moves only the children into a time namespace. */
static int take_time_namespace(void)
{
	int fd;

	if (mount_proc() || unshare(0x80))
		return -1;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY);
	return fd < 0 ? -1 : setns(fd, 0x80);
}

static void enter_joins_a_time_namespace(void **state)
{
	struct trial *t = *state;

	prepare(t, FAKE_ALL, take_time_namespace,
	        (char[]){"test $(readlink /proc/self/ns/time) = "
	                 "$(readlink /proc/1/ns/time)"});
	assert_int_equal(t->c.join, FAKE_ALL | 0x80);
	t->plan.uid = t->plan.gid = t->plan.host_uid = t->plan.host_gid = 0;
	t->groups[0] = 0;
	assert_int_equal(run(t), 0);
	finish(t);
}

/* The unified cgroup of these tests, below wherever it is mounted. */
static const char *unified(const char *file)
{
	static char path[700];
	struct ctsh_proc_mount mount = {.path = ""};
	ctsh_autofree char *text = ctsh_read_file_at(
		AT_FDCWD, "/proc/self/mountinfo", 1 << 20, NULL);
	const char *cursor = text;

	assert_non_null(text);
	while (ctsh_proc_next_cgroup_mount(&cursor, &mount) == 1)
		if (mount.unified)
			break;
	assert_true(mount.unified);
	(void)snprintf(path, sizeof(path), "%s/ctsh-unit-test/%s", mount.path,
	               file);
	return path;
}

static int write_unified(const char *file, const char *text)
{
	int fd = open(unified(file), O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

	(void)close(fd);
	return good ? 0 : -1;
}

static int join_unified(void)
{
	return mount_proc() || write_unified("cgroup.procs", "0");
}

static void enter_is_born_in_the_unified_cgroup(void **state)
{
	struct trial *t = *state;

	(void)rmdir(unified(""));
	assert_int_equal(mkdir(unified(""), 0755), 0);
	/* The host's view: without a cgroup namespace of its own. */
	prepare(t, FAKE_ALL & ~CLONE_NEWCGROUP, join_unified,
	        (char[]){"grep -q '^0::.*/ctsh-unit-test$' /proc/self/cgroup"});
	assert_true(t->c.cgroup2 >= 0);
	assert_int_equal(run(t), 0);
	finish(t);
	assert_int_equal(rmdir(unified("")), 0);
}

static void open_refuses_a_frozen_container(void **state)
{
	struct ctsh_terms terms = {.share = CLONE_NEWUSER | 0x80};
	struct ctsh_container c;
	struct ctsh_error err = {0};
	struct ctsh_target target;
	pid_t init;

	(void)state;
	(void)rmdir(unified(""));
	assert_int_equal(mkdir(unified(""), 0755), 0);
	init = fake_start(FAKE_ALL, join_unified);
	target = fake_target(init);
	assert_int_equal(write_unified("cgroup.freeze", "1"), 0);
	/* Freezing takes a moment. */
	for (int i = 0; i < 500; i++) {
		if (fake_open(&c, &target, &terms, &err))
			break;
		ctsh_container_close(&c);
		ctsh_nap_us(10000);
	}
	assert_int_equal(err.code, CTSH_E_PAUSED);
	assert_string_equal(err.what, "its cgroup is frozen");
	assert_int_equal(write_unified("cgroup.freeze", "0"), 0);
	fake_stop(init);
	assert_int_equal(rmdir(unified("")), 0);
}

static int prepare_state(void **state)
{
	*state = calloc(1, sizeof(struct trial));
	return *state ? 0 : -1;
}

static int drop_state(void **state)
{
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enter_starts_the_shell_as_planned),
		cmocka_unit_test(enter_puts_the_shell_into_every_namespace),
		cmocka_unit_test(enter_cuts_the_bounding_set_to_the_inits),
		cmocka_unit_test(enter_sets_no_new_privs_like_the_init),
		cmocka_unit_test(enter_takes_the_traits_of_the_init),
		cmocka_unit_test(enter_leaves_the_traits_of_the_caller_behind),
		cmocka_unit_test(enter_refuses_a_label_that_nobody_takes),
		cmocka_unit_test(enter_refuses_an_init_that_has_changed_since),
		cmocka_unit_test(
			enter_executes_a_program_of_ours_without_a_shell),
		cmocka_unit_test(nobody_makes_the_mount_of_a_program_writable),
		cmocka_unit_test(enter_refuses_a_plan_without_end),
		cmocka_unit_test(nobody_goes_on_unwatched),
		cmocka_unit_test(nothing_outlives_a_login_process_that_dies),
		cmocka_unit_test(
			enter_tries_the_next_shell_only_when_there_is_none),
		cmocka_unit_test(enter_says_when_there_is_no_shell),
		cmocka_unit_test(enter_names_the_shell_that_failed),
		cmocka_unit_test(
			enter_says_whether_it_is_in_the_first_directory),
		cmocka_unit_test(enter_refuses_when_the_cgroup_differs),
		cmocka_unit_test(enter_refuses_when_a_namespace_differs),
		cmocka_unit_test(enter_refuses_an_init_that_ended),
		cmocka_unit_test(enter_refuses_a_filter_that_fakes_birth),
		cmocka_unit_test(
			enter_refuses_a_filter_that_fakes_the_last_drop),
		cmocka_unit_test(enter_changes_ids_before_filters_can_fake_it),
		cmocka_unit_test(copy_keeps_the_order_of_the_filters),
		cmocka_unit_test(enter_joins_a_time_namespace),
		cmocka_unit_test(enter_is_born_in_the_unified_cgroup),
		cmocka_unit_test(open_refuses_a_frozen_container),
		/* Last: it lowers this process's own limit for good. */
		cmocka_unit_test(enter_lowers_limits_and_never_raises_them),
	};

	ctsh_hide();
	return cmocka_run_group_tests(tests, prepare_state, drop_state);
}
