/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/runtime/runtime.h"
#include "bundle_world.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINERD "tests/data/engines/containerd/1.6.20/"
#define RUNC "tests/data/engines/runc/1.1.5/"
#define CRUN "tests/data/engines/crun/1.8.1/"
#define STRANGER 1000

#define TASKS "io.containerd.runtime.v2.task"
#define ID "76b39dcfeca5717e3e52d3379cbff999a681c0e84047758d034f77c2e5dd8f70"

static const struct ctsh_runtime *const containerd = &ctsh_runtime_containerd;

static const char *in(const struct bundle_world *w, const char *name)
{
	return bundle_path(w, TASKS "/demo/box/%s", name);
}

/* Records of runc's are looked for below the world's root, not in /run. */
static void put_options(const struct bundle_world *w)
{
	bundle_put_json(in(w, "options.json"),
	                json_pack("{s:s}", "root", bundle_path(w, "runc")));
}

static void put_record(const struct bundle_world *w, pid_t pid, uint64_t ticks)
{
	json_t *doc = bundle_load(RUNC "state-plain.json");

	bundle_make_dirs(bundle_path(w, "runc/demo/box"));
	json_object_set_new(doc, "id", json_string("box"));
	json_object_set_new(doc, "init_process_pid", json_integer(pid));
	json_object_set_new(doc, "init_process_start",
	                    json_integer((json_int_t)ticks));
	bundle_put_json(bundle_path(w, "runc/demo/box/state.json"), doc);
}

/* The task demo/box as ctr makes it, without a record of runc's. */
static void begin(struct bundle_world *w)
{
	bundle_begin(w);
	bundle_make_dirs(bundle_path(w, TASKS "/demo/box"));
	bundle_put_json(in(w, "config.json"),
	                bundle_load(CONTAINERD "config-plain.json"));
	bundle_put(in(w, "shim-binary-path"),
	           "/usr/bin/containerd-shim-runc-v2");
	bundle_put_pid(in(w, "init.pid"), w->pid);
	put_options(w);
}

static enum ctsh_code code_of(const struct bundle_world *w)
{
	struct ctsh_target target;
	struct ctsh_error err;

	return bundle_find(containerd, w, "demo/box", &target, &err);
}

static void without_a_record_of_runc_file_and_cgroup_prove(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;
	struct stat st;

	(void)state;
	begin(&w);
	assert_int_equal(bundle_find(containerd, &w, "demo/box", &target, &err),
	                 CTSH_OK);
	assert_int_equal(target.pid, w.pid);
	assert_string_equal(target.name, "demo/box");
	assert_string_equal(target.id, "box");
	assert_string_equal(target.cgroup_id, "box");
	assert_int_equal(target.start_ticks, 0);
	assert_int_equal(stat(in(&w, "init.pid"), &st), 0);
	assert_int_equal(target.not_after.tv_sec, st.st_mtim.tv_sec);
	assert_int_equal(target.not_after.tv_nsec, st.st_mtim.tv_nsec);
	assert_false(target.names_seccomp);
	bundle_end(&w);
}

static void the_start_that_runc_recorded_proves(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_record(&w, w.pid, w.ticks);
	assert_int_equal(bundle_find(containerd, &w, "demo/box", &target, &err),
	                 CTSH_OK);
	assert_true(target.start_ticks == w.ticks);
	assert_int_equal(target.not_after.tv_sec, 0);
	assert_string_equal(target.cgroup_id, "");
	assert_false(target.names_seccomp);
	put_record(&w, w.pid, w.ticks - 1);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	bundle_end(&w);
}

static void the_start_that_crun_recorded_proves(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;
	json_t *doc = bundle_load(CRUN "status");

	(void)state;
	begin(&w);
	bundle_make_dirs(bundle_path(&w, "runc/demo/box"));
	json_object_set_new(doc, "pid", json_integer(w.pid));
	json_object_set_new(doc, "process-start-time",
	                    json_integer((json_int_t)w.ticks));
	bundle_put_json(bundle_path(&w, "runc/demo/box/status"), doc);
	assert_int_equal(bundle_find(containerd, &w, "demo/box", &target, &err),
	                 CTSH_OK);
	assert_true(target.start_ticks == w.ticks);
	bundle_end(&w);
}

/* Somebody else's number in one of the two. */
static void two_records_of_two_processes_are_refused(void **state)
{
	struct bundle_world w;
	pid_t other;

	(void)state;
	begin(&w);
	other = bundle_process();
	put_record(&w, other, bundle_start_of(other));
	assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	bundle_end(&w);
}

