/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

#include "../../lib/runtime/runtime.h"
#include "fake_daemon.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DATA "tests/data/engines/podman/"
#define ID "2a05f363220067e77c49b100163668c51c64b7e934acd3b0df5c22c40524160c"
#define OTHER_NAME "id=" OTHER
#define OTHER "eef3ef41276766cceaf6a241343f51f45cf3f8f5aa2ea8c966ebe90cb3e32b4e"
#define STRANGER 1000

/* A store with the container "one" in it, whose init is a process of ours. */
struct store {
	char top[32];
	char root[64], run[64];
	pid_t pid;
};

static const char *join(const char *dir, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put_at(const char *dir, const char *name, const char *text)
{
	int fd;

	unlink(join(dir, name));
	fd = open(join(dir, name), O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void copy_to(const char *dir, const char *name, const char *sample)
{
	char path[256];
	json_t *doc;
	char *text;

	snprintf(path, sizeof(path), DATA "%s", sample);
	doc = json_load_file(path, 0, NULL);
	if (!doc)
		fail_msg("cannot load %s", path);
	text = json_dumps(doc, 0);
	put_at(dir, name, text);
	free(text);
	json_decref(doc);
}

static const char *userdata(const char *root, const char *driver)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s-containers/" ID "/userdata", root,
	         driver);
	return path;
}

static const char *lists(const char *root, const char *driver)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s-containers", root, driver);
	return path;
}

static void make_userdata(const char *root, const char *driver)
{
	char part[256];

	snprintf(part, sizeof(part), "%s/%s-containers", root, driver);
	assert_true(mkdir(part, 0700) == 0 || errno == EEXIST);
	snprintf(part, sizeof(part), "%s/%s-containers/" ID, root, driver);
	assert_int_equal(mkdir(part, 0700), 0);
	assert_int_equal(mkdir(userdata(root, driver), 0700), 0);
}

static void put_pid(const struct store *store, const char *driver, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	put_at(userdata(store->run, driver), "pidfile", text);
}

static void make_store(struct store *store, const char *driver)
{
	fake_dir(store->top);
	snprintf(store->root, sizeof(store->root), "%s/root", store->top);
	snprintf(store->run, sizeof(store->run), "%s/run", store->top);
	assert_int_equal(mkdir(store->root, 0700), 0);
	assert_int_equal(mkdir(store->run, 0700), 0);
	store->pid = fork();
	assert_true(store->pid >= 0);
	if (!store->pid) {
		alarm(FAKE_LIFETIME_S);
		pause();
		_exit(0);
	}
	make_userdata(store->root, driver);
	make_userdata(store->run, driver);
	copy_to(lists(store->root, driver), "containers.json",
	        "4.3.1/containers.json");
	copy_to(userdata(store->root, driver), "config.json",
	        "4.3.1/config.json");
	/* The sample's name was changed by `podman rename`. */
	put_at(lists(store->root, driver), "containers.json",
	       "[{\"id\": \"" OTHER "\", \"names\": [\"made\"]},"
	       " {\"id\": \"" ID "\", \"names\": [\"one\"]}]");
	put_pid(store, driver, store->pid);
}

static int remove_one(const char *path, const struct stat *st, int kind,
                      struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void remove_store(const struct store *store)
{
	kill(store->pid, SIGKILL);
	waitpid(store->pid, NULL, 0);
	assert_int_equal(nftw(store->top, remove_one, 8, FTW_DEPTH | FTW_PHYS),
	                 0);
}

static int find(const struct store *store, const char *name,
                struct ctsh_target *target, struct ctsh_error *err)
{
	const struct ctsh_where where = {
		.root = store->root,
		.run_root = store->run,
	};

	err->code = CTSH_OK;
	return ctsh_runtime_podman.find(&where, name, INT64_MAX, target, err);
}

static void found(const struct store *store, const char *name)
{
	struct ctsh_target target = {0};
	struct ctsh_error err;

	if (find(store, name, &target, &err))
		fail_msg("%s: %s", name, err.what);
	assert_int_equal(target.pid, store->pid);
	assert_string_equal(target.id, ID);
	assert_string_equal(target.name, name);
}

static void refused(const struct store *store, const char *name,
                    enum ctsh_code code)
{
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;

	assert_int_equal(find(store, name, &target, &err), -1);
	if (err.code != code)
		fail_msg("%s: %s", name, err.what);
	assert_int_equal(target.pid, 5);
}

static void a_running_container_is_found(void **state)
{
	static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
	struct store store;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(drivers); i++) {
		make_store(&store, drivers[i]);
		found(&store, "one");
		found(&store, "id=" ID);
		remove_store(&store);
	}
}

