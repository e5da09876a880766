/* SPDX-License-Identifier: MIT */
/*
 * lsm.h - the security label of the init: AppArmor, SELinux, Smack.
 *
 * Nothing but an exec takes on another label, and only a process itself can
 * ask for it, in a file below /proc.  So M asks while it still sees the host's
 * /proc (a container may mount what it likes over its own: CVE-2019-16884,
 * CVE-2025-52881) and reads that back; the request goes on to S.  If the module
 * then does not allow the transition, the exec fails.  P sees what came of it.
 *
 * Privilege: root, on the host.
 * Trust:     /proc/PID/attr of the host's /proc: the kernel's word.
 */
#ifndef CTSH_ENTER_LSM_H
#define CTSH_ENTER_LSM_H

#include "../base/error.h"
#include "../model/container.h"

/*
 * Fills `*label`, which the caller frees (ctsh_lsm_free()), from the process
 * behind `init`; `own` is ours (both O_PATH of a /proc directory).  Empty where
 * no module labels it, or every module labels us alike.  0; or -1 with `*label`
 * untouched: E_UNSAFE for a label that cannot be asked for, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_lsm_read(int init, int own, struct ctsh_label *label,
                                  struct ctsh_error *err);

/* Asks for it, in this very process, for the next exec, and sees that the
 * kernel understood.  Nothing happens for an empty one.  0, or -1 with errno;
 * system calls only. */
CTSH_MUST_CHECK int ctsh_lsm_ask(const struct ctsh_label *label);

/*
 * That the process behind `proc`, which has executed something since, is not
 * labelled as we are any more.  The init's label to the letter is not asked
 * for: its policy may have given what the shell executed one more.  And that
 * the module left it its descriptors.  0, or -1 with E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_lsm_check_taken(int proc,
                                         const struct ctsh_label *label,
                                         struct ctsh_error *err);

/* That reading it again (as ctsh_lsm_read()) gives the same; nothing is read if
 * it was not the first time.  0, or -1 with E_UNSAFE, E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_lsm_check_unchanged(int init, int own,
                                             const struct ctsh_label *label,
                                             struct ctsh_error *err);

/* Frees and empties.  Harmless on an empty one.  Preserves errno. */
void ctsh_lsm_free(struct ctsh_label *label);

#endif
