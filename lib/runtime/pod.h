/* SPDX-License-Identifier: MIT */
/*
 * pod.h - the two engines that kubelet has, and what each writes down of the
 * pod that a container belongs to.
 *
 * Privilege: root, on the host.
 * Trust:     annotations are partly the pod's author's, where the engine was
 *            told to pass them on.  What the engine makes itself is written
 *            over them; only that is believed.
 */
#ifndef CTSH_RUNTIME_POD_H
#define CTSH_RUNTIME_POD_H

#include "bundle.h"

/* As kubernetes limits them: two DNS labels and a DNS name. */
#define CTSH_POD_LABEL_MAX 64
#define CTSH_POD_NAME_MAX 254

/* What a configuration says it belongs to; borrowed from it, "" for what is
 * not there. */
struct ctsh_pod_claim {
	const char *type; /* "sandbox", which is nobody's, or "container" */
	const char *ns, *pod, *container;
	const char *sandbox; /* its ID: another one is another pod */
};

struct ctsh_pod_engine {
	bool in_run_root; /* where to look: else in the engine's root */
	struct ctsh_pod_claim keys; /* what the annotations are called */
	const char *sub; /* below a container's directory, or NULL  */

	/* Opens the directory that has one for each container; `root` may be
	 * NULL.  The descriptor, readable, owned by the caller; or -1 with
	 * E_ABSENT if there is none, E_UNSAFE. */
	int (*open)(const char *root, struct ctsh_error *err);

	/* That the claim is the engine's own words.  0, or -1 with E_UNSAFE if
	 * they could be somebody else's, E_ABSENT if the pod is gone. */
	int (*confirm)(int above, const struct ctsh_bundle *bundle,
	               const struct ctsh_pod_claim *claim,
	               struct ctsh_error *err);

	/* As ctsh_bundle_init(), of a bundle that was read. */
	int (*init)(struct ctsh_bundle *bundle, struct ctsh_target *target,
	            struct ctsh_error *err);
};

#define CTSH_POD_ENGINES 2
extern const struct ctsh_pod_engine ctsh_pod_engines[CTSH_POD_ENGINES];

struct ctsh_pod_claim ctsh_pod_claim(const struct ctsh_pod_engine *engine,
                                     const struct ctsh_bundle *bundle);

#endif
