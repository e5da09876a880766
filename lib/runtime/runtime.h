/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - where is the container: one table, one file per engine.
 *
 * Privilege: root, on the host.
 * Trust:     an engine's answer is a claim.  Who answers is checked (peer,
 *            owner of files); what is said is held against the kernel later.
 */
#ifndef CTSH_RUNTIME_H
#define CTSH_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"
#include "../model/target.h"

/* Whose engine it is, if not root's.  Then find() runs in a process with these
 * ids and no power, what it says is that user's word, and only the owner of the
 * user namespace is believed. */
struct ctsh_owner {
	uid_t uid; /* not 0 */
	gid_t gid;
	char home[CTSH_HOST_HOME_MAX];
};

/* Where to ask, a value made from an engine section or the standard. */
struct ctsh_where {
	const char *socket;   /* absolute path, or NULL: the standard   */
	const char *root;     /* absolute path, or NULL: the standard   */
	const char *run_root; /* likewise: what does not outlive a boot */
	const struct ctsh_owner *owner; /* or NULL: root */
	const char *known; /* the ID that find() gave a moment ago, when it is
	                      asked again: who has to look through many need
	                      look at that one only; or NULL */

	/* For start() alone. */
	const char *bundle; /* the rule's, or NULL                      */
	const char *log;    /* a file of root's alone, to be made, for
	                       what an engine has to say; or NULL       */
};

struct ctsh_runtime {
	const char *name; /* "docker", as rules write it            */
	bool has_socket;  /* whether an engine section may give one */
	bool has_root;
	bool has_run_root;
	bool has_owner;  /* find() heeds where->owner                  */
	bool has_bundle; /* whether start() needs one                 */

	/* Whether `name` can name a container of this engine. */
	bool (*valid_name)(const char *name);

	/*
	 * Finds the container of exactly that name.  At most until the
	 * deadline.  0 and `*target` with everything but `engine` filled; or
	 * -1:
	 *   E_ABSENT  no such container, or it is stopped; with err->coming
	 *             if somebody is starting it, or it restarts by itself
	 *   E_PAUSED  the engine says that it is paused
	 *   E_ENGINE  down, slow, or an answer that makes no sense
	 *   E_UNSAFE  somebody else answered, a file has the wrong owner, or
	 *             two containers are called that
	 *   E_CONFIG  the name is that of several, one of which must be named
	 */
	int (*find)(const struct ctsh_where *where, const char *name,
	            int64_t deadline_ms, struct ctsh_target *target,
	            struct ctsh_error *err);

	/*
	 * Of an engine with `has_owner` that starts: the ID of the container
	 * of exactly that name, whether it runs or not, in target->id; else as
	 * find().  start() of another owner's is given that for a name, since
	 * it runs as root and reads nothing of theirs.
	 */
	int (*identify)(const struct ctsh_where *where, const char *name,
	                int64_t deadline_ms, struct ctsh_target *target,
	                struct ctsh_error *err);

	/*
	 * Has the container of exactly that name started, by a daemon or by
	 * the service manager and never as our own child: it would be in the
	 * login's control group and under its limits.  At most until the
	 * deadline.  NULL: this engine starts none.
	 *
	 * 0, also if it is running or about to; it may have ended again by
	 * then.  -1: E_ABSENT if there is none to start or it takes longer,
	 * else as find(); the engine's own words are in the reason.
	 */
	int (*start)(const struct ctsh_where *where, const char *name,
	             int64_t deadline_ms, struct ctsh_error *err);

	/*
	 * Has the container, which was proved to be that of `target`, stopped
	 * as its engine stops one: it may end by itself first.  By its full ID
	 * or by `init`, a pidfd of its first process: never another one.  At
	 * most until the deadline.  NULL: this engine stops none.
	 *
	 * 0, also if it has ended; whether it has is for the caller to see.
	 * -1; the engine's own words are in the reason.
	 */
	int (*stop)(const struct ctsh_where *where,
	            const struct ctsh_target *target, int init,
	            int64_t deadline_ms, struct ctsh_error *err);
};

extern const struct ctsh_runtime ctsh_runtime_docker;
extern const struct ctsh_runtime ctsh_runtime_crun;
extern const struct ctsh_runtime ctsh_runtime_runc;
extern const struct ctsh_runtime ctsh_runtime_pidfile;
extern const struct ctsh_runtime ctsh_runtime_podman;
extern const struct ctsh_runtime ctsh_runtime_containerd;
extern const struct ctsh_runtime ctsh_runtime_kubernetes;
extern const struct ctsh_runtime ctsh_runtime_lxc;
extern const struct ctsh_runtime ctsh_runtime_lxd;
extern const struct ctsh_runtime ctsh_runtime_incus;
extern const struct ctsh_runtime ctsh_runtime_nspawn;

/* The runtime of that name, or NULL.  Static. */
const struct ctsh_runtime *ctsh_runtime_find(const char *name);

/* The runtimes one after the other, for lists in messages; NULL at the end. */
const struct ctsh_runtime *ctsh_runtime_at(unsigned index);

#endif
