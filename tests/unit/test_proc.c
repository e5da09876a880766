/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/proc.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

/* --- status ----------------------------------------------------------- */

static const char status_text[] = "Name:\tsh\n"
				  "Umask:\t0022\n"
				  "State:\tT (stopped)\n"
				  "Tgid:\t42\n"
				  "Ngid:\t0\n"
				  "Pid:\t42\n"
				  "PPid:\t7\n"
				  "TracerPid:\t9\n"
				  "Uid:\t1\t2\t3\t4294967294\n"
				  "Gid:\t5\t6\t7\t8\n"
				  "FDSize:\t256\n"
				  "Groups:\t0 10 4294967294 \n"
				  "NStgid:\t42\t1\n"
				  "VmRSS:\t    1608 kB\n"
				  "Threads:\t3\n"
				  "SigQ:\t0/96365\n"
				  "CapInh:\t0000000000000001\n"
				  "CapPrm:\t00000000a80425fb\n"
				  "CapEff:\t00000000a80425fa\n"
				  "CapBnd:\tfedcba9876543210\n"
				  "CapAmb:\t0000000000000002\n"
				  "NoNewPrivs:\t1\n"
				  "Seccomp:\t2\n"
				  "Seccomp_filters:\t5\n"
				  "Cpus_allowed_list:\t0-1\n";

/* The text with `from`, which it holds, replaced by `to`.  Heap. */
static char *edited(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result;

	assert_non_null(at);
	assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, to,
	                     at + strlen(from)) > 0);
	return result;
}

static void status_reads_every_field(void **state)
{
	struct ctsh_proc_status s;

	(void)state;
	assert_int_equal(ctsh_proc_parse_status(status_text, &s), 0);

	assert_int_equal(s.state, 'T');
	assert_int_equal(s.parent, 7);
	assert_int_equal(s.tracer, 9);
	assert_int_equal(s.uid[0], 1);
	assert_int_equal(s.uid[1], 2);
	assert_int_equal(s.uid[2], 3);
	assert_int_equal(s.uid[3], 4294967294u);
	assert_int_equal(s.gid[0], 5);
	assert_int_equal(s.gid[3], 8);
	assert_int_equal(s.group_count, 3);
	assert_int_equal(s.groups[0], 0);
	assert_int_equal(s.groups[1], 10);
	assert_int_equal(s.groups[2], 4294967294u);
	assert_int_equal(s.inheritable, 1);
	assert_int_equal(s.permitted, 0xa80425fb);
	assert_int_equal(s.effective, 0xa80425fa);
	assert_true(s.bounding == 0xfedcba9876543210);
	assert_int_equal(s.ambient, 2);
	assert_true(s.no_new_privs);
	assert_int_equal(s.seccomp, 2);
	assert_int_equal(s.seccomp_filters, 5);
	assert_int_equal(s.threads, 3);
}

static void status_takes_empty_groups(void **state)
{
	static const char *const lines[] = {"Groups:\t \n", "Groups:\t\n",
	                                    "Groups:\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct ctsh_proc_status s;
		char *text = edited(status_text, "Groups:\t0 10 4294967294 \n",
		                    lines[i]);

		assert_int_equal(ctsh_proc_parse_status(text, &s), 0);
		assert_int_equal(s.group_count, 0);
		free(text);
	}
}

/* How a kernel shows "x\nUid:\t0\t0\t0\t0", and names that look like more. */
static void status_is_not_fooled_by_a_command_name(void **state)
{
	static const char *const names[] = {
		"Name:\tx\\nUid:\\t0\\t0\\t0\\t0\n",
		"Name:\tUid:\t0\t0\t0\t0\n",
		"Name:\t) S 1 (\n",
		"Name:\t\377\033[2J\n",
		"Name:\t\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct ctsh_proc_status s;
		char *text = edited(status_text, "Name:\tsh\n", names[i]);

		assert_int_equal(ctsh_proc_parse_status(text, &s), 0);
		assert_int_equal(s.uid[0], 1);
		free(text);
	}
}

static void refuses_status(const char *text)
{
	struct ctsh_proc_status s, before;

	memset(&s, 0x5a, sizeof(s));
	before = s;
	if (ctsh_proc_parse_status(text, &s) != -1)
		fail_msg("accepted: %s", text);
	assert_memory_equal(&s, &before, sizeof(s));
}

