/* SPDX-License-Identifier: MIT */
/*
 * proof.h - hold an engine's claim against the kernel.
 *
 * Privilege: root, on the host.
 * Trust:     the container handle was read from the kernel; the target is a
 *            claim.
 */
#ifndef CTSH_ENTER_PROOF_H
#define CTSH_ENTER_PROOF_H

#include "../base/error.h"
#include "../model/container.h"
#include "../model/target.h"
#include "terms.h"

/* In the order of struct ctsh_container's `ns`. */
struct ctsh_ns_kind {
	const char *file; /* below /proc/PID/ns */
	unsigned flag;    /* CLONE_NEW*         */
};
extern const struct ctsh_ns_kind ctsh_ns_kinds[CTSH_NS_COUNT];

/*
 * That the pinned process is the one the engine meant: every independent proof
 * that the target brings holds, and it brings at least one.  0, or -1 with
 * E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_proof_identity(const struct ctsh_container *c,
                                        const struct ctsh_target *target,
                                        struct ctsh_error *err);

/*
 * That it has begun to run: its program and the root that is held lie on mounts
 * of its own tree.  One that an engine has made but not started is still the
 * engine's program, without a filter yet and with the environment of whoever
 * called the engine.  And whoever owns the user namespace may have a directory
 * of the host's open, and change root to it and back at any time.
 * 0, or -1 with E_ABSENT (`coming` is soon), E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_proof_started(const struct ctsh_container *c,
                                       struct ctsh_error *err);

/* The least of what ctsh_proof_isolation() proves: neither our mount nor our
 * PID namespace.  0, or -1 with E_UNSAFE. */
CTSH_MUST_CHECK int ctsh_proof_not_host(const struct ctsh_container *c,
                                        struct ctsh_error *err);

/* That its user namespace belongs to that uid; 0 where it has none of its own.
 * 0, or -1 with E_UNSAFE, E_GONE or E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_proof_owner(const struct ctsh_container *c,
                                     uid_t owner, struct ctsh_error *err);

/*
 * That it lives in namespaces of its own: never our mount or PID namespace,
 * others shared only where the terms say so; its user namespace belongs to the
 * owner, its mount and PID namespaces to that user namespace (CVE-2022-31214).
 * 0, or -1 with E_UNSAFE or E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_proof_isolation(const struct ctsh_container *c,
                                         const struct ctsh_terms *terms,
                                         struct ctsh_error *err);

#endif
