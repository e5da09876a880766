/* SPDX-License-Identifier: MIT */
/* What each request of sftp does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "sftp_client.h"

/* --- files --- */

static void what_is_written_can_be_read(void **state)
{
	struct client *c = *state;
	struct word f = open_file(c, "f", RD | WR | CREATE);
	size_t length;
	const uint8_t *data;

	assert_int_equal(write_to(c, &f, 0, "hello"), SFTP_OK);
	assert_int_equal(write_to(c, &f, 7, "there"), SFTP_OK);
	assert_int_equal(ask_read(c, &f, 0, 100), SFTP_DATA);
	data = sftp_get_string(&c->answer, &length);
	assert_int_equal(length, 12);
	assert_memory_equal(data, "hello\0\0there", 12);
	assert_int_equal(c->answer.left, 0);
	assert_int_equal(ask_read(c, &f, 12, 100), SFTP_STATUS);
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_EOF);
	assert_int_equal(close_word(c, &f), SFTP_OK);
	assert_int_equal(close_word(c, &f), SFTP_NO_SUCH_FILE);
}

static void reading_gives_no_more_than_fits_in_a_packet(void **state)
{
	struct client *c = *state;
	struct word f = open_file(c, "/dev/zero", RD);

	assert_int_equal(ask_read(c, &f, 0, UINT32_MAX), SFTP_DATA);
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_DATA_MAX);
	assert_int_equal(c->answer.left, SFTP_DATA_MAX);
}

static void offsets_that_no_file_has_are_failures(void **state)
{
	struct client *c = *state;
	struct word f = open_file(c, "f", RD | WR | CREATE);

	assert_int_equal(write_to(c, &f, UINT64_MAX, "x"), SFTP_BAD_MESSAGE);
	assert_int_equal(write_to(c, &f, INT64_MAX - 1, "x"), SFTP_FAILURE);
	assert_int_equal(ask_read(c, &f, UINT64_MAX, 5), SFTP_STATUS);
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_BAD_MESSAGE);
}

static void the_ways_to_open_are_those_of_the_kernel(void **state)
{
	static const struct {
		uint32_t flags;
		const char *written, *content; /* NULL: refused */
	} table[] = {
		{WR, "XY", "XYd"},
		{WR | APPEND, "XY", "oldXY"},
		{WR | TRUNC, "XY", "XY"},
		{WR | CREATE, "XY", "XYd"},
		{WR | CREATE | EXCL, "XY", NULL},
	};
	struct client *c = *state;
	struct word f;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		make_file("f", "old");
		begin_open(c, "f", table[i].flags);
		if (!table[i].content) {
			assert_int_equal(ask_status(c), SFTP_FAILURE);
			continue;
		}
		assert_int_equal(ask(c), SFTP_HANDLE);
		f = take_word(c);
		assert_int_equal(write_to(c, &f, 0, table[i].written), SFTP_OK);
		assert_int_equal(close_word(c, &f), SFTP_OK);
		expect_content("f", table[i].content);
	}
}

static void a_handle_does_what_it_was_opened_for_only(void **state)
{
	struct client *c = *state;
	struct word f;

	make_file("f", "old");
	f = open_file(c, "f", RD);
	assert_int_equal(write_to(c, &f, 0, "x"), SFTP_NO_SUCH_FILE);
	f = open_file(c, "f", WR);
	assert_int_equal(ask_read(c, &f, 0, 3), SFTP_STATUS);
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_NO_SUCH_FILE);
	begin_word(c, READDIR, &f);
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
}

static void new_files_get_the_mode_that_is_asked_for_within_the_umask(
	void **state)
{
	struct client *c = *state;
	struct stat st;

	(void)open_file(c, "plain", WR | CREATE);
	begin_path(c, OPEN, "asked");
	sftp_put_u32(&c->w, WR | CREATE);
	sftp_put_u32(&c->w, SFTP_ATTR_MODE);
	sftp_put_u32(&c->w, 0100772);
	assert_int_equal(ask(c), SFTP_HANDLE);
	assert_int_equal(stat("plain", &st), 0);
	assert_int_equal(st.st_mode, 0100644);
	assert_int_equal(stat("asked", &st), 0);
	assert_int_equal(st.st_mode, 0100750);
}