static void status_requires_every_field_once(void **state)
{
	static const char *const keys[] = {
		"\nState:",   "\nPPid:",       "\nTracerPid:",
		"\nUid:",     "\nGid:",        "\nGroups:",
		"\nThreads:", "\nCapInh:",     "\nCapPrm:",
		"\nCapEff:",  "\nCapBnd:",     "\nCapAmb:",
		"\nSeccomp:", "\nNoNewPrivs:", "\nSeccomp_filters:",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *line = strstr(status_text, keys[i]) + 1;
		size_t length = strcspn(line, "\n") + 1;
		char *text = edited(status_text, keys[i], "\nOther:");
		char *twice;

		refuses_status(text);
		free(text);
		assert_true(asprintf(&twice, "%s%.*s", status_text, (int)length,
		                     line) > 0);
		refuses_status(twice);
		free(twice);
	}
	refuses_status("");
}

static void status_refuses_malformed_fields(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"State:\tT (stopped)", "State:\t"},
		{"State:\tT (stopped)", "State:\t7 (x)"},
		{"State:\tT (stopped)", "State:\tT"},
		{"State:\tT (stopped)", "State:\tTT (x)"},
		{"State:\tT (stopped)", "State:\tT (stopped"},
		{"State:\tT (stopped)", "State:\tT (stopped) x"},
		{"PPid:\t7", "PPid:\t-7"},
		{"PPid:\t7", "PPid:\t+7"},
		{"PPid:\t7", "PPid:\t07"},
		{"PPid:\t7", "PPid:\t"},
		{"PPid:\t7", "PPid:\t7 8"},
		{"PPid:\t7", "PPid:\t7x"},
		{"PPid:\t7", "PPid:\t2147483648"},
		{"PPid:\t7", "PPid:\t18446744073709551623"},
		{"TracerPid:\t9", "TracerPid:\t0x9"},
		{"Uid:\t1\t2\t3\t4294967294", "Uid:\t1\t2\t3\t4294967295"},
		{"Uid:\t1\t2\t3\t4294967294", "Uid:\t1\t2\t3"},
		{"Uid:\t1\t2\t3\t4294967294", "Uid:\t1\t2\t3\t4\t5"},
		{"Uid:\t1\t2\t3\t4294967294", "Uid:\t1\t2\t3\n4"},
		{"Gid:\t5\t6\t7\t8", "Gid:\t5\t-6\t7\t8"},
		{"Groups:\t0 10", "Groups:\t0 x"},
		{"Groups:\t0 10", "Groups:\t0,10"},
		{"Groups:\t0 10", "Groups:\t0 010"},
		{"Groups:\t0 10", "Groups:\t0 4294967295"},
		{"Threads:\t3", "Threads:\t4294967296"},
		{"CapBnd:\tfedcba9876543210", "CapBnd:\tfedcba987654321"},
		{"CapBnd:\tfedcba9876543210", "CapBnd:\tfedcba98765432100"},
		{"CapBnd:\tfedcba9876543210", "CapBnd:\tFEDCBA9876543210"},
		{"CapBnd:\tfedcba9876543210", "CapBnd:\t0xdcba9876543210"},
		{"CapBnd:\tfedcba9876543210", "CapBnd:\tfedcba987654321g"},
		{"NoNewPrivs:\t1", "NoNewPrivs:\t2"},
		{"NoNewPrivs:\t1", "NoNewPrivs:\ty"},
		{"Seccomp:\t2", "Seccomp:\t3"},
		{"Seccomp_filters:\t5", "Seccomp_filters:\t"},
		/* cut off: 15 became 1 */
		{"Cpus_allowed_list:\t0-1\n", "Cpus_allowed_list:\t0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = edited(status_text, rows[i].from, rows[i].to);

		refuses_status(text);
		free(text);
	}
}

static char *status_with_groups(unsigned count)
{
	char list[CTSH_PROC_GROUPS_MAX * 6 + 32] = "Groups:\t";
	size_t used = strlen(list);

	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
		                         "%u ", i);
	return edited(status_text, "Groups:\t0 10 4294967294 ", list);
}

