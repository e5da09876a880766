/* SPDX-License-Identifier: MIT */
/* The user's directory below /run/user of a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../../lib/base/fdio.h"
#include "../../lib/enter/userdir.h"
#include "fake_container.h"

#define UID 1234
#define GID 4321
#define WAIT_MS 5000

struct trial {
	struct ctsh_container c;
	struct ctsh_plan plan;
	struct ctsh_error err;
	pid_t init;
};

/* The init's own /run, with /run/user in it. */
static int own_run(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("none", "/run", "tmpfs", 0, "mode=755") ||
	       mkdir("/run/user", 0755);
}

static int writable_by_others(void)
{
	return own_run() || chmod("/run/user", 0777);
}

static int somebody_elses(void)
{
	return own_run() || chown("/run/user", UID, 0);
}

static int a_link(void)
{
	return own_run() || rename("/run/user", "/run/real") ||
	       symlink("real", "/run/user");
}

static int read_only(void)
{
	return own_run() ||
	       mount("none", "/run", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

static int there_already(void)
{
	return own_run() || mkdir("/run/user/1234", 0700) ||
	       chown("/run/user/1234", UID, GID);
}

static int of_another(void)
{
	return own_run() || mkdir("/run/user/1234", 0700);
}

static int open_to_all(void)
{
	return there_already() || chmod("/run/user/1234", 0755);
}

static int link_to_a_directory(void)
{
	return there_already() || rename("/run/user/1234", "/run/real") ||
	       symlink("/run/real", "/run/user/1234");
}

static int link_to_nothing(void)
{
	return own_run() || symlink("/run/new", "/run/user/1234");
}

static int a_mount(void)
{
	return own_run() || mkdir("/run/user/1234", 0755) ||
	       mount("none", "/run/user/1234", "tmpfs", 0,
	             "mode=700,uid=1234,gid=4321");
}

static int nothing(void)
{
	return own_run() || rmdir("/run/user");
}

static void prepare(struct trial *t, fake_setup *setup)
{
	struct ctsh_terms terms = {.share = CLONE_NEWUSER | CLONE_NEWCGROUP |
	                                    0x80};
	struct ctsh_target target;

	memset(t, 0, sizeof(*t));
	t->init = fake_start(FAKE_ALL, setup);
	target = fake_target(t->init);
	if (fake_open(&t->c, &target, &terms, &t->err))
		fail_msg("%s", t->err.what);
	t->plan.uid = t->plan.host_uid = UID;
	t->plan.gid = t->plan.host_gid = GID;
}

static void finish(struct trial *t)
{
	fake_stop(t->init);
	ctsh_container_close(&t->c);
}

static bool make(struct trial *t)
{
	bool usable = false;

	if (ctsh_userdir_make(&t->c, &t->plan, &usable, ctsh_now_ms() + WAIT_MS,
	                      &t->err))
		fail_msg("%s", t->err.what);
	return usable;
}

/* What is there, as the host sees it: mode, 0 for nothing. */
static mode_t seen(const struct trial *t, const char *name, struct stat *st)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/root/run/%s", (int)t->init,
	               name);
	return lstat(path, st) ? 0 : st->st_mode;
}

static void it_is_made_for_the_user_alone(void **state)
{
	struct trial t;
	struct stat st;

	(void)state;
	prepare(&t, own_run);
	(void)umask(0);
	assert_true(make(&t));
	(void)umask(022);
	assert_int_equal(seen(&t, "user/1234", &st), S_IFDIR | 0700);
	assert_int_equal(st.st_uid, UID);
	assert_int_equal(st.st_gid, GID);
	assert_true(make(&t));
	finish(&t);
}

/* There, and as it was; or not there, and not made. */
static void expect(fake_setup *setup, bool usable, mode_t mode)
{
	struct trial t;
	struct stat st;

	prepare(&t, setup);
	assert_int_equal(make(&t), usable);
	assert_int_equal(seen(&t, "user/1234", &st), mode);
	assert_int_equal(seen(&t, "new", &st), 0);
	finish(&t);
}

static void one_that_is_there_is_used_if_it_is_the_users_alone(void **state)
{
	(void)state;
	expect(there_already, true, S_IFDIR | 0700);
	expect(a_mount, true, S_IFDIR | 0700);
	expect(of_another, false, S_IFDIR | 0700);
	expect(open_to_all, false, S_IFDIR | 0755);
	expect(link_to_a_directory, false, S_IFLNK | 0777);
	expect(link_to_nothing, false, S_IFLNK | 0777);
}

static void none_is_made_where_others_could_interfere(void **state)
{
	(void)state;
	expect(nothing, false, 0);
	expect(writable_by_others, false, 0);
	expect(somebody_elses, false, 0);
	expect(a_link, false, 0);
	expect(read_only, false, 0);
}

static void none_is_made_that_the_init_could_not_make(void **state)
{
	struct trial t;
	struct stat st;

	(void)state;
	prepare(&t, own_run);
	t.c.bounding &= ~(UINT64_C(1) << CAP_CHOWN);
	assert_false(make(&t));
	t.c.bounding |= UINT64_C(1) << CAP_CHOWN;
	t.c.init_uid = UID;
	assert_false(make(&t));
	assert_int_equal(seen(&t, "user/1234", &st), 0);
	t.c.init_uid = 0;
	assert_true(make(&t));
	finish(&t);
}

static void no_process_is_left_behind(void **state)
{
	struct trial t;

	(void)state;
	prepare(&t, own_run);
	assert_true(make(&t));
	finish(&t);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_made_for_the_user_alone),
		cmocka_unit_test(
			one_that_is_there_is_used_if_it_is_the_users_alone),
		cmocka_unit_test(none_is_made_where_others_could_interfere),
		cmocka_unit_test(none_is_made_that_the_init_could_not_make),
		cmocka_unit_test(no_process_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
