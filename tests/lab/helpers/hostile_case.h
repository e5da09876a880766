/* SPDX-License-Identifier: MIT */
/*
 * hostile_case.h - one random call of ctsh: its arguments, environment and
 * descriptors, and what must come of it.  For hostile_caller.c.
 */
#ifndef HOSTILE_CASE_H
#define HOSTILE_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define CASE_MS                                                      \
	40000 /* the login's own deadline is 20 s, and 10 for a slot \
	       */
#define REAP_MS 5000
#define TEXT_MAX 300000
#define WORDS_MAX 24000
#define VARIABLES_MAX 3000
#define BYTES_MAX 120000

/* --- chance ----------------------------------------------------------------
 */

static uint64_t state;

static uint64_t next(void)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15u);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(next() % n);
}

static bool percent(unsigned n)
{
	return below(100) < n;
}

#define PICK(array) array[below(sizeof(array) / sizeof(*(array)))]

/* --- a case ----------------------------------------------------------------
 */

enum kind {
	/* what passes or is relayed */
	PIPE,
	REGULAR,
	APPENDED,
	SOCKET,
	MEMFD,
	FIFO,
	TERMINAL,
	NOTHING, /* /dev/null */
	CLOSED,
	BROKEN,    /* the other end is closed */
	WRONG_WAY, /* opened for the other direction */
	SILENT,    /* for input: open, and nothing ever comes */
	MASTER,    /* the other side of a terminal */
	ZERO,
	FULL,
	NOISE,
	SAME, /* for stderr: as stdout */
	FIRST_REFUSED,
	DIRECTORY = FIRST_REFUSED,
	PATH_FILE,
	PATH_DIRECTORY,
	DATAGRAM,
	UNCONNECTED,
	LISTENER,
	PIDFD,
	EPOLL,
	EVENT,
	TIMER,
	SIGNALFD,
	INOTIFY,
	NAMESPACE,
	USER_NAMESPACE,
	PROC_FILE,
	SYS_FILE,
	NETLINK,
	KINDS
};

static const char *const kind_names[KINDS] = {
	"pipe",     "regular",   "appended",  "socket",  "memfd",
	"fifo",     "terminal",  "null",      "closed",  "broken",
	"wrong",    "silent",    "master",    "zero",    "full",
	"noise",    "same",      "directory", "path",    "path-dir",
	"datagram", "unconnect", "listener",  "pidfd",   "epoll",
	"event",    "timer",     "signalfd",  "inotify", "namespace",
	"user-ns",  "proc-file", "sys-file",  "netlink",
};

struct end {
	enum kind kind;
	int theirs; /* what becomes 0, 1 or 2 */
	int ours;   /* the other end, or a way to read what was written */
	char text[TEXT_MAX];
	size_t length;
};

enum call { LOGIN, COMMAND, NEITHER };
enum outcome { LANDS, E_USAGE, E_SYSTEM };

struct setup {
	enum call call;
	enum outcome expected;
	int status;       /* of a landing                               */
	int signal;       /* or the signal that the command ends by     */
	bool exact;       /* what the command prints is known           */
	char out[8192];   /* that                                       */
	char script[256]; /* what a login reads                         */
	int pending;      /* a signal that is, or 0                     */
	int timer;        /* ITIMER_*, soon; -1 for none                */
	bool noisy;       /* the loader may complain on stderr          */
	bool traced;      /* LD_TRACE_LOADED_OBJECTS: the loader ends with 5 */
	bool low;         /* hard limits: may land or not */
	bool filtered;    /* a filter of the caller's: may say nothing at all */
	bool unprivileged;
	bool session, controlling, background, children;
	int directory; /* 0 as it is, 1 deleted, 2 unreadable, 3 root */
	char **argv, **envp;
	struct end end[3];
	int master, slave;
};

static struct setup s;
static bool sanitized;
static const char *program, *directory;
static char *words[WORDS_MAX + 1], *variables[VARIABLES_MAX + 1];
static char *heap[WORDS_MAX + VARIABLES_MAX + 16];
static size_t heaped;