static void status_holds_so_many_groups_and_no_more(void **state)
{
	struct ctsh_proc_status s;
	char *text = status_with_groups(CTSH_PROC_GROUPS_MAX);

	(void)state;
	assert_int_equal(ctsh_proc_parse_status(text, &s), 0);
	assert_int_equal(s.group_count, CTSH_PROC_GROUPS_MAX);
	assert_int_equal(s.groups[CTSH_PROC_GROUPS_MAX - 1],
	                 CTSH_PROC_GROUPS_MAX - 1);
	free(text);
	text = status_with_groups(CTSH_PROC_GROUPS_MAX + 1);
	refuses_status(text);
	free(text);
}

static void status_never_reads_past_a_cut(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(status_text) - 1; length++) {
		/* Exactly as long, so that a sanitizer sees the next byte. */
		char *text = strndup(status_text, length);
		struct ctsh_proc_status s;
		/* Only the last line, which nobody asked for, can go. */
		int whole = length ==
		            (size_t)(strstr(status_text, "Cpus") - status_text);

		assert_int_equal(ctsh_proc_parse_status(text, &s),
		                 whole ? 0 : -1);
		free(text);
	}
}

/* --- start time ------------------------------------------------------- */

#define TO_20 " S 1 4 5 34816 -1 4194560 6 7 8 9 10 11 12 13 20 -10 1 0"
#define BEHIND " 50298880 4483 18446744073709551615 1 1 0\n"

static void start_is_field_22_whatever_the_command_is_named(void **state)
{
	static const char *const names[] = {
		"sh",         "",    ") S 1",       ")",   "(",
		"x) S 1 1 1", "a b", ") S 1 1 1 1", "))(", "\\n) S 1",
		"\377\033[",  ":",   " ",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		uint64_t ticks = 0, flags = 0;
		char *text;

		assert_true(asprintf(&text, "42 (%s)" TO_20 " 987654321" BEHIND,
		                     names[i]) > 0);
		assert_int_equal(ctsh_proc_parse_start(text, &ticks), 0);
		assert_int_equal(ticks, 987654321);
		assert_int_equal(ctsh_proc_parse_flags(text, &flags), 0);
		assert_int_equal(flags, 4194560);
		free(text);
	}
}

static void start_takes_the_whole_range(void **state)
{
	uint64_t ticks = 7;

	(void)state;
	assert_int_equal(
		ctsh_proc_parse_start("1 (a)" TO_20 " 0" BEHIND, &ticks), 0);
	assert_int_equal(ticks, 0);
	assert_int_equal(ctsh_proc_parse_start("1 (a)" TO_20
	                                       " 18446744073709551615" BEHIND,
	                                       &ticks),
	                 0);
	assert_true(ticks == UINT64_MAX);
}

static void stack_is_field_28(void **state)
{
	uint64_t address = 7;

	(void)state;
	assert_int_equal(ctsh_proc_parse_stack("1 (a)" TO_20
	                                       " 9 1 2 3 4 5 140722 0\n",
	                                       &address),
	                 0);
	assert_int_equal(address, 140722);
	assert_int_equal(
		ctsh_proc_parse_stack("1 (a)" TO_20 " 9 1 2 3 4 5\n", &address),
		-1);
	assert_int_equal(address, 140722);
}

static void start_refuses_malformed_text(void **state)
{
	static const char *const rows[] = {
		"",
		"\n",
		"42",
		"42 (",
		"42 (sh",
		"42 (sh)",
		"42 (sh)\n",
		"42 sh" TO_20 " 5" BEHIND,
		"(sh)" TO_20 " 5" BEHIND,
		"x (sh)" TO_20 " 5" BEHIND,
		"-1 (sh)" TO_20 " 5" BEHIND,
		" 42 (sh)" TO_20 " 5" BEHIND,
		"42 (sh) S 1 2 3\n",
		"42 (sh)" TO_20 "\n",
		"42 (sh)" TO_20 " \n",
		"42 (sh)" TO_20 " 5",
		"42 (sh)" TO_20 " 5 ",
		"42 (sh)" TO_20 " -5" BEHIND,
		"42 (sh)" TO_20 " +5" BEHIND,
		"42 (sh)" TO_20 " 05" BEHIND,
		"42 (sh)" TO_20 "  5" BEHIND,
		"42 (sh)" TO_20 " 18446744073709551616" BEHIND,
		"42 (sh)" TO_20 " 5" BEHIND "x",
		"42 (sh)" TO_20 " 5 x\n",
		"42 (sh)" TO_20 " 5\n\n",
		"42 (sh) 1" TO_20 " 5" BEHIND,
		"42 (sh)S 1 2" BEHIND,
		/* A second name behind the first, where numbers belong. */
		"42 (sh)" TO_20 " 5 (x) S 1 2\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t ticks = 12345;

		if (ctsh_proc_parse_start(rows[i], &ticks) != -1)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(ticks, 12345);
	}
}