static void a_process_younger_than_its_file_is_another_one(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000000000},
	                                {.tv_sec = 1000000000}};
	struct bundle_world w;

	(void)state;
	begin(&w);
	assert_int_equal(utimensat(AT_FDCWD, in(&w, "init.pid"), old, 0), 0);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	/* With runc's record it does not matter. */
	put_record(&w, w.pid, w.ticks);
	assert_int_equal(code_of(&w), CTSH_OK);
	bundle_end(&w);
}

static void a_filter_in_the_configuration_is_named(void **state)
{
	static const char *const files[] = {CONTAINERD "config-seccomp.json",
	                                    CONTAINERD "config-docker.json"};
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(files); i++) {
		bundle_put_json(in(&w, "config.json"), bundle_load(files[i]));
		assert_int_equal(
			bundle_find(containerd, &w, "demo/box", &target, &err),
			CTSH_OK);
		assert_true(target.names_seccomp);
		/* These live in groups of other names. */
		assert_string_equal(target.cgroup_id, "");
	}
	bundle_end(&w);
}

static void a_task_of_docker_is_found_by_its_full_id(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	bundle_make_dirs(bundle_path(&w, TASKS "/moby"));
	assert_int_equal(rename(bundle_path(&w, TASKS "/demo/box"),
	                        bundle_path(&w, TASKS "/moby/" ID)),
	                 0);
	bundle_put_json(bundle_path(&w, TASKS "/moby/" ID "/config.json"),
	                bundle_load(CONTAINERD "config-docker.json"));
	assert_int_equal(bundle_find(containerd, &w, "moby/" ID, &target, &err),
	                 CTSH_OK);
	assert_string_equal(target.id, ID);
	assert_string_equal(target.cgroup_id, ID);
	assert_int_equal(
		bundle_find(containerd, &w, "moby/76b39dcfeca5", &target, &err),
		CTSH_E_ABSENT);
	bundle_end(&w);
}

static void a_cgroup_of_systemds_gives_the_id(void **state)
{
	static const struct {
		const char *path, *id;
	} rows[] = {
		{"system.slice:nerdctl:box", "box"},
		{"/kubepods/burstable/pod1/box", "box"},
		{"/kubepods/burstable/pod1/crio-box", "crio-box"},
		{"/box/lab", ""},
		{"box", "box"},
		{"", ""},
	};
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		bundle_put_json(in(&w, "config.json"),
		                json_pack("{s:{s:s}}", "linux", "cgroupsPath",
		                          rows[i].path));
		assert_int_equal(
			bundle_find(containerd, &w, "demo/box", &target, &err),
			CTSH_OK);
		assert_string_equal(target.cgroup_id, rows[i].id);
	}
	bundle_end(&w);
}

static void what_is_not_there_is_absent(void **state)
{
	static const char *const names[] = {"demo/bo", "dem/box",
	                                    "demo/box.old"};
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(
			bundle_find(containerd, &w, names[i], &target, &err),
			CTSH_E_ABSENT);
	assert_int_equal(err.coming, CTSH_COMING_NOT);
	bundle_end(&w);
}

static void a_task_that_is_being_made_comes_soon(void **state)
{
	static const char *const files[] = {"init.pid", "config.json"};
	struct ctsh_target target;
	struct ctsh_error err;
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(files); i++) {
		unlink(in(&w, files[i]));
		assert_int_equal(
			bundle_find(containerd, &w, "demo/box", &target, &err),
			CTSH_E_ABSENT);
		assert_int_equal(err.coming, CTSH_COMING_SOON);
	}
	bundle_end(&w);
}

static void a_task_that_ended_is_absent(void **state)
{
	struct bundle_world w;
	siginfo_t end;

	(void)state;
	begin(&w);
	kill(w.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)w.pid, &end, WEXITED | WNOWAIT),
	                 0);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	put_record(&w, w.pid, w.ticks);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	waitpid(w.pid, NULL, 0);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	w.pid = bundle_process();
	bundle_end(&w);
}

static void a_task_that_only_was_created_is_absent(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	put_record(&w, w.pid, w.ticks);
	assert_int_equal(
		mkfifo(bundle_path(&w, "runc/demo/box/exec.fifo"), 0600), 0);
	assert_int_equal(code_of(&w), CTSH_E_ABSENT);
	bundle_end(&w);
}

static void another_shim_than_that_of_runc_is_refused(void **state)
{
	static const char *const shims[] = {
		"/usr/bin/containerd-shim-kata-v2",
		"/usr/local/bin/containerd-shim-runsc-v1",
		"containerd-shim-runc-v2",
		"",
	};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(shims); i++) {
		bundle_put(in(&w, "shim-binary-path"), shims[i]);
		assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	}
	unlink(in(&w, "shim-binary-path"));
	assert_int_equal(code_of(&w), CTSH_OK);
	bundle_end(&w);
}

