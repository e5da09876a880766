/* SPDX-License-Identifier: MIT */
/*
 * record.h - records that root's programs leave in files: JSON text about a
 * container, and the process such a record names.
 *
 * Privilege: root, on the host.
 * Trust:     a file is believed to be what root wrote if it is root's alone;
 *            what it says may be out of date: records outlive processes.
 */
#ifndef CTSH_RUNTIME_RECORD_H
#define CTSH_RUNTIME_RECORD_H

#include <stdint.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../base/json.h"

/* runc with docker's default filter writes 30 KiB; see json.h for what a
 * document costs in memory. */
#define CTSH_RECORD_MAX (1024 * 1024)

/* PID_MAX_LIMIT of the kernel on 64 bit. */
#define CTSH_PID_MAX 4194304

/*
 * Reads the JSON file `name` in the directory behind `dir`, which the caller
 * has opened with ctsh_open_trusted_dir().
 *
 * The document, owned by the caller; or NULL with E_ABSENT if there is no such
 * file, E_UNSAFE if it is not a regular file that root alone may write,
 * E_ENGINE if it is too large or no JSON.
 */
CTSH_MUST_CHECK json_t *ctsh_record_read(int dir, const char *name,
                                         struct ctsh_error *err);

/*
 * Whether the process `pid` runs and, unless `start_ticks` is 0, started then.
 * 0; or -1 with E_ABSENT if it ended or the number belongs to another one by
 * now, E_SYSTEM if that cannot be read.
 */
CTSH_MUST_CHECK int ctsh_record_running(pid_t pid, uint64_t start_ticks,
                                        struct ctsh_error *err);

#endif
