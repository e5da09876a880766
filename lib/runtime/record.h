/* SPDX-License-Identifier: MIT */
/*
 * record.h - records that an engine leaves in files: JSON text about a
 * container, and the process such a record names.
 *
 * Privilege: root, on the host; or the ids of who owns the engine.
 * Trust:     a file is believed to be what root wrote if it is root's alone;
 *            what it says may be out of date: records outlive processes.
 *            Read with other ids, it is the word of whoever has those.
 */
#ifndef CTSH_RUNTIME_RECORD_H
#define CTSH_RUNTIME_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../base/error.h"
#include "../base/json.h"

/* runc with docker's default filter writes 30 KiB; see json.h for what a
 * document costs in memory. */
#define CTSH_RECORD_MAX (1024 * 1024)

/* PID_MAX_LIMIT of the kernel on 64 bit. */
#define CTSH_PID_MAX 4194304

/* Of a pidfile: "4194304\n" and room to see that there is more. */
#define CTSH_PID_TEXT 16

/*
 * Opens the directory `name` in the one behind `above`, O_PATH: a descriptor,
 * owned by the caller; or -1 with E_ABSENT if there is none, E_UNSAFE if it is
 * not ours (root's, that is) or others may write to it.
 */
CTSH_MUST_CHECK int ctsh_record_dir(int above, const char *name,
                                    struct ctsh_error *err);

/*
 * Reads the JSON file `name` in the directory behind `dir`, which the caller
 * has opened with ctsh_open_trusted_dir().  Its arrays are left empty: there is
 * nothing in them that is read here, and most of the text is.
 *
 * The document, owned by the caller; or NULL with E_ABSENT if there is no such
 * file, E_UNSAFE if it is not a regular file of ours (of root, that is) that
 * nobody else may write, E_ENGINE if it is too large or no JSON.
 */
CTSH_MUST_CHECK json_t *ctsh_record_read(int dir, const char *name,
                                         struct ctsh_error *err);

/* The same of one whose text was read, which is changed. */
CTSH_MUST_CHECK json_t *ctsh_record_parse(char *text, size_t length,
                                          struct ctsh_error *err);

/* As ctsh_record_read(), arrays and all, for one that may be up to `max` bytes
 * long: a list of containers. */
CTSH_MUST_CHECK json_t *ctsh_record_list(int dir, const char *name, size_t max,
                                         struct ctsh_error *err);

/*
 * The same file as text, with a NUL behind it, for one that first looks whether
 * it is worth parsing: owned by the caller, its length in `*length`; or NULL.
 */
CTSH_MUST_CHECK char *ctsh_record_text(int dir, const char *name, size_t max,
                                       size_t *length, struct ctsh_error *err);

/*
 * Reads a pidfile: one number and perhaps a newline.  `*written` is when that
 * was last done.  0; or -1 as ctsh_record_read().
 */
CTSH_MUST_CHECK int ctsh_record_pid(int dir, const char *name, pid_t *pid,
                                    struct timespec *written,
                                    struct ctsh_error *err);

/* Takes the text of a pidfile apart; `text` has room for one byte more, and is
 * changed.  0 or -1. */
CTSH_MUST_CHECK int ctsh_record_parse_pid(char *text, size_t length,
                                          pid_t *pid);

/*
 * Whether the process `pid` runs and, unless `start_ticks` is 0, started then.
 * 0; or -1 with E_ABSENT if it ended or the number belongs to another one by
 * now, E_SYSTEM if that cannot be read.
 */
CTSH_MUST_CHECK int ctsh_record_running(pid_t pid, uint64_t start_ticks,
                                        struct ctsh_error *err);

#endif
