/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>

#include "../../lib/base/proc.h"
#include "../../lib/runtime/oci.h"
#include "../../lib/runtime/record.h"
#include "fake_daemon.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DATA "tests/data/engines/"
#define CRUN DATA "crun/1.8.1/"
#define RUNC DATA "runc/1.1.5/"
#define STRANGER 1000

/* One container "box" of a live process, in a state directory of our own. */
struct box {
	char root[32];
	char dir[64];
	pid_t pid;
	uint64_t ticks;
};

static uint64_t start_of(pid_t pid)
{
	struct ctsh_error err;
	uint64_t ticks;
	int proc = ctsh_proc_of(pid, &err);

	assert_true(proc >= 0);
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	close(proc);
	return ticks;
}

static pid_t start_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(FAKE_LIFETIME_S);
		pause();
		_exit(0);
	}
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static const char *in(const struct box *box, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", box->dir, name);
	return path;
}

static void put(const struct box *box, const char *name, const char *text)
{
	int fd;

	unlink(in(box, name));
	fd = open(in(box, name), O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A captured record with the pid and start time of our live process. */
static void put_record(const struct box *box, const char *captured,
                       const char *name)
{
	json_t *doc = json_load_file(captured, 0, NULL);

	if (!doc)
		fail_msg("cannot load %s", captured);
	if (json_object_get(doc, "pid")) {
		json_object_set_new(doc, "pid", json_integer(box->pid));
		json_object_set_new(doc, "process-start-time",
		                    json_integer((json_int_t)box->ticks));
	} else {
		json_object_set_new(doc, "id", json_string("box"));
		json_object_set_new(doc, "init_process_pid",
		                    json_integer(box->pid));
		json_object_set_new(doc, "init_process_start",
		                    json_integer((json_int_t)box->ticks));
	}
	unlink(in(box, name));
	assert_int_equal(json_dump_file(doc, in(box, name), 0), 0);
	assert_int_equal(chmod(in(box, name), 0600), 0);
	json_decref(doc);
}

static void copy(const struct box *box, const char *captured, const char *name)
{
	json_t *doc = json_load_file(captured, 0, NULL);

	if (!doc)
		fail_msg("cannot load %s", captured);
	unlink(in(box, name));
	assert_int_equal(json_dump_file(doc, in(box, name), 0), 0);
	assert_int_equal(chmod(in(box, name), 0600), 0);
	json_decref(doc);
}

static void make_box(struct box *box)
{
	fake_dir(box->root);
	snprintf(box->dir, sizeof(box->dir), "%s/box", box->root);
	assert_int_equal(mkdir(box->dir, 0711), 0);
	box->pid = start_process();
	box->ticks = start_of(box->pid);
}

static void make_crun_box(struct box *box)
{
	make_box(box);
	put_record(box, CRUN "status", "status");
	copy(box, CRUN "config-plain.json", "config.json");
}

static void make_runc_box(struct box *box)
{
	make_box(box);
	put_record(box, RUNC "state-plain.json", "state.json");
}

static void remove_box(struct box *box)
{
	static const char *const files[] = {"status",      "state.json",
	                                    "config.json", "seccomp.bpf",
	                                    "exec.fifo",   "real"};
	size_t i;

	for (i = 0; i < COUNT(files); i++)
		unlink(in(box, files[i]));
	end_process(box->pid);
	rmdir(box->dir);
	assert_int_equal(rmdir(box->root), 0);
}

static int find_in(const struct ctsh_runtime *runtime, const char *root,
                   const char *name, struct ctsh_target *target,
                   struct ctsh_error *err)
{
	const struct ctsh_where where = {.root = root};

	err->code = CTSH_OK;
	return runtime->find(&where, name, 0, target, err);
}

/* The code it fails with, CTSH_OK if it finds the box; and a failure leaves
 * the target alone. */
static enum ctsh_code code_of(const struct ctsh_runtime *runtime,
                              const struct box *box)
{
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	int result = find_in(runtime, box->root, "box", &target, &err);

	assert_int_equal(result, err.code == CTSH_OK ? 0 : -1);
	assert_int_equal(target.pid, result ? 5 : box->pid);
	return err.code;
}

static void check_found(const struct ctsh_runtime *runtime,
                        const struct box *box, bool names_seccomp)
{
	struct ctsh_target target;
	struct ctsh_error err;

	assert_int_equal(find_in(runtime, box->root, "box", &target, &err), 0);
	assert_int_equal(target.pid, box->pid);
	assert_true(target.start_ticks == box->ticks);
	assert_string_equal(target.name, "box");
	assert_string_equal(target.id, "box");
	assert_string_equal(target.cgroup_id, "");
	assert_string_equal(target.engine, "");
	assert_int_equal(target.not_after.tv_sec, 0);
	assert_int_equal(target.names_seccomp, names_seccomp);
}

static void crun_finds_a_running_container(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	check_found(&ctsh_runtime_crun, &box, false);
	remove_box(&box);
}

static void runc_finds_a_running_container(void **state)
{
	struct box box;

	(void)state;
	make_runc_box(&box);
	check_found(&ctsh_runtime_runc, &box, false);
	remove_box(&box);
}

static void runc_reads_the_filter_in_its_record(void **state)
{
	static const char *const records[] = {RUNC "state-seccomp.json",
	                                      RUNC "state-docker.json"};
	struct box box;
	size_t i;

	(void)state;
	make_box(&box);
	for (i = 0; i < COUNT(records); i++) {
		put_record(&box, records[i], "state.json");
		check_found(&ctsh_runtime_runc, &box, true);
	}
	remove_box(&box);
}

static void crun_reads_the_filter_in_its_copy_of_the_configuration(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	copy(&box, CRUN "config-seccomp.json", "config.json");
	check_found(&ctsh_runtime_crun, &box, true);
	put(&box, "config.json", "{\"linux\": {\"seccomp\": null}}");
	check_found(&ctsh_runtime_crun, &box, false);
	put(&box, "config.json", "{}");
	check_found(&ctsh_runtime_crun, &box, false);
	remove_box(&box);
}

static void crun_with_a_compiled_filter_names_one(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	put(&box, "seccomp.bpf", "12345678");
	check_found(&ctsh_runtime_crun, &box, true);
	remove_box(&box);
}

static void crun_without_a_record_of_it_is_taken_to_name_a_filter(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	unlink(in(&box, "config.json"));
	check_found(&ctsh_runtime_crun, &box, true);
	remove_box(&box);
}

static void crun_refuses_an_unusable_configuration(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	put(&box, "config.json", "{\"linux\": {\"seccomp\": true}}");
	assert_int_equal(code_of(&ctsh_runtime_crun, &box), CTSH_E_ENGINE);
	put(&box, "config.json", "{\"linux\":");
	assert_int_equal(code_of(&ctsh_runtime_crun, &box), CTSH_E_ENGINE);
	copy(&box, CRUN "config-plain.json", "config.json");
	assert_int_equal(chmod(in(&box, "config.json"), 0666), 0);
	assert_int_equal(code_of(&ctsh_runtime_crun, &box), CTSH_E_UNSAFE);
	remove_box(&box);
}

static const struct {
	const struct ctsh_runtime *runtime;
	const char *record;
	void (*make)(struct box *box);
} both[] = {
	{&ctsh_runtime_crun, "status", make_crun_box},
	{&ctsh_runtime_runc, "state.json", make_runc_box},
};

static void a_missing_container_is_absent(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		assert_int_equal(
			find_in(both[i].runtime, box.root, "bo", &target, &err),
			-1);
		assert_int_equal(err.code, CTSH_E_ABSENT);
		assert_int_equal(find_in(both[i].runtime, "/run/ctsh-none",
		                         "box", &target, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_ABSENT);
		unlink(in(&box, both[i].record));
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_ABSENT);
		remove_box(&box);
	}
}

static void a_container_that_only_was_created_is_absent(void **state)
{
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		assert_int_equal(mkfifo(in(&box, "exec.fifo"), 0622), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_ABSENT);
		unlink(in(&box, "exec.fifo"));
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_OK);
		remove_box(&box);
	}
}