static void what_others_may_write_is_refused(void **state)
{
	static const char *const files[] = {"config.json", "init.pid",
	                                    "options.json", "shim-binary-path",
	                                    ""};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(files); i++) {
		mode_t mode = files[i][0] ? 0644 : 0700;

		assert_int_equal(chmod(in(&w, files[i]), mode | 020), 0);
		assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
		assert_int_equal(chmod(in(&w, files[i]), mode), 0);
		assert_int_equal(chown(in(&w, files[i]), STRANGER, 0), 0);
		assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
		assert_int_equal(chown(in(&w, files[i]), 0, 0), 0);
		assert_int_equal(code_of(&w), CTSH_OK);
	}
	assert_int_equal(chmod(bundle_path(&w, TASKS "/demo"), 01777), 0);
	assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void what_is_no_regular_file_is_refused(void **state)
{
	struct bundle_world w;

	(void)state;
	begin(&w);
	unlink(in(&w, "init.pid"));
	assert_int_equal(symlink("/proc/self/stat", in(&w, "init.pid")), 0);
	assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	unlink(in(&w, "init.pid"));
	assert_int_equal(mkfifo(in(&w, "init.pid"), 0600), 0);
	assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	bundle_put_pid(in(&w, "init.pid"), w.pid);
	assert_int_equal(rename(bundle_path(&w, TASKS "/demo/box"),
	                        bundle_path(&w, TASKS "/demo/real")),
	                 0);
	assert_int_equal(symlink("real", bundle_path(&w, TASKS "/demo/box")),
	                 0);
	assert_int_equal(code_of(&w), CTSH_E_UNSAFE);
	bundle_end(&w);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *file, *text;
	} rows[] = {
		{"config.json", ""},
		{"config.json", "{\"linux\": {\"seccomp\": 1}}"},
		{"config.json", "{\"linux\": {}, \"linux\": {}}"},
		{"init.pid", ""},
		{"init.pid", "1"},
		{"init.pid", "-7"},
		{"init.pid", "4194305"},
		{"init.pid", "7 8"},
		{"init.pid", "99999999999999999999"},
		{"options.json", "{"},
	};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		bundle_put(in(&w, rows[i].file), rows[i].text);
		assert_int_equal(code_of(&w), CTSH_E_ENGINE);
		bundle_put_json(in(&w, "config.json"),
		                bundle_load(CONTAINERD "config-plain.json"));
		bundle_put_pid(in(&w, "init.pid"), w.pid);
		put_options(&w);
		assert_int_equal(code_of(&w), CTSH_OK);
	}
	bundle_end(&w);
}

static void names_are_a_namespace_and_an_id(void **state)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] = {
		{"default/box", true}, {"k8s.io/" ID, true},
		{"moby/a", true},      {"box", false},
		{"", false},           {"/", false},
		{"demo/", false},      {"/box", false},
		{"demo//box", false},  {"demo/box/", false},
		{"demo/box/x", false}, {"demo/..", false},
		{"../box", false},     {"demo/.box", false},
		{"demo/-box", false},  {"demo/b x", false},
		{"demo/b\nx", false},
	};
	struct bundle_world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_target target;
		struct ctsh_error err;

		assert_int_equal(containerd->valid_name(rows[i].name),
		                 rows[i].valid);
		if (!rows[i].valid)
			assert_int_equal(bundle_find(containerd, &w,
			                             rows[i].name, &target,
			                             &err),
			                 CTSH_E_UNSAFE);
	}
	bundle_end(&w);
}

static void the_longest_names_fit(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[128] = '/';
	name[257] = '\0';
	assert_true(containerd->valid_name(name));
	name[257] = 'a';
	name[258] = '\0';
	assert_false(containerd->valid_name(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_a_record_of_runc_file_and_cgroup_prove),
		cmocka_unit_test(the_start_that_runc_recorded_proves),
		cmocka_unit_test(the_start_that_crun_recorded_proves),
		cmocka_unit_test(two_records_of_two_processes_are_refused),
		cmocka_unit_test(
			a_process_younger_than_its_file_is_another_one),
		cmocka_unit_test(a_filter_in_the_configuration_is_named),
		cmocka_unit_test(a_task_of_docker_is_found_by_its_full_id),
		cmocka_unit_test(a_cgroup_of_systemds_gives_the_id),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(a_task_that_is_being_made_comes_soon),
		cmocka_unit_test(a_task_that_ended_is_absent),
		cmocka_unit_test(a_task_that_only_was_created_is_absent),
		cmocka_unit_test(another_shim_than_that_of_runc_is_refused),
		cmocka_unit_test(what_others_may_write_is_refused),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(names_are_a_namespace_and_an_id),
		cmocka_unit_test(the_longest_names_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
