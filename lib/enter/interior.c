/* SPDX-License-Identifier: MIT */
#include "interior.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../base/child.h"
#include "../base/fdio.h"
#include "../base/sftp.h"
#include "below.h"
#include "locale.h"
#include "passwd.h"
#include "sandbox.h"

#define PTMX_INODE 2 /* fs/devpts: the ptmx node of every instance */

/* What the child is to look at: its own copy, like all else of the parent's. */
struct look {
	const struct ctsh_container *c;
	const struct ctsh_query *query;
	pid_t parent;
};

/* What the child holds between opening and parsing. */
struct view {
	int passwd;
	int group;
	int environ;
	int terminal;
	int archive; /* of locales */
};

/*
 * Whether the O_PATH descriptor is the ptmx of a devpts, and not of the host's:
 * a symbolic link, a device node or a bind mount of something else in its
 * place is refused (CVE-2025-52565).
 */
static bool is_own_ptmx(int fd)
{
	struct statfs fs;
	struct stat st, host = {0};

	return fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC &&
	       fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_ino == PTMX_INODE && st.st_rdev == makedev(5, 2) &&
	       (stat("/dev/pts", &host) ? errno == ENOENT
	                                : host.st_dev != st.st_dev);
}

/* Where a login has a directory of its own for sockets and the like. */
static bool has_run_user(int root)
{
	ctsh_autoclose int fd = ctsh_below_open(root, "run/user");
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Which of the known places hold a program.  Whether the user may execute it
 * is for the exec to say. */
static uint32_t find_sftp_servers(int root)
{
	uint32_t found = 0;
	const char *place;

	for (unsigned i = 0; (place = ctsh_sftp_place(i)); i++) {
		ctsh_autoclose int fd = ctsh_below_open(root, place);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_mode & 0111)
			found |= UINT32_C(1) << i;
	}
	return found;
}

static int lock_in(struct ctsh_error *err)
{
	/* The answer goes out as a message with a descriptor. */
	static const int calls[] = {
		SYS_read,   SYS_write,      SYS_sendmsg,      SYS_close,
		SYS_exit,   SYS_exit_group, SYS_brk,          SYS_mmap,
		SYS_munmap, SYS_pread64,    SYS_rt_sigreturn,
	};

	return ctsh_allow_only(calls, sizeof(calls) / sizeof(*calls), err);
}

