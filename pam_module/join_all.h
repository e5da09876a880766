/* SPDX-License-Identifier: MIT */
/*
 * join_all.h - the service's process into the container, as a whole.
 *
 * Privilege: root, on the host; what lib/enter/visit.h leaves it, inside.
 * Trust:     as lib/route/visit.h.
 */
#ifndef CTSH_PAM_JOIN_ALL_H
#define CTSH_PAM_JOIN_ALL_H

#include "opening.h"

/* Everything that can refuse: 0, or -1 with nothing changed. */
CTSH_MUST_CHECK int ctsh_pam_all_find(struct opening *o,
                                      struct ctsh_error *err);

/*
 * Goes.  Nothing may be logged behind it: the log is the container's then, and
 * who went has been reported.  0; or -1 with E_SYSTEM and nothing of the
 * process's place changed; or the process is ended.
 */
CTSH_MUST_CHECK int ctsh_pam_all_go(struct opening *o, struct ctsh_error *err);

#endif
