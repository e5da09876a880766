/* SPDX-License-Identifier: MIT */
/*
 * attack.c - a process inside that reaches for whatever comes in:
 *
 *   attack watch WORKERS COMM [NEEDLE...]  until standard input ends
 *   attack rounds COMM [NEEDLE...]         once for each line of standard input
 *
 * COMM is how a process is called as long as it is not the container's own.
 * Such a one is stopped and tried with everything (try_all).  Written are
 *
 *   count PHASE WAY ERROR N    how often a way ended so ("ok": it succeeded)
 *   seen WHAT                  what was got hold of; each kind once
 *   round N                    the end of a round: N strangers were there
 *
 * PHASE: "before" the exec, "after" it, "across" if it fell into the attempt;
 * "ending" if its end did: one that has given up its memory already is open to
 * those of the same ids, whatever it was before.
 * A needle that is found in the memory of such a process is a WHAT.
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

#define PIDS 65536
#define FDS 16
#define ERRORS 140
#define KINDS 256
#define WINDOW 4

enum phase { BEFORE, ACROSS, AFTER, ENDING, PHASES };

static const char *const phases[PHASES] = {"before", "across", "after",
                                           "ending"};

/* PF_EXITING of the kernel's linux/sched.h. */
#define EXITING 0x4

/* Shared by all workers. */
static struct shared {
	unsigned count[PHASES][64][ERRORS];
	char seen[KINDS][200];
	unsigned kinds;
	int lock;
	bool claimed[PIDS]; /* one worker for each stranger */
} * shared;

static const char *stranger; /* COMM */
static char **needles;
static bool known[PIDS];

/* -- records ----------------------------------------------------------- */

static void lock(void)
{
	while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
}

static void see(const char *what, const char *detail)
{
	char text[200];
	unsigned i = 0;

	snprintf(text, sizeof(text), "%s %s", what, detail);
	lock();
	while (i < shared->kinds && strcmp(shared->seen[i], text) != 0)
		i++;
	if (i == shared->kinds && i < KINDS)
		strcpy(shared->seen[shared->kinds++], text);
	unlock();
}

static const char *error_name(int error)
{
	return error ? strerrorname_np(error) : "ok";
}

/* -- the stranger's state ---------------------------------------------- */

struct stat_line {
	char comm[32];
	char state;
	int parent, group, session, tty;
	unsigned flags;
};

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -1 : (int)n;
}

static bool look(pid_t pid, struct stat_line *s)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return false;
	end = strrchr(text, ')');
	if (!end || sscanf(text, "%*d (%31[^)]", s->comm) != 1)
		return false;
	return sscanf(end + 1, " %c %d %d %d %d %*d %u", &s->state, &s->parent,
	              &s->group, &s->session, &s->tty, &s->flags) == 6;
}

static bool is_stranger(pid_t pid)
{
	struct stat_line s;

	return look(pid, &s) && strcmp(s.comm, stranger) == 0;
}

/* execve(2) changes the program first, and with it who may trace it, and the
 * name a moment later. */
static bool runs_another(pid_t pid)
{
	char path[64], link[PATH_MAX];
	const char *name;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return false;
	link[length] = '\0';
	name = strrchr(link, '/');
	name = name ? name + 1 : link;
	/* A file that is mounted by itself has no name. */
	return *name && strncmp(name, stranger, strlen(stranger)) != 0;
}

static bool is_ending(pid_t pid)
{
	struct stat_line s;

	return !look(pid, &s) || s.flags & EXITING;
}

/* -- ways in: each gives 0, or an errno -------------------------------- */

static int wait_stop(pid_t pid, int *status)
{
	if (waitpid(pid, status, __WALL) != pid || !WIFSTOPPED(*status))
		return ESRCH;
	return 0;
}

