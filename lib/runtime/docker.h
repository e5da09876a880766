/* SPDX-License-Identifier: MIT */
/*
 * docker.h - the pure half of the docker runtime.
 *
 * Privilege: none.
 * Trust:     the answer is hostile until parsed, and a claim afterwards.
 */
#ifndef CTSH_RUNTIME_DOCKER_H
#define CTSH_RUNTIME_DOCKER_H

#include <stddef.h>

#include "../base/error.h"
#include "../model/target.h"

/*
 * Takes the engine's description of one container apart.  `name` is what was
 * asked for: a name, or "id=" and the full ID; the answer must carry exactly
 * that, since the engine takes prefixes of IDs as well.
 *
 * 0, and everything but `engine` filled; or -1 with `*target` untouched:
 * E_ABSENT (stopped, restarting, or another container; `coming` if restarting
 * or not started yet), E_PAUSED, E_ENGINE.
 */
CTSH_MUST_CHECK int ctsh_docker_parse(const char *text, size_t length,
                                      const char *name,
                                      struct ctsh_target *target,
                                      struct ctsh_error *err);

#endif
