/* SPDX-License-Identifier: MIT */
/*
 * container.h - pin one container by descriptors and prove what it is.
 *
 * Privilege: root, on the host.
 * Trust:     the target is a claim; the kernel's /proc is believed; whatever
 *            is reached through `root` is hostile and not touched here.
 */
#ifndef CTSH_ENTER_CONTAINER_H
#define CTSH_ENTER_CONTAINER_H

#include "../base/error.h"
#include "../model/container.h"
#include "../model/target.h"
#include "terms.h"

/*
 * Pins the process that `target` names by a pidfd, and opens what a look inside
 * needs.  Nothing is proved yet but that it is none of the host's, that its
 * user namespace belongs to `owner` and that it runs a program of its own: what
 * is reached through it may be any container's of theirs.
 *
 * 0, with `*c` owned by the caller (ctsh_container_close()).  -1 with `*c`
 * empty: E_GONE if the process ended, E_ABSENT if the container was made and
 * never started, E_UNSAFE, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_container_pin(struct ctsh_container *c,
                                       const struct ctsh_target *target,
                                       uid_t owner, struct ctsh_error *err);

/*
 * Opens all else that entering needs, reads the state of the pinned process,
 * and proves (proof.h) that it is the init of a container and of the one named.
 * Filters are not copied yet.
 *
 * 0; or -1, and `*c` is good for nothing but ctsh_container_close():
 *   E_GONE     the process ended
 *   E_PAUSED   it is frozen
 *   E_UNSAFE   a proof failed; it is a host process, shares a namespace that
 *              the terms do not allow, has a label that cannot be had, or
 *              lacks the filter that its engine names
 *   E_SYSTEM   something could not be opened or read
 */
CTSH_MUST_CHECK int ctsh_container_prove(struct ctsh_container *c,
                                         const struct ctsh_target *target,
                                         const struct ctsh_terms *terms,
                                         struct ctsh_error *err);

/*
 * To be called after the engine was asked again: the second answer must name
 * the same process and ID, and the pinned process must still run with the same
 * start time.  0, or -1 with E_GONE or E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_container_confirm(const struct ctsh_container *c,
                                           const struct ctsh_target *first,
                                           const struct ctsh_target *second,
                                           struct ctsh_error *err);

/* Whether the pinned process still runs.  Cannot fail, never blocks. */
bool ctsh_container_alive(const struct ctsh_container *c);

/*
 * To be called after a step failed: if the init has ended or is about to, that
 * is why, and `*err` becomes E_GONE with its reason kept.  What an init has is
 * taken from it piece by piece while it still counts as running.  Returns -1.
 */
int ctsh_container_failed(const struct ctsh_container *c,
                          struct ctsh_error *err);

/* Closes and frees what is held and resets it.  Harmless twice.  Preserves
 * errno. */
void ctsh_container_close(struct ctsh_container *c);

#endif