static void a_fifo_is_not_waited_for(void **state)
{
	struct client *c = *state;

	assert_int_equal(mkfifo("p", 0600), 0);
	begin_open(c, "p", WR);
	assert_int_equal(ask_status(c), SFTP_FAILURE);
	begin_open(c, "p", RD);
	assert_int_equal(ask(c), SFTP_HANDLE);
}

static void a_closed_handle_never_means_the_next_one(void **state)
{
	struct client *c = *state;
	struct word old = open_file(c, "a", WR | CREATE), new;

	assert_int_equal(close_word(c, &old), SFTP_OK);
	new = open_file(c, "b", WR | CREATE);
	assert_int_equal(write_to(c, &old, 0, "x"), SFTP_NO_SUCH_FILE);
	assert_int_equal(write_to(c, &new, 0, "y"), SFTP_OK);
	expect_content("a", "");
	expect_content("b", "y");
}

static void handles_have_a_limit_and_come_back(void **state)
{
	struct client *c = *state;
	struct word first = open_file(c, "f", WR | CREATE), f = first;
	unsigned count = 1;

	c->server.handles.max = 40;
	for (;; count++) {
		begin_open(c, "f", RD);
		if (ask(c) != SFTP_HANDLE)
			break;
		f = take_word(c);
	}
	assert_int_equal(count, 40);
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_FAILURE);
	assert_int_equal(close_word(c, &f), SFTP_OK);
	(void)open_file(c, "f", RD);
	assert_int_equal(write_to(c, &first, 0, "still"), SFTP_OK);
}

static void descriptors_that_run_out_are_a_failure(void **state)
{
	struct client *c = *state;
	unsigned count = 0;

	for (;; count++) {
		begin_open(c, "/dev/null", RD);
		if (ask(c) != SFTP_HANDLE)
			break;
		assert_in_range(count, 0, SFTP_HANDLES_MAX);
	}
	assert_int_equal(count, c->server.handles.max);
}

static void attributes_are_set_by_path_and_by_handle(void **state)
{
	struct client *c = *state;
	struct word f;
	struct stat st;

	make_file("f", "content");
	begin_path(c, SETSTAT, "f");
	sftp_put_u32(&c->w, SFTP_ATTR_SIZE | SFTP_ATTR_MODE | SFTP_ATTR_TIMES);
	sftp_put_u64(&c->w, 3);
	sftp_put_u32(&c->w, 0640);
	sftp_put_u32(&c->w, 1000);
	sftp_put_u32(&c->w, 4000000000u);
	assert_int_equal(ask_status(c), SFTP_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode, 0100640);
	assert_int_equal(st.st_atime, 1000);
	assert_int_equal(st.st_mtime, 4000000000);
	f = open_file(c, "f", WR);
	begin_word(c, FSETSTAT, &f);
	sftp_put_u32(&c->w, SFTP_ATTR_SIZE | SFTP_ATTR_EXTENDED);
	sftp_put_u64(&c->w, 1);
	sftp_put_u32(&c->w, 1);
	sftp_put_text(&c->w, "who");
	sftp_put_text(&c->w, "knows");
	assert_int_equal(ask_status(c), SFTP_OK);
	expect_content("f", "c");
}

static void a_links_own_times_can_be_set(void **state)
{
	struct client *c = *state;
	struct stat st;

	make_file("f", "");
	assert_int_equal(symlink("f", "l"), 0);
	begin_extended(c, "lsetstat@openssh.com");
	sftp_put_text(&c->w, "l");
	sftp_put_u32(&c->w, SFTP_ATTR_TIMES);
	sftp_put_u32(&c->w, 5);
	sftp_put_u32(&c->w, 6);
	assert_int_equal(ask_status(c), SFTP_OK);
	assert_int_equal(lstat("l", &st), 0);
	assert_int_equal(st.st_mtime, 6);
	assert_int_equal(stat("f", &st), 0);
	assert_int_not_equal(st.st_mtime, 6);
}

