/* SPDX-License-Identifier: MIT */
/*
 * environment.h - the session's environment, from four sources.  Pure.
 *
 * Later wins over earlier: the container's own configuration, what the caller
 * may keep, what the rule sets, and ours (HOME, USER, LOGNAME, SHELL).
 *
 * Privilege: none.
 * Trust:     container and caller are hostile; names are checked, the caller's
 *            values too (Shellshock, catalogues of messages named by LANGUAGE,
 *            files named by TZ).
 */
#ifndef CTSH_ENVIRONMENT_H
#define CTSH_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"
#include "../model/interior.h"
#include "../model/rule.h"
#include "identity.h"
#include "plan.h"

/* More variables than these, of either, are left out. */
#define CTSH_ENV_CONTAINER_MAX 512
#define CTSH_ENV_CALLER_MAX 512

/*
 * Builds it.  0, with `*env` owned by the caller (ctsh_environment_free()):
 * [0] is NULL and meant for SHELL, the variables follow, then NULL.  -1 with
 * E_SYSTEM if memory ran out, `*env` untouched.
 */
CTSH_MUST_CHECK int ctsh_environment_build(const struct ctsh_rule *rule,
                                           const struct ctsh_interior *interior,
                                           const struct ctsh_request *request,
                                           const struct ctsh_identity *identity,
                                           char ***env, struct ctsh_error *err);

/*
 * Which locales the image must have for what the rule keeps of the caller's
 * variables; see locale.h.  None: nothing is asked.
 */
void ctsh_environment_locales(const struct ctsh_rule *rule,
                              const char *const *caller,
                              struct ctsh_locales *asked);

/*
 * Puts XDG_RUNTIME_DIR=/run/user/UID in, unless the rule has set another.  0,
 * or -1 with E_SYSTEM if memory ran out.
 */
CTSH_MUST_CHECK int ctsh_environment_add_userdir(struct ctsh_plan *plan,
                                                 struct ctsh_error *err);

/* Frees it and clears `*env`.  [0] is not its own. */
void ctsh_environment_free(char ***env);

/* Whether a value of the caller's may be kept under that name. */
bool ctsh_environment_is_harmless(const char *name, const char *value);

#endif
