/* SPDX-License-Identifier: MIT */
/*
 * host.h - changes of ourselves that stay on the host.
 *
 * Privilege: root.
 * Trust:     the person is checked against the host's name service.
 */
#ifndef CTSH_ENTER_HOST_H
#define CTSH_ENTER_HOST_H

#include "../base/error.h"
#include "../model/person.h"

/*
 * That we run on the host and not in a container into which our program was
 * mounted or copied: there /etc/ctsh is written by the container's root, not by
 * the host's.  Our user and PID namespaces must be the first ones, or, in a
 * build for system containers (NESTED), may be any.  0, or -1.
 */
CTSH_MUST_CHECK int ctsh_host_check(struct ctsh_error *err);

/* Becomes the caller for ever, without any group or capability, to end in their
 * name.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_host_leave(uid_t uid, gid_t gid,
                                    struct ctsh_error *err);

/* Becomes the person for ever, with all their groups, as a login does: for
 * break-glass.  0, or -1 with E_SYSTEM: then the process must end. */
CTSH_MUST_CHECK int ctsh_host_become(const struct ctsh_person *person,
                                     struct ctsh_error *err);

#endif
