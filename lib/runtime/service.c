/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "../base/run.h"

/* What says that systemd is the service manager, see sd_booted(3). */
#define BOOTED "/run/systemd/system"

/* Its own words are short, an engine's can be anything. */
#define WORDS_MAX 4096

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

/* What the command itself had to say, or else the service manager. */
static int failed(const char *program, const char *log, char *said,
                  struct ctsh_error *err)
{
	char words[WORDS_MAX] = "";

	if (log)
		read_end(log, words, sizeof(words));
	return ctsh_fail(err, CTSH_E_ABSENT, 0, "%s: %s", program,
	                 telling_line(words[0] ? words : said));
}

int ctsh_service_run(const struct ctsh_service *service, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	const char *const *argv = service->argv;
	const char *log = service->log;
	static const char *const places[] = {"/usr/bin/systemd-run",
	                                     "/bin/systemd-run", NULL};
	char patience[48], said[WORDS_MAX];
	int64_t left = deadline_ms - ctsh_now_ms();
	const char *command[16 + CTSH_SERVICE_WORDS] = {
		ctsh_service_program(places),
		"--quiet",
		"--collect",
		"--description=a container, for a login by ctsh",
		/* Until the command has ended; what it started is not its. */
		"--property=Type=oneshot",
		"--property=KillMode=process",
		patience,
		/* Not /dev/null: crun gives what it has to the container's
	         * root. */
		"--property=StandardInput=data",
		"--property=StandardInputData=Cg==",
		"--",
	};
	size_t used = 10;
	int status;

	/* To the service manager no time at all is all the time there is. */
	if (left <= 0)
		return ctsh_fail(err, CTSH_E_ABSENT, ETIMEDOUT, "%s", argv[0]);
	if (!command[0] || !is_booted())
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "systemd does not run here, and %s may not be "
		                 "started by a login",
		                 argv[0]);
	for (size_t i = 0; argv[i] && i < CTSH_SERVICE_WORDS; i++)
		command[used++] = argv[i];
	(void)snprintf(patience, sizeof(patience),
	               "--property=TimeoutStartSec=%lld",
	               (long long)(left / 1000 + 1));
	if (log)
		(void)unlink(log);
	if (ctsh_run(command, said, sizeof(said), deadline_ms, &status, err)) {
		if (err->sys == ETIMEDOUT)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	return status == 0 ? 0 : failed(argv[0], log, said, err);
}
