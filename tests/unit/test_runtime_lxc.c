/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../../lib/base/fdio.h"
#include "../../lib/runtime/runtime.h"
#include "fake_monitor.h"
#include "fake_strangers.h"
#include "in_child.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int find_at(const struct ctsh_runtime *runtime, const char *root,
                   const char *name, struct ctsh_target *target,
                   struct ctsh_error *err)
{
	const struct ctsh_where where = {.root = root};

	*err = (struct ctsh_error){.code = CTSH_OK};
	return runtime->find(&where, name, ctsh_now_ms() + 150, target, err);
}

static int find(struct ctsh_target *target, struct ctsh_error *err)
{
	return find_at(&ctsh_runtime_lxc, FAKE_LXC_PATH, FAKE_LXC_NAME, target,
	               err);
}

static int find_how(const struct fake_manner *how, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	struct fake_daemon d;
	int result;

	fake_monitor_start(&d, FAKE_LXC_PATH, FAKE_LXC_NAME, how);
	result = find(target, err);
	fake_monitor_stop(&d);
	return result;
}

static int find_with(const struct fake_script *script,
                     struct ctsh_target *target, struct ctsh_error *err)
{
	return find_how(&(struct fake_manner){.serve = fake_monitor_serve,
	                                      .arg = script},
	                target, err);
}

static void find_gives_the_container_asked_for(void **state)
{
	static const struct fake_script script = {.true_init = true};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find_with(&script, &target, &err), 0);
	assert_true(target.pid > 1);
	assert_true(target.start_ticks > 0);
	assert_string_equal(target.name, "foo");
	assert_string_equal(target.id, "foo");
	assert_string_equal(target.engine, "");
	assert_string_equal(target.cgroup_id, "");
	assert_int_equal(target.not_after.tv_sec, 0);
	assert_true(target.names_seccomp);
}

static void who_made_the_socket_may_have_ended(void **state)
{
	static const struct fake_script script = {.true_init = true};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(
		find_how(&(struct fake_manner){.after = leave_it_to_a_child,
	                                       .serve = fake_monitor_serve,
	                                       .arg = &script},
	                 &target, &err),
		0);
}

static void a_monitor_that_keeps_the_connection_is_as_good(void **state)
{
	static const struct fake_script script = {.true_init = true,
	                                          .keep_open = true};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find_with(&script, &target, &err), 0);
}

static void a_monitor_without_a_profile_names_none(void **state)
{
	static const struct fake_script script = {
		.true_init = true,
		.command = CTSH_LXC_GET_CONFIG_ITEM,
		.file = "unset"};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find_with(&script, &target, &err), 0);
	assert_false(target.names_seccomp);
}