static void *keep(char *block)
{
	if (!block)
		abort();
	return heap[heaped++] = block;
}

static char *format(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return keep(text);
}

/* Any bytes but NUL and `but`. */
static char *bytes(size_t length, char but)
{
	char *text = keep(malloc(length + 1));

	for (size_t i = 0; i < length; i++) {
		do
			text[i] = (char)(1 + below(255));
		while (text[i] == but);
	}
	text[length] = '\0';
	return text;
}

static size_t some_length(void)
{
	return percent(3) ? below(BYTES_MAX) : below(percent(20) ? 4096 : 40);
}

/* --- argv and environment ---------------------------------------------------
 */

/* What the shell inside is told, and what must come of it. */
static char *make_command(void)
{
	static const int signals[] = {SIGHUP, SIGKILL, SIGTERM, SIGUSR1};
	char *text;

	s.status = (int)below(120);
	switch (below(8)) {
	case 0: /* garbage that must not be read as anything else */
		return format("exit %d\n%s", s.status, bytes(some_length(), 0));
	case 1:
		text = bytes(1 + below(3000), '\'');
		s.exact = true;
		snprintf(s.out, sizeof(s.out), "%s", text);
		return format("trap '' PIPE; printf %%s '%s'; exit %d", text,
		              s.status);
	case 2:
		s.signal = PICK(signals);
		return format("kill -%d $$; sleep 9", s.signal);
	default:
		s.exact = true;
		snprintf(s.out, sizeof(s.out), "in %u\n", below(1000000));
		return format("trap '' PIPE; echo %.*s; exit %d",
		              (int)strlen(s.out) - 1, s.out, s.status);
	}
}

static char *some_word(void)
{
	static char *const known[] = {
		"-c",       "--",     "-x", "-l",        "-i",  "",
		"-lc",      "--help", "id", "--version", "-s",  "-",
		"%s%s%s%n", "-c id",  "\n", "--login",   "-pc",
	};

	return percent(60) ? PICK(known) : bytes(some_length(), 0);
}

static char *some_name(void)
{
	static char *const known[] = {"ctsh", "-ctsh",     "-",    "sh",
	                              "-c",   "/bin/bash", "%n%n", "\x1b[31m"};

	if (percent(80))
		return PICK(known);
	return bytes(1 + some_length(), 0);
}

static bool is_valid(int argc)
{
	return (argc == 1 && words[0][0]) ||
	       (argc == 3 && strcmp(words[1], "-c") == 0);
}

static void make_arguments(void)
{
	static const int counts[] = {0, 1, 2, 2, 3, 3, 3, 4, 5, 9};
	unsigned dice = below(100);
	int count;

	s.argv = words;
	words[0] = some_name();
	if (dice < 26) {
		s.call = COMMAND;
		words[1] = "-c";
		words[2] = make_command();
		words[3] = NULL;
		return;
	}
	if (dice < 34) {
		s.call = LOGIN;
		words[1] = NULL;
		return;
	}
	s.call = NEITHER;
	do {
		count = percent(2) ? (int)below(WORDS_MAX) : PICK(counts);
		for (int i = 0; i < count; i++)
			words[i] = count > 100 ? "w" : some_word();
		words[count] = NULL;
	} while (is_valid(count));
}