/* Holds the stranger: it is ours to run, and so is its memory. */
static int hold(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec part = {&regs, sizeof(regs)};
	int status, rc = wait_stop(pid, &status);

	if (rc == 0 && ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part))
		rc = errno;
	if (rc == 0 && is_stranger(pid))
		see("registers", "");
	ptrace(PTRACE_DETACH, pid, 0, 0);
	return 0;
}

static int way_seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return errno;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	return hold(pid);
}

static int way_attach(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, 0, 0))
		return errno;
	return hold(pid);
}

/* A bad address in them: EFAULT comes only where access is granted. */
static int way_vm_read(pid_t pid)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)8, 1};

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 &&
	    errno != EFAULT)
		return errno;
	return 0;
}

static int way_vm_write(pid_t pid)
{
	char byte = 0;
	struct iovec here = {&byte, 1}, there = {(void *)8, 1};

	if (process_vm_writev(pid, &here, 1, &there, 1, 0) < 0 &&
	    errno != EFAULT)
		return errno;
	return 0;
}

static int open_file(pid_t pid, const char *name, int how)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, how | O_CLOEXEC);
}

static int done_with(int fd)
{
	int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* Opened and read: some files refuse only then.  A process in the middle of
 * its end has no memory, and reads as nothing. */
static int read_file(pid_t pid, const char *name)
{
	char byte;
	int fd = open_file(pid, name, O_RDONLY);
	int error = fd < 0 ? errno : read(fd, &byte, 1) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static int way_mem(pid_t pid)
{
	return done_with(open_file(pid, "mem", O_RDWR));
}

static int way_thread_mem(pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "task/%d/mem", pid);
	return done_with(open_file(pid, name, O_RDONLY));
}

static int way_environ(pid_t pid)
{
	return read_file(pid, "environ");
}

static int way_auxv(pid_t pid)
{
	return read_file(pid, "auxv");
}

static int way_maps(pid_t pid)
{
	return read_file(pid, "maps");
}

static int way_pagemap(pid_t pid)
{
	return done_with(open_file(pid, "pagemap", O_RDONLY));
}

static int way_syscall(pid_t pid)
{
	return read_file(pid, "syscall");
}

static int way_io(pid_t pid)
{
	return read_file(pid, "io");
}

/* The same directory as ours, which is the container's root. */
static void judge_directory(pid_t pid, const char *name)
{
	char path[64], link[PATH_MAX];
	struct stat here, there;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0 || stat("/", &here) || stat(path, &there) ||
	    !is_stranger(pid))
		return;
	link[n] = '\0';
	see(name, here.st_dev == there.st_dev && here.st_ino == there.st_ino
	                  ? "ours"
	                  : link);
}

static int way_root(pid_t pid)
{
	int error = done_with(open_file(pid, "root", O_PATH | O_DIRECTORY));

	if (error == 0)
		judge_directory(pid, "root");
	return error;
}

static int way_cwd(pid_t pid)
{
	int error = done_with(open_file(pid, "cwd", O_PATH | O_DIRECTORY));

	if (error == 0)
		judge_directory(pid, "cwd");
	return error;
}

static int way_exe_link(pid_t pid)
{
	char path[64], link[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, link, sizeof(link)) < 0 ? errno : 0;
}

static int way_exe_read(pid_t pid)
{
	return done_with(open_file(pid, "exe", O_RDONLY));
}

static int way_exe_write(pid_t pid)
{
	return done_with(open_file(pid, "exe", O_WRONLY));
}

static int way_exe_truncate(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return truncate(path, 0) ? errno : 0;
}

