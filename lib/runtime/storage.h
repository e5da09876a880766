/* SPDX-License-Identifier: MIT */
/*
 * storage.h - the store of containers that podman keeps (and buildah, and
 * CRI-O): which of them has a name, and where its files are.
 *
 * Below the root (/var/lib/containers/storage), which outlives a boot, and
 * below the run root (/run/containers/storage), which does not, there is one
 * directory for each graph driver, "overlay-containers" or "vfs-containers".
 * The first has the lists, containers.json and, since storage 1.42 (podman
 * 4.3.1 still has the one list), volatile-containers.json of those that are
 * removed when they end; with a transient store that second list lies in the
 * run root.  In both each container has ID/userdata.  The engine's own
 * database, of whatever kind, is not looked at.
 *
 * Privilege: root, on the host; or the ids of who owns the store.
 * Trust:     what root alone may write is believed to be root's word.  Read
 *            with other ids it is the word of whoever has those.
 */
#ifndef CTSH_RUNTIME_STORAGE_H
#define CTSH_RUNTIME_STORAGE_H

#include <stdbool.h>

#include "../base/error.h"
#include "full_id.h"

/* A container of the store.  Descriptors are O_PATH, of directories. */
struct ctsh_stored {
	char id[CTSH_FULL_ID + 1];
	int files; /* its userdata below the root, or -1            */
	int run;   /* below the run root, or -1: not started since boot */
};

#define CTSH_STORED_INIT                \
	{                               \
		.files = -1, .run = -1, \
	}

/* Closes what is held.  Harmless twice. */
void ctsh_stored_close(struct ctsh_stored *stored);

#define ctsh_autostored __attribute__((cleanup(ctsh_stored_close)))

/*
 * Finds the one container of exactly that name, or with that full ID if `by_id`
 * says so.  Never follows a symbolic link.
 *
 * 0, with `*stored` owned by the caller; or -1: E_ABSENT (none), E_ENGINE (more
 * than one, or lists that make no sense), E_UNSAFE (not the owner's files),
 * E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_storage_find(const char *root, const char *run_root,
                                      const char *name, bool by_id,
                                      struct ctsh_stored *stored,
                                      struct ctsh_error *err);

#endif