static char *some_variable(void)
{
	/* Not ASAN_OPTIONS and its kin: those are the test's. */
	static const char *const names[] = {
		"LD_PRELOAD",
		"LD_AUDIT",
		"LD_LIBRARY_PATH",
		"LD_DEBUG",
		"LD_DEBUG_OUTPUT",
		"LD_SHOW_AUXV",
		"LD_BIND_NOW",
		"LD_PROFILE",
		"LD_ORIGIN_PATH",
		"LD_USE_LOAD_BIAS",
		"LD_HWCAP_MASK",
		"LD_DYNAMIC_WEAK",
		"LD_WARN",
		"LD_VERBOSE",
		"GLIBC_TUNABLES",
		"MALLOC_CHECK_",
		"MALLOC_PERTURB_",
		"MALLOC_ARENA_MAX",
		"MALLOC_TRACE",
		"MALLOC_TOP_PAD_",
		"GCONV_PATH",
		"LOCPATH",
		"LOCALDOMAIN",
		"NLSPATH",
		"TZ",
		"TZDIR",
		"HOSTALIASES",
		"RES_OPTIONS",
		"RESOLV_HOST_CONF",
		"TMPDIR",
		"GETCONF_DIR",
		"NIS_PATH",
		"PATH",
		"IFS",
		"ENV",
		"BASH_ENV",
		"SHELLOPTS",
		"PS4",
		"HOME",
		"SHELL",
		"USER",
		"LOGNAME",
		"LANG",
		"LC_ALL",
		"LC_CTYPE",
		"LANGUAGE",
		"TERM",
		"COLORTERM",
		"TERMCAP",
		"TERMINFO",
		"SSH_CONNECTION",
		"SSH_CLIENT",
		"SSH_TTY",
		"SSH_AUTH_SOCK",
		"CTSH_CALLER_PATH",
		"CTSH_CALLER_",
		"CTSH_CALLER_SSH_ORIGINAL_COMMAND",
		"DOCKER_HOST",
		"CONTAINER_HOST",
		"XDG_RUNTIME_DIR",
		"NOTIFY_SOCKET",
		"LISTEN_FDS",
		"LISTEN_PID",
		"http_proxy",
		"DISPLAY",
	};
	static const char *const values[] = {
		"",
		"1",
		"/etc/shadow",
		"/tmp/evil.so",
		"all",
		"C.UTF-8",
		"/proc/self/fd/0",
		"() { :; }; id",
		"../../../etc",
		"glibc.malloc.tcache_count=1=glibc.malloc.check=3",
		"glibc.malloc.mxfast=A:glibc.rtld.nns=99999999999",
		"xterm",
		"%s%n",
		"127.0.0.1 1 127.0.0.1 2",
		"$(id)",
		"-1",
	};

	switch (below(12)) {
	case 0:
		return bytes(some_length(), 0);
	case 1:
		return bytes(some_length(), '=');
	case 2:
		return "";
	case 3:
		return format("=%s", bytes(below(20), 0));
	case 4:
		return format("%s=%s", PICK(names), bytes(some_length(), 0));
	case 5:
		return format("%s=%s", bytes(1 + below(9), 0), PICK(values));
	default:
		return format("%s=%s", PICK(names), PICK(values));
	}
}

static void make_environment(void)
{
	size_t count = percent(4) ? below(VARIABLES_MAX - 20) : below(30);
	size_t used = 0, total = 0;

	s.envp = variables;
	/* The loader of a program without privilege obeys it. */
	if (s.unprivileged)
		count = 0;
	while (used < count && total < 600000) {
		variables[used] =
			count > 100 ? format("V%zu=x", used) : some_variable();
		if (strncmp(variables[used], "LD_", 3) == 0)
			s.noisy = true;
		total += strlen(variables[used++]);
	}
	if (percent(1) && !s.unprivileged) {
		variables[used++] = "LD_TRACE_LOADED_OBJECTS=1";
		s.traced = true;
	}
	if (percent(10)) {
		char *command = make_command();

		if (s.call == LOGIN) /* becomes a command by that */
			s.script[0] = '\0';
		else
			command = "exit 121";
		variables[used++] = format("SSH_ORIGINAL_COMMAND=%s", command);
		if (s.call == LOGIN)
			s.call = COMMAND;
		if (percent(30))
			variables[used++] = "SSH_ORIGINAL_COMMAND=exit 121";
	}
	variables[used] = NULL;
}

/* A command is made again where the arguments have one already. */
static void make_call(void)
{
	make_arguments();
	if (s.call == COMMAND) {
		struct setup made = s;

		make_environment();
		s.status = made.status;
		s.signal = made.signal;
		s.exact = made.exact;
		memcpy(s.out, made.out, sizeof(s.out));
		return;
	}
	make_environment();
	if (s.call != LOGIN)
		return;
	s.status = (int)below(120);
	snprintf(s.script, sizeof(s.script), "exit %d\n", s.status);
}