static void stat_follows_and_lstat_does_not(void **state)
{
	struct client *c = *state;

	make_file("f", "12345");
	assert_int_equal(symlink("f", "l"), 0);
	begin_path(c, STAT, "l");
	assert_int_equal(ask(c), SFTP_ATTRS);
	assert_int_equal(sftp_get_u32(&c->answer), 15);
	assert_int_equal(sftp_get_u64(&c->answer), 5);
	begin_path(c, LSTAT, "l");
	assert_int_equal(ask(c), SFTP_ATTRS);
	assert_int_equal(sftp_get_u32(&c->answer), 15);
	assert_int_equal(sftp_get_u64(&c->answer), 1);
	begin_path(c, STAT, "nothing");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
}

static void data_is_copied_between_two_regular_files_only(void **state)
{
	static const struct {
		uint64_t from, length, to;
		unsigned status;
		const char *content;
	} table[] = {
		{0, 0, 0, SFTP_OK, "0123456789"},
		{2, 3, 0, SFTP_OK, "234"},
		{8, 0, 3, SFTP_OK, "234\x38\x39"},
		{8, 5, 0, SFTP_EOF, "894\x38\x39"},
	};
	struct client *c = *state;
	struct word from, to;

	make_file("from", "0123456789");
	from = open_file(c, "from", RD);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		to = open_file(c, "to", WR | CREATE | (i == 1 ? TRUNC : 0));
		begin_extended(c, "copy-data");
		sftp_put_string(&c->w, from.bytes, from.length);
		sftp_put_u64(&c->w, table[i].from);
		sftp_put_u64(&c->w, table[i].length);
		sftp_put_string(&c->w, to.bytes, to.length);
		sftp_put_u64(&c->w, table[i].to);
		assert_int_equal(ask_status(c), table[i].status);
		expect_content("to", table[i].content);
	}
	from = open_file(c, "/dev/zero", RD);
	begin_extended(c, "copy-data");
	sftp_put_string(&c->w, from.bytes, from.length);
	sftp_put_u64(&c->w, 0);
	sftp_put_u64(&c->w, 0);
	sftp_put_string(&c->w, to.bytes, to.length);
	sftp_put_u64(&c->w, 0);
	assert_int_equal(ask_status(c), SFTP_BAD_MESSAGE);
}

/* --- names --- */

static void rename_replaces_nothing_and_posix_rename_does(void **state)
{
	struct client *c = *state;

	make_file("a", "a");
	make_file("b", "b");
	begin_two(c, RENAME, "a", "b");
	assert_int_equal(ask_status(c), SFTP_FAILURE);
	expect_content("b", "b");
	begin_two(c, RENAME, "a", "c");
	assert_int_equal(ask_status(c), SFTP_OK);
	begin_extended(c, "posix-rename@openssh.com");
	sftp_put_text(&c->w, "c");
	sftp_put_text(&c->w, "b");
	assert_int_equal(ask_status(c), SFTP_OK);
	expect_content("b", "a");
}

static void links_point_where_the_first_name_says(void **state)
{
	struct client *c = *state;
	char target[16] = "";
	size_t length;

	begin_two(c, SYMLINK, "to/here", "l");
	assert_int_equal(ask_status(c), SFTP_OK);
	assert_int_equal(readlink("l", target, sizeof(target)), 7);
	assert_string_equal(target, "to/here");
	begin_path(c, READLINK, "l");
	assert_int_equal(ask(c), SFTP_NAME);
	assert_int_equal(sftp_get_u32(&c->answer), 1);
	assert_memory_equal(sftp_get_string(&c->answer, &length), "to/here", 7);
	make_file("f", "same");
	begin_extended(c, "hardlink@openssh.com");
	sftp_put_text(&c->w, "f");
	sftp_put_text(&c->w, "g");
	assert_int_equal(ask_status(c), SFTP_OK);
	expect_content("g", "same");
}

static void expect_resolved(struct client *c, const char *expected)
{
	size_t length;
	const uint8_t *at;

	assert_int_equal(ask(c), SFTP_NAME);
	assert_int_equal(sftp_get_u32(&c->answer), 1);
	at = sftp_get_string(&c->answer, &length);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(at, expected, length);
}

