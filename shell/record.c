/* SPDX-License-Identifier: MIT */
/* The recording while the session runs; record_create.c makes it. */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../lib/enter/sandbox.h"

/* Always kept free for the last line. */
#define MARKER_ROOM 256
/* Space is set aside for at least the next line and the last, in steps that
 * grow with the file: what is left over at the end stays allocated. */
#define AHEAD (CTSH_CAST_LINE + MARKER_ROOM)
#define STEP_MAX (1 << 20)

/* For the sentence, when the caller's side takes nothing. */
#define VOICE_WAIT_MS 1000

#define MIB 1048576

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t elapsed_us(const struct ctsh_record *r)
{
	return now_us() - r->begun_us;
}

/* The first reason counts. */
static int end_with(struct ctsh_record *r, enum ctsh_record_end end, int error)
{
	if (r->end == CTSH_RECORD_ON) {
		r->end = end;
		r->error = error;
	}
	return -1;
}

static int end_with_errno(struct ctsh_record *r)
{
	return end_with(r,
	                errno == ENOSPC || errno == EDQUOT
	                        ? CTSH_RECORD_DISK_FULL
	                        : CTSH_RECORD_FAILED,
	                errno);
}

/* Space for `length` bytes and the last line, so that a full disk is met
 * between two lines and not within one. */
static int reserve(struct ctsh_record *r, size_t length)
{
	uint64_t need = r->written + length + MARKER_ROOM;
	uint64_t step = r->written / 8 + AHEAD;

	if (r->no_reserve || need <= r->reserved)
		return 0;
	if (step > STEP_MAX)
		step = STEP_MAX;
	if (step > r->max - r->written)
		step = r->max - r->written;
	while (fallocate(r->fd, FALLOC_FL_KEEP_SIZE, (off_t)r->written,
	                 (off_t)step) < 0) {
		if (errno == EOPNOTSUPP || errno == ENOSYS) {
			r->no_reserve = true;
			return 0;
		}
		if (errno != EINTR)
			return end_with_errno(r);
	}
	r->reserved = r->written + step;
	return 0;
}

/* A slow disk is waited for: the session may not run ahead of it. */
static int put(struct ctsh_record *r, const char *line, size_t length)
{
	while (length) {
		ssize_t done = write(r->fd, line, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return end_with_errno(r);
		line += done;
		length -= (size_t)done;
		r->written += (uint64_t)done;
	}
	return 0;
}

/* One whole line, or none. */
static int put_line(struct ctsh_record *r, const char *line, size_t length)
{
	if (length == 0)
		return 0;
	if (r->end != CTSH_RECORD_ON)
		return -1;
	if (r->written + length + MARKER_ROOM > r->max)
		return end_with(r, CTSH_RECORD_AT_LIMIT, 0);
	return reserve(r, length) < 0 ? -1 : put(r, line, length);
}

/* What a channel read, before it is passed on. */
static void hear(void *context, const char *bytes, size_t length)
{
	struct ctsh_record_stream *s = context;
	struct ctsh_record *r = s->record;
	int64_t time_us = elapsed_us(r);
	char line[CTSH_CAST_LINE];

	while (length && r->fd >= 0 && r->end == CTSH_RECORD_ON) {
		size_t part =
			length < CTSH_CAST_PORTION ? length : CTSH_CAST_PORTION;

		(void)put_line(
			r, line,
			ctsh_cast_output(&s->text, time_us, bytes, part, line));
		bytes += part;
		length -= part;
	}
}

/* A caller's limit of file sizes is none of a recording's.  Root may lack the
 * capability for its hard limit, and the user can set a lower one at any time
 * from another process: then writing fails with EFBIG. */
static int lift_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_FSIZE, &limit) == 0)
		return 0;
	if (errno != EPERM || getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -1;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &limit);
}

int ctsh_record_begin(struct ctsh_record *r, struct ctsh_error *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (r->fd < 0)
		return 0;
	ctsh_close_fd(&r->dir);
	if (lift_limit() < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "recording");
	r->begun_us = now_us();
	return 0;
}

void ctsh_record_listen(struct ctsh_record *r, struct ctsh_channels *channels)
{
	static const int outputs[] = {CTSH_TTY_OUT, CTSH_RELAY_1, CTSH_RELAY_2};

	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
		struct ctsh_record_stream *s = &r->streams[outputs[i]];

		s->record = r;
		channels->one[outputs[i]].seen = hear;
		channels->one[outputs[i]].context = s;
	}
}