/* --- descriptors ------------------------------------------------------------
 */

static int must(int fd)
{
	if (fd < 0) {
		perror("hostile_caller: setup");
		exit(3);
	}
	return fd;
}

static int path(const char *name, int flags)
{
	return must(open(name, flags | O_CLOEXEC | O_NOCTTY, 0600));
}

static char *scratch(int place)
{
	return format("%s/%d.%d", directory, (int)getpid(), place);
}

static enum kind some_kind(int place)
{
	static const enum kind in[] = {
		PIPE,     PIPE,     REGULAR, SOCKET, MEMFD,  FIFO,
		TERMINAL, TERMINAL, NOTHING, CLOSED, BROKEN, WRONG_WAY,
		SILENT,   MASTER,   ZERO,    FULL,   NOISE};
	static const enum kind out[] = {PIPE,    PIPE,      PIPE,    PIPE,
	                                REGULAR, APPENDED,  SOCKET,  MEMFD,
	                                FIFO,    TERMINAL,  NOTHING, CLOSED,
	                                BROKEN,  WRONG_WAY, ZERO,    FULL};
	enum kind kind;

	/* On stderr it costs a second each: nothing of it can be written to. */
	if (percent(place == 2 ? 1 : 8))
		return FIRST_REFUSED + below(KINDS - FIRST_REFUSED);
	if (place == 2 && percent(5))
		return SAME;
	kind = place == 0 ? PICK(in) : PICK(out);
	/* A login reads until it is told to end. */
	if (place == 0 && s.call == LOGIN && (kind == SILENT || kind >= ZERO))
		kind = NOTHING;
	return kind;
}

static void open_terminal(void)
{
	if (s.master >= 0)
		return;
	s.master = must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (grantpt(s.master) || unlockpt(s.master))
		must(-1);
	s.slave = path(ptsname(s.master), O_RDWR);
	fcntl(s.master, F_SETFL, O_NONBLOCK);
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		must(-1);
}

static void open_pair(struct end *e, bool input)
{
	int fd[2];

	if (e->kind == SOCKET) {
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	} else {
		must(pipe2(fd, O_CLOEXEC));
		if (!input) {
			int swap = fd[0];

			fd[0] = fd[1];
			fd[1] = swap;
		}
	}
	e->theirs = fd[0];
	e->ours = fd[1];
	if (input && (e->kind == PIPE || e->kind == SOCKET)) {
		put(e->ours, s.script);
		if (e->kind == SOCKET)
			shutdown(e->ours, SHUT_WR);
	}
	if (e->kind == BROKEN || (input && e->kind == PIPE)) {
		close(e->ours);
		e->ours = -1;
	} else {
		fcntl(e->ours, F_SETFL, O_NONBLOCK);
	}
}

static void open_named(struct end *e, int place, bool input)
{
	char *name = scratch(place);

	if (e->kind == FIFO) {
		int both;

		must(mkfifo(name, 0600));
		both = path(name, O_RDWR | O_NONBLOCK);
		e->theirs = path(name, input ? O_RDONLY : O_WRONLY);
		if (input) {
			put(both, s.script);
			close(both);
		} else {
			e->ours = path(name, O_RDONLY | O_NONBLOCK);
			close(both);
		}
	} else {
		int fd = path(name, O_RDWR | O_CREAT | O_EXCL);

		put(fd, s.script);
		if (input)
			e->theirs = path(name, O_RDONLY);
		else
			e->theirs = path(
				name,
				O_WRONLY | O_TRUNC |
					(e->kind == APPENDED ? O_APPEND : 0));
		e->ours = fd;
		if (input) {
			close(fd);
			e->ours = -1;
		}
	}
	unlink(name);
}

/* Without an address it would listen on every network. */
static int listen_on_loopback(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (struct sockaddr *)&here, sizeof(here)));
	must(listen(fd, 1));
	return fd;
}