static void a_stopped_container_is_absent(void **state)
{
	struct box box;
	siginfo_t end;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		/* First a zombie, then nothing. */
		kill(box.pid, SIGKILL);
		assert_int_equal(
			waitid(P_PID, (id_t)box.pid, &end, WEXITED | WNOWAIT),
			0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_ABSENT);
		waitpid(box.pid, NULL, 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_ABSENT);
		box.pid = start_process();
		remove_box(&box);
	}
}

static void a_recycled_pid_is_absent(void **state)
{
	struct box box;

	(void)state;
	make_crun_box(&box);
	box.ticks--;
	put_record(&box, CRUN "status", "status");
	assert_int_equal(code_of(&ctsh_runtime_crun, &box), CTSH_E_ABSENT);
	box.ticks += 2;
	put_record(&box, RUNC "state-plain.json", "state.json");
	assert_int_equal(code_of(&ctsh_runtime_runc, &box), CTSH_E_ABSENT);
	remove_box(&box);
}

static void records_that_others_may_write_are_refused(void **state)
{
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		const char *record = both[i].record;

		both[i].make(&box);
		assert_int_equal(chmod(in(&box, record), 0620), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chmod(in(&box, record), 0602), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chmod(in(&box, record), 0600), 0);
		assert_int_equal(chown(in(&box, record), STRANGER, 0), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chown(in(&box, record), 0, STRANGER), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_OK);
		remove_box(&box);
	}
}

static void directories_that_others_may_write_are_refused(void **state)
{
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		assert_int_equal(chmod(box.dir, 0730), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chmod(box.dir, 0700), 0);
		assert_int_equal(chmod(box.root, 01777), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chmod(box.root, 0700), 0);
		assert_int_equal(chown(box.root, STRANGER, 0), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		assert_int_equal(chown(box.root, 0, 0), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_OK);
		remove_box(&box);
	}
}

