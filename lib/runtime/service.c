/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/run.h"
#include "runtime.h"

/* What says that systemd is the service manager, see sd_booted(3). */
#define BOOTED "/run/systemd/system"

/* Its own words are short, an engine's can be anything. */
#define WORDS_MAX 4096

/* Of the journal, beyond the time that a start has. */
#define JOURNAL_MS 1500

/* A machine's name and what is around it. */
#define UNIT_MAX 128

#define PLAIN                        \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789/_.,:@+-"

bool ctsh_service_plain(const char *path)
{
	return path[strspn(path, PLAIN)] == '\0';
}

const char *ctsh_service_program(const char *const *paths)
{
	for (; *paths; paths++)
		if (access(*paths, X_OK) == 0)
			return *paths;
	return NULL;
}

static bool is_booted(void)
{
	struct stat st;

	return lstat(BOOTED, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * The line that says why: the first that speaks of an error, since some engines
 * end with advice; without one the last.  The text loses its lines' ends.
 */
static const char *telling_line(char *text)
{
	const char *found = "";
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		if (strcasestr(line, "error"))
			return line;
		if (*line)
			found = line;
	}
	return found;
}

/* The end of the file; "" if there is none. */
static void read_end(const char *path, char *text, size_t size)
{
	ctsh_autoclose int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	off_t start = 0;
	ssize_t got = -1;

	text[0] = '\0';
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (st.st_size >= (off_t)size)
		start = st.st_size - (off_t)size + 1;
	got = pread(fd, text, size - 1, start);
	text[got < 0 ? 0 : got] = '\0';
}

/* What the processes of that unit had to say.  "" if there is no journal. */
static void read_journal(const char *unit, char *text, size_t size)
{
	static const char *const places[] = {"/usr/bin/journalctl",
	                                     "/bin/journalctl", NULL};
	const char *program = ctsh_service_program(places);
	int64_t deadline_ms = ctsh_now_ms() + JOURNAL_MS;
	char field[UNIT_MAX + 16];
	const char *const sync[] = {program, "--sync", NULL};
	const char *const ask[] = {program,        "--quiet", "--no-pager",
	                           "--output=cat", "--boot",  "--lines=20",
	                           field,          NULL};
	struct ctsh_error ignored;
	int status;

	text[0] = '\0';
	if (!program)
		return;
	(void)snprintf(field, sizeof(field), "_SYSTEMD_UNIT=%s", unit);
	/* It has a unit's last words when it has read them. */
	if (ctsh_run(sync, text, size, deadline_ms, &status, &ignored) ||
	    ctsh_run(ask, text, size, deadline_ms, &status, &ignored) ||
	    status != 0)
		text[0] = '\0';
}

/* Why it failed: what its log has, or else the journal, or else what who ran it
 * had to say. */
static int failed(const char *program, const char *log, const char *unit,
                  char *said, struct ctsh_error *err)
{
	char words[WORDS_MAX] = "";

	if (log)
		read_end(log, words, sizeof(words));
	if (!words[0] && unit)
		read_journal(unit, words, sizeof(words));
	return ctsh_fail(err, CTSH_E_ABSENT, 0, "%s: %s", program,
	                 telling_line(words[0] ? words : said));
}

/* A command's end.  `*status` is wait(2)'s. */
static int carry_out(const char *const *argv, char *said, int64_t deadline_ms,
                     int *status, struct ctsh_error *err)
{
	if (ctsh_run(argv, said, WORDS_MAX, deadline_ms, status, err) == 0)
		return 0;
	if (err->sys == ETIMEDOUT)
		err->code = CTSH_E_ABSENT;
	return -1;
}

static int check_manager(const char *program, const char *what,
                         struct ctsh_error *err)
{
	if (program && is_booted())
		return 0;
	return ctsh_fail(err, CTSH_E_CONFIG, 0,
	                 "systemd does not run here, and %s may not be started "
	                 "by a login",
	                 what);
}

/* -- as a service of another owner's --------------------------------------- */

/* What systemd-run is told of them. */
struct identity {
	char uid[32], gid[32], slice[48], run_dir[64];
};

/* Without that directory an engine makes itself another one, where nobody looks
 * for its containers. */
static int check_run_dir(uid_t uid, struct ctsh_error *err)
{
	char path[48];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/run/user/%u", uid);
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != uid)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "uid %u has no %s: neither a session nor "
		                 "lingering",
		                 uid, path);
	return 0;
}