int ctsh_record_confine(struct ctsh_error *err)
{
	/* File systems take holes by ioctl(2) as well: of a file that is open
	 * for appending, too. */
	if (ctsh_allow_terminal_ioctls(err) < 0)
		return -1;
	return ctsh_allow_argument(SYS_fallocate, 1, FALLOC_FL_KEEP_SIZE, err);
}

void ctsh_record_resize(struct ctsh_record *r, int master)
{
	struct winsize size;
	char line[CTSH_CAST_LINE];

	if (r->fd < 0 || master < 0 || ioctl(master, TIOCGWINSZ, &size) < 0 ||
	    !size.ws_col || !size.ws_row ||
	    (size.ws_col == r->columns && size.ws_row == r->rows))
		return;
	r->columns = size.ws_col;
	r->rows = size.ws_row;
	(void)put_line(r, line,
	               ctsh_cast_resize(elapsed_us(r), size.ws_col, size.ws_row,
	                                line));
}

static void explain(const struct ctsh_record *r, char *out, size_t size)
{
	if (r->end == CTSH_RECORD_AT_LIMIT)
		(void)snprintf(out, size, "it reached %" PRIu64 " MiB",
		               r->max / MIB);
	else if (r->end == CTSH_RECORD_DISK_FULL)
		(void)snprintf(out, size, "the disk is full");
	else
		(void)snprintf(out, size, "it cannot be written");
}

/* The last line has its space set aside, unless the file system could not; then
 * it may be missing. */
static void put_marker(struct ctsh_record *r, const char *why)
{
	char text[MARKER_ROOM / 2], line[CTSH_CAST_LINE];
	size_t length;

	(void)snprintf(text, sizeof(text), "ctsh: the recording ends: %s", why);
	length = ctsh_cast_marker(elapsed_us(r), text, line);
	if (write(r->fd, line, length) == (ssize_t)length)
		r->written += length;
}

static void say(const struct ctsh_record *r, int voice, bool terminal,
                const char *why, bool session_ends)
{
	struct pollfd out = {.fd = voice, .events = POLLOUT};
	const char *eol = terminal ? "\r\n" : "\n";
	char text[256];

	if (voice < 0 || poll(&out, 1, VOICE_WAIT_MS) != 1 ||
	    !(out.revents & POLLOUT))
		return;
	(void)snprintf(text, sizeof(text), "%sctsh: %s: %s. [%s]%s",
	               terminal ? eol : "",
	               session_ends ? "This session ends, since its recording "
	                              "cannot go on"
	                            : "This session is recorded no further",
	               why, r->report->ref, eol);
	/* SIGPIPE is ignored. */
	(void)!write(voice, text, strlen(text));
}

bool ctsh_record_ended(struct ctsh_record *r, int voice, bool terminal,
                       bool *session_ends, struct ctsh_error *err)
{
	char why[64];

	if (r->fd < 0 || r->end == CTSH_RECORD_ON)
		return false;
	explain(r, why, sizeof(why));
	put_marker(r, why);
	/* That a user could stop the recording by a limit of its own, and go
	 * on, is nobody's wish. */
	*session_ends = !r->stop_when_full || r->end == CTSH_RECORD_FAILED;
	say(r, voice, terminal, why, *session_ends);
	if (*session_ends)
		(void)ctsh_fail(err,
		                r->end == CTSH_RECORD_AT_LIMIT ? CTSH_E_LIMIT
		                                               : CTSH_E_SYSTEM,
		                r->error, "recording: %s", why);
	ctsh_record_close(r);
	return true;
}

static void flush(struct ctsh_record *r)
{
	char line[CTSH_CAST_LINE];

	for (int i = 0; i < CTSH_CHANNELS; i++)
		(void)put_line(r, line,
		               ctsh_cast_flush(&r->streams[i].text,
		                               elapsed_us(r), line));
}

void ctsh_record_close(struct ctsh_record *r)
{
	char why[64] = "the session ended";

	if (r->fd < 0)
		return;
	flush(r);
	if (r->end != CTSH_RECORD_ON)
		explain(r, why, sizeof(why));
	ctsh_report_log(r->report, "recorded",
	                "file=%s bytes=%" PRIu64 " end=\"%s\"", r->name,
	                r->written, why);
	ctsh_close_fd(&r->fd);
}