/* Reads at most `size` bytes; false if there are more, or on failure. */
static bool read_text(int fd, char *buf, size_t size, size_t *length)
{
	ssize_t n = ctsh_read_all(fd, buf, size);

	*length = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

static void parse(const struct view *view, const struct ctsh_query *query,
                  char *buf, struct ctsh_interior *interior)
{
	size_t length;
	ssize_t n;

	interior->account = CTSH_ACCOUNT_MISSING;
	if (view->passwd >= 0) {
		if (read_text(view->passwd, buf, CTSH_PASSWD_MAX, &length))
			ctsh_passwd_find(buf, length, query, interior);
		else
			interior->account = CTSH_ACCOUNT_MALFORMED;
	}
	if (view->group >= 0 && interior->account == CTSH_ACCOUNT_FOUND) {
		if (read_text(view->group, buf, CTSH_PASSWD_MAX, &length))
			ctsh_group_collect(buf, length, interior->name,
			                   interior->gid, interior);
		else
			interior->account = CTSH_ACCOUNT_MALFORMED;
	}
	if (view->archive >= 0)
		interior->locales |=
			ctsh_locale_read(view->archive, &query->locales);
	if (view->environ >= 0) {
		/* One read: what is longer is cut, the plan drops the rest. */
		n = read(view->environ, interior->environ, CTSH_ENVIRON_MAX);
		interior->environ_length = n > 0 ? (unsigned)n : 0;
	}
}

static int become_init(const struct look *look, struct ctsh_error *err)
{
	if (ctsh_become(look->c->init_uid, look->c->init_gid, err))
		return -1;
	/* A change of ids forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != look->parent)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "PR_SET_PDEATHSIG");
	return 0;
}

static int look_inside(void *argument, int channel, void *answer, int *fd,
                       struct ctsh_error *err)
{
	const struct look *look = argument;
	const struct ctsh_query *query = look->query;
	struct ctsh_interior *interior = answer;
	struct view view = {-1, -1, -1, -1, -1};
	char *buf = malloc(CTSH_PASSWD_MAX);

	if (!buf)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "reader");
	if (become_init(look, err))
		return -1;
	if (ctsh_below_regular(look->c->root, "etc/passwd", &view.passwd,
	                       err) ||
	    (query->want_groups &&
	     ctsh_below_regular(look->c->root, "etc/group", &view.group, err)))
		return -1;
	if (query->want_environ) {
		view.environ = dup(look->c->environ);
		if (view.environ < 0)
			return ctsh_fail(err, CTSH_E_SYSTEM, errno,
			                 "environment of the init");
	}
	if (query->want_terminal) {
		view.terminal = ctsh_below_open(look->c->root, "dev/pts/ptmx");
		if (view.terminal < 0 || !is_own_ptmx(view.terminal))
			return ctsh_fail(err, CTSH_E_UNSAFE, 0,
			                 "the container has no devpts of its "
			                 "own");
	}
	interior->locales =
		ctsh_locale_look(look->c->root, &query->locales, &view.archive);
	interior->run_user = has_run_user(look->c->root);
	if (query->want_sftp)
		interior->sftp_servers = find_sftp_servers(look->c->root);
	if (ctsh_close_but((const int[]){channel, view.passwd, view.group,
	                                 view.environ, view.terminal,
	                                 view.archive},
	                   6))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "close_range");
	if (lock_in(err))
		return -1;
	parse(&view, query, buf, interior);
	*fd = view.terminal;
	return 0;
}

/* What a process that has met hostile bytes says is made safe to read. */
static void tidy(struct ctsh_interior *interior)
{
	if ((unsigned)interior->account > CTSH_ACCOUNT_MALFORMED)
		interior->account = CTSH_ACCOUNT_MALFORMED;
	interior->name[sizeof(interior->name) - 1] = '\0';
	interior->home[sizeof(interior->home) - 1] = '\0';
	interior->shell[sizeof(interior->shell) - 1] = '\0';
	if (interior->group_count > CTSH_GROUPS_MAX)
		interior->group_count = CTSH_GROUPS_MAX + 1;
	if (interior->environ_length > CTSH_ENVIRON_MAX)
		interior->environ_length = CTSH_ENVIRON_MAX;
}

/* Opens the ptmx that the child found.  The child's word is checked again; the
 * opening is ours, since a devpts may be mounted with ptmxmode=000. */
static int open_terminal(int path_fd, int *terminal, struct ctsh_error *err)
{
	if (path_fd < 0 || !is_own_ptmx(path_fd))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the container has no devpts of its own");
	*terminal = ctsh_below_reopen(path_fd, O_RDWR);
	if (*terminal < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "open the container's ptmx");
	return 0;
}

int ctsh_interior_start(struct ctsh_child *reader,
                        const struct ctsh_container *c,
                        const struct ctsh_query *query, struct ctsh_error *err)
{
	struct look look = {.c = c, .query = query, .parent = getpid()};

	return ctsh_child_start(reader, "reader of the container", look_inside,
	                        &look, sizeof(struct ctsh_interior), err);
}

int ctsh_interior_finish(struct ctsh_child *reader, bool want_terminal,
                         struct ctsh_interior *interior, int *terminal,
                         int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autoclose int path_fd = -1;

	*terminal = -1;
	if (ctsh_child_finish(reader, interior, &path_fd, deadline_ms, err))
		return -1;
	tidy(interior);
	return want_terminal ? open_terminal(path_fd, terminal, err) : 0;
}

int ctsh_terminal_number(int ptmx, unsigned *number, struct ctsh_error *err)
{
	if (ioctl(ptmx, TIOCGPTN, number))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "TIOCGPTN");
	return 0;
}

int ctsh_terminal_peer(int ptmx, uid_t uid, struct ctsh_error *err)
{
	ctsh_autoclose int peer = -1;
	int unlock = 0;

	if (ioctl(ptmx, TIOCSPTLCK, &unlock))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "TIOCSPTLCK");
	/* By the master, never by a path: /dev/pts/N is the container's. */
	peer = ioctl(ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "TIOCGPTPEER");
	if (fchown(peer, uid, (gid_t)-1))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "owner of the terminal");
	return ctsh_steal_fd(&peer);
}
