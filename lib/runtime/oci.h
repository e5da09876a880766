/* SPDX-License-Identifier: MIT */
/*
 * oci.h - what crun and runc have in common: a state directory of root's with
 * one directory per container, and a JSON record in it.
 *
 * Privilege: root, on the host.
 * Trust:     see record.h.
 */
#ifndef CTSH_RUNTIME_OCI_H
#define CTSH_RUNTIME_OCI_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/error.h"
#include "../base/json.h"
#include "../model/target.h"
#include "runtime.h"

/* How one of the two writes it down. */
struct ctsh_oci {
	const char *const *programs; /* where it may be, ends with NULL    */
	const char *root; /* the standard state directory             */
	const char *file; /* the record in the container's directory  */

	/* Fills pid, start_ticks and, if the record itself says so,
	 * names_seccomp.  Pure.  0, or -1 with E_ENGINE. */
	int (*parse)(const json_t *record, const char *name,
	             struct ctsh_target *target, struct ctsh_error *err);

	/* Fills names_seccomp from other files in the container's directory;
	 * NULL if parse() did.  0 or -1. */
	int (*find_seccomp)(int dir, struct ctsh_target *target,
	                    struct ctsh_error *err);
};

/* The find() of both; see runtime.h. */
CTSH_MUST_CHECK int ctsh_oci_find(const struct ctsh_oci *oci,
                                  const struct ctsh_where *where,
                                  const char *name, struct ctsh_target *target,
                                  struct ctsh_error *err);

/* The start() of both: by the service manager, from the bundle, which must be
 * root's alone; what is left of a container that ended is deleted first. */
CTSH_MUST_CHECK int ctsh_oci_start(const struct ctsh_oci *oci,
                                   const struct ctsh_where *where,
                                   const char *name, int64_t deadline_ms,
                                   struct ctsh_error *err);

/* The pure half of each: `status` of crun, `state.json` of runc. */
CTSH_MUST_CHECK int ctsh_crun_parse(const json_t *record, const char *name,
                                    struct ctsh_target *target,
                                    struct ctsh_error *err);
CTSH_MUST_CHECK int ctsh_runc_parse(const json_t *record, const char *name,
                                    struct ctsh_target *target,
                                    struct ctsh_error *err);

/* As stop() of a runtime. */
CTSH_MUST_CHECK int ctsh_oci_stop(const struct ctsh_where *where,
                                  const struct ctsh_target *target, int init,
                                  int64_t deadline_ms, struct ctsh_error *err);

#endif