static void lxd_and_incus_name_project_and_instance_to_lxc(void **state)
{
	static const struct fake_script script = {
		.data = "tests/data/engines/lxd/5.0.2/", .true_init = true};
	static const struct fake_manner how = {.serve = fake_monitor_serve,
	                                       .arg = &script};
	static const char root[] = "/opt/lxctest/lxdd/lxd";
	struct ctsh_target target;
	struct ctsh_error err;
	struct fake_daemon d;

	(void)state;
	fake_monitor_start(&d, "/opt/lxctest/lxdd/lxd/containers", "team_box",
	                   &how);
	assert_int_equal(
		find_at(&ctsh_runtime_lxd, root, "team/box", &target, &err), 0);
	assert_string_equal(target.name, "team/box");
	assert_string_equal(target.id, "team_box");
	assert_true(target.names_seccomp);
	assert_int_equal(
		find_at(&ctsh_runtime_incus, root, "team/box", &target, &err),
		0);
	assert_int_equal(find_at(&ctsh_runtime_lxd, root, "box", &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_int_equal(find_at(&ctsh_runtime_lxd, root, "default/team-box",
	                         &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	fake_monitor_stop(&d);
}

static void names_are_those_that_the_engine_has(void **state)
{
	static const char *const bad[] = {"",      "/",      "a/",   "/a",
	                                  "a/b/c", "team_x", "a_/b", "a b",
	                                  "-a",    "../a",   ".a/b", "a/-b"};
	static const char *const good[] = {"a", "team/a", "default/a",
	                                   "a-1/b-2"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_false(ctsh_runtime_lxd.valid_name(bad[i]));
	for (i = 0; i < COUNT(good); i++)
		assert_true(ctsh_runtime_incus.valid_name(good[i]));
	assert_false(ctsh_runtime_lxc.valid_name("a/b"));
	assert_true(ctsh_runtime_lxc.valid_name("a_b"));
}

static void find_without_a_monitor_is_absence(void **state)
{
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find(&target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what,
	                    "no monitor at @/opt/lxctest/lxc/foo/command");
	assert_int_equal(target.pid, 5);
}

#define ANSWER(result, length, data)                    \
	((const char[]){(char)(result),                 \
	                (char)((result) >> 8),          \
	                (char)((result) >> 16),         \
	                (char)((result) >> 24),         \
	                (char)(length),                 \
	                (char)((length) >> 8),          \
	                (char)((length) >> 16),         \
	                (char)((length) >> 24),         \
	                (char)(data),                   \
	                (char)((uint64_t)(data) >> 8),  \
	                (char)((uint64_t)(data) >> 16), \
	                (char)((uint64_t)(data) >> 24), \
	                (char)((uint64_t)(data) >> 32), \
	                0,                              \
	                0,                              \
	                0,                              \
	                'f',                            \
	                'o',                            \
	                'o',                            \
	                0,                              \
	                'x'})

static void what_the_monitor_says_decides(void **state)
{
	const struct {
		int command;
		const char *bytes;
		size_t length;
		enum ctsh_code code;
	} rows[] = {
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 0), 16, CTSH_E_ABSENT},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 1), 16, CTSH_E_ABSENT},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 3), 16, CTSH_E_ABSENT},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 4), 16, CTSH_E_ABSENT},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 5), 16, CTSH_E_PAUSED},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 6), 16, CTSH_E_PAUSED},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 8), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_STATE, ANSWER(-1, 0, 2), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_STATE, ANSWER(0, 4, 2), 20, CTSH_E_ENGINE},
		{CTSH_LXC_GET_STATE, ANSWER(0, 0, 0x100000002), 16,
	         CTSH_E_ENGINE},
		{CTSH_LXC_GET_NAME, ANSWER(0, 0, 0), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_NAME, ANSWER(0, 3, 9), 19, CTSH_E_ENGINE},
		{CTSH_LXC_GET_NAME, ANSWER(0, 5, 9), 21, CTSH_E_ENGINE},
		{CTSH_LXC_GET_NAME, ANSWER(-1, 4, 9), 20, CTSH_E_ENGINE},
		{CTSH_LXC_GET_LXCPATH, ANSWER(0, 4, 9), 20, CTSH_E_ABSENT},
		{CTSH_LXC_GET_INIT_PID, ANSWER(-1, 0, 0), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, 0), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, 1), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, -1), 16, CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, 4194305), 16,
	         CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, 0x100000002), 16,
	         CTSH_E_ENGINE},
		{CTSH_LXC_GET_INIT_PID, ANSWER(0, 0, 4194304), 16,
	         CTSH_E_ABSENT},
	};
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct fake_script script = {.true_init = true,
		                                   .command = rows[i].command,
		                                   .bytes = rows[i].bytes,
		                                   .length = rows[i].length};

		assert_int_equal(find_with(&script, &target, &err), -1);
		if (err.code != rows[i].code)
			fail_msg("row %zu: %s", i, err.what);
		assert_int_equal(target.pid, 5);
	}
}

static void a_frozen_container_is_paused(void **state)
{
	static const struct fake_script script = {.true_init = true,
	                                          .command = CTSH_LXC_GET_STATE,
	                                          .file = "get_state-frozen"};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find_with(&script, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_PAUSED);
}

