/* SPDX-License-Identifier: MIT */
/*
 * run.h - run a program of the host's to its end.
 *
 * With a fixed environment, nothing open but 0 to 2, of which 0 is /dev/null,
 * and all signals as usual; limits, control group and the like stay the
 * caller's.
 *
 * Privilege: that of the caller, and the program's.
 * Trust:     what the program says is bounded, and its reader's to distrust.
 */
#ifndef CTSH_RUN_H
#define CTSH_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * Runs argv[0], an absolute path, and waits until the deadline for its end and
 * that of its output; then it is killed.  What it writes to 1 and 2 goes to
 * `said`, terminated; what does not fit is lost.
 *
 * 0 and its wait(2) status; or -1 with E_SYSTEM, ETIMEDOUT in err->sys if it
 * was late.
 */
CTSH_MUST_CHECK int ctsh_run(const char *const *argv, char *said, size_t size,
                             int64_t deadline_ms, int *status,
                             struct ctsh_error *err);

/*
 * The same of a command that is to end well: 0; or -1 as above, or with `code`
 * and the first line of what it wrote.
 */
CTSH_MUST_CHECK int ctsh_run_well(const char *const *argv, enum ctsh_code code,
                                  int64_t deadline_ms, struct ctsh_error *err);

#endif
