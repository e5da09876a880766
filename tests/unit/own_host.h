/* SPDX-License-Identifier: MIT */
/*
 * own_host.h - a host of the test's own, as far as files go: a mount
 * namespace with an empty /run, and a name service read from there.
 *
 * Needs root.  Included behind <cmocka.h>.
 */
#ifndef CTSH_OWN_HOST_H
#define CTSH_OWN_HOST_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void put_bytes(const char *path, const char *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(close(fd), 0);
}

static inline void put_text(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

/* Nothing that is mounted or written to /run from here on is seen outside.
 * For cmocka_run_group_tests(). */
static inline int own_host(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") <
	            0) {
		print_error("this test needs root and CAP_SYS_ADMIN\n");
		return -1;
	}
	return 0;
}

/* Puts `text` in place of the file; NULL puts a FIFO, at which a reader waits
 * for ever.  umount(2) puts back what was there before. */
static inline void put_over(const char *path, const char *text)
{
	static unsigned count;
	char source[32];

	(void)snprintf(source, sizeof(source), "/run/over-%u", count++);
	if (text)
		put_text(source, text);
	else
		assert_int_equal(mkfifo(source, 0644), 0);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
}

/* What the name service answers from now on. */
static inline void name_service(const char *passwd, const char *group)
{
	put_over("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
	put_over("/etc/passwd", passwd);
	put_over("/etc/group", group);
}

#endif
