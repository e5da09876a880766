/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "fdio.h"
#include "proc.h"
#include "text.h"

/* Linux 6.5; older C libraries do not know it. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define RETRY_US 2000

/* The directory that `path` lies in, checked part by part, and the last part
 * in `*name`. */
static int open_parent(const char *path, const char **name,
                       struct ctsh_error *err)
{
	char parent[PATH_MAX];
	const char *slash;
	size_t length;
	int dir;

	if (!ctsh_text_is_absolute(path, sizeof(parent)))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "socket path is not plain and absolute");
	slash = strrchr(path, '/');
	length = slash == path ? 1 : (size_t)(slash - path);
	memcpy(parent, path, length);
	parent[length] = '\0';
	dir = ctsh_open_trusted_dir(parent, false, CTSH_E_UNSAFE, err);
	if (dir < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ENGINE;
	*name = slash + 1;
	return dir;
}

/* O_PATH: the inode that is checked is the one connected to. */
static int open_node(const char *path, struct ctsh_error *err)
{
	ctsh_autoclose int dir = -1, node = -1;
	struct stat st;
	const char *name;

	dir = open_parent(path, &name, err);
	if (dir < 0)
		return -1;
	node = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node < 0)
		return ctsh_fail(
			err, errno == ENOENT ? CTSH_E_ENGINE : CTSH_E_UNSAFE,
			errno, "socket %s", path);
	if (fstat(node, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", path);
	/* Who may write to it may connect, which is no harm. */
	if (!S_ISSOCK(st.st_mode) || st.st_uid != 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "%s is not a socket of root's", path);
	return ctsh_steal_fd(&node);
}

/* A full backlog is EAGAIN at once, for unix(7) sockets have no connection in
 * progress to wait for. */
static int connect_until(int sock, const struct sockaddr_un *to,
                         int64_t deadline_ms)
{
	for (;;) {
		if (!connect(sock, (const struct sockaddr *)to, sizeof(*to)))
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (ctsh_now_ms() >= deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		ctsh_nap_us(RETRY_US);
	}
}

int ctsh_peer_connect(const char *path, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	ctsh_autoclose int node = -1, sock = -1;
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	node = open_node(path, err);
	if (node < 0)
		return -1;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "socket");
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d",
	               node);
	if (connect_until(sock, &to, deadline_ms))
		return ctsh_fail(err, CTSH_E_ENGINE, errno, "connect to %s",
		                 path);
	if (ctsh_peer_check(sock, 0, err))
		return -1;
	return ctsh_steal_fd(&sock);
}

int ctsh_peer_of(int sock, struct ucred *who, struct ctsh_error *err)
{
	socklen_t length = sizeof(*who);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, who, &length))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "socket peer");
	return 0;
}

/*
 * A pidfd of the peer.  Before Linux 6.5 the number must do: if the process
 * that listened has ended and left the socket to a child, this can pin a
 * stranger with its recycled number.  Whoever arranges that already owns a
 * socket in a directory of root's.
 */
static int pin(int sock, pid_t pid)
{
	socklen_t length = sizeof(int);
	int pidfd = -1;

	if (!getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length))
		return pidfd;
	if (errno != ENOPROTOOPT)
		return -1;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int same_ns(int ours, int theirs, const char *name,
                   struct ctsh_error *err)
{
	struct ctsh_ns_id a, b;

	if (ctsh_proc_read_ns(ours, name, &a, err))
		return -1;
	if (ctsh_proc_read_ns(theirs, name, &b, err)) {
		err->code = CTSH_E_UNSAFE;
		return -1;
	}
	if (a.dev != b.dev || a.ino != b.ino)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "socket peer is in another %s namespace",
		                 name);
	return 0;
}

static int same_namespaces(pid_t pid, struct ctsh_error *err)
{
	ctsh_autoclose int ours = -1, theirs = -1;

	ours = ctsh_proc_of(getpid(), err);
	if (ours < 0)
		return -1;
	theirs = ctsh_proc_of(pid, err);
	if (theirs < 0) {
		err->code = CTSH_E_UNSAFE;
		return -1;
	}
	return same_ns(ours, theirs, "user", err) ||
	                       same_ns(ours, theirs, "pid", err)
	               ? -1
	               : 0;
}

/* Of a process that `pidfd` holds, if it is one. */
static int check_process(int pidfd, const struct ucred *who, uid_t owner,
                         struct ctsh_error *err)
{
	if (who->uid != owner)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "socket peer has uid %u, not %u", who->uid,
		                 owner);
	/* 0: it is in a pid namespace that is not below ours. */
	if (who->pid <= 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "socket peer is not in our pid namespace");
	if (pidfd < 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "socket peer, pid %d", who->pid);
	if (same_namespaces(who->pid, err))
		return -1;
	/* Still alive: so the number was its own all the time. */
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0))
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "socket peer, pid %d", who->pid);
	return 0;
}

int ctsh_peer_check(int sock, uid_t owner, struct ctsh_error *err)
{
	ctsh_autoclose int pidfd = -1;
	struct ucred who;

	if (ctsh_peer_of(sock, &who, err))
		return -1;
	pidfd = pin(sock, who.pid);
	return check_process(pidfd, &who, owner, err);
}

int ctsh_peer_check_sender(int pidfd, const struct ucred *who, uid_t owner,
                           struct ctsh_error *err)
{
	ctsh_autoclose int own = -1;

	if (pidfd < 0)
		pidfd = own = (int)syscall(SYS_pidfd_open, who->pid, 0);
	return check_process(pidfd, who, owner, err);
}
