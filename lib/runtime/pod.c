/* SPDX-License-Identifier: MIT */
#include "pod.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/fdio.h"

#define NAMESPACE "k8s.io"
#define CRIO_RUN "/run/containers/storage"

static const char *note(const struct ctsh_bundle *bundle, const char *key)
{
	const char *text = ctsh_json_entry(bundle->config, "annotations", key);

	return text ? text : "";
}

static bool is(const struct ctsh_bundle *bundle, const char *key,
               const char *value)
{
	return strcmp(note(bundle, key), value) == 0;
}

struct ctsh_pod_claim ctsh_pod_claim(const struct ctsh_pod_engine *engine,
                                     const struct ctsh_bundle *bundle)
{
	const struct ctsh_pod_claim *keys = &engine->keys;

	return (struct ctsh_pod_claim){
		.type = note(bundle, keys->type),
		.ns = note(bundle, keys->ns),
		.pod = note(bundle, keys->pod),
		.container = note(bundle, keys->container),
		.sandbox = note(bundle, keys->sandbox),
	};
}

/* A copy of kubelet's names that no annotation can touch, "NS_POD_UID", if
 * that is what the last part of the path is. */
static bool contradicts(const char *directory,
                        const struct ctsh_pod_claim *claim)
{
	const char *slash = strrchr(directory, '/');
	char start[CTSH_POD_LABEL_MAX + CTSH_POD_NAME_MAX + 2];
	int length;

	if (!slash || !strchr(slash, '_'))
		return false;
	length = snprintf(start, sizeof(start), "/%s_%s_", claim->ns,
	                  claim->pod);
	return length < 0 || (size_t)length >= sizeof(start) ||
	       strncmp(slash, start, (size_t)length) != 0;
}

/*
 * The pod's sandbox must say the same.  Early versions did not write the pod's
 * name themselves, and then it can be the author's word; where the logs are has
 * always been kubelet's, and holds the name.
 */
static int confirm_cri(int above, const struct ctsh_bundle *bundle,
                       const struct ctsh_pod_claim *claim,
                       struct ctsh_error *err)
{
	ctsh_autobundle struct ctsh_bundle sandbox = CTSH_BUNDLE_INIT;

	if (ctsh_bundle_open(above, claim->sandbox, NULL, &sandbox, err) ||
	    ctsh_bundle_read(&sandbox, NULL, err))
		return -1;
	if (!is(&sandbox, "io.kubernetes.cri.container-type", "sandbox") ||
	    !is(&sandbox, "io.kubernetes.cri.sandbox-id", claim->sandbox) ||
	    !is(&sandbox, "io.kubernetes.cri.sandbox-name", claim->pod) ||
	    !is(&sandbox, "io.kubernetes.cri.sandbox-namespace", claim->ns) ||
	    contradicts(
		    note(&sandbox, "io.kubernetes.cri.sandbox-log-directory"),
		    claim))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "the sandbox of %s is of another pod than %s",
		                 bundle->id, claim->pod);
	return 0;
}

/*
 * Of a container CRI-O writes all that is read here behind what is the pod's.
 * Of the sandbox it does so with labels only: its type and name can be the
 * author's words, but not that it is called "POD", as no container can be.
 */
static int confirm_crio(int above, const struct ctsh_bundle *bundle,
                        const struct ctsh_pod_claim *claim,
                        struct ctsh_error *err)
{
	char start[2 * CTSH_POD_LABEL_MAX + CTSH_POD_NAME_MAX + 8];
	int length;

	(void)above;
	length = snprintf(start, sizeof(start), "k8s_%s_%s_%s_",
	                  claim->container, claim->pod, claim->ns);
	if (length < 0 || (size_t)length >= sizeof(start) ||
	    strncmp(note(bundle, "io.kubernetes.cri-o.Name"), start,
	            (size_t)length) ||
	    !is(bundle, "io.kubernetes.cri-o.ContainerID", bundle->id) ||
	    !is(bundle, "io.container.manager", "cri-o") ||
	    strcmp(claim->container, "POD") == 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "CRI-O calls %s something else than %s",
		                 bundle->id, start);
	return 0;
}

static int open_cri(const char *root, struct ctsh_error *err)
{
	return ctsh_bundle_tasks(root, NAMESPACE, err);
}

static int open_crio(const char *root, struct ctsh_error *err)
{
	char path[PATH_MAX];
	int length, dir;

	length = snprintf(path, sizeof(path), "%s/overlay-containers",
	                  root ? root : CRIO_RUN);
	if (length < 0 || (size_t)length >= sizeof(path))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", root);
	dir = ctsh_open_trusted_dir(path, true, CTSH_E_UNSAFE, err);
	if (dir < 0 && err->sys == ENOENT)
		err->code = CTSH_E_ABSENT;
	return dir;
}

static int init_cri(struct ctsh_bundle *bundle, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	return ctsh_bundle_task(bundle, NAMESPACE, target, err);
}

static int init_crio(struct ctsh_bundle *bundle, struct ctsh_target *target,
                     struct ctsh_error *err)
{
	return ctsh_bundle_init(bundle, "pidfile", target, err);
}

const struct ctsh_pod_engine ctsh_pod_engines[CTSH_POD_ENGINES] = {
	{
		.open = open_cri,
		.keys = {.type = "io.kubernetes.cri.container-type",
                         .ns = "io.kubernetes.cri.sandbox-namespace",
                         .pod = "io.kubernetes.cri.sandbox-name",
                         .container = "io.kubernetes.cri.container-name",
                         .sandbox = "io.kubernetes.cri.sandbox-id"},
		.confirm = confirm_cri,
		.init = init_cri,
	},
	{
		.in_run_root = true,
		.open = open_crio,
		.sub = "userdata",
		.keys = {.type = "io.kubernetes.cri-o.ContainerType",
                         .ns = "io.kubernetes.pod.namespace",
                         .pod = "io.kubernetes.pod.name",
                         .container = "io.kubernetes.container.name",
                         .sandbox = "io.kubernetes.cri-o.SandboxID"},
		.confirm = confirm_crio,
		.init = init_crio,
	},
};
