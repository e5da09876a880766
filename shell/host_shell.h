/* SPDX-License-Identifier: MIT */
/*
 * host_shell.h - break-glass: the administrator's shell on the host.
 *
 * Privilege: root; the shell has the person's ids, groups and nothing else.
 * Trust:     command and environment are the person's own, and go back to them
 *            unchanged.
 */
#ifndef CTSH_HOST_SHELL_H
#define CTSH_HOST_SHELL_H

#include <stdbool.h>

#include "../lib/base/error.h"
#include "../lib/model/person.h"
#include "invocation.h"

/*
 * Becomes the person and executes the shell, as a login or with `-c`; where
 * that one cannot be started /bin/bash, then /bin/sh, since a typing error must
 * not lock the administrator out.  Does not return but on failure: -1 with
 * E_SHELL or E_SYSTEM, `*became` being true if root is given up already.
 */
CTSH_MUST_CHECK int ctsh_host_shell(const struct ctsh_invocation *invocation,
                                    const struct ctsh_person *person,
                                    const char *shell, bool *became,
                                    struct ctsh_error *err);

#endif