static int way_fd_list(pid_t pid)
{
	int fd = open_file(pid, "fd", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int error = dir ? 0 : errno;

	errno = 0;
	if (dir && !readdir(dir))
		error = errno ? errno : ENOENT;
	if (dir)
		closedir(dir);
	return error;
}

/* What they lead to; their numbers alone say little. */
static int way_fd_entry(pid_t pid)
{
	int error = ENOENT;
	char name[16];

	for (int fd = 0; fd < FDS && error == ENOENT; fd++) {
		snprintf(name, sizeof(name), "fd/%d", fd);
		error = done_with(open_file(pid, name, O_PATH));
	}
	return error;
}

static int way_ns(pid_t pid)
{
	char path[64], link[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return readlink(path, link, sizeof(link)) < 0 ? errno : 0;
}

static int way_map_files(pid_t pid)
{
	int fd = open_file(pid, "map_files", O_RDONLY | O_DIRECTORY);
	struct dirent *entry;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int error = dir ? EPERM : errno;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && error) {
			int file = openat(dirfd(dir), entry->d_name, O_RDONLY);

			error = done_with(file);
		}
	if (dir)
		closedir(dir);
	return error;
}

static int way_setns(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int error = pidfd < 0 || setns(pidfd, CLONE_NEWNS) ? errno : 0;

	if (pidfd >= 0)
		close(pidfd);
	return error;
}

/* -- descriptors ------------------------------------------------------- */

static const char *kind_of_device(const struct stat *st)
{
	struct stat pts;

	if (st->st_rdev == makedev(1, 3))
		return "null";
	if (major(st->st_rdev) < 136 || major(st->st_rdev) > 143)
		return "device";
	return stat("/dev/pts", &pts) == 0 && pts.st_dev == st->st_dev
	               ? "terminal"
	               : "terminal-outside";
}

static const char *kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return "unknown";
	switch (st.st_mode & S_IFMT) {
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return kind_of_device(&st);
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	}
	return "other";
}

/* A process on the host, by a descriptor of it: what does it give away? */
static void rob(int pidfd, const char *how)
{
	char detail[64];

	see("process", how);
	for (int fd = 0; fd < 64; fd++) {
		int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		if (got < 0)
			continue;
		snprintf(detail, sizeof(detail), "%s %s", how, kind_of(got));
		see("host-descriptor", detail);
		close(got);
	}
}

static void ask_peer(int sock)
{
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size))
		return;
	rob(pidfd, "peer");
	close(pidfd);
}

/* Whoever writes to it is named to the reader, if that one asks. */
static void await_sender(int sock)
{
	char byte, control[CMSG_SPACE(64)];
	struct iovec part = {&byte, 1};
	struct msghdr msg = {.msg_iov = &part,
	                     .msg_iovlen = 1,
	                     .msg_control = control,
	                     .msg_controllen = sizeof(control)};
	struct pollfd poller = {.fd = sock, .events = POLLIN};
	int on = 1;

	if (setsockopt(sock, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) ||
	    poll(&poller, 1, 1) != 1 ||
	    recvmsg(sock, &msg, MSG_PEEK | MSG_DONTWAIT) < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c)) {
		int pidfd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_PIDFD)
			continue;
		memcpy(&pidfd, CMSG_DATA(c), sizeof(pidfd));
		rob(pidfd, "sender");
		close(pidfd);
	}
}

static int way_getfd(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int error = pidfd < 0 ? errno : 0;
	char detail[64];

	for (int fd = 0; fd < FDS && pidfd >= 0; fd++) {
		int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		if (got < 0 && errno == EBADF)
			continue;
		if (got < 0) {
			error = errno;
			break;
		}
		if (is_stranger(pid)) {
			snprintf(detail, sizeof(detail), "%d %s", fd,
			         kind_of(got));
			see("descriptor", detail);
			ask_peer(got);
			await_sender(got);
		}
		close(got);
	}
	if (pidfd >= 0)
		close(pidfd);
	return error;
}

/* -- memory ------------------------------------------------------------ */