static void what_the_files_prove_is_told(void **state)
{
	struct ctsh_target target = {0};
	struct ctsh_error err;
	struct store store;
	struct stat st;

	(void)state;
	make_store(&store, "overlay");
	assert_int_equal(
		stat(join(userdata(store.run, "overlay"), "pidfile"), &st), 0);
	assert_int_equal(find(&store, "one", &target, &err), 0);
	assert_string_equal(target.cgroup_id, "libpod-" ID);
	assert_true(target.names_seccomp);
	assert_memory_equal(&target.not_after, &st.st_mtim, sizeof(st.st_mtim));
	assert_true(target.start_ticks == 0);
	assert_string_equal(target.engine, "");

	copy_to(userdata(store.root, "overlay"), "config.json",
	        "4.3.1/config-bare.json");
	assert_int_equal(find(&store, "one", &target, &err), 0);
	assert_string_equal(target.cgroup_id, "");
	assert_false(target.names_seccomp);

	unlink(join(userdata(store.root, "overlay"), "config.json"));
	assert_int_equal(find(&store, "one", &target, &err), 0);
	assert_string_equal(target.cgroup_id, "");
	assert_true(target.names_seccomp);
	remove_store(&store);
}

static void a_cgroup_is_expected_as_the_manager_makes_it(void **state)
{
	static const struct {
		const char *path, *expected;
	} rows[] = {
		{"machine.slice:libpod:" ID, ID},
		{"user.slice:libpod:" ID, ID},
		{"/libpod_parent/libpod-" ID, "libpod-" ID},
		{"/a.service/libpod-payload-" ID, "libpod-payload-" ID},
		{"/x/" ID, ID},
		{"/libpod-" ID "/container", ""},
		{"/libpod-" OTHER, ""},
		{"/", ""},
		{"", ""},
	};
	struct ctsh_target target = {0};
	struct ctsh_error err;
	struct store store;
	char text[256];
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text),
		         "{\"linux\": {\"cgroupsPath\": \"%s\"}}",
		         rows[i].path);
		put_at(userdata(store.root, "overlay"), "config.json", text);
		assert_int_equal(find(&store, "one", &target, &err), 0);
		assert_string_equal(target.cgroup_id, rows[i].expected);
	}
	remove_store(&store);
}

static void lists_of_all_versions_are_read(void **state)
{
	static const char *const samples[] = {"3.0.1/containers.json",
	                                      "5.4.0/volatile-containers.json"};
	struct store store;
	char dir[256];
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	strcpy(dir, lists(store.root, "overlay"));
	for (i = 0; i < COUNT(samples); i++) {
		copy_to(dir, "containers.json", samples[i]);
		found(&store, "one");
	}
	/* What the machine of these samples had was called "uno" by then. */
	copy_to(dir, "containers.json", "4.3.1/containers.json");
	found(&store, "uno");
	refused(&store, "one", CTSH_E_ABSENT);

	copy_to(dir, "containers.json", "5.4.0/containers.json");
	refused(&store, "one", CTSH_E_ABSENT);
	copy_to(dir, "volatile-containers.json",
	        "5.4.0/volatile-containers.json");
	found(&store, "one");
	unlink(join(dir, "volatile-containers.json"));
	copy_to(lists(store.run, "overlay"), "volatile-containers.json",
	        "5.4.0/volatile-containers.json");
	found(&store, "one");
	unlink(join(dir, "containers.json"));
	found(&store, "one");
	remove_store(&store);
}

static void another_name_is_no_container(void **state)
{
	static const char *const names[] = {
		"on",           "onee", "One",      ID,
		"2a05f3632200", "2",    OTHER_NAME, /* made, not started */
	};
	struct store store;
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	for (i = 0; i < COUNT(names); i++)
		refused(&store, names[i], CTSH_E_ABSENT);
	refused(&store, "id=2a05", CTSH_E_UNSAFE);
	refused(&store, "../one", CTSH_E_UNSAFE);
	refused(&store, "", CTSH_E_UNSAFE);
	remove_store(&store);
}

static void nothing_there_is_absence(void **state)
{
	struct store store, none;

	(void)state;
	make_store(&store, "overlay");
	none = store;
	strcat(none.root, "/none");
	refused(&none, "one", CTSH_E_ABSENT);
	none = store;
	strcat(none.run, "/none");
	refused(&none, "one", CTSH_E_ABSENT);
	unlink(join(userdata(store.run, "overlay"), "pidfile"));
	refused(&store, "one", CTSH_E_ABSENT);
	remove_store(&store);
}

static void what_ended_is_absent(void **state)
{
	struct store store;
	pid_t pid;

	(void)state;
	make_store(&store, "overlay");
	pid = fork();
	if (!pid)
		_exit(0);
	put_pid(&store, "overlay", pid);
	waitpid(pid, NULL, 0);
	refused(&store, "one", CTSH_E_ABSENT);
	remove_store(&store);
}

