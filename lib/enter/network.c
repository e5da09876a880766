/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../base/proc.h"
#include "verify.h"

/*
 * /proc/PID/net shows the network of that process, and its files have numbers
 * of their own in each.  Unlike /proc/PID/ns/net this can be seen without the
 * right to trace the process, which pid 1 may deny even to root.
 */
static int read_network(const char *file, struct ctsh_ns_id *id,
                        struct ctsh_error *err)
{
	struct stat st;

	if (stat(file, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s", file);
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	return 0;
}

static int is_on_host(bool *yes, struct ctsh_error *err)
{
	struct ctsh_ns_id theirs = {0}, ours = {0};

	if (read_network("/proc/1/net/dev", &theirs, err) ||
	    read_network("/proc/self/net/dev", &ours, err))
		return -1;
	*yes = theirs.dev == ours.dev && theirs.ino == ours.ino;
	return 0;
}

/* Of pid 1; where it has a capability that we lack it cannot be had, and that
 * of the kernel's own threads (2 is their parent) is the same.  What was joined
 * is looked at afterwards. */
static int open_host(int proc)
{
	int fd = openat(proc, "1/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = openat(proc, "2/ns/net", O_RDONLY | O_CLOEXEC);
	return fd;
}

int ctsh_network_host(int *previous, struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_open(err);
	ctsh_autoclose int ns = -1;
	bool there = false;

	*previous = -1;
	if (proc < 0 || is_on_host(&there, err))
		return -1;
	if (there)
		return 0;
	*previous = openat(proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	ns = open_host(proc);
	if (*previous < 0 || ns < 0 || setns(ns, CLONE_NEWNET))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "return to the host's network");
	if (is_on_host(&there, err))
		return -1;
	if (!there)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "not in the host's network");
	return 0;
}

/* setns(2) moves one thread. */
static int expect_one_thread(int proc, struct ctsh_error *err)
{
	struct ctsh_proc_status status;

	if (ctsh_proc_read_status(proc, &status, err))
		return -1;
	if (status.threads != 1)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the calling process has %u threads",
		                 status.threads);
	return 0;
}

static int note_own(int proc, int *previous, struct ctsh_error *err)
{
	if (*previous >= 0)
		return 0;
	*previous = openat(proc, "ns/net", O_RDONLY | O_CLOEXEC);
	if (*previous < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "the network that we are in");
	return 0;
}

int ctsh_network_join(const struct ctsh_container *c, int *previous,
                      struct ctsh_error *err)
{
	ctsh_autoclose int proc = ctsh_proc_of(getpid(), err);

	if (proc < 0 || expect_one_thread(proc, err) ||
	    note_own(proc, previous, err))
		return -1;
	if (c->join & CLONE_NEWNET && setns(c->pidfd, CLONE_NEWNET))
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "join the container's network");
	/* Of the container that was proved, and of no other. */
	return ctsh_verify_network(proc, c, err);
}

/* Our caller may have closed it, and opened something else by its number. */
static bool is_namespace(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

int ctsh_network_back(int *previous, struct ctsh_error *err)
{
	int fd = ctsh_steal_fd(previous);
	int rc = 0;

	if (fd < 0)
		return 0;
	if (!is_namespace(fd))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "the way back was closed");
	if (setns(fd, CLONE_NEWNET))
		rc = ctsh_fail(err, CTSH_E_SYSTEM, errno,
		               "return to the network before");
	ctsh_close_fd(&fd);
	return rc;
}

void ctsh_network_forget(int *previous)
{
	if (*previous >= 0 && is_namespace(*previous))
		ctsh_close_fd(previous);
	*previous = -1;
}
