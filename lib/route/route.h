/* SPDX-License-Identifier: MIT */
/*
 * route.h - person -> rule -> target -> pin -> ask again -> prove -> plan.
 *
 * The one sequence that the shell, the PAM module and `ctshctl explain`
 * share; each calls as far as it needs.
 *
 * Privilege: root, on the host, single-threaded.
 * Trust:     see the modules that are called; nothing is decided here that
 *            they do not decide.
 */
#ifndef CTSH_ROUTE_H
#define CTSH_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../model/container.h"
#include "../model/interior.h"
#include "../model/person.h"
#include "../model/rule.h"
#include "../model/target.h"
#include "../policy/config.h"

/* Where the configuration lies. */
#define CTSH_CONFIG_FILE CTSH_CONFDIR "/ctsh.conf"
#define CTSH_USERS_DIR CTSH_CONFDIR "/users"
#define CTSH_BREAK_GLASS_FILE CTSH_CONFDIR "/break_glass"

/* The engines there are, as the configuration wants to know them. */
struct ctsh_route_kinds {
	struct ctsh_engine_kind kind[17]; /* ends with a NULL name */
};

/* Fills `kinds` and returns its first.  The caller's, since a module keeps no
 * data of its own in another one's process. */
const struct ctsh_engine_kind *ctsh_route_engines(
	struct ctsh_route_kinds *kinds);

/* Called before a login waits up to that many seconds for its container, by
 * which its deadline moves; `starts`: because it is to be started.  0, or -1.
 */
typedef int ctsh_route_waits(void *context, unsigned seconds, bool starts,
                             struct ctsh_error *err);

/* Called when a container is pinned and not proved yet.  0, or -1: E_ABSENT or
 * E_GONE count as the engine's own would. */
typedef int ctsh_route_reached(void *context, const struct ctsh_container *c,
                               struct ctsh_error *err);

/* Called when the container is there, and was waited for or not.  0, or -1. */
typedef int ctsh_route_came(void *context, struct ctsh_error *err);

/* Everything known about one login on the host's side, step by step.  Large:
 * not for the stack. */
struct ctsh_route {
	struct ctsh_person person;
	struct ctsh_policy policy;
	bool host;                    /* break-glass: no container at all */
	const char *host_shell;       /* then: borrowed or static         */
	const struct ctsh_rule *rule; /* borrowed from policy             */
	const char *const *caller;    /* variables of the caller's, for
	                                 ctsh_route_find(); borrowed, or
	                                 NULL                             */
	bool looks_only;              /* neither waits for a container nor
	                                 starts it                        */
	ctsh_route_waits *waits;      /* before a wait, or NULL           */
	ctsh_route_reached *reached;  /* or NULL                          */
	ctsh_route_came *came;        /* when it is there, or NULL        */
	void *waits_context;          /* for the three                    */
	bool found;                   /* container is proved and complete */
	bool want_sftp;               /* to be set before step 7          */
	struct ctsh_target target;
	struct ctsh_container container;
	struct ctsh_interior interior;
	int terminal; /* ptmx of the container, or -1     */
};

/* An empty route; then ctsh_route_close() is harmless. */
void ctsh_route_init(struct ctsh_route *route);

/*
 * Steps 2 to 4: who `uid` is and what decides about them, from the files below
 * the compiled-in CTSH_CONFDIR.  On break-glass sets `host` and `host_shell`
 * (the standard one where the configuration is unusable).  uid 0 is on
 * break-glass before anything is looked up.  0, or -1 with `*err`; `person` is
 * filled as far as it got, for the log.
 */
CTSH_MUST_CHECK int ctsh_route_decide(struct ctsh_route *route, uid_t uid,
                                      int64_t deadline_ms,
                                      struct ctsh_error *err);

/*
 * Steps 5 to 7: asks the engine, pins, looks inside through a powerless child
 * and meanwhile proves, asks again and obtains the seccomp filters.  With
 * `want_terminal` a ptmx of the container comes along in route->terminal.
 * Needs a decided rule.  Waits first, as the rule says, for a container that is
 * being started, or starts it.  `found` says whether it got as far as a proved
 * container.
 */
CTSH_MUST_CHECK int ctsh_route_find(struct ctsh_route *route,
                                    bool want_terminal, int64_t deadline_ms,
                                    struct ctsh_error *err);

/* Steps 5 and 6 alone, for who enters nothing but the container's network: no
 * look inside, no filters.  0 or -1, as before. */
CTSH_MUST_CHECK int ctsh_route_prove(struct ctsh_route *route,
                                     int64_t deadline_ms,
                                     struct ctsh_error *err);

/*
 * Has the proved container stopped by its engine, unless a login is starting
 * it.  No such login begins meanwhile.  0 once its init has ended; or -1:
 * E_CONFIG if this engine stops none, E_ABSENT if a login has the turn, else as
 * the engine said.
 */
CTSH_MUST_CHECK int ctsh_route_stop(const struct ctsh_route *route,
                                    int64_t deadline_ms,
                                    struct ctsh_error *err);

/* Closes and frees everything.  Preserves errno. */
void ctsh_route_close(struct ctsh_route *route);

#endif