/* How many words. */
static size_t put_identity(const struct ctsh_owner *owner, struct identity *own,
                           const char **command)
{
	if (!owner)
		return 0;
	(void)snprintf(own->uid, sizeof(own->uid), "--uid=%u", owner->uid);
	(void)snprintf(own->gid, sizeof(own->gid), "--gid=%u", owner->gid);
	(void)snprintf(own->slice, sizeof(own->slice), "--slice=user-%u.slice",
	               owner->uid);
	(void)snprintf(own->run_dir, sizeof(own->run_dir),
	               "--setenv=XDG_RUNTIME_DIR=/run/user/%u", owner->uid);
	command[0] = own->uid;
	command[1] = own->gid;
	command[2] = own->slice;
	command[3] = own->run_dir;
	return 4;
}

const char *ctsh_service_runner(void)
{
	static const char *const places[] = {"/usr/bin/systemd-run",
	                                     "/bin/systemd-run", NULL};

	return ctsh_service_program(places);
}

/* -- commands -------------------------------------------------------------- */

int ctsh_service_run(const struct ctsh_service *service, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	const char *const *argv = service->argv;
	char patience[48], said[WORDS_MAX], unit[UNIT_MAX], name[UNIT_MAX + 8];
	int64_t left = deadline_ms - ctsh_now_ms();
	struct identity own;
	const char *command[20 + CTSH_SERVICE_WORDS] = {
		ctsh_service_runner(),
		"--quiet",
		"--collect",
		name,
		"--description=a container, for a login by ctsh",
		/* Until the command has ended; what it started is not its. */
		"--property=Type=oneshot",
		"--property=KillMode=process",
		patience,
		/* Not /dev/null: crun gives what it has to the container's
	         * root. */
		"--property=StandardInput=data",
		"--property=StandardInputData=Cg==",
	};
	size_t used = 10;
	int status;

	/* To the service manager no time at all is all the time there is. */
	if (left <= 0)
		return ctsh_fail(err, CTSH_E_ABSENT, ETIMEDOUT, "%s", argv[0]);
	if (check_manager(command[0], argv[0], err) ||
	    (service->owner && check_run_dir(service->owner->uid, err)))
		return -1;
	used += put_identity(service->owner, &own, command + used);
	command[used++] = "--";
	for (size_t i = 0; argv[i] && i < CTSH_SERVICE_WORDS; i++)
		command[used++] = argv[i];
	(void)snprintf(unit, sizeof(unit), "ctsh-start-%d-%lld.service",
	               (int)getpid(), (long long)ctsh_now_ms());
	(void)snprintf(name, sizeof(name), "--unit=%s", unit);
	(void)snprintf(patience, sizeof(patience),
	               "--property=TimeoutStartSec=%lld",
	               (long long)(left / 1000 + 1));
	if (service->log)
		(void)unlink(service->log);
	if (carry_out(command, said, deadline_ms, &status, err))
		return -1;
	return status == 0 ? 0 : failed(argv[0], service->log, unit, said, err);
}

int ctsh_service_start(const char *unit, int64_t deadline_ms,
                       struct ctsh_error *err)
{
	static const char *const places[] = {"/usr/bin/systemctl",
	                                     "/bin/systemctl", NULL};
	const char *argv[] = {ctsh_service_program(places),
	                      "--quiet",
	                      "--no-ask-password",
	                      "start",
	                      "--",
	                      unit,
	                      NULL};
	char said[WORDS_MAX];
	int status;

	if (check_manager(argv[0], unit, err) ||
	    carry_out(argv, said, deadline_ms, &status, err))
		return -1;
	return status == 0 ? 0 : failed(unit, NULL, unit, said, err);
}

int ctsh_service_ask(const char *const *argv, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	char said[WORDS_MAX];
	int status;

	if (carry_out(argv, said, deadline_ms, &status, err))
		return -1;
	return status == 0 ? 0 : failed(argv[0], NULL, NULL, said, err);
}

bool ctsh_service_manager(void)
{
	return is_booted();
}