static void open_special(struct end *e, bool input)
{
	sigset_t none;

	sigemptyset(&none);
	switch (e->kind) {
	case DIRECTORY:
		e->theirs = path("/", O_RDONLY | O_DIRECTORY);
		break;
	case PATH_FILE:
		e->theirs = path("/etc/passwd", O_PATH);
		break;
	case PATH_DIRECTORY:
		e->theirs = path("/", O_PATH | O_DIRECTORY);
		break;
	case DATAGRAM:
		e->theirs = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
		break;
	case UNCONNECTED:
		e->theirs =
			must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		break;
	case LISTENER:
		e->theirs = listen_on_loopback();
		break;
	case NETLINK:
		e->theirs =
			must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
		break;
	case PIDFD:
		e->theirs = must((int)syscall(SYS_pidfd_open, getpid(), 0));
		break;
	case EPOLL:
		e->theirs = must(epoll_create1(EPOLL_CLOEXEC));
		break;
	case EVENT:
		e->theirs = must(eventfd(1, EFD_CLOEXEC));
		break;
	case TIMER:
		e->theirs = must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
		break;
	case SIGNALFD:
		e->theirs = must(signalfd(-1, &none, SFD_CLOEXEC));
		break;
	case INOTIFY:
		e->theirs = must(inotify_init1(IN_CLOEXEC));
		break;
	case NAMESPACE:
		e->theirs = path("/proc/self/ns/net", O_RDONLY);
		break;
	case USER_NAMESPACE:
		e->theirs = path("/proc/self/ns/user", O_RDONLY);
		break;
	case PROC_FILE:
		e->theirs = path("/proc/self/status", O_RDONLY);
		break;
	case SYS_FILE:
		e->theirs = path("/sys/kernel/mm/transparent_hugepage/enabled",
		                 O_RDONLY);
		break;
	case ZERO:
		e->theirs = path("/dev/zero", O_RDWR);
		break;
	case FULL:
		e->theirs = path("/dev/full", O_RDWR);
		break;
	case NOISE:
		e->theirs = path("/dev/urandom", O_RDONLY);
		break;
	case WRONG_WAY:
		e->theirs = path("/dev/null", input ? O_WRONLY : O_RDONLY);
		break;
	default:
		e->theirs = path("/dev/null", O_RDWR);
	}
}

static void open_end(int place)
{
	struct end *e = &s.end[place];
	bool input = place == 0;

	e->theirs = e->ours = -1;
	e->length = 0;
	e->text[0] = '\0';
	e->kind = some_kind(place);
	switch (e->kind) {
	case CLOSED:
		break;
	case SAME:
		e->theirs = s.end[1].theirs < 0 ? -1 : dup(s.end[1].theirs);
		break;
	case PIPE:
	case SOCKET:
	case BROKEN:
	case SILENT:
		open_pair(e, input);
		break;
	case REGULAR:
	case APPENDED:
	case FIFO:
		open_named(e, place, input);
		break;
	case MEMFD:
		e->theirs = must(memfd_create("m", MFD_CLOEXEC));
		if (input) {
			put(e->theirs, s.script);
			lseek(e->theirs, 0, SEEK_SET);
		}
		e->ours = dup(e->theirs);
		break;
	case TERMINAL:
		open_terminal();
		e->theirs = dup(s.slave);
		break;
	case MASTER:
		e->theirs = must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
		if (grantpt(e->theirs) || unlockpt(e->theirs))
			must(-1);
		e->ours = path(ptsname(e->theirs), O_RDWR | O_NONBLOCK);
		break;
	default:
		open_special(e, input);
	}
}

static void open_ends(void)
{
	s.master = s.slave = -1;
	for (int place = 0; place < 3; place++)
		open_end(place);
	/* A login whose input is over ends with 0. */
	switch (s.end[0].kind) {
	case NOTHING:
	case CLOSED:
	case BROKEN:
	case WRONG_WAY:
		if (s.call == LOGIN)
			s.status = 0;
		break;
	default:
		break;
	}
}

static bool is_refused(void)
{
	for (int place = 0; place < 3; place++)
		if (s.end[place].kind >= FIRST_REFUSED)
			return true;
	return s.end[2].kind == SAME && s.end[1].kind >= FIRST_REFUSED;
}

#endif
