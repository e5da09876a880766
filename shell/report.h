/* SPDX-License-Identifier: MIT */
/*
 * report.h - the only voice: one sentence for the user, one line for the log.
 *
 * The log is a datagram to /dev/log, sent by our own code, which never blocks:
 * a stopped log daemon delays no login (syslog(3) blocks after eleven lines),
 * and no library reads a time zone or a locale for it.
 *
 * Privilege: none needed.  Open it before the barrier; never below.
 * Trust:     strings from outside are escaped here.
 */
#ifndef CTSH_REPORT_H
#define CTSH_REPORT_H

#include <stdint.h>
#include <sys/types.h>

#include "../lib/base/error.h"

struct ctsh_report {
	int log;        /* connected to /dev/log, non-blocking, or -1 */
	pid_t pid;      /* the login process: the tag of every line   */
	char ref[9];    /* eight hexadecimal digits, this login's own */
	char user[256]; /* name, or "#UID" while it is not known      */
	char from[128]; /* claimed address of the client, or ""       */
};

/* Makes the reference and opens the log.  Cannot fail: without a log daemon
 * the lines are lost, as with syslog(3). */
void ctsh_report_open(struct ctsh_report *report, uid_t uid);

/* `refused user=... code=... reason="..." ref=...` to the log. */
void ctsh_report_refused(const struct ctsh_report *report,
                         const struct ctsh_error *err);

/*
 * `ctsh: SENTENCE [CODE REF]` to stderr.  That is the caller's, who can make
 * any write to it hang; so whoever calls this has given up root for the
 * caller's own ids first, or is killed by a timer.
 */
void ctsh_report_tell(const struct ctsh_report *report,
                      const struct ctsh_error *err);

/* `ctsh: DIRECTORY cannot be entered; you are in /.` to stderr, likewise; no
 * failure, and so without a code. */
void ctsh_report_elsewhere(const char *directory);

/* One line "EVENT user=NAME ..." made from the format, with claimed_from= (if
 * there is one) and ref= at the end.  Sent with one write(2), so that a process
 * that may only write can do it. */
void ctsh_report_log(const struct ctsh_report *report, const char *event,
                     const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* `close user=... ref=... seconds=... status=...`; the status as the
 * administrator reads it: "0", "signal:15", "lost".  One write(2), too. */
void ctsh_report_closed(const struct ctsh_report *report, int64_t duration_ms,
                        const char *status);

#endif