/* 0 of 16 bytes is a monitor that ended. */
static void an_answer_of_another_length_is_no_answer(void **state)
{
	static const struct {
		size_t length;
		const char *bytes;
	} rows[] = {
		{8, "\0\0\0\0\0\0\0\0"},
		{15, "\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0"},
		{17, "\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0"},
		{16, "\0\0\0\0\1\20\0\0\2\0\0\0\0\0\0\0"},
		{16, "\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0"},
		{16, "\0\0\0\0\377\377\377\377\2\0\0\0\0\0\0\0"},
		{16, "\0\0\0\0\377\377\377\177\2\0\0\0\0\0\0\0"},
	};
	struct ctsh_target target;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct fake_script script = {.command =
		                                           CTSH_LXC_GET_STATE,
		                                   .bytes = rows[i].bytes,
		                                   .length = rows[i].length};

		assert_int_equal(find_with(&script, &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
	}
}

static void hang_up(int conn, const void *arg)
{
	char bin[64];

	(void)arg;
	(void)!read(conn, bin, sizeof(bin));
}

static void one_that_ends_before_it_answers_is_absent(void **state)
{
	static const struct fake_manner how = {.serve = hang_up};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(find_how(&how, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
}

static void one_that_misbehaves_is_an_engine_failure(void **state)
{
	static const struct fake_manner manners[] = {
		{.serve = NULL},
		{.serve = fake_stay_silent},
		{.serve = fake_trickle, .arg = "x"},
		{.serve = fake_flood, .arg = "SSH-2.0-OpenSSH_9.2\r\n"},
		{.serve = fake_flood, .arg = ""},
	};
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	int64_t start;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(manners); i++) {
		start = ctsh_now_ms();
		assert_int_equal(find_how(&manners[i], &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_true(ctsh_now_ms() - start < 500);
		assert_int_equal(target.pid, 5);
	}
}

/* -- who answers ----------------------------------------------------------- */

static void somebody_else_on_the_name_is_refused(void **state)
{
	static const struct fake_script script = {.true_init = true};
	static const struct {
		void (*before)(void), (*after)(void);
		const char *reason;
	} rows[] = {
		{become_stranger, NULL,
	         "@/opt/lxctest/lxc/foo/command was taken by uid 1000"},
		/* Root listened; who has it now is somebody else. */
		{NULL, become_stranger, "socket peer has uid 1000, not 0"},
		{enter_user_namespace, NULL,
	         "socket peer is in another user namespace"},
		{enter_pid_namespace, NULL,
	         "socket peer is in another pid namespace"},
	};
	struct ctsh_target target;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		const struct fake_manner how = {.before = rows[i].before,
		                                .after = rows[i].after,
		                                .serve = fake_monitor_serve,
		                                .arg = &script};

		assert_int_equal(find_how(&how, &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_string_equal(err.what, rows[i].reason);
	}
}

/* Root of a container, with all power, names another process for itself: it
 * finds none outside its own PID namespace. */
static void a_forged_sender_is_refused(void **state)
{
	static union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	static const struct fake_script script = {.true_init = true,
	                                          .control = &control,
	                                          .control_length =
	                                                  sizeof(control)};
	static const struct fake_manner how = {.before = enter_pid_namespace,
	                                       .serve = fake_monitor_serve,
	                                       .arg = &script};
	const struct ucred who = {.pid = 1};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	control.head.cmsg_len = CMSG_LEN(sizeof(who));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_CREDENTIALS;
	memcpy(CMSG_DATA(&control.head), &who, sizeof(who));
	assert_int_equal(find_how(&how, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_string_equal(err.what,
	                    "socket peer is in another pid namespace");
}

static void an_init_that_is_no_child_of_the_monitor_is_refused(void **state)
{
	struct fake_script script = {.init = 0};
	struct ctsh_target target;
	struct ctsh_error err;
	pid_t other = fork();
	size_t i;

	(void)state;
	if (!other) {
		alarm(FAKE_LIFETIME_S);
		pause();
		_exit(0);
	}
	for (i = 0; i < 2; i++) {
		script.init = i ? getpid() : other;
		assert_int_equal(find_with(&script, &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_non_null(strstr(err.what, "is not a child of"));
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* What a descriptor is: the file that the client keeps a lock on.  A lock goes
 * when its holder closes any descriptor of that file. */
static int kept = -1;

static void look_for_the_lock(void *ignored)
{
	struct flock lock = {.l_type = F_WRLCK};

	(void)ignored;
	CHILD_EXPECT(fcntl(kept, F_GETLK, &lock) == 0);
	CHILD_EXPECT(lock.l_type == F_WRLCK);
}

/* SO_PASSRIGHTS, which is of Linux 6.16. */
static void forget_passrights(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_PASSRIGHTS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = COUNT(code), .filter = code};

	CHILD_EXPECT(
		!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static bool has_passrights(void)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0), off = 0;
	int failed =
		setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));

	close(sock);
	return !failed;
}

/* An older kernel lets them come, a newer one lets nobody send them. */
static void ask_who_sends_one(void *older)
{
	struct flock lock = {.l_type = F_WRLCK};
	struct ctsh_target target;
	struct ctsh_error err;

	CHILD_EXPECT(fcntl(kept, F_SETLK, &lock) == 0);
	if (older)
		forget_passrights();
	CHILD_EXPECT(find(&target, &err) == -1);
	if (older || !has_passrights()) {
		CHILD_EXPECT(err.code == CTSH_E_UNSAFE);
		CHILD_EXPECT(!strcmp(err.what, "descriptors come from the "
		                               "monitor's name"));
	} else {
		CHILD_EXPECT(err.code == CTSH_E_ABSENT);
	}
	CHILD_EXPECT(in_child(look_for_the_lock, NULL) == 0);
}

static void no_descriptor_that_comes_along_is_taken(void **state)
{
	static union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(20 * sizeof(int))];
	} control;
	static const struct fake_script script = {.true_init = true,
	                                          .control = &control,
	                                          .control_length =
	                                                  sizeof(control)};
	static const struct fake_manner how = {.serve = fake_monitor_serve,
	                                       .arg = &script};
	struct fake_daemon d;

	(void)state;
	kept = memfd_create("kept", MFD_CLOEXEC);
	assert_true(kept >= 0);
	control.head.cmsg_len = CMSG_LEN(20 * sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	for (size_t i = 0; i < 20; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &kept,
		       sizeof(int));
	for (int older = 0; older < 2; older++) {
		fake_monitor_start(&d, FAKE_LXC_PATH, FAKE_LXC_NAME, &how);
		assert_int_equal(
			in_child(ask_who_sends_one, older ? &kept : NULL), 0);
		fake_monitor_stop(&d);
	}
	close(kept);
}

/* -- the address ----------------------------------------------------------- */

static void an_address_that_is_too_long_is_hashed(void **state)
{
	static const char name[] = "0123456789";
	char path[128];
	struct sockaddr_un at;
	struct ctsh_error err;
	socklen_t length;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[105 - strlen("/0123456789/command")] = '\0';
	assert_int_equal(ctsh_lxc_address(path, name, &at, &length, &err), 0);
	assert_int_equal(length, 2 + 1 + 105);
	assert_int_equal(at.sun_path[0], 0);
	assert_memory_equal(at.sun_path + 1, path, strlen(path));
	strcat(path, "a");
	assert_int_equal(ctsh_lxc_address(path, name, &at, &length, &err), 0);
	assert_string_equal(at.sun_path + 1, "lxc/364f4d073c091c3a/command");
	assert_int_equal(length, 2 + 1 + strlen(at.sun_path + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_gives_the_container_asked_for),
		cmocka_unit_test(who_made_the_socket_may_have_ended),
		cmocka_unit_test(
			a_monitor_that_keeps_the_connection_is_as_good),
		cmocka_unit_test(a_monitor_without_a_profile_names_none),
		cmocka_unit_test(
			lxd_and_incus_name_project_and_instance_to_lxc),
		cmocka_unit_test(names_are_those_that_the_engine_has),
		cmocka_unit_test(find_without_a_monitor_is_absence),
		cmocka_unit_test(what_the_monitor_says_decides),
		cmocka_unit_test(a_frozen_container_is_paused),
		cmocka_unit_test(an_answer_of_another_length_is_no_answer),
		cmocka_unit_test(one_that_ends_before_it_answers_is_absent),
		cmocka_unit_test(one_that_misbehaves_is_an_engine_failure),
		cmocka_unit_test(somebody_else_on_the_name_is_refused),
		cmocka_unit_test(a_forged_sender_is_refused),
		cmocka_unit_test(
			an_init_that_is_no_child_of_the_monitor_is_refused),
		cmocka_unit_test(no_descriptor_that_comes_along_is_taken),
		cmocka_unit_test(an_address_that_is_too_long_is_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