static void lists_that_make_no_sense_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[1]",
		"[{\"names\": [\"one\"]}]",
		"[{\"id\": 7, \"names\": [\"one\"]}]",
		"[{\"id\": \"2a05\", \"names\": [\"one\"]}]",
		"[{\"id\": \"../../../../../etc\", \"names\": [\"one\"]}]",
		"[{\"id\": \"" ID "\", \"names\": \"one\"}]",
		"[{\"id\": \"" ID "\", \"names\": [\"one\", 2]}]",
		"[{\"id\": \"" ID "\", \"id\": \"" OTHER
		"\", \"names\": [\"one\"]}]",
		"[{\"id\": \"" ID "\", \"names\": [\"one\"]},"
		" {\"id\": \"" OTHER "\", \"names\": [\"one\"]}]",
	};
	struct store store;
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	for (i = 0; i < COUNT(texts); i++) {
		put_at(lists(store.root, "overlay"), "containers.json",
		       texts[i]);
		refused(&store, "one", CTSH_E_ENGINE);
	}
	remove_store(&store);
}

static void pidfiles_that_make_no_sense_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"0",
		"1",
		"-5",
		" 7",
		"7 8",
		"07",
		"12345678",
		"x",
		"99999999999999999999",
	};
	struct store store;
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	for (i = 0; i < COUNT(texts); i++) {
		put_at(userdata(store.run, "overlay"), "pidfile", texts[i]);
		refused(&store, "one", CTSH_E_ENGINE);
	}
	remove_store(&store);
}

/* Left from before the driver was changed, or the same name at work in both. */
static void two_drivers_are_told_apart(void **state)
{
	struct store store;

	(void)state;
	make_store(&store, "vfs");
	make_userdata(store.root, "overlay");
	put_at(lists(store.root, "overlay"), "containers.json",
	       "[{\"id\": \"" ID "\", \"names\": [\"one\"]}]");
	found(&store, "one");
	make_userdata(store.run, "overlay");
	put_pid(&store, "overlay", store.pid);
	refused(&store, "one", CTSH_E_ENGINE);
	remove_store(&store);
}

static void files_of_others_are_refused(void **state)
{
	char paths[8][256];
	struct store store;
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	strcpy(paths[0], store.root);
	strcpy(paths[1], store.run);
	strcpy(paths[2], lists(store.root, "overlay"));
	strcpy(paths[3], lists(store.run, "overlay"));
	strcpy(paths[4], join(paths[2], "containers.json"));
	strcpy(paths[5], userdata(store.run, "overlay"));
	strcpy(paths[6], join(paths[5], "pidfile"));
	strcpy(paths[7], join(userdata(store.root, "overlay"), "config.json"));
	for (i = 0; i < COUNT(paths); i++) {
		struct stat st;

		assert_int_equal(stat(paths[i], &st), 0);
		assert_int_equal(chown(paths[i], STRANGER, 0), 0);
		refused(&store, "one", CTSH_E_UNSAFE);
		assert_int_equal(chown(paths[i], 0, 0), 0);
		assert_int_equal(chmod(paths[i], st.st_mode | 0002), 0);
		refused(&store, "one", CTSH_E_UNSAFE);
		assert_int_equal(chmod(paths[i], st.st_mode), 0);
	}
	found(&store, "one");
	remove_store(&store);
}

static void links_and_fifos_are_refused(void **state)
{
	char paths[4][256];
	struct store store;
	size_t i;

	(void)state;
	make_store(&store, "overlay");
	strcpy(paths[0], lists(store.run, "overlay"));
	strcpy(paths[1], userdata(store.run, "overlay"));
	strcpy(paths[2], join(paths[1], "pidfile"));
	strcpy(paths[3], join(lists(store.root, "overlay"), "containers.json"));
	for (i = 0; i < COUNT(paths); i++) {
		char aside[512];

		snprintf(aside, sizeof(aside), "%s/aside", store.top);
		assert_int_equal(rename(paths[i], aside), 0);
		assert_int_equal(symlink(aside, paths[i]), 0);
		refused(&store, "one", CTSH_E_UNSAFE);
		unlink(paths[i]);
		assert_int_equal(mkfifo(paths[i], 0600), 0);
		refused(&store, "one", CTSH_E_UNSAFE);
		unlink(paths[i]);
		assert_int_equal(rename(aside, paths[i]), 0);
	}
	found(&store, "one");
	remove_store(&store);
}

static void a_list_without_end_is_refused(void **state)
{
	struct store store;

	(void)state;
	make_store(&store, "overlay");
	assert_int_equal(
		truncate(join(lists(store.root, "overlay"), "containers.json"),
	                 9 << 20),
		0);
	refused(&store, "one", CTSH_E_ENGINE);
	remove_store(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_container_is_found),
		cmocka_unit_test(what_the_files_prove_is_told),
		cmocka_unit_test(a_cgroup_is_expected_as_the_manager_makes_it),
		cmocka_unit_test(lists_of_all_versions_are_read),
		cmocka_unit_test(another_name_is_no_container),
		cmocka_unit_test(nothing_there_is_absence),
		cmocka_unit_test(what_ended_is_absent),
		cmocka_unit_test(lists_that_make_no_sense_are_refused),
		cmocka_unit_test(pidfiles_that_make_no_sense_are_refused),
		cmocka_unit_test(two_drivers_are_told_apart),
		cmocka_unit_test(files_of_others_are_refused),
		cmocka_unit_test(links_and_fifos_are_refused),
		cmocka_unit_test(a_list_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
