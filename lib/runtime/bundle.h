/* SPDX-License-Identifier: MIT */
/*
 * bundle.h - what containerd and CRI-O keep of a container on disk: a directory
 * of root's with the OCI configuration it was made with and its init's pid.
 *
 * Privilege: root, on the host.
 * Trust:     see record.h.  The configuration is the engine's, but parts of it,
 *            annotations above all, are other people's words.
 */
#ifndef CTSH_RUNTIME_BUNDLE_H
#define CTSH_RUNTIME_BUNDLE_H

#include <stdbool.h>

#include "../base/error.h"
#include "../base/json.h"
#include "../model/target.h"

struct ctsh_bundle {
	int dir;              /* O_PATH                                    */
	json_t *config;       /* its config.json, once that was read       */
	char id[CTSH_ID_MAX]; /* the name of its directory                 */
};

#define CTSH_BUNDLE_INIT  \
	{                 \
		.dir = -1 \
	}

/* Harmless on CTSH_BUNDLE_INIT. */
void ctsh_bundle_close(struct ctsh_bundle *bundle);

#define ctsh_autobundle __attribute__((cleanup(ctsh_bundle_close)))

/*
 * Opens the directory `id` below `above`, itself opened with
 * ctsh_open_trusted_dir(), and the directory `sub` in it unless that is NULL.
 * 0 and a bundle to be closed; or -1 with E_ABSENT if there is none, E_UNSAFE
 * if it is not root's alone.
 */
CTSH_MUST_CHECK int ctsh_bundle_open(int above, const char *id, const char *sub,
                                     struct ctsh_bundle *bundle,
                                     struct ctsh_error *err);

/*
 * Reads its config.json.  With `word`, only if that stands in its text: most
 * configurations of a node are somebody else's, and parsing one takes a
 * hundred times as long as looking through it.
 *
 * 0; or -1 with E_ABSENT if there is none, or not that word, with err->coming
 * if it is being made; E_UNSAFE if it is not root's alone, E_ENGINE if it makes
 * no sense.
 */
CTSH_MUST_CHECK int ctsh_bundle_read(struct ctsh_bundle *bundle,
                                     const char *word, struct ctsh_error *err);

/* Whether it is called `id`: no slash, no leading dot. */
bool ctsh_bundle_is_id(const char *id);

/*
 * What the bundle, which was read, says of its init, in `pidfile`, with that
 * file's age and the cgroup's name as proofs.  0 and all of `*target` but
 * `name` and `engine`; or -1 with E_ABSENT if it has ended, and as above.
 */
CTSH_MUST_CHECK int ctsh_bundle_init(const struct ctsh_bundle *bundle,
                                     const char *pidfile,
                                     struct ctsh_target *target,
                                     struct ctsh_error *err);

/*
 * The same of a task of containerd's in the namespace `ns`.  If runc or crun
 * recorded its start, that is the proof; else it is read, if it was not yet.
 * E_UNSAFE also if two records name two processes, or if its shim is not one
 * that runs containers as processes of this kernel.
 */
CTSH_MUST_CHECK int ctsh_bundle_task(struct ctsh_bundle *bundle, const char *ns,
                                     struct ctsh_target *target,
                                     struct ctsh_error *err);

/*
 * Opens ROOT/io.containerd.runtime.v2.task/NS, where containerd keeps the tasks
 * of a namespace; `root` may be NULL.  The descriptor, readable, owned by the
 * caller; or -1 with E_ABSENT if there is none, E_UNSAFE.
 */
CTSH_MUST_CHECK int ctsh_bundle_tasks(const char *root, const char *ns,
                                      struct ctsh_error *err);

#endif
