/* SPDX-License-Identifier: MIT */
/* Part of nspawn.h: machines that machined does not know. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "../base/text.h"
#include "nspawn.h"
#include "record.h"

#define PROGRAM "/usr/bin/systemd-nspawn"
#define ARGV_MAX 65536
#define CHILDREN_MAX 16384

/* -- the command line ------------------------------------------------------ */

/* One argument after the other, out of text with NULs between. */
struct arguments {
	const char *next, *end;
};

static const char *take(struct arguments *a)
{
	const char *argument = a->next;

	if (a->next >= a->end ||
	    !memchr(a->next, '\0', (size_t)(a->end - a->next)))
		return NULL;
	a->next += strlen(a->next) + 1;
	return argument;
}

/* Whether the option's value is the next argument. */
static bool wants_next(const char *option)
{
	static const char *const with_value[] = {
		"-D",          "-i",      "-M",     "-u", "-S",
		"-L",          "-Z",      "-E",     "-p", "--machine",
		"--directory", "--image", "--user",
	};

	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
		if (!strcmp(option, with_value[i]))
			return true;
	return false;
}

/* The name in this option, or NULL; `value` is what follows it. */
static const char *name_in(const char *option, const char *value)
{
	static const char longer[] = "--machine=";

	if (!strcmp(option, "-M") || !strcmp(option, "--machine"))
		return value;
	if (!strncmp(option, "-M", 2))
		return option + 2;
	if (!strncmp(option, longer, sizeof(longer) - 1))
		return option + sizeof(longer) - 1;
	return NULL;
}

bool ctsh_nspawn_names(const char *argv, size_t length, const char *name)
{
	struct arguments a = {.next = argv, .end = argv + length};
	const char *option, *found = NULL;

	(void)take(&a);
	/* The first that is none ends them; so does one that follows an option
	 * not known here to take it: rather not found than mistaken. */
	while ((option = take(&a)) && option[0] == '-' &&
	       strcmp(option, "--") != 0) {
		const char *value = wants_next(option) ? take(&a) : NULL;
		const char *named = name_in(option, value);

		if (named)
			found = named; /* the last one wins, as there */
	}
	return found && !strcmp(found, name);
}

/* -- the process ----------------------------------------------------------- */

struct search {
	const char *name;
	struct stat program;
	struct ctsh_ns_id user, pid; /* our own */
	int root;                    /* /proc   */
	unsigned count;
	int nspawn; /* below /proc, owned; or -1 */
	pid_t nspawn_pid;
};

static bool is_in(int proc, const char *kind, const struct ctsh_ns_id *ours)
{
	struct ctsh_error ignored;
	struct ctsh_ns_id theirs;

	return !ctsh_proc_read_ns(proc, kind, &theirs, &ignored) &&
	       theirs.dev == ours->dev && theirs.ino == ours->ino;
}

static bool is_all_root(const struct ctsh_proc_status *status)
{
	for (unsigned i = 0; i < 4; i++)
		if (status->uid[i] || status->gid[i])
			return false;
	return true;
}

/* `exe` is that of a process below `dir`. */
static bool is_program(const struct search *s, int dir, const char *exe)
{
	struct stat st;

	return !fstatat(dir, exe, &st, 0) && st.st_dev == s->program.st_dev &&
	       st.st_ino == s->program.st_ino;
}

/* While it starts it has a child that is as it is itself. */
static bool is_helper(const struct search *s, pid_t parent)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "%d/exe", (int)parent);
	return is_program(s, s->root, path);
}

/* Anybody may call a process systemd-nspawn, or run the real one for nothing:
 * such are passed over, lest they stand in the way of the true one. */
static bool is_nspawn(const struct search *s, int proc)
{
	struct ctsh_proc_status status;
	struct ctsh_error ignored;

	return is_program(s, proc, "exe") &&
	       !ctsh_proc_read_status(proc, &status, &ignored) &&
	       is_all_root(&status) && is_in(proc, "user", &s->user) &&
	       is_in(proc, "pid", &s->pid) && !is_helper(s, status.parent);
}

static bool has_name(const struct search *s, int proc)
{
	ctsh_autofree char *argv = NULL;
	size_t length;

	argv = ctsh_read_file_at(proc, "cmdline", ARGV_MAX, &length);
	return argv && ctsh_nspawn_names(argv, length, s->name);
}