static void search(pid_t pid, unsigned long from, unsigned long to,
                   const char *where)
{
	static char buffer[1 << 20];
	struct iovec here = {buffer, sizeof(buffer)};

	for (; from < to; from += sizeof(buffer)) {
		struct iovec there = {(void *)from, to - from};
		ssize_t n;

		if (there.iov_len > sizeof(buffer))
			there.iov_len = sizeof(buffer);
		n = process_vm_readv(pid, &here, 1, &there, 1, 0);
		for (int i = 0; n > 0 && needles[i]; i++) {
			char text[160];
			const char *end = strchr(needles[i], '=');

			/* NAME=TEXT: only the name is told. */
			if (!memmem(buffer, (size_t)n, end + 1,
			            strlen(end + 1)))
				continue;
			snprintf(text, sizeof(text), "%.*s %s",
			         (int)(end - needles[i]), needles[i], where);
			see("memory", text);
		}
	}
}

/* All that can be written; what cannot is the program. */
static void search_all(pid_t pid)
{
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char mode[5], name[256] = "";

		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &from, &to,
		           mode, name) < 3)
			continue;
		if (mode[3] == 's')
			see("shared", name);
		if (mode[1] == 'w' || name[0] == '\0')
			search(pid, from, to, name[0] ? name : "unnamed");
	}
	if (maps)
		fclose(maps);
}

/* The memory is worth a look once it is known to be open. */
static int way_search(pid_t pid)
{
	int error = way_vm_read(pid);

	if (error == 0 && is_stranger(pid))
		search_all(pid);
	return error;
}

/* -- all of it --------------------------------------------------------- */

static const struct {
	const char *name;
	int (*try)(pid_t pid);
} ways[] = {
	{"seize", way_seize},
	{"attach", way_attach},
	{"getfd", way_getfd},
	{"vm-read", way_vm_read},
	{"vm-write", way_vm_write},
	{"mem", way_mem},
	{"thread-mem", way_thread_mem},
	{"environ", way_environ},
	{"auxv", way_auxv},
	{"maps", way_maps},
	{"map-files", way_map_files},
	{"pagemap", way_pagemap},
	{"syscall", way_syscall},
	{"io", way_io},
	{"fd", way_fd_list},
	{"fd-entry", way_fd_entry},
	{"root", way_root},
	{"cwd", way_cwd},
	{"exe", way_exe_link},
	{"exe-read", way_exe_read},
	{"exe-write", way_exe_write},
	{"exe-truncate", way_exe_truncate},
	{"ns", way_ns},
	{"setns", way_setns},
	{"search", way_search},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

/* Every word of /proc/PID/status that tells of power. */
static void judge_status(pid_t pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (read_text(path, text, sizeof(text)) <= 0 || !is_stranger(pid))
		return;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "Cap", 3) == 0 ||
		    strncmp(line, "NoNewPrivs", 10) == 0 ||
		    strncmp(line, "Seccomp:", 8) == 0 ||
		    strncmp(line, "Uid", 3) == 0) {
			for (char *c = line; *c; c++)
				if (*c == '\t')
					*c = ' ';
			see("status", line);
		}
}

static void try_all(pid_t pid)
{
	bool before = is_stranger(pid);

	for (unsigned i = 0; i < WAYS; i++) {
		int error = ways[i].try(pid);
		bool after = is_stranger(pid) && !runs_another(pid);
		enum phase phase = is_ending(pid)    ? ENDING
		                   : before && after ? BEFORE
		                   : before          ? ACROSS
		                                     : AFTER;

		__atomic_add_fetch(
			&shared->count[phase][i][error < ERRORS ? error : 0], 1,
			__ATOMIC_RELAXED);
		before = after;
		if (!before)
			break;
	}
}

static bool is_new(pid_t pid)
{
	return !__atomic_exchange_n(&shared->claimed[pid], true,
	                            __ATOMIC_ACQ_REL);
}

/* Stops it, so that it stays what it is while it is tried. */
static bool hold_still(pid_t pid, struct stat_line *s)
{
	if (kill(pid, SIGSTOP))
		return false;
	for (int i = 0; i < 2000 && look(pid, s); i++) {
		if (s->state == 'T' || s->state == 't' || s->state == 'Z')
			break;
		sched_yield();
	}
	return true;
}

