/* SPDX-License-Identifier: MIT */
/* Locales of an image, as directories and in an archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/enter/locale.h"

#define MAGIC 0xde020109u

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

/* A root directory of an image. */
struct image {
	char path[64];
	int root;
};

static int set_up(void **state)
{
	struct image *i = calloc(1, sizeof(*i));

	if (!i)
		return -1;
	strcpy(i->path, "/tmp/ctsh-locale-XXXXXX");
	if (!mkdtemp(i->path))
		return -1;
	i->root = open(i->path, O_PATH | O_CLOEXEC);
	*state = i;
	return i->root < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct image *i = *state;

	(void)close(i->root);
	(void)run("rm -rf %s", i->path);
	free(i);
	return 0;
}

static void put(const struct image *i, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/usr/lib/locale/%s", i->path,
	               name);
	assert_int_equal(run("mkdir -p %s", path), 0);
	assert_int_equal(run("touch %s/LC_CTYPE", path), 0);
}

static const struct ctsh_locales asked = {
	.count = 3,
	.name = {"C.UTF-8", "de_DE.UTF-8@euro", "fr_FR"},
};

static void names_are_those_that_glibc_installs(void **state)
{
	static const char *const table[][2] = {
		{"de_DE.UTF-8", "de_DE.utf8"},
		{"de_DE.utf8", "de_DE.utf8"},
		{"de_DE", "de_DE"},
		{"de_DE@euro", "de_DE@euro"},
		{"de_DE.ISO-8859-15@euro", "de_DE.iso885915@euro"},
		{"de_DE.8859-1", "de_DE.iso88591"},
		{"ja_JP.EUC-JP", "ja_JP.eucjp"},
		{"C.UTF-8", "C.utf8"},
		{"sr_RS.UTF-8@latin", "sr_RS.utf8@latin"},
		{"x.", "x"},
		{".", ""},
		{"x.-_:", "x"},
		{"a.b.c", "a.bc"},
		{"", ""},
		{"@.@", "@.@"},
		/* 63 of them are a name, digits alone grow beyond it. */
		{"a.2345678901234567890123456789012345678901234567890123456789"
	         "012",
	         ""},
	};
	char out[CTSH_LOCALE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		(void)!ctsh_locale_normal(out, table[i][0]);
		assert_string_equal(out, table[i][1]);
	}
}

static void image_without_a_place_for_them_takes_all(void **state)
{
	const struct image *i = *state;
	int archive;

	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 7);
	assert_int_equal(archive, -1);
}

static void nothing_asked_is_nothing_looked_at(void **state)
{
	const struct ctsh_locales none = {.count = 0};
	const struct image *i = *state;
	int archive;

	put(i, "C.utf8");
	assert_int_equal(ctsh_locale_look(i->root, &none, &archive), 0);
	assert_int_equal(ctsh_locale_look(-1, &none, &archive), 0);
	assert_int_equal(archive, -1);
}

static void directory_goes_by_either_name(void **state)
{
	const struct image *i = *state;
	int archive;

	put(i, "C.UTF-8");
	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 1);
	put(i, "de_DE.utf8@euro");
	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 3);
	put(i, "fr_FR");
	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 7);
	assert_int_equal(archive, -1);
}

static void directory_without_files_is_none(void **state)
{
	const struct image *i = *state;
	int archive;

	assert_int_equal(run("mkdir -p %s/usr/lib/locale/C.utf8", i->path), 0);
	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 0);
	assert_int_equal(
		run("mkfifo %s/usr/lib/locale/C.utf8/LC_CTYPE", i->path), 0);
	assert_int_equal(ctsh_locale_look(i->root, &asked, &archive), 0);
}

/* -- the archive ---------------------------------------------------------- */

static void archive_of_glibcs_is_understood(void **state)
{
	const struct image *i = *state;
	const struct ctsh_locales german = {
		.count = 6,
		.name = {"C.UTF-8", "de_DE", "de_DE.ISO-8859-1", "de_DE.UTF-8",
	                 "de_AT", "d"},
	};
	int archive;

	assert_int_equal(run("mkdir -p %s/usr/lib/locale", i->path), 0);
	assert_int_equal(run("localedef --prefix=%s -i de_DE -f ISO-8859-1 "
	                     "de_DE",
	                     i->path),
	                 0);
	assert_int_equal(ctsh_locale_look(i->root, &german, &archive), 0);
	assert_true(archive >= 0);
	assert_int_equal(ctsh_locale_read(archive, &german), 6);
	(void)close(archive);
}

static int archive_of(const void *content, size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	return fd;
}

static void expect_nothing(const void *content, size_t size)
{
	int fd = archive_of(content, size);

	assert_int_equal(ctsh_locale_read(fd, &asked), 0);
	(void)close(fd);
}

static void archive_that_is_none_has_nothing(void **state)
{
	static const uint32_t heads[][5] = {
		{MAGIC, 0, 20, 0, 0},
		{MAGIC, 0, 20, 1, 1},
		{MAGIC, 0, 20, 2, 2},
		{MAGIC, 0, UINT32_MAX, 3, 3},
		{MAGIC, 0, 20, UINT32_MAX, UINT32_MAX},
		{MAGIC + 1, 0, 20, 3, 3},
	};

	(void)state;
	expect_nothing("", 0);
	expect_nothing("text", 4);
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		expect_nothing(heads[i], sizeof(heads[i]));
		expect_nothing(heads[i], sizeof(heads[i]) - 1);
	}
}

/* No entry is ever empty, and each has the hash of somebody else. */
static void search_without_end_ends(void **state)
{
	const size_t count = 1 << 20;
	uint32_t *table = calloc(5 + 3 * count, sizeof(*table));

	(void)state;
	assert_non_null(table);
	memcpy(table, (const uint32_t[]){MAGIC, 0, 20, 0, (uint32_t)count}, 20);
	for (size_t i = 0; i < count; i++)
		table[5 + 3 * i + 1] = 20;
	expect_nothing(table, (5 + 3 * count) * sizeof(*table));
	free(table);
}

static void names_that_lie_elsewhere_are_not_found(void **state)
{
	/* One table of three in which every entry claims the hash of "fr_FR"
	 * and points behind the end, or to another name. */
	static const uint32_t places[] = {4000, UINT32_MAX, 56, 61};
	const char *name = "fr_FR";
	uint32_t hash = 5;

	(void)state;
	for (const char *c = name; *c; c++)
		hash = (hash << 9 | hash >> 23) + (unsigned char)*c;
	for (size_t i = 0; i < 4; i++) {
		struct {
			uint32_t word[14];
			char text[12];
		} file = {{MAGIC, 0, 20, 3, 3, hash, places[i], 1, hash,
		           places[i], 1, hash, places[i], 1},
		          "fr_XX"};

		expect_nothing(&file, sizeof(file));
		file.word[6] = file.word[9] = file.word[12] = 62;
		memcpy(file.text + sizeof(file.text) - 6, name, 6);
		{
			int fd = archive_of(&file, sizeof(file));

			assert_int_equal(ctsh_locale_read(fd, &asked), 4);
			(void)close(fd);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_that_glibc_installs),
		TEST(image_without_a_place_for_them_takes_all),
		TEST(nothing_asked_is_nothing_looked_at),
		TEST(directory_goes_by_either_name),
		TEST(directory_without_files_is_none),
		TEST(archive_of_glibcs_is_understood),
		cmocka_unit_test(archive_that_is_none_has_nothing),
		cmocka_unit_test(search_without_end_ends),
		cmocka_unit_test(names_that_lie_elsewhere_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