static void look_at(struct search *s, const char *entry)
{
	ctsh_autoclose int proc = -1;
	uint64_t pid;

	if (!ctsh_text_number(entry, CTSH_PID_MAX, &pid))
		return;
	proc = openat(s->root, entry,
	              O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (proc < 0 || !is_nspawn(s, proc) || !has_name(s, proc))
		return;
	s->count++;
	ctsh_close_fd(&s->nspawn);
	s->nspawn = ctsh_steal_fd(&proc);
	s->nspawn_pid = (pid_t)pid;
}

static int look_at_all(struct search *s, int64_t deadline_ms,
                       struct ctsh_error *err)
{
	struct dirent *entry;
	int late = 0;
	DIR *dir;
	int fd = openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ctsh_close_fd(&fd);
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "list /proc");
	}
	while (!late && (entry = readdir(dir))) {
		look_at(s, entry->d_name);
		late = ctsh_now_ms() >= deadline_ms;
	}
	(void)closedir(dir);
	return late ? ctsh_fail(err, CTSH_E_ENGINE, ETIMEDOUT, "list /proc")
	            : 0;
}

/* -- its child ------------------------------------------------------------- */

/* Whether that child is in a PID namespace of its own, and since when. */
static bool is_init(const struct search *s, pid_t pid, uint64_t *start_ticks)
{
	ctsh_autoclose int proc = -1;
	struct ctsh_proc_status status;
	struct ctsh_error ignored;

	proc = ctsh_proc_of(pid, &ignored);
	return proc >= 0 && !ctsh_proc_read_status(proc, &status, &ignored) &&
	       status.parent == s->nspawn_pid && !is_in(proc, "pid", &s->pid) &&
	       !ctsh_proc_read_start(proc, start_ticks, &ignored);
}

static int find_init(const struct search *s, struct ctsh_target *target,
                     struct ctsh_error *err)
{
	ctsh_autofree char *list = NULL;
	char path[64], *rest, *word;
	unsigned count = 0;
	uint64_t pid, ticks;

	(void)snprintf(path, sizeof(path), "task/%d/children",
	               (int)s->nspawn_pid);
	list = ctsh_read_file_at(s->nspawn, path, CHILDREN_MAX, NULL);
	if (!list)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "children of systemd-nspawn");
	for (rest = list; (word = strsep(&rest, " \n"));)
		if (ctsh_text_number(word, CTSH_PID_MAX, &pid) &&
		    is_init(s, (pid_t)pid, &ticks)) {
			count++;
			target->pid = (pid_t)pid;
			target->start_ticks = ticks;
		}
	if (count == 1)
		return 0;
	(void)ctsh_fail(err, count ? CTSH_E_ENGINE : CTSH_E_ABSENT, 0,
	                "%u inits below systemd-nspawn, pid %d", count,
	                (int)s->nspawn_pid);
	err->coming = count ? CTSH_COMING_NOT : CTSH_COMING_SOON;
	return -1;
}

static int prepare(struct search *s, struct ctsh_error *err)
{
	ctsh_autoclose int program = -1, self = -1;

	program = ctsh_open_trusted(PROGRAM, CTSH_E_UNSAFE, err);
	if (program < 0) {
		if (err->sys == ENOENT)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	if (fstat(program, &s->program))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat %s", PROGRAM);
	self = ctsh_proc_of(getpid(), err);
	if (self < 0 || ctsh_proc_read_ns(self, "user", &s->user, err) ||
	    ctsh_proc_read_ns(self, "pid", &s->pid, err))
		return -1;
	s->root = ctsh_proc_open(err);
	return s->root < 0 ? -1 : 0;
}

static int search(struct search *s, int64_t deadline_ms,
                  struct ctsh_target *target, struct ctsh_error *err)
{
	if (prepare(s, err) || look_at_all(s, deadline_ms, err))
		return -1;
	if (s->count == 0)
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "no systemd-nspawn runs with -M %s", s->name);
	if (s->count > 1)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "%u times systemd-nspawn runs with -M %s",
		                 s->count, s->name);
	return find_init(s, target, err);
}

int ctsh_nspawn_search(const char *name, int64_t deadline_ms,
                       struct ctsh_target *target, struct ctsh_error *err)
{
	struct search s = {.name = name, .root = -1, .nspawn = -1};
	int result = search(&s, deadline_ms, target, err);

	ctsh_close_fd(&s.root);
	ctsh_close_fd(&s.nspawn);
	return result;
}
