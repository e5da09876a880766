/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/proc.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

/* --- /proc/PID/cgroup ------------------------------------------------- */

static void is_line(const struct ctsh_proc_cgroup *line, unsigned hierarchy,
                    const char *controllers, const char *path)
{
	assert_int_equal(line->hierarchy, hierarchy);
	assert_int_equal(line->controllers_length, strlen(controllers));
	assert_memory_equal(line->controllers, controllers,
	                    strlen(controllers));
	assert_int_equal(line->path_length, strlen(path));
	assert_memory_equal(line->path, path, strlen(path));
}

static void cgroup_takes_line_after_line(void **state)
{
	static const char text[] = "9:name=systemd:/docker/2a02\n"
				   "4:cpu,cpuacct:/\n"
				   "0::/docker/2a02\n";
	const char *cursor = text;
	struct ctsh_proc_cgroup line;

	(void)state;
	assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 1);
	is_line(&line, 9, "name=systemd", "/docker/2a02");
	assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 1);
	is_line(&line, 4, "cpu,cpuacct", "/");
	assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 1);
	is_line(&line, 0, "", "/docker/2a02");
	assert_ptr_equal(cursor, text + strlen(text));
	assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 0);
	assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 0);
}

static void cgroup_path_may_hold_anything_but_a_newline(void **state)
{
	static const char *const paths[] = {
		"/a:b:c",
		"/::",
		"/cri-containerd:x:0123",
		"/0::/docker/id",
		"/a b",
		"/x (deleted)",
		"/...",
		"/..a",
		"/a..",
		"/.",
		"/a\\x2db",
		"/\377\033[2J",
		"/a/..b/c../d",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		char text[100];
		const char *cursor = text;
		struct ctsh_proc_cgroup line;

		strcat(strcat(strcpy(text, "0::"), paths[i]), "\n");
		assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 1);
		is_line(&line, 0, "", paths[i]);
		assert_int_equal(ctsh_proc_next_cgroup(&cursor, &line), 0);
	}
}

static void cgroup_refuses_malformed_lines(void **state)
{
	static const char *const rows[] = {
		"\n",
		"0",
		"0\n",
		"0:\n",
		"0:/\n",
		"0::\n",
		"0::x\n",
		"0:: /\n",
		"0::/",
		"0::/docker/2a0",
		":cpu:/\n",
		"-1:cpu:/\n",
		"+1:cpu:/\n",
		" 1:cpu:/\n",
		"01:cpu:/\n",
		"1 :cpu:/\n",
		"4294967296:cpu:/\n",
		"18446744073709551617:cpu:/\n",
		"1:cpu\n:/\n",
		/* Only the unified one has neither controller nor name. */
		"0:cpu:/\n",
		"1::/\n",
		/* Outside our own cgroup namespace. */
		"0::/..\n",
		"0::/../x\n",
		"0::/../../x\n",
		"0::/x/..\n",
		"0::/x/../y\n",
		"1:cpu:/a/../b\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *cursor = rows[i];
		struct ctsh_proc_cgroup line = {.hierarchy = 77};

		if (ctsh_proc_next_cgroup(&cursor, &line) != -1)
			fail_msg("accepted: %s", rows[i]);
		assert_ptr_equal(cursor, rows[i]);
		assert_int_equal(line.hierarchy, 77);
	}
}

/* --- mountinfo -------------------------------------------------------- */

static void is_mount(const struct ctsh_proc_mount *mount, const char *path,
                     const char *options, bool unified)
{
	assert_string_equal(mount->path, path);
	assert_string_equal(mount->options, options);
	assert_int_equal(mount->unified, unified);
}

static void mounts_of_cgroups_are_picked_out(void **state)
{
	static const char text[] =
		"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
		"27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw,discard\n"
		"31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu rw shared:7 master:1 "
		"propagate_from:2 - cgroup cgroup rw,cpu,cpuacct\n"
		"33 31 0:30 /docker/x /mnt rw - cgroup cgroup rw,cpuset\n"
		"34 31 0:31 /../.. /mnt2 rw - cgroup2 cgroup2 rw\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 none "
		"rw,nsdelegate\n"
		"42 31 0:39 / /last rw - fuse.cgroup x rw\n";
	const char *cursor = text;
	struct ctsh_proc_mount mount;

	(void)state;
	assert_int_equal(ctsh_proc_next_cgroup_mount(&cursor, &mount), 1);
	is_mount(&mount, "/sys/fs/cgroup/cpu", "rw,cpu,cpuacct", false);
	assert_int_equal(ctsh_proc_next_cgroup_mount(&cursor, &mount), 1);
	is_mount(&mount, "/sys/fs/cgroup/unified", "rw,nsdelegate", true);
	assert_int_equal(ctsh_proc_next_cgroup_mount(&cursor, &mount), 0);
}

static void mount_paths_are_unescaped(void **state)
{
	static const char text[] = "1 2 0:3 / /a\\040b\\011c\\012d\\134e\\377 "
				   "rw - cgroup2 x rw\n";
	const char *cursor = text;
	struct ctsh_proc_mount mount;

	(void)state;
	assert_int_equal(ctsh_proc_next_cgroup_mount(&cursor, &mount), 1);
	is_mount(&mount, "/a b\tc\nd\\e\377", "rw", true);
}

