/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/base/fdio.h"
#include "../../lib/enter/cgroup.h"
#include "../../lib/runtime/nspawn.h"
#include "../../lib/runtime/runtime.h"

#define DATA "tests/data/engines/nspawn/252/"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define BEFORE                                    \
	"# This is private data. Do not parse.\n" \
	"NAME=alice\n"
#define AFTER                                   \
	"SCOPE=machine-alice.scope\n"           \
	"SERVICE=systemd-nspawn\n"              \
	"ROOT=/var/lib/machines/alice\n"        \
	"ID=b5ae8f5b7d8a4a0cbbf2d3c7f6a2e9d1\n" \
	"LEADER=4711\n"                         \
	"CLASS=container\n"                     \
	"REALTIME=1763917000000000\n"           \
	"MONOTONIC=1000000\n"

static void the_leader_is_the_init(void **state)
{
	static const char *const files[] = {
		BEFORE AFTER,
		BEFORE "UID=0\n" AFTER "LEADER_PIDFDID=99\nNETIF=\"3\"\n",
		BEFORE AFTER "SCOPE_JOB=/org/freedesktop/systemd1/job/1\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(files); i++) {
		struct ctsh_target target = {.pid = 5};
		struct ctsh_error err;

		assert_int_equal(
			ctsh_nspawn_parse(files[i], "alice", &target, &err), 0);
		assert_int_equal(target.pid, 4711);
		assert_string_equal(target.cgroup_id, "machine-alice.scope");
	}
}

/* In the top directory, where the tests run. */
static void load(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t got = ctsh_read_all(fd, text, size - 1);

	assert_true(got > 0);
	text[got] = '\0';
	close(fd);
}

static void the_file_of_a_real_machined_is_read(void **state)
{
	char text[1024], cgroup[1024];
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;

	(void)state;
	load(DATA "machine", text, sizeof(text));
	load(DATA "cgroup", cgroup, sizeof(cgroup));
	assert_int_equal(ctsh_nspawn_parse(text, "a-b", &target, &err), 0);
	assert_int_equal(target.pid, 52);
	assert_string_equal(target.cgroup_id, "machine-a\\x2db.scope");
	assert_true(ctsh_cgroup_names(cgroup, target.cgroup_id));
}

static void a_unit_is_read_without_quotes_and_escapes(void **state)
{
	static const char *const written[] = {"machine-a\\\\x2db.scope",
	                                      "\"machine-a\\\\x2db.scope\""};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(written); i++) {
		struct ctsh_target target = {.pid = 5};
		struct ctsh_error err;

		snprintf(text, sizeof(text),
		         "NAME=a-b\nSCOPE=%s\nSERVICE=systemd-nspawn\n"
		         "LEADER=7\nCLASS=container\n",
		         written[i]);
		assert_int_equal(ctsh_nspawn_parse(text, "a-b", &target, &err),
		                 0);
		assert_string_equal(target.cgroup_id, "machine-a\\x2db.scope");
	}
}

static void a_file_that_says_otherwise_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum ctsh_code code;
	} rows[] = {
		{"", CTSH_E_ENGINE},
		{"NAME=alice\n", CTSH_E_ENGINE},
		{"NAME=bob\n" AFTER, CTSH_E_ENGINE},
		{"NAME=alice2\n" AFTER, CTSH_E_ENGINE},
		{BEFORE "UID=1000\n" AFTER, CTSH_E_UNSAFE},
		{BEFORE "UID=00\n" AFTER, CTSH_E_UNSAFE},
		{BEFORE "NAME=alice\n" AFTER, CTSH_E_ENGINE},
		{BEFORE AFTER "LEADER=1\n", CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=container\nLEADER=1\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=container\nLEADER=07\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=container\nLEADER=-7\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=container\n"
	                "LEADER=4194305\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=container\n"
	                "LEADER=99999999999999999999\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=libvirt-lxc\nCLASS=container\nLEADER=7\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=vm\nLEADER=7\n",
	         CTSH_E_ENGINE},
		{BEFORE "SERVICE=systemd-nspawn\nCLASS=host\nLEADER=7\n",
	         CTSH_E_ENGINE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct ctsh_target target = {.pid = 5};
		struct ctsh_error err;

		assert_int_equal(
			ctsh_nspawn_parse(rows[i].text, "alice", &target, &err),
			-1);
		if (err.code != rows[i].code)
			fail_msg("row %zu: %s", i, err.what);
		assert_int_equal(target.pid, 5);
	}
}

#define NAMES(text) ctsh_nspawn_names(text, sizeof(text) - 1, "alice")

static void the_name_is_what_nspawn_was_told(void **state)
{
	(void)state;
	assert_true(NAMES("systemd-nspawn\0-M\0alice\0"));
	assert_true(NAMES("systemd-nspawn\0-Malice\0"));
	assert_true(NAMES("/usr/bin/systemd-nspawn\0--machine=alice\0"));
	assert_true(NAMES("x\0--quiet\0--machine\0alice\0-b\0"));
	assert_true(NAMES("x\0-D\0/srv/bob\0-M\0alice\0/bin/sh\0"));
	assert_true(NAMES("x\0-M\0bob\0-M\0alice\0"));
}

static void what_is_for_the_container_is_no_name(void **state)
{
	(void)state;
	assert_false(NAMES(""));
	assert_false(NAMES("systemd-nspawn\0"));
	assert_false(NAMES("systemd-nspawn\0-M\0"));
	assert_false(NAMES("systemd-nspawn\0-M\0alice"));
	assert_false(NAMES("alice\0"));
	assert_false(NAMES("-Malice\0"));
	assert_false(NAMES("x\0-M\0alice2\0"));
	assert_false(NAMES("x\0-M\0ali\0"));
	assert_false(NAMES("x\0-M\0alice\0-M\0bob\0"));
	assert_false(NAMES("x\0-D\0/srv/bob\0/bin/sh\0-M\0alice\0"));
	assert_false(NAMES("x\0-D\0-M\0alice\0"));
	assert_false(NAMES("x\0--\0-M\0alice\0"));
	assert_false(NAMES("x\0--unknown\0value\0-M\0alice\0"));
	assert_false(NAMES("x\0-D\0-Malice\0"));
}

static void names_are_those_of_machines(void **state)
{
	char name[66];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(ctsh_runtime_nspawn.valid_name(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(ctsh_runtime_nspawn.valid_name(name));
	assert_false(ctsh_runtime_nspawn.valid_name("../alice"));
	assert_false(ctsh_runtime_nspawn.valid_name(".host"));
	assert_false(ctsh_runtime_nspawn.valid_name("unit:alice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_is_the_init),
		cmocka_unit_test(the_file_of_a_real_machined_is_read),
		cmocka_unit_test(a_unit_is_read_without_quotes_and_escapes),
		cmocka_unit_test(a_file_that_says_otherwise_is_refused),
		cmocka_unit_test(the_name_is_what_nspawn_was_told),
		cmocka_unit_test(what_is_for_the_container_is_no_name),
		cmocka_unit_test(names_are_those_of_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
