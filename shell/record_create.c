/* SPDX-License-Identifier: MIT */
/* The beginning of a recording, as root. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "record.h"

#define MIB 1048576

/* Parts of the name, cut to these. */
#define USER_PART 64
#define CONTAINER_PART 96

/* Letters and digits as they are; whatever else could mean something to a shell
 * or a file system, or hide the file, is "_". */
static void make_safe(char *out, size_t size, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._@-";
	size_t i;

	for (i = 0; text[i] && i < size - 1; i++)
		out[i] = strchr(plain, text[i]) ? text[i] : '_';
	out[i] = '\0';
	if (out[0] == '.' || out[0] == '-')
		out[0] = '_';
}

static void make_name(struct ctsh_record *r, const char *container, time_t now)
{
	char user[USER_PART], where[CONTAINER_PART], when[80];
	struct tm utc;

	make_safe(user, sizeof(user), r->report->user);
	make_safe(where, sizeof(where), container);
	(void)gmtime_r(&now, &utc);
	(void)snprintf(when, sizeof(when), "%04d%02d%02dT%02d%02d%02dZ",
	               utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
	               utc.tm_hour, utc.tm_min, utc.tm_sec);
	(void)snprintf(r->name, sizeof(r->name), "%s_%s_%s_%s.cast", user,
	               where, when, r->report->ref);
}

static int open_file(struct ctsh_record *r, const char *directory,
                     struct ctsh_error *err)
{
	r->dir = ctsh_open_trusted_dir(directory, false, CTSH_E_SYSTEM, err);
	if (r->dir < 0)
		return -1;
	r->fd = openat(r->dir, r->name,
	               O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW |
	                       O_NOCTTY | O_CLOEXEC,
	               0600);
	/* A directory may hand down its group, or an ACL. */
	if (r->fd < 0 || fchown(r->fd, 0, 0) < 0 || fchmod(r->fd, 0600) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "recording %s/%s",
		                 directory, r->name);
	return 0;
}

static int put_header(struct ctsh_record *r,
                      const struct ctsh_record_wish *wish, time_t now,
                      struct ctsh_error *err)
{
	char title[512], line[CTSH_CAST_LINE];
	struct ctsh_cast_header header = {
		.time = now,
		.title = title,
		.term = wish->term,
		.shell = wish->shell,
	};
	struct winsize size;
	size_t length;
	int done;

	if (wish->terminal >= 0 &&
	    ioctl(wish->terminal, TIOCGWINSZ, &size) == 0) {
		header.columns = r->columns = size.ws_col;
		header.rows = r->rows = size.ws_row;
	}
	(void)snprintf(title, sizeof(title), "%s in %s, %s", r->report->user,
	               wish->container, r->report->ref);
	length = ctsh_cast_header(&header, line);
	/* The caller's hard limit of file sizes is an error, not an end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	done = ctsh_write_all(r->fd, line, length);
	(void)signal(SIGXFSZ, SIG_DFL);
	if (done < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "recording: first line");
	r->written = length;
	return 0;
}

int ctsh_record_create(struct ctsh_record *record,
                       const struct ctsh_record_wish *wish,
                       const struct ctsh_report *report, struct ctsh_error *err)
{
	struct ctsh_record r = CTSH_RECORD_INIT;
	time_t now = time(NULL);

	r.report = report;
	r.stop_when_full = wish->stop_when_full;
	r.max = (uint64_t)wish->max_mib * MIB;
	make_name(&r, wish->container, now);
	if (open_file(&r, wish->directory, err) < 0 ||
	    put_header(&r, wish, now, err) < 0) {
		ctsh_record_discard(&r);
		return -1;
	}
	*record = r;
	return 0;
}

void ctsh_record_discard(struct ctsh_record *record)
{
	if (record->dir >= 0 && record->fd >= 0)
		(void)unlinkat(record->dir, record->name, 0);
	ctsh_close_fd(&record->fd);
	ctsh_close_fd(&record->dir);
}