/* What has executed its shell is a process of the container's like any other.
 * Whether this was a stranger. */
static bool judge(pid_t pid, const struct stat_line *s)
{
	if (strcmp(s->comm, stranger) != 0 || s->state == 'Z')
		return false;
	/* Its own it has only in a session of its own. */
	if (s->tty && s->session != pid)
		see("terminal", "of a session outside");
	judge_status(pid);
	try_all(pid);
	return true;
}

static void attack(pid_t pid)
{
	struct stat_line s = {.comm = ""};

	if (!is_new(pid) || !hold_still(pid, &s))
		return;
	judge(pid, &s);
	kill(pid, SIGCONT);
}

/* -- who is there ------------------------------------------------------ */

static pid_t newest;

/* All that appeared since the last time. */
static void walk(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || pid >= PIDS || known[pid])
			continue;
		known[pid] = true;
		if (pid > newest)
			newest = pid;
		attack(pid);
	}
	if (proc)
		closedir(proc);
}

/* All that was not there at the start, as it is; how many were strangers. */
static int visit(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct stat_line s;
	int strangers = 0;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid < PIDS && !known[pid] && look(pid, &s))
			strangers += judge(pid, &s);
	}
	if (proc)
		closedir(proc);
	return strangers;
}

static void know_all(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid < PIDS)
			known[pid] = true;
		if (pid > newest)
			newest = pid;
	}
	if (proc)
		closedir(proc);
}

/* Numbers inside are given out in order: no need to wait to be shown them. */
static void lie_in_wait(void)
{
	for (int i = 0; i < 256; i++)
		for (pid_t pid = newest + 1; pid <= newest + WINDOW; pid++) {
			if (pid >= PIDS || known[pid] || kill(pid, 0))
				continue;
			known[pid] = true;
			attack(pid);
			newest = pid;
			break;
		}
}

static void report(void)
{
	for (unsigned p = 0; p < PHASES; p++)
		for (unsigned w = 0; w < WAYS; w++)
			for (int e = 0; e < ERRORS; e++)
				if (shared->count[p][w][e])
					printf("count %s %s %s %u\n", phases[p],
					       ways[w].name, error_name(e),
					       shared->count[p][w][e]);
	for (unsigned i = 0; i < shared->kinds; i++)
		printf("seen %s\n", shared->seen[i]);
	fflush(stdout);
}

/* Every other one waits for numbers instead of reading the directory. */
static _Noreturn void work(bool waits)
{
	for (;;) {
		if (waits)
			lie_in_wait();
		walk();
	}
}

static int watch(int workers)
{
	pid_t pids[8];
	char line[16];
	int started = 0, go[2];

	if (workers > 8 || pipe(go))
		return 1;
	for (; started < workers; started++) {
		pids[started] = fork();
		if (pids[started] == 0) {
			/* Until all are there, and so known. */
			if (read(go[0], line, 1) != 1)
				_exit(1);
			know_all();
			puts("ready");
			fflush(stdout);
			work(started % 2);
		}
	}
	if (write(go[1], "gggggggg", (size_t)workers) != workers)
		return 1;
	while (read(0, line, sizeof(line)) > 0)
		continue;
	for (int i = 0; i < started; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	report();
	return 0;
}

/* Everything that was not there at the start, each time. */
static int rounds(void)
{
	char line[64];

	know_all();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("round %d\n", visit());
		fflush(stdout);
	}
	report();
	return 0;
}

int main(int argc, char **argv)
{
	bool watching = argc > 3 && strcmp(argv[1], "watch") == 0;

	if (!watching && (argc < 3 || strcmp(argv[1], "rounds") != 0))
		return 2;
	stranger = argv[watching ? 3 : 2];
	needles = argv + (watching ? 4 : 3);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return watching ? watch(atoi(argv[2])) : rounds();
}