static void names_are_resolved_where_all_but_the_last_part_is_there(
	void **state)
{
	struct client *c = *state;
	char expected[96];
	static const struct {
		const char *asked, *below;
	} table[] = {
		{"", ""},
		{".", ""},
		{"d/..", ""},
		{"l/x", "/d/x"},
		{"d/./new", "/d/new"},
		{"new/", "/new"},
		{"./new", "/new"},
		{"d//", "/d"},
	};

	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("d", "l"), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		(void)snprintf(expected, sizeof(expected), "%s%s", c->directory,
		               table[i].below);
		begin_path(c, REALPATH, table[i].asked);
		expect_resolved(c, expected);
	}
	begin_path(c, REALPATH, "/");
	expect_resolved(c, "/");
	begin_path(c, REALPATH, "/new-here");
	expect_resolved(c, "/new-here");
	begin_path(c, REALPATH, "none/new");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
	begin_path(c, REALPATH, "none/..");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
}

static void a_tilde_is_home(void **state)
{
	struct client *c = *state;
	char expected[96];

	make_file("passwd", "x:x:1:1::relative:\nann:x:7:8::/usr:/bin/sh\n");
	c->server.users.file = "passwd";
	assert_int_equal(setenv("HOME", c->directory, 1), 0);
	(void)snprintf(expected, sizeof(expected), "%s/new", c->directory);
	begin_extended(c, "expand-path@openssh.com");
	sftp_put_text(&c->w, "~/new");
	expect_resolved(c, expected);
	begin_extended(c, "expand-path@openssh.com");
	sftp_put_text(&c->w, "~ann");
	expect_resolved(c, "/usr");
	begin_extended(c, "expand-path@openssh.com");
	sftp_put_text(&c->w, "~x");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
	begin_extended(c, "expand-path@openssh.com");
	sftp_put_text(&c->w, "~nobody-here/a");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
}

static void names_are_those_of_the_files(void **state)
{
	struct client *c = *state;
	size_t length;
	const uint8_t *at;

	make_file("passwd", "root:x:0:0::/:\nann:x:7:8::/:\nb b:x:9:9::/:\n"
	                    "huge:x:4294967303:9::/:\n-:x:11:1::/:\n:x:12::\n");
	make_file("group", "staff:x:8:ann\n");
	c->server.users.file = "passwd";
	c->server.groups.file = "group";
	begin_extended(c, "users-groups-by-id@openssh.com");
	sftp_put_u32(&c->w, 5 * 4);
	sftp_put_u32(&c->w, 7);
	sftp_put_u32(&c->w, 9);
	sftp_put_u32(&c->w, 0);
	sftp_put_u32(&c->w, 11);
	sftp_put_u32(&c->w, 12);
	sftp_put_u32(&c->w, 4);
	sftp_put_u32(&c->w, 8);
	assert_int_equal(ask(c), SFTP_EXTENDED_REPLY);
	at = sftp_get_string(&c->answer, &length);
	assert_int_equal(length, 5 * 4 + 7);
	assert_memory_equal(at,
	                    "\0\0\0\3ann\0\0\0\0\0\0\0\4root"
	                    "\0\0\0\0\0\0\0\0",
	                    length);
	at = sftp_get_string(&c->answer, &length);
	assert_int_equal(length, 9);
	assert_memory_equal(at, "\0\0\0\5staff", length);
}

/* --- directories --- */

static void a_directory_comes_in_portions(void **state)
{
	struct client *c = *state;
	struct word d;
	unsigned count = 0, portions = 0;
	char name[32];
	size_t length;

	assert_int_equal(mkdir("d", 0700), 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "d/%d", i);
		make_file(name, "");
	}
	begin_path(c, OPENDIR, "d");
	assert_int_equal(ask(c), SFTP_HANDLE);
	d = take_word(c);
	for (;; portions++) {
		begin_word(c, READDIR, &d);
		if (ask(c) != SFTP_NAME)
			break;
		assert_in_range(c->answer.left, 1, SFTP_DATA_MAX);
		for (uint32_t n = sftp_get_u32(&c->answer); n > 0; n--) {
			(void)sftp_get_string(&c->answer, &length);
			(void)sftp_get_string(&c->answer, &length);
			assert_int_equal(sftp_get_u32(&c->answer), 15);
			for (int i = 0; i < 7; i++)
				(void)sftp_get_u32(&c->answer);
			count++;
		}
		assert_false(c->answer.bad);
		assert_int_equal(c->answer.left, 0);
	}
	assert_int_equal(sftp_get_u32(&c->answer), SFTP_EOF);
	assert_int_equal(count, 1002);
	assert_in_range(portions, 2, 100);
	assert_int_equal(close_word(c, &d), SFTP_OK);
}

