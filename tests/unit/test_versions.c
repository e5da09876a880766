/* SPDX-License-Identifier: MIT */
/* What engines older and newer than those of the test machine write down; see
 * tests/data/engines/README.md for what each sample was made after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../lib/base/fdio.h"
#include "../../lib/runtime/docker.h"
#include "../../lib/runtime/nspawn.h"
#include "../../lib/runtime/oci.h"
#include "../../lib/runtime/runtime.h"
#include "bundle_world.h"
#include "fake_monitor.h"

#define DATA "tests/data/engines/"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MOST 16384
#define OLD "4c1f0a7d2b9e48c6a35b7d10e2f9c8a4d6b3e5f70918273645a1b2c3d4e5f607"
#define NEW "b07e6f5d4c3b2a190817263544f5e6d7c8b9a0f1e2d3c4b5a6978869504132fe"

/* In the top directory, where the tests run. */
static void load(const char *file, char *text)
{
	char path[128];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof(path), DATA "%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = ctsh_read_all(fd, text, MOST - 1);
	if (got <= 0)
		fail_msg("cannot read %s", path);
	text[got] = '\0';
	close(fd);
}

/* -- docker ---------------------------------------------------------------- */

static void answer(int conn, const void *arg)
{
	char asked[512];

	fake_take_request(conn, asked, sizeof(asked));
	/* No version: an old daemon refuses new ones, a new daemon old ones. */
	if (!strncmp(asked, "GET /containers/", 16))
		(void)!ctsh_write_all(conn, arg, strlen(arg));
}

static void find_docker(const char *file, const char *name,
                        struct ctsh_target *target, struct ctsh_error *err)
{
	static char text[MOST];
	struct fake_daemon d;
	struct ctsh_where where;
	int result;

	load(file, text);
	err->code = CTSH_OK;
	fake_start(&d, &(struct fake_manner){.serve = answer, .arg = text});
	where = (struct ctsh_where){.socket = d.path};
	result = ctsh_runtime_docker.find(&where, name, ctsh_now_ms() + 1000,
	                                  target, err);
	fake_stop(&d);
	assert_int_equal(result, err->code == CTSH_OK ? 0 : -1);
}

static void docker_of_any_api_is_found(void **state)
{
	static const struct {
		const char *file, *name, *id;
		pid_t pid;
		bool names_seccomp;
	} rows[] = {
		{"docker/1.12.6/running.http", "old-box", OLD, 2881, true},
		{"docker/1.12.6/unconfined.http", "old-box", OLD, 2881, false},
		{"docker/27.4.0/running.http", "new-box", NEW, 91337, true},
		{"docker/27.4.0/privileged.http", "new-box", NEW, 91337, false},
		{"docker/29.0.4/running.http", "new-box", NEW, 91337, true},
		{"docker/29.0.4/privileged.http", "new-box", NEW, 91337, false},
	};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		find_docker(rows[i].file, rows[i].name, &target, &err);
		if (err.code != CTSH_OK)
			fail_msg("%s: %s", rows[i].file, err.what);
		assert_int_equal(target.pid, rows[i].pid);
		assert_string_equal(target.id, rows[i].id);
		assert_int_equal(target.names_seccomp, rows[i].names_seccomp);
	}
}

static void docker_of_any_api_is_refused_as_it_says(void **state)
{
	static const struct {
		const char *file, *name;
		enum ctsh_code code;
		const char *what;
	} rows[] = {
		{"docker/1.12.6/paused.http", "old-box", CTSH_E_PAUSED,
	         "container is paused"},
		{"docker/1.12.6/absent.http", "absent", CTSH_E_ABSENT,
	         "no such container"},
		{"docker/27.4.0/restarting.http", "new-box", CTSH_E_ABSENT,
	         "container is restarting"},
		{"docker/27.4.0/absent.http", "absent", CTSH_E_ABSENT,
	         "no such container"},
		{"docker/29.0.4/restarting.http", "new-box", CTSH_E_ABSENT,
	         "container is restarting"},
		{"docker/29.0.4/absent.http", "absent", CTSH_E_ABSENT,
	         "no such container"},
		{"docker/29.0.4/too-old.http", "new-box", CTSH_E_ENGINE,
	         "HTTP status 400: client version 1.24 is too old. Minimum "
	         "supported API version is 1.44, please upgrade your client "
	         "to a newer version"},
	};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		find_docker(rows[i].file, rows[i].name, &target, &err);
		assert_string_equal(err.what, rows[i].what);
		assert_int_equal(err.code, rows[i].code);
	}
}

/* -- crun and runc --------------------------------------------------------- */

