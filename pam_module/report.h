/* SPDX-License-Identifier: MIT */
/*
 * report.h - what the module says, to the log and to the user.
 *
 * Privilege: none.
 * Trust:     names are quoted; what an error says is printable.
 */
#ifndef CTSH_PAM_REPORT_H
#define CTSH_PAM_REPORT_H

#include "opening.h"

/* PAM_USER, or "". */
const char *ctsh_pam_user(const pam_handle_t *pamh);

/* To the log, and the sentence by the conversation, unless the service wants
 * silence. */
void ctsh_pam_report_refused(pam_handle_t *pamh, const char *ref, int flags,
                             const struct ctsh_error *err);

void ctsh_pam_report_joined(const struct opening *o);
void ctsh_pam_report_closed(pam_handle_t *pamh, const struct visit *visit);

#endif