static void mounts_of_others_cannot_pass_for_ours(void **state)
{
	static const char *const rows[] = {
		/* names that look like columns are escaped by the kernel */
		"1 2 0:3 / /a\\040-\\040cgroup2 rw - ext4 /dev/sda rw\n",
		/* a source named like a type; an empty one; blanks behind */
		"1 2 0:3 / /a rw - tmpfs cgroup2 rw\n",
		"1 2 0:3 / /a rw - tmpfs  rw\n",
		"1 2 0:3 / /a rw - fuse.x cgroup2 rw - cgroup2 x rw\n",
		"1 2 0:3 / /a rw - cgroup3 x rw\n",
		"1 2 0:3 / /a rw - cgrou x rw\n",
		/* only a part of a hierarchy */
		"1 2 0:3 /a / rw - cgroup2 x rw\n",
		"1 2 0:3 // / rw - cgroup2 x rw\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *cursor = rows[i];
		struct ctsh_proc_mount mount;

		if (ctsh_proc_next_cgroup_mount(&cursor, &mount) != 0)
			fail_msg("not passed over: %s", rows[i]);
	}
}

static void mountinfo_refuses_malformed_lines(void **state)
{
	static const char *const rows[] = {
		"\n",
		"x\n",
		"1\n",
		"1 2\n",
		"1 2 0:3 / /a rw\n",
		"1 2 0:3 / /a rw -\n",
		"1 2 0:3 / /a rw - cgroup2\n",
		"1 2 0:3 / /a rw - cgroup2 x\n",
		"1 2 0:3 / /a rw - cgroup2 x rw",
		"1 2 0:3 / /a rw cgroup2 x rw\n",
		"1 2 0:3 / /a rw cgroup2 x rw\n1 2 0:3 / / rw - cgroup2 x y\n",
		"-1 2 0:3 / /a rw - cgroup2 x rw\n",
		" 1 2 0:3 / /a rw - cgroup2 x rw\n",
		"01 2 0:3 / /a rw - cgroup2 x rw\n",
		"1 4294967296 0:3 / /a rw - cgroup2 x rw\n",
		"1 2 0:3 / a rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\ rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\04 rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\008 rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\000 rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\400 rw - cgroup2 x rw\n",
		"1 2 0:3 / /a\\n rw - cgroup2 x rw\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *cursor = rows[i];
		struct ctsh_proc_mount mount = {.path = "old"};

		if (ctsh_proc_next_cgroup_mount(&cursor, &mount) != -1)
			fail_msg("accepted: %s", rows[i]);
		assert_ptr_equal(cursor, rows[i]);
		assert_string_equal(mount.path, "old");
	}
}

/* What the parser says of a mount with a path and options this long. */
static int with_lengths(size_t path, size_t options)
{
	char text[2000] = "1 2 0:3 / /";
	struct ctsh_proc_mount mount;
	const char *cursor = text;
	size_t used = strlen(text) - 1;

	memset(text + used + 1, 'p', path - 1);
	strcpy(text + used + path, " rw - cgroup2 x ");
	used = strlen(text);
	memset(text + used, 'o', options);
	strcpy(text + used + options, "\n");
	return ctsh_proc_next_cgroup_mount(&cursor, &mount);
}

static void mounts_that_do_not_fit_are_refused_not_cut(void **state)
{
	struct ctsh_proc_mount mount;

	(void)state;
	assert_int_equal(
		with_lengths(sizeof(mount.path) - 1, sizeof(mount.options) - 1),
		1);
	assert_int_equal(with_lengths(sizeof(mount.path), 2), -1);
	assert_int_equal(with_lengths(2, sizeof(mount.options)), -1);
}

static void our_own_files_are_well_formed(void **state)
{
	char *cgroup =
		ctsh_read_file_at(AT_FDCWD, "/proc/self/cgroup", 1 << 16, NULL);
	char *mounts = ctsh_read_file_at(AT_FDCWD, "/proc/self/mountinfo",
	                                 1 << 20, NULL);
	struct ctsh_proc_cgroup line;
	struct ctsh_proc_mount mount;
	const char *cursor;
	int more;

	(void)state;
	assert_non_null(cgroup);
	assert_non_null(mounts);
	cursor = cgroup;
	do
		more = ctsh_proc_next_cgroup(&cursor, &line);
	while (more == 1);
	assert_int_equal(more, 0);
	cursor = mounts;
	do
		more = ctsh_proc_next_cgroup_mount(&cursor, &mount);
	while (more == 1);
	assert_int_equal(more, 0);
	free(cgroup);
	free(mounts);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_takes_line_after_line),
		cmocka_unit_test(cgroup_path_may_hold_anything_but_a_newline),
		cmocka_unit_test(cgroup_refuses_malformed_lines),
		cmocka_unit_test(mounts_of_cgroups_are_picked_out),
		cmocka_unit_test(mount_paths_are_unescaped),
		cmocka_unit_test(mounts_of_others_cannot_pass_for_ours),
		cmocka_unit_test(mountinfo_refuses_malformed_lines),
		cmocka_unit_test(mounts_that_do_not_fit_are_refused_not_cut),
		cmocka_unit_test(our_own_files_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