/* As ctsh does: jansson alone refuses a limit beyond int64. */
static json_t *load_json(const char *file)
{
	static char text[MOST];
	struct ctsh_error err;
	json_t *doc;

	load(file, text);
	doc = ctsh_json_parse(text, strlen(text), &err);
	if (!doc)
		fail_msg("%s: %s", file, err.what);
	return doc;
}

static int parse(const char *file, const char *name,
                 int (*how)(const json_t *, const char *, struct ctsh_target *,
                            struct ctsh_error *),
                 struct ctsh_target *target, struct ctsh_error *err)
{
	json_t *doc = load_json(file);
	int result = how(doc, name, target, err);

	json_decref(doc);
	return result;
}

static void records_of_crun_and_runc_are_read(void **state)
{
	static const struct {
		const char *file, *name;
		int (*how)(const json_t *, const char *, struct ctsh_target *,
		           struct ctsh_error *);
		pid_t pid;
		uint64_t ticks;
		bool names_seccomp; /* crun's are in another file */
	} rows[] = {
		{"crun/0.17/status", "old", ctsh_crun_parse, 1733, 90211,
	         false},
		{"crun/1.21/status", "new", ctsh_crun_parse, 40961, 7340033,
	         false},
		{"runc/1.0.0/state.json", "old", ctsh_runc_parse, 612, 4242,
	         true},
		{"runc/1.3.0/state-seccomp.json", "new", ctsh_runc_parse, 40122,
	         9007199, true},
		{"runc/1.3.0/state-plain.json", "new", ctsh_runc_parse, 40122,
	         9007199, false},
	};
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_target target = {0};

		if (parse(rows[i].file, rows[i].name, rows[i].how, &target,
		          &err))
			fail_msg("%s: %s", rows[i].file, err.what);
		assert_int_equal(target.pid, rows[i].pid);
		assert_true(target.start_ticks == rows[i].ticks);
		assert_int_equal(target.names_seccomp, rows[i].names_seccomp);
	}
}