static void a_record_that_is_no_regular_file_is_refused(void **state)
{
	struct box box;
	char real[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		const char *record = both[i].record;

		both[i].make(&box);
		strcpy(real, in(&box, "real"));
		assert_int_equal(rename(in(&box, record), real), 0);
		assert_int_equal(symlink(real, in(&box, record)), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		unlink(in(&box, record));
		assert_int_equal(mkfifo(in(&box, record), 0600), 0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_UNSAFE);
		remove_box(&box);
	}
}

static void a_linked_container_directory_is_refused(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;
	struct box box;
	char link[48];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		snprintf(link, sizeof(link), "%s/alias", box.root);
		assert_int_equal(symlink("box", link), 0);
		assert_int_equal(find_in(both[i].runtime, box.root, "alias",
		                         &target, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		unlink(link);
		remove_box(&box);
	}
}

static void a_record_over_its_size_is_refused_unread(void **state)
{
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(both); i++) {
		both[i].make(&box);
		assert_int_equal(
			truncate(in(&box, both[i].record), CTSH_RECORD_MAX + 1),
			0);
		assert_int_equal(code_of(both[i].runtime, &box), CTSH_E_ENGINE);
		remove_box(&box);
	}
}

static void records_that_make_no_sense_are_refused(void **state)
{
	static const char *const crun[] = {
		"",
		"garbage",
		"[]",
		"{}",
		"{\"pid\": 7}",
		"{\"pid\": 7, \"process-start-time\": 0}",
		"{\"pid\": 1, \"process-start-time\": 5}",
		"{\"pid\": -7, \"process-start-time\": 5}",
		"{\"pid\": 4194305, \"process-start-time\": 5}",
		"{\"pid\": 7, \"pid\": 7, \"process-start-time\": 5}",
		"{\"pid\": \"7\", \"process-start-time\": 5}",
		"{\"pid\": 7, \"process-start-time\": \"5\"}",
		"{\"pid\": 7, \"process-start-time\": 5}x",
	};
	static const char *const runc[] = {
		"",
		"{}",
		"{\"id\": \"box\", \"init_process_pid\": 7,"
		" \"init_process_start\": 5}",
		"{\"id\": \"box\", \"init_process_pid\": 7,"
		" \"init_process_start\": 5, \"config\": null}",
		"{\"id\": \"box\", \"init_process_pid\": 7,"
		" \"init_process_start\": 5, \"config\": {\"seccomp\": 1}}",
		"{\"id\": \"box\", \"init_process_pid\": 0,"
		" \"init_process_start\": 5, \"config\": {}}",
		"{\"id\": \"box\", \"init_process_pid\": 7,"
		" \"init_process_start\": 0, \"config\": {}}",
		"{\"id\": \"bo\", \"init_process_pid\": 7,"
		" \"init_process_start\": 5, \"config\": {}}",
		"{\"init_process_pid\": 7,"
		" \"init_process_start\": 5, \"config\": {}}",
	};
	struct box box;
	size_t i;

	(void)state;
	make_box(&box);
	for (i = 0; i < COUNT(crun); i++) {
		put(&box, "status", crun[i]);
		assert_int_equal(code_of(&ctsh_runtime_crun, &box),
		                 CTSH_E_ENGINE);
	}
	for (i = 0; i < COUNT(runc); i++) {
		put(&box, "state.json", runc[i]);
		assert_int_equal(code_of(&ctsh_runtime_runc, &box),
		                 CTSH_E_ENGINE);
	}
	remove_box(&box);
}

static void a_state_directory_with_links_or_dots_is_refused(void **state)
{
	static const char *const roots[] = {"run", "/run/../run", "/var/run"};
	struct ctsh_target target;
	struct ctsh_error err;
	struct stat st;
	size_t i;

	(void)state;
	/* The last one is a link on every system of today. */
	assert_int_equal(lstat("/var/run", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	for (i = 0; i < COUNT(roots); i++) {
		assert_int_equal(find_in(&ctsh_runtime_crun, roots[i], "box",
		                         &target, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crun_finds_a_running_container),
		cmocka_unit_test(runc_finds_a_running_container),
		cmocka_unit_test(runc_reads_the_filter_in_its_record),
		cmocka_unit_test(
			crun_reads_the_filter_in_its_copy_of_the_configuration),
		cmocka_unit_test(crun_with_a_compiled_filter_names_one),
		cmocka_unit_test(
			crun_without_a_record_of_it_is_taken_to_name_a_filter),
		cmocka_unit_test(crun_refuses_an_unusable_configuration),
		cmocka_unit_test(a_missing_container_is_absent),
		cmocka_unit_test(a_container_that_only_was_created_is_absent),
		cmocka_unit_test(a_stopped_container_is_absent),
		cmocka_unit_test(a_recycled_pid_is_absent),
		cmocka_unit_test(records_that_others_may_write_are_refused),
		cmocka_unit_test(directories_that_others_may_write_are_refused),
		cmocka_unit_test(a_record_that_is_no_regular_file_is_refused),
		cmocka_unit_test(a_linked_container_directory_is_refused),
		cmocka_unit_test(a_record_over_its_size_is_refused_unread),
		cmocka_unit_test(records_that_make_no_sense_are_refused),
		cmocka_unit_test(
			a_state_directory_with_links_or_dots_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
