/* SPDX-License-Identifier: MIT */
/*
 * record.h - a session's recording: a file of root's that only grows.
 *
 * Root makes the file, in a directory that nobody else can touch, before the
 * shell starts; the supervisor, which has the user's uid, holds it open for
 * appending and has no call left with which to change what is written.  What
 * comes from the container is written down before the caller gets it, so there
 * is nothing that was shown and not recorded.
 *
 * The user owns the supervisor's uid, and can stop or kill it, which stops or
 * ends the session, and can set its limits: a limit of file sizes ends the
 * session whatever `record_full` says.  A full disk is noticed before a line is
 * cut: space is set aside ahead of what is written, where the file system can.
 *
 * Privilege: root in ctsh_record_create(), _discard() and _begin(); none after.
 * Trust:     user, container and environment may be hostile; directory and
 *            limits are the administrator's.
 */
#ifndef CTSH_RECORD_H
#define CTSH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/base/error.h"
#include "asciicast.h"
#include "channels.h"
#include "report.h"

/* USER_CONTAINER_TIME_REF.cast, of letters, digits and "._@-". */
#define CTSH_RECORD_NAME_MAX 256

struct ctsh_record;

/* One of the outputs; characters of one are never mixed with another's. */
struct ctsh_record_stream {
	struct ctsh_record *record;
	struct ctsh_cast_stream text;
};

enum ctsh_record_end {
	CTSH_RECORD_ON,
	CTSH_RECORD_AT_LIMIT,  /* `max` is reached                    */
	CTSH_RECORD_DISK_FULL, /* no space, or a quota                */
	CTSH_RECORD_FAILED,    /* anything else; `error` says what    */
};

struct ctsh_record {
	int fd;  /* -1: nothing is recorded (any more)              */
	int dir; /* the directory, while it may have to be undone   */
	char name[CTSH_RECORD_NAME_MAX];
	const struct ctsh_report *report; /* borrowed               */
	bool stop_when_full;              /* or else the session ends */
	uint64_t max;                     /* bytes                  */
	uint64_t written;
	uint64_t reserved; /* up to here there is space            */
	bool no_reserve;   /* the file system cannot               */
	enum ctsh_record_end end;
	int error; /* errno of the end                             */
	int64_t begun_us;
	unsigned short columns, rows; /* as last written            */
	struct ctsh_record_stream streams[CTSH_CHANNELS];
};

#define CTSH_RECORD_INIT            \
	{                           \
		.fd = -1, .dir = -1 \
	}

struct ctsh_record_wish {
	const char *directory;
	unsigned max_mib;
	bool stop_when_full;
	const char *container; /* "ENGINE:NAME"                    */
	const char *term;      /* TERM, or NULL                    */
	const char *shell;     /* SHELL, or NULL                   */
	int terminal;          /* the caller's, or -1              */
};

/*
 * Makes the file and writes its first line.  `report` says who it is and is
 * borrowed.  0; or -1 with E_SYSTEM, with nothing left behind: the directory is
 * not there or not safe, or there is no space.
 */
CTSH_MUST_CHECK int ctsh_record_create(struct ctsh_record *record,
                                       const struct ctsh_record_wish *wish,
                                       const struct ctsh_report *report,
                                       struct ctsh_error *err);

/* There will be no session: removes the file.  Harmless without one. */
void ctsh_record_discard(struct ctsh_record *record);

/* The shell runs, and has got limits and signals already: those of this process
 * are to stand in no way of writing.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_record_begin(struct ctsh_record *record,
                                      struct ctsh_error *err);

/* Listens to the outputs among the channels. */
void ctsh_record_listen(struct ctsh_record *record,
                        struct ctsh_channels *channels);

/* To be set before the supervisor's filter, which must let fallocate(2) pass:
 * it may then add space and do nothing else, and ioctl(2) is for terminals.
 * 0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_record_confine(struct ctsh_error *err);

/* Writes down the pty's size if it is a new one. */
void ctsh_record_resize(struct ctsh_record *record, int master);

/*
 * To be asked after bytes have been moved; true, once, when the recording has
 * ended by itself: says so in the log, and on `voice` (-1: nowhere) in a line
 * of its own.  Then `*session_ends` and `*err` say what follows from it.
 */
bool ctsh_record_ended(struct ctsh_record *record, int voice, bool terminal,
                       bool *session_ends, struct ctsh_error *err);

/* The session is over: writes what is held back, and the line in the log.
 * Harmless without a recording. */
void ctsh_record_close(struct ctsh_record *record);

#endif
