/* SPDX-License-Identifier: MIT */
/*
 * sftp_attack PID - as the container's root, tries to get by way of
 * /proc/PID/exe at the program that the host lent to that process.
 *
 * One line for each way: its name and the errno, or "ok".
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[64];

static void say(const char *way, long rc)
{
	printf("%s %s\n", way, rc < 0 ? strerrorname_np(errno) : "ok");
	(void)fflush(stdout);
}

static void by_path(void)
{
	const struct timespec now[2] = {{1, 0}, {1, 0}};
	char up[80];

	say("write", open(path, O_WRONLY));
	say("read-write", open(path, O_RDWR));
	say("truncate", truncate(path, 0));
	say("chmod", chmod(path, 04777));
	say("chown", chown(path, 1, 1));
	say("times", utimensat(AT_FDCWD, path, now, 0));
	say("link",
	    linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/stolen", AT_SYMLINK_FOLLOW));
	(void)snprintf(up, sizeof(up), "%s/..", path);
	say("up", open(up, O_PATH));
	say("beside", open(up, O_PATH | O_DIRECTORY));
}

static void by_descriptor(void)
{
	int fd = open(path, O_PATH);
	char link[64];

	say("path", fd);
	say("openat-up", openat(fd, "..", O_PATH));
	say("chdir", fchdir(fd));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	say("reopen", open(link, O_RDWR));
	say("open-tree",
	    syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH));
	say("move", syscall(SYS_move_mount, fd, "", AT_FDCWD, "/tmp/there",
	                    MOVE_MOUNT_F_EMPTY_PATH));
}

static void by_mount(void)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	int fd = open(path, O_PATH);

	say("bind", mount(path, "/tmp/there", NULL, MS_BIND, NULL));
	say("remount", mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
	say("set-attr", syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
	                        sizeof(attr)));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	(void)snprintf(path, sizeof(path), "/proc/%s/exe", argv[1]);
	(void)close(open("/tmp/there", O_CREAT | O_WRONLY, 0600));
	say("read", open(path, O_RDONLY));
	by_path();
	by_descriptor();
	by_mount();
	return 0;
}