static void directories_are_made_and_removed(void **state)
{
	struct client *c = *state;
	struct stat st;

	begin_path(c, MKDIR, "d");
	sftp_put_u32(&c->w, SFTP_ATTR_MODE);
	sftp_put_u32(&c->w, 0700);
	assert_int_equal(ask_status(c), SFTP_OK);
	assert_int_equal(stat("d", &st), 0);
	assert_int_equal(st.st_mode, 040700);
	begin_path(c, REMOVE, "d");
	assert_int_equal(ask_status(c), SFTP_FAILURE);
	begin_path(c, RMDIR, "d");
	assert_int_equal(ask_status(c), SFTP_OK);
	begin_path(c, OPENDIR, "d");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
	make_file("f", "");
	begin_path(c, OPENDIR, "f");
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
	begin_path(c, REMOVE, "f");
	assert_int_equal(ask_status(c), SFTP_OK);
}

static void expect_longname(struct client *c, const struct stat *st,
                            int64_t now, const char *expected)
{
	struct sftp_writer w = {.start = c->packet, .size = sizeof(c->packet)};
	struct sftp_reader r;
	size_t length;
	const uint8_t *at;

	sftp_put_longname(&w, "name", st, &c->server.users, &c->server.groups,
	                  now);
	r = (struct sftp_reader){.at = w.start, .left = w.used};
	at = sftp_get_string(&r, &length);
	assert_non_null(at);
	assert_int_equal(r.left, 0);
	((char *)(uintptr_t)at)[length] = '\0';
	assert_string_equal((const char *)at, expected);
}

static void the_long_form_is_that_of_ls(void **state)
{
	struct client *c = *state;
	struct stat st = {
		.st_mode = 0100644,
		.st_nlink = 1,
		.st_uid = 7,
		.st_gid = 12345678,
		.st_size = 5000000000,
		.st_mtime = 1709164799, /* 2024-02-28 23:59:59 */
	};
	const int64_t then = st.st_mtime;

	make_file("passwd", "ann:x:7:8::/:\n");
	c->server.users.file = "passwd";
	c->server.groups.file = "none";
	expect_longname(c, &st, then + 60,
	                "-rw-r--r--    1 ann      12345678 5000000000 "
	                "Feb 28 23:59 name");
	st.st_mtime++;
	st.st_mode = 041777;
	expect_longname(c, &st, then + 200 * 86400,
	                "drwxrwxrwt    1 ann      12345678 5000000000 "
	                "Feb 29  2024 name");
	st.st_mtime = -1;
	st.st_mode = 0006750;
	expect_longname(c, &st, then,
	                "?rwsr-s---    1 ann      12345678 5000000000 "
	                "Dec 31  1969 name");
	st.st_mtime = 0;
	st.st_mode = 0121000;
	expect_longname(c, &st, 5,
	                "l--------T    1 ann      12345678 5000000000 "
	                "Jan  1 00:00 name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_can_be_read),
		TEST(reading_gives_no_more_than_fits_in_a_packet),
		TEST(offsets_that_no_file_has_are_failures),
		TEST(the_ways_to_open_are_those_of_the_kernel),
		TEST(a_handle_does_what_it_was_opened_for_only),
		TEST(new_files_get_the_mode_that_is_asked_for_within_the_umask),
		TEST(a_fifo_is_not_waited_for),
		TEST(a_closed_handle_never_means_the_next_one),
		TEST(handles_have_a_limit_and_come_back),
		TEST(descriptors_that_run_out_are_a_failure),
		TEST(attributes_are_set_by_path_and_by_handle),
		TEST(a_links_own_times_can_be_set),
		TEST(stat_follows_and_lstat_does_not),
		TEST(data_is_copied_between_two_regular_files_only),
		TEST(rename_replaces_nothing_and_posix_rename_does),
		TEST(links_point_where_the_first_name_says),
		TEST(names_are_resolved_where_all_but_the_last_part_is_there),
		TEST(a_tilde_is_home),
		TEST(names_are_those_of_the_files),
		TEST(a_directory_comes_in_portions),
		TEST(directories_are_made_and_removed),
		TEST(the_long_form_is_that_of_ls),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