/* --- id maps ---------------------------------------------------------- */

static void idmap_reads_every_range(void **state)
{
	struct ctsh_idmap map;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap("         0     100000      "
	                                       "65536\n"
	                                       "     70000       1000          "
	                                       "1\n",
	                                       &map),
	                 0);

	assert_int_equal(map.count, 2);
	assert_int_equal(map.range[0].inside, 0);
	assert_int_equal(map.range[0].outside, 100000);
	assert_int_equal(map.range[0].length, 65536);
	assert_int_equal(map.range[1].inside, 70000);
	assert_int_equal(map.range[1].outside, 1000);
	assert_int_equal(map.range[1].length, 1);
}

static void idmap_that_is_not_written_yet_maps_nothing(void **state)
{
	struct ctsh_idmap map = {.count = 5};
	uint32_t id;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap("", &map), 0);

	assert_int_equal(map.count, 0);
	assert_false(ctsh_idmap_out(&map, 0, &id));
	assert_false(ctsh_idmap_in(&map, 0, &id));
}

static void idmap_translates_both_ways(void **state)
{
	static const struct {
		uint32_t inside, outside;
	} rows[] = {
		{0, 100000},
		{65535, 165535},
		{70000, 1000},
		{4294967294, 5},
	};
	struct ctsh_idmap map;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap("0 100000 65536\n"
	                                       "70000 1000 1\n"
	                                       "4294967294 5 1\n",
	                                       &map),
	                 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t out = 0, in = 0;

		assert_true(ctsh_idmap_out(&map, rows[i].inside, &out));
		assert_int_equal(out, rows[i].outside);
		assert_true(ctsh_idmap_in(&map, rows[i].outside, &in));
		assert_int_equal(in, rows[i].inside);
	}
}

static void idmap_says_what_is_not_mapped(void **state)
{
	static const uint32_t inside[] = {65536, 69999, 70001, 4294967293,
	                                  4294967295};
	static const uint32_t outside[] = {0,    99999, 165536,    999,
	                                   1001, 4,     4294967295};
	struct ctsh_idmap map;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap("0 100000 65536\n"
	                                       "70000 1000 1\n"
	                                       "4294967294 5 1\n",
	                                       &map),
	                 0);
	for (size_t i = 0; i < COUNT(inside); i++) {
		uint32_t id = 12345;

		assert_false(ctsh_idmap_out(&map, inside[i], &id));
		assert_int_equal(id, 12345);
	}
	for (size_t i = 0; i < COUNT(outside); i++) {
		uint32_t id = 12345;

		assert_false(ctsh_idmap_in(&map, outside[i], &id));
		assert_int_equal(id, 12345);
	}
}

static void idmap_of_the_host_maps_all_but_no_change(void **state)
{
	struct ctsh_idmap map;
	uint32_t id;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap(
				 "         0          0 4294967295\n", &map),
	                 0);
	assert_true(ctsh_idmap_out(&map, 4294967294, &id));
	assert_int_equal(id, 4294967294u);
	assert_false(ctsh_idmap_out(&map, 4294967295, &id));
	assert_false(ctsh_idmap_in(&map, 4294967295, &id));
}

static void idmap_refuses_malformed_text(void **state)
{
	static const char *const rows[] = {
		"\n",
		"0\n",
		"0 0\n",
		"0 0 1",
		"0 0 1 \n",
		"0 0 1 1\n",
		"0 0 1\n\n",
		"0 0 1\nx",
		"0 0 0\n",
		"0 0 -1\n",
		"+0 0 1\n",
		"00 0 1\n",
		"0x0 0 1\n",
		"0,0,1\n",
		"0 0 4294967296\n",
		"4294967296 0 1\n",
		"0 18446744073709551616 1\n",
		/* ranges that wrap round, or hold the id that means nothing */
		"1 0 4294967295\n",
		"0 1 4294967295\n",
		"4294967295 0 1\n",
		"0 4294967295 1\n",
		"4294967290 0 6\n",
		"0 4294967000 1000\n",
		/* ids with two answers */
		"0 0 10\n9 100 1\n",
		"0 0 10\n100 9 1\n",
		"9 100 1\n0 0 10\n",
		"0 0 1\n0 0 1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ctsh_idmap map = {.count = 77};

		if (ctsh_proc_parse_idmap(rows[i], &map) != -1)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(map.count, 77);
	}
}

