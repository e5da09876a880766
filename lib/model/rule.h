/* SPDX-License-Identifier: MIT */
/*
 * rule.h - what the configuration says, as plain values.
 *
 * Filled by lib/policy/config.c, read by everybody above the barrier.  All
 * strings belong to the policy that holds the rule; NULL means "not given".
 *
 * Privilege: none.
 * Trust:     written by the administrator; syntax and ranges are checked.
 */
#ifndef CTSH_MODEL_RULE_H
#define CTSH_MODEL_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum ctsh_match_kind {
	CTSH_MATCH_NAME,  /* `text` is the name                       */
	CTSH_MATCH_GLOB,  /* `text` is a shell pattern, not "*"       */
	CTSH_MATCH_ANY,   /* "*": every uid but 0                     */
	CTSH_MATCH_GROUP, /* `text` is the group, `gid` once resolved */
	CTSH_MATCH_UIDS,  /* `low` to `high`, both included           */
};

struct ctsh_match {
	enum ctsh_match_kind kind;
	char *text;
	uid_t low, high; /* equal for "#UID"; only then may it be 0 */
	gid_t gid;       /* valid after ctsh_config_resolve()       */
};

enum ctsh_user_kind {
	CTSH_USER_SAME_NAME, /* the caller's name in the container's passwd */
	CTSH_USER_SAME_UID,  /* the caller's uid in the container's passwd  */
	CTSH_USER_NAME,      /* `user_name` in the container's passwd       */
	CTSH_USER_NUMERIC,   /* `user_uid`, `user_gid`                      */
};

/* Namespaces a container may share with the host, as CLONE_NEW* bits. */
typedef unsigned ctsh_ns_set;

struct ctsh_rule {
	char *title;      /* "students"; for users/NAME the file's path */
	const char *file; /* where it stands, for the log               */
	int line;
	struct ctsh_match *matches;
	size_t match_count;
	char *deny;      /* the sentence, or NULL                      */
	char *container; /* "ENGINE:NAME", not expanded yet            */
	char *owner;     /* whose engine: a user, "%u"; NULL: root's   */
	enum ctsh_user_kind user;
	char *user_name;
	uid_t user_uid;
	gid_t user_gid; /* valid if user_has_gid                      */
	bool user_has_gid;
	bool missing_user_numeric; /* missing_user = "numeric"           */
	bool allow_root;
	bool trust_container;  /* join=all without a user namespace */
	bool container_groups; /* groups = "container"               */
	char *shell;           /* absolute path, or NULL for "auto"          */
	char *directory;       /* absolute path, or NULL for "auto"          */
	char **keep_env;       /* globs, ends with NULL                      */
	char **set_env;        /* "NAME=value", ends with NULL               */
	bool container_env;
	bool agent_forwarding;
	bool x11_forwarding;
	char **forward_socket; /* "HOST:CONTAINER", ends with NULL           */
	ctsh_ns_set share;
	bool allow_no_seccomp; /* allow_unconfined has "seccomp"         */
	bool allow_no_lsm;     /* allow_unconfined has "lsm"             */
	bool kill_at_end;      /* on_disconnect = "kill"                 */
	bool start;            /* start = "ondemand"                     */
	char *bundle;          /* absolute path with expansions, or NULL */
	bool engine_starts;    /* the engine of `container` can          */
	bool engine_bundles;   /* and needs a bundle for it              */
	bool engine_stops;     /* it can stop one                        */
	unsigned wait;         /* seconds, for a container that comes    */
	unsigned stop_after;   /* seconds without a session; 0: never    */
	unsigned idle_timeout; /* seconds; 0: no limit, as the next two  */
	unsigned max_session;  /* seconds                                */
	unsigned max_sessions; /* of one uid at once                     */
	bool record_output;    /* record = "output"                      */
	bool record_stops;     /* record_full = "stop"                   */
	unsigned record_max;   /* MiB                                    */
	char *record_dir;      /* absolute path, or NULL for the default */
};

/* An `engine NAME { }` section: where an engine really is. */
struct ctsh_engine {
	char *name;
	char *type;     /* a runtime's name                           */
	char *socket;   /* absolute path, or NULL for the standard    */
	char *root;     /* state directory, likewise                  */
	char *run_root; /* likewise: what does not outlive a boot   */
};

struct ctsh_policy {
	char *file;       /* path of ctsh.conf                          */
	char *host_shell; /* for break-glass                            */
	char *closed;     /* sentence, or NULL when open                */
	struct ctsh_engine *engines;
	size_t engine_count;
	struct ctsh_rule *rules;
	size_t rule_count;
	struct ctsh_rule *defaults; /* `defaults { }`, for users/NAME     */
	struct ctsh_rule *own; /* users/NAME of the one who asks, or NULL */
};

#endif
