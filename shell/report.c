/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/base/line.h"
#include "../lib/base/text.h"

/* Facility authpriv (10), severities notice (5) and informational (6). */
#define PRIORITY_REFUSED (10 << 3 | 5)
#define PRIORITY_EVENT (10 << 3 | 6)

/* What a log daemon takes as one line; the parts are cut so that the reference
 * at the end always fits. */
#define LINE_MAX_BYTES 2048
#define BODY_MAX_BYTES 1280
#define FROM_MAX_BYTES 200

/* How long a full pipe may hold up the sentence for the user. */
#define STDERR_WAIT_MS 1000

/* A socket of our own, since syslog(3) blocks on a stopped daemon and opens
 * what TZ names.  A daemon that restarts later loses our lines: a process
 * that may only write cannot connect again. */
static int open_log(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX,
	                           .sun_path = "/dev/log"};
	ctsh_autoclose int fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -1;
	return ctsh_steal_fd(&fd);
}

void ctsh_report_open(struct ctsh_report *report, uid_t uid)
{
	*report = (struct ctsh_report){.log = open_log(), .pid = getpid()};
	ctsh_line_reference(report->ref);
	(void)snprintf(report->user, sizeof(report->user), "#%u", uid);
}

/* What was formatted from outside is one line of ASCII, whoever made it. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

__attribute__((format(printf, 3, 4))) static void send_line(
	const struct ctsh_report *report, int priority, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	int tag, length;
	va_list ap;

	if (report->log < 0)
		return;
	tag = snprintf(line, sizeof(line), "<%d>ctsh[%d]: ", priority,
	               (int)report->pid);
	va_start(ap, fmt);
	length = vsnprintf(line + tag, sizeof(line) - (size_t)tag, fmt, ap);
	va_end(ap);
	if (length < 0)
		return;
	make_printable(line);
	/* Lost if the daemon does not keep up: no login waits for it. */
	(void)!write(report->log, line, strlen(line));
}

/* " claimed_from=ADDRESS", or nothing. */
static void claim(char *out, size_t size, const struct ctsh_report *report)
{
	static const char key[] = " claimed_from=";

	out[0] = '\0';
	if (!report->from[0])
		return;
	memcpy(out, key, sizeof(key));
	ctsh_line_quote(out + sizeof(key) - 1, size - sizeof(key) + 1,
	                report->from);
}

void ctsh_report_log(const struct ctsh_report *report, const char *event,
                     const char *fmt, ...)
{
	char user[CTSH_LINE_USER], from[FROM_MAX_BYTES], body[BODY_MAX_BYTES];
	va_list ap;

	ctsh_line_quote(user, sizeof(user), report->user);
	claim(from, sizeof(from), report);
	va_start(ap, fmt);
	if (vsnprintf(body, sizeof(body), fmt, ap) < 0)
		body[0] = '\0';
	va_end(ap);
	send_line(report, PRIORITY_EVENT, "%s user=%s %s%s ref=%s", event, user,
	          body, from, report->ref);
}

void ctsh_report_closed(const struct ctsh_report *report, int64_t duration_ms,
                        const char *status)
{
	char user[CTSH_LINE_USER];

	ctsh_line_quote(user, sizeof(user), report->user);
	/* Integers only: printf of a double may allocate, and this runs where
	 * no system call for memory is allowed. */
	send_line(report, PRIORITY_EVENT,
	          "close user=%s ref=%s seconds=%" PRId64 ".%d status=%s", user,
	          report->ref, duration_ms / 1000,
	          (int)(duration_ms % 1000 / 100), status);
}

void ctsh_report_refused(const struct ctsh_report *report,
                         const struct ctsh_error *err)
{
	char from[FROM_MAX_BYTES], body[CTSH_LINE_REFUSED];

	claim(from, sizeof(from), report);
	ctsh_line_refused(body, sizeof(body), report->user, err);
	send_line(report, PRIORITY_REFUSED, "%s%s ref=%s", body, from,
	          report->ref);
}

/* poll(2) fails with EINVAL where RLIMIT_NOFILE is 0, which the stub alone lets
 * pass: by then it is the caller's own process, and it is they who wait. */
static bool may_write_stderr(void)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready = poll(&out, 1, STDERR_WAIT_MS);

	return ready < 0 ? errno == EINVAL : out.revents & POLLOUT;
}

/* A pipe that nobody reads is not waited for long, and one that is closed is no
 * reason to end (SIGPIPE). */
static void write_stderr(const char *text)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

	if (!may_write_stderr() || sigaction(SIGPIPE, &ignore, &before) < 0)
		return;
	(void)!write(STDERR_FILENO, text, strlen(text));
	(void)sigaction(SIGPIPE, &before, NULL);
}

void ctsh_report_tell(const struct ctsh_report *report,
                      const struct ctsh_error *err)
{
	char sentence[CTSH_LINE_SENTENCE], line[CTSH_LINE_SENTENCE + 1];

	ctsh_line_sentence(sentence, sizeof(sentence), report->ref, err);
	(void)snprintf(line, sizeof(line), "%s\n", sentence);
	write_stderr(line);
}

void ctsh_report_elsewhere(const char *directory)
{
	char name[256], line[320];

	ctsh_text_escape(name, sizeof(name), directory);
	(void)snprintf(line, sizeof(line),
	               "ctsh: %s cannot be entered; you are in /.\n", name);
	write_stderr(line);
}