/* Of what is older than a start time that is a number there is no proof. */
static void records_without_a_start_time_are_refused(void **state)
{
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(parse("crun/0.10.6/status", "old", ctsh_crun_parse,
	                       &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what,
	                    "member \"process-start-time\" is missing");
	assert_int_equal(parse("runc/1.0.0-rc2/state.json", "old",
	                       ctsh_runc_parse, &target, &err),
	                 -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what,
	                    "member \"init_process_start\" is not an integer");
}

/* With a limit beyond int64 in it, as "unlimited" is written. */
static void the_configuration_beside_a_new_crun_is_read(void **state)
{
	struct bundle_world w;
	struct ctsh_target target;
	struct ctsh_error err;
	json_t *doc = load_json("crun/1.21/status");
	static char text[MOST];

	(void)state;
	bundle_begin(&w);
	bundle_make_dirs(bundle_path(&w, "box"));
	json_object_set_new(doc, "pid", json_integer(w.pid));
	json_object_set_new(doc, "process-start-time",
	                    json_integer((json_int_t)w.ticks));
	bundle_put_json(bundle_path(&w, "box/status"), doc);
	load("crun/1.21/config.json", text);
	assert_non_null(strstr(text, "18446744073709551615"));
	bundle_put(bundle_path(&w, "box/config.json"), text);
	assert_int_equal(
		bundle_find(&ctsh_runtime_crun, &w, "box", &target, &err),
		CTSH_OK);
	assert_int_equal(target.pid, w.pid);
	assert_true(target.names_seccomp);
	bundle_end(&w);
}

/* -- containerd ------------------------------------------------------------ */

#define TASK "io.containerd.runtime.v2.task/demo/box"

/* The options of a new one, but for the directory of runc's records. */
static void a_task_of_a_new_containerd_is_found(void **state)
{
	struct bundle_world w;
	struct ctsh_target target;
	struct ctsh_error err;
	json_t *doc = load_json("containerd/2.1/options.json");
	static char text[MOST];

	(void)state;
	bundle_begin(&w);
	bundle_make_dirs(bundle_path(&w, TASK));
	json_object_set_new(doc, "root", json_string(bundle_path(&w, "runc")));
	bundle_put_json(bundle_path(&w, TASK "/options.json"), doc);
	load("containerd/2.1/shim-binary-path", text);
	bundle_put(bundle_path(&w, TASK "/shim-binary-path"), text);
	load("containerd/2.1/bootstrap.json", text);
	bundle_put(bundle_path(&w, TASK "/bootstrap.json"), text);
	bundle_put_pid(bundle_path(&w, TASK "/init.pid"), w.pid);
	doc = load_json("runc/1.3.0/state-plain.json");
	json_object_set_new(doc, "id", json_string("box"));
	json_object_set_new(doc, "init_process_pid", json_integer(w.pid));
	json_object_set_new(doc, "init_process_start",
	                    json_integer((json_int_t)w.ticks));
	bundle_make_dirs(bundle_path(&w, "runc/demo/box"));
	bundle_put_json(bundle_path(&w, "runc/demo/box/state.json"), doc);
	assert_int_equal(bundle_find(&ctsh_runtime_containerd, &w, "demo/box",
	                             &target, &err),
	                 CTSH_OK);
	assert_int_equal(target.pid, w.pid);
	assert_true(target.start_ticks == w.ticks);
	assert_false(target.names_seccomp);
	bundle_end(&w);
}

/* -- LXC, LXD, Incus ------------------------------------------------------- */

static const struct {
	const struct ctsh_runtime *runtime;
	const char *data, *root, *path, *inner, *name;
	bool keep_open;
} monitors[] = {
	{&ctsh_runtime_lxc, DATA "lxc/4.0.6/", FAKE_LXC_PATH, FAKE_LXC_PATH,
         "foo", "foo", true},
	{&ctsh_runtime_lxc, DATA "lxc/6.0.3/", FAKE_LXC_PATH, FAKE_LXC_PATH,
         "foo", "foo", false},
	{&ctsh_runtime_lxd, DATA "lxd/6.1/", "/opt/lxctest/snap/lxd",
         "/opt/lxctest/snap/lxd/containers", "team_box", "team/box", false},
	{&ctsh_runtime_incus, DATA "incus/6.0/", "/opt/lxctest/incus",
         "/opt/lxctest/incus/containers", "team_box", "team/box", false},
};

static void ask_monitor(size_t i, bool unset)
{
	const struct fake_script script = {
		.data = monitors[i].data,
		.command = unset ? CTSH_LXC_GET_CONFIG_ITEM : 0,
		.file = unset ? "unset" : NULL,
		.keep_open = monitors[i].keep_open,
		.true_init = true};
	const struct ctsh_where where = {.root = monitors[i].root};
	struct ctsh_target target;
	struct ctsh_error err;
	struct fake_daemon d;
	int result;

	fake_monitor_start(&d, monitors[i].path, monitors[i].inner,
	                   &(struct fake_manner){.serve = fake_monitor_serve,
	                                         .arg = &script});
	result = monitors[i].runtime->find(&where, monitors[i].name,
	                                   ctsh_now_ms() + 1000, &target, &err);
	fake_monitor_stop(&d);
	if (result)
		fail_msg("%s: %s", monitors[i].data, err.what);
	assert_true(target.pid > 1);
	assert_true(target.start_ticks > 0);
	assert_string_equal(target.name, monitors[i].name);
	assert_string_equal(target.id, monitors[i].inner);
	assert_int_equal(target.names_seccomp, !unset);
}

static void monitors_of_other_versions_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(monitors); i++) {
		ask_monitor(i, false);
		ask_monitor(i, true);
	}
}

/* -- nspawn ---------------------------------------------------------------- */

static void what_newer_machineds_write_is_read(void **state)
{
	static const char *const files[] = {"nspawn/255/machine",
	                                    "nspawn/257/machine",
	                                    "nspawn/258/machine"};
	char text[MOST];
	struct ctsh_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct ctsh_target target = {0};

		load(files[i], text);
		if (ctsh_nspawn_parse(text, "a-b", &target, &err))
			fail_msg("%s: %s", files[i], err.what);
		assert_int_equal(target.pid, 2345);
		assert_string_equal(target.cgroup_id, "machine-a\\x2db.scope");
	}
}

static void a_machine_that_a_user_registered_is_refused(void **state)
{
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	char text[MOST];

	(void)state;
	load("nspawn/258/machine-of-a-user", text);
	assert_int_equal(ctsh_nspawn_parse(text, "a-b", &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_string_equal(err.what, "machine a-b belongs to uid 1000");
	assert_int_equal(target.pid, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_of_any_api_is_found),
		cmocka_unit_test(docker_of_any_api_is_refused_as_it_says),
		cmocka_unit_test(records_of_crun_and_runc_are_read),
		cmocka_unit_test(records_without_a_start_time_are_refused),
		cmocka_unit_test(the_configuration_beside_a_new_crun_is_read),
		cmocka_unit_test(a_task_of_a_new_containerd_is_found),
		cmocka_unit_test(monitors_of_other_versions_are_understood),
		cmocka_unit_test(what_newer_machineds_write_is_read),
		cmocka_unit_test(a_machine_that_a_user_registered_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