static char *map_of(unsigned lines)
{
	char *text = calloc(lines + 1, 40);
	size_t used = 0;

	for (unsigned i = 0; i < lines; i++)
		used += (size_t)sprintf(text + used, "%10u %10u %10u\n", i,
		                        i + 1000, 1);
	return text;
}

static void idmap_holds_as_many_lines_as_a_kernel_has(void **state)
{
	struct ctsh_idmap map;
	char *text = map_of(CTSH_IDMAP_MAX);
	uint32_t id;

	(void)state;
	assert_int_equal(ctsh_proc_parse_idmap(text, &map), 0);
	assert_true(ctsh_idmap_out(&map, CTSH_IDMAP_MAX - 1, &id));
	assert_int_equal(id, CTSH_IDMAP_MAX + 999);
	free(text);
	text = map_of(CTSH_IDMAP_MAX + 1);
	assert_int_equal(ctsh_proc_parse_idmap(text, &map), -1);
	free(text);
}

/* --- the real ones ---------------------------------------------------- */

static void open_gives_the_root_of_procfs(void **state)
{
	struct ctsh_error err = {0};
	struct stat st;
	int fd = ctsh_proc_open(&err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, 1);
	assert_true(fcntl(fd, F_GETFL) & O_PATH);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

/* Runs the check in a mount namespace with something else at /proc; the child
 * ends with 0 if it holds. */
static int with_other_proc(const char *mount, bool (*holds)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWNS) || system(mount) != 0)
			_exit(2);
		_exit(holds() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool refuses_unsafe_proc(void)
{
	struct ctsh_error err = {0}, of = {0};

	return ctsh_proc_open(&err) == -1 && err.code == CTSH_E_UNSAFE &&
	       ctsh_proc_of(1, &of) == -1 && of.code == CTSH_E_UNSAFE;
}

static void open_refuses_what_is_not_procfs(void **state)
{
	(void)state;
	assert_int_equal(
		with_other_proc("mount --make-rprivate / && "
	                        "mount -t tmpfs none /proc && mkdir /proc/1",
	                        refuses_unsafe_proc),
		0);
}

static void open_refuses_a_directory_of_procfs_as_its_root(void **state)
{
	(void)state;
	assert_int_equal(with_other_proc("mount --make-rprivate / && "
	                                 "mount --bind /proc/1 /proc",
	                                 refuses_unsafe_proc),
	                 0);
}

static bool refuses_covered_process(void)
{
	struct ctsh_error err = {0};

	return ctsh_proc_of(1, &err) == -1 && err.code == CTSH_E_UNSAFE;
}

static void of_refuses_what_is_mounted_over_a_process(void **state)
{
	(void)state;
	assert_int_equal(with_other_proc("mount --make-rprivate / && "
	                                 "mount -t tmpfs none /proc/1",
	                                 refuses_covered_process),
	                 0);
}

static void of_says_gone_if_there_is_no_such_process(void **state)
{
	static const pid_t pids[] = {0, -1, INT_MIN, INT_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(pids); i++) {
		struct ctsh_error err = {0};

		assert_int_equal(ctsh_proc_of(pids[i], &err), -1);
		assert_int_equal(err.code, CTSH_E_GONE);
	}
}

static void read_reads_our_own_process(void **state)
{
	struct ctsh_error err = {0};
	struct ctsh_proc_status status;
	struct ctsh_ns_id id;
	struct stat st;
	uint64_t ticks = 0;
	int proc = ctsh_proc_of(getpid(), &err);

	(void)state;
	assert_true(proc >= 0);
	assert_int_equal(fcntl(proc, F_GETFD), FD_CLOEXEC);

	assert_int_equal(ctsh_proc_read_status(proc, &status, &err), 0);
	assert_int_equal(status.state, 'R');
	assert_int_equal(status.parent, getppid());
	assert_int_equal(status.uid[0], getuid());
	assert_int_equal(status.gid[1], getegid());
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	assert_true(ticks > 0);
	assert_int_equal(ctsh_proc_read_ns(proc, "mnt", &id, &err), 0);
	assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
	assert_int_equal(id.dev, st.st_dev);
	assert_int_equal(id.ino, st.st_ino);
	assert_int_equal(close(proc), 0);
}

static void read_ns_takes_plain_names_only(void **state)
{
	static const char *const names[] = {
		"../root",
		"pid/../mnt",
		"",
		"a-name-that-is-longer-than-any-namespace-has",
	};
	struct ctsh_error err;
	int proc = ctsh_proc_of(getpid(), &err);

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct ctsh_ns_id id = {1, 2};

		assert_int_equal(ctsh_proc_read_ns(proc, names[i], &id, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
		assert_int_equal(id.ino, 2);
	}
	assert_int_equal(close(proc), 0);
}

/* A child that waits, under a hostile name; a descriptor of its /proc. */
static pid_t start_child(int *proc)
{
	struct ctsh_error err;
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_NAME, ") S 1\nUid:\t0");
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(close(ready[0]), 0);
	assert_int_equal(close(ready[1]), 0);
	*proc = ctsh_proc_of(child, &err);
	assert_true(*proc >= 0);
	return child;
}

static void a_process_is_no_older_than_its_start(void **state)
{
	struct timespec now, past, far;
	uint64_t ticks = 0;
	struct ctsh_error err;
	int proc;
	pid_t child = start_child(&proc);

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	past = far = now;
	past.tv_sec -= 2;
	far.tv_sec += 3600;
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	assert_true(ctsh_proc_started_by(ticks, &now));
	assert_true(ctsh_proc_started_by(ticks, &far));
	assert_false(ctsh_proc_started_by(ticks, &past));
	/* In the future, and where the sum would not fit. */
	assert_false(ctsh_proc_started_by(ticks + 100000, &far));
	assert_false(ctsh_proc_started_by(UINT64_MAX, &far));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(close(proc), 0);
}

static void read_is_not_fooled_by_a_real_hostile_name(void **state)
{
	struct ctsh_proc_status status;
	uint64_t ticks = 0, mine = 0;
	struct ctsh_error err;
	int proc, own;
	pid_t child = start_child(&proc);

	(void)state;
	own = ctsh_proc_of(getpid(), &err);
	assert_int_equal(ctsh_proc_read_status(proc, &status, &err), 0);
	assert_int_equal(status.parent, getpid());
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	assert_int_equal(ctsh_proc_read_start(own, &mine, &err), 0);
	assert_in_range(ticks - mine, 0, 100000);

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(close(proc), 0);
	assert_int_equal(close(own), 0);
}

static void read_says_gone_of_a_process_that_ended(void **state)
{
	struct ctsh_proc_status status;
	struct ctsh_ns_id id;
	struct ctsh_error err = {0};
	uint64_t ticks;
	int proc;
	pid_t child = start_child(&proc);

	(void)state;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);

	assert_int_equal(ctsh_proc_read_status(proc, &status, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	err.code = CTSH_OK;
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	err.code = CTSH_OK;
	assert_int_equal(ctsh_proc_read_ns(proc, "pid", &id, &err), -1);
	assert_int_equal(err.code, CTSH_E_GONE);
	assert_int_equal(close(proc), 0);
}

static void read_says_system_of_what_is_malformed(void **state)
{
	char place[] = "/tmp/ctsh-test-XXXXXX";
	struct ctsh_proc_status status;
	struct ctsh_error err = {0};
	uint64_t ticks;
	char command[100];
	int dir;

	(void)state;
	assert_non_null(mkdtemp(place));
	(void)snprintf(command, sizeof(command),
	               "cd %s && printf 'Uid:\\n' >status && "
	               "printf '1 (a) S\\0 1\\n' >stat",
	               place);
	assert_int_equal(system(command), 0);
	dir = open(place, O_PATH | O_CLOEXEC);

	assert_int_equal(ctsh_proc_read_status(dir, &status, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);
	err.code = CTSH_OK;
	assert_int_equal(ctsh_proc_read_start(dir, &ticks, &err), -1);
	assert_int_equal(err.code, CTSH_E_SYSTEM);

	assert_int_equal(close(dir), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", place);
	assert_int_equal(system(command), 0);
}

static void a_personality_is_eight_digits(void **state)
{
	static const char *const bad[] = {
		"",           "\n",         "0000000\n",   "000000000\n",
		"00040000",   "0004000g\n", "00040000 \n", "00040000\n\n",
		"0x040000\n", "FFFFFFFF\n",
	};
	unsigned value = 0;

	(void)state;
	assert_int_equal(ctsh_proc_parse_personality("00000000\n", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(ctsh_proc_parse_personality("ff0c0008\n", &value), 0);
	assert_int_equal(value, 0xff0c0008);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ctsh_proc_parse_personality(bad[i], &value) != -1)
			fail_msg("accepted '%s'", bad[i]);
	assert_int_equal(value, 0xff0c0008);
}

static void limits_are_read_as_prlimit_gives_them(void **state)
{
	ctsh_autofree char *text =
		ctsh_read_file_at(AT_FDCWD, "/proc/self/limits", 16384, NULL);
	struct rlimit limits[RLIM_NLIMITS], own;

	(void)state;
	assert_non_null(text);
	assert_int_equal(ctsh_proc_parse_limits(text, limits), 0);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		assert_int_equal(getrlimit((enum __rlimit_resource)i, &own), 0);
		assert_true(limits[i].rlim_cur == own.rlim_cur);
		assert_true(limits[i].rlim_max == own.rlim_max);
	}
}

static void limits_that_are_malformed_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Limit Soft Hard Units\n",
		"Limit Soft Hard Units\nMax cpu time  1  2  seconds\n",
		"Limit\nMax cpu time  1\n",
		"Limit\nMax cpu time  -1  2\n",
		"Limit\nMax nonsense  1  2\n",
		"Limit\nMax cpu time 1 2\nMax cpu time 1 2\n",
		"Limit\nMax cpu time 99999999999999999999 2\n",
	};
	struct rlimit limits[RLIM_NLIMITS];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (ctsh_proc_parse_limits(texts[i], limits) != -1)
			fail_msg("accepted: %s", texts[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_personality_is_eight_digits),
		cmocka_unit_test(limits_are_read_as_prlimit_gives_them),
		cmocka_unit_test(limits_that_are_malformed_are_refused),
		cmocka_unit_test(status_reads_every_field),
		cmocka_unit_test(status_takes_empty_groups),
		cmocka_unit_test(status_is_not_fooled_by_a_command_name),
		cmocka_unit_test(status_requires_every_field_once),
		cmocka_unit_test(status_refuses_malformed_fields),
		cmocka_unit_test(status_holds_so_many_groups_and_no_more),
		cmocka_unit_test(status_never_reads_past_a_cut),
		cmocka_unit_test(
			start_is_field_22_whatever_the_command_is_named),
		cmocka_unit_test(start_takes_the_whole_range),
		cmocka_unit_test(stack_is_field_28),
		cmocka_unit_test(start_refuses_malformed_text),
		cmocka_unit_test(idmap_reads_every_range),
		cmocka_unit_test(idmap_that_is_not_written_yet_maps_nothing),
		cmocka_unit_test(idmap_translates_both_ways),
		cmocka_unit_test(idmap_says_what_is_not_mapped),
		cmocka_unit_test(idmap_of_the_host_maps_all_but_no_change),
		cmocka_unit_test(idmap_refuses_malformed_text),
		cmocka_unit_test(idmap_holds_as_many_lines_as_a_kernel_has),
		cmocka_unit_test(open_gives_the_root_of_procfs),
		cmocka_unit_test(open_refuses_what_is_not_procfs),
		cmocka_unit_test(
			open_refuses_a_directory_of_procfs_as_its_root),
		cmocka_unit_test(of_refuses_what_is_mounted_over_a_process),
		cmocka_unit_test(of_says_gone_if_there_is_no_such_process),
		cmocka_unit_test(read_reads_our_own_process),
		cmocka_unit_test(read_ns_takes_plain_names_only),
		cmocka_unit_test(a_process_is_no_older_than_its_start),
		cmocka_unit_test(read_is_not_fooled_by_a_real_hostile_name),
		cmocka_unit_test(read_says_gone_of_a_process_that_ended),
		cmocka_unit_test(read_says_system_of_what_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
