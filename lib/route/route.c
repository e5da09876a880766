/* SPDX-License-Identifier: MIT */
#include "route.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "../enter/container.h"
#include "../enter/interior.h"
#include "../enter/seccomp.h"
#include "../policy/break_glass.h"
#include "../policy/person.h"
#include "../policy/rule.h"
#include "../registry/registry.h"
#include "../runtime/runtime.h"
#include "await.h"
#include "owner.h"
#include "plan.h"

#define STANDARD_HOST_SHELL "/bin/bash"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The engine to be asked, made from what the rule names. */
struct question {
	const struct ctsh_runtime *runtime;
	struct ctsh_where where;
	struct ctsh_owner owner; /* uid 0: root's */
	char engine[32];
	char name[CTSH_ID_MAX * 2];
	char container[CTSH_ID_MAX * 3 + 16]; /* both, and whose */
	char bundle[CTSH_PATH_MAX];
	char log[128];
};

const struct ctsh_engine_kind *ctsh_route_engines(
	struct ctsh_route_kinds *kinds)
{
	struct ctsh_engine_kind *kind = kinds->kind;
	const struct ctsh_runtime *runtime;

	memset(kinds, 0, sizeof(*kinds));
	for (unsigned i = 0; i + 1 < ARRAY_COUNT(kinds->kind); i++) {
		runtime = ctsh_runtime_at(i);
		if (!runtime)
			break;
		kind[i].name = runtime->name;
		kind[i].has_socket = runtime->has_socket;
		kind[i].has_root = runtime->has_root;
		kind[i].has_run_root = runtime->has_run_root;
		kind[i].starts = runtime->start != NULL;
		kind[i].stops = runtime->stop != NULL;
		kind[i].has_owner = runtime->has_owner;
		kind[i].has_bundle = runtime->has_bundle;
	}
	return kind;
}

void ctsh_route_init(struct ctsh_route *route)
{
	memset(route, 0, sizeof(*route));
	route->container = (struct ctsh_container)CTSH_CONTAINER_INIT;
	route->terminal = -1;
}

static void choose_host(struct ctsh_route *route)
{
	route->host = true;
	route->host_shell = route->policy.host_shell ? route->policy.host_shell
	                                             : STANDARD_HOST_SHELL;
}

/* Nothing that can fail may stand between uid 0 and the host. */
static void decide_root(struct ctsh_route *route)
{
	struct ctsh_route_kinds kinds;
	struct ctsh_error ignored;

	(void)!ctsh_text_copy(route->person.name, sizeof(route->person.name),
	                      "root");
	route->person.group_count = 1; /* groups[0] is 0 */
	/* On failure the policy stays empty and the standard shell is taken. */
	(void)!ctsh_config_load(CTSH_CONFIG_FILE, true,
	                        ctsh_route_engines(&kinds), &route->policy,
	                        &ignored);
	choose_host(route);
}

/* For the host: without the group service the primary group must do. */
static void take_memberships(struct ctsh_person *person, int64_t deadline_ms)
{
	struct ctsh_error ignored;

	if (ctsh_person_memberships(person, deadline_ms, &ignored) == 0)
		return;
	person->groups[0] = person->gid;
	person->group_count = 1;
}

int ctsh_route_decide(struct ctsh_route *route, uid_t uid, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	struct ctsh_route_kinds kinds;
	struct ctsh_error config_error;
	bool config_failed, qualifies;

	if (uid == 0) {
		decide_root(route);
		return 0;
	}
	/* Held back: a broken configuration locks no administrator out. */
	config_failed = ctsh_config_load(CTSH_CONFIG_FILE, true,
	                                 ctsh_route_engines(&kinds),
	                                 &route->policy, &config_error) != 0;
	if (ctsh_person_load(uid, &route->person, deadline_ms, err) ||
	    ctsh_break_glass(CTSH_BREAK_GLASS_FILE, &route->person, &qualifies,
	                     deadline_ms, err))
		return -1;
	if (qualifies) {
		choose_host(route);
		take_memberships(&route->person, deadline_ms);
		return 0;
	}
	if (config_failed) {
		*err = config_error;
		return -1;
	}
	if (ctsh_config_load_own(CTSH_USERS_DIR, route->person.name,
	                         ctsh_route_engines(&kinds), &route->policy,
	                         err) ||
	    ctsh_config_resolve(&route->policy, deadline_ms, err))
		return -1;
	if (ctsh_rule_wants_groups(&route->policy) &&
	    ctsh_person_memberships(&route->person, deadline_ms, err))
		return -1;
	return ctsh_rule_find(&route->policy, &route->person, &route->rule,
	                      err);
}

static void look_up_engine(const struct ctsh_policy *policy, struct question *q)
{
	q->runtime = ctsh_runtime_find(q->engine);
	for (size_t i = 0; i < policy->engine_count; i++) {
		const struct ctsh_engine *engine = &policy->engines[i];

		if (strcmp(engine->name, q->engine) != 0)
			continue;
		q->runtime = ctsh_runtime_find(engine->type);
		q->where.socket = engine->socket;
		q->where.root = engine->root;
		q->where.run_root = engine->run_root;
	}
}

static int make_question(const struct ctsh_route *route, struct question *q,
                         int64_t deadline_ms, struct ctsh_error *err)
{
	if (ctsh_rule_expand(route->rule, &route->person, q->engine,
	                     sizeof(q->engine), q->name, sizeof(q->name), err))
		return -1;
	look_up_engine(&route->policy, q);
	if (!q->runtime)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: no engine '%s'",
		                 route->rule->file, route->rule->line,
		                 q->engine);
	if (!q->runtime->valid_name(q->name))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s:%d: '%s' cannot name a container of %s",
		                 route->rule->file, route->rule->line, q->name,
		                 q->engine);
	if (!route->rule->owner)
		return 0;
	q->where.owner = &q->owner;
	return ctsh_owner_resolve(route->rule, &route->person, &q->owner,
	                          deadline_ms, err);
}

static int find(const struct question *q, int64_t deadline_ms,
                struct ctsh_target *target, struct ctsh_error *err)
{
	if (q->where.owner)
		return ctsh_owner_ask(q->runtime, &q->where, q->name,
		                      deadline_ms, target, err);
	return q->runtime->find(&q->where, q->name, deadline_ms, target, err);
}

static int ask(const struct question *q, int64_t deadline_ms,
               struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_target fresh = {0};

	if (find(q, deadline_ms, &fresh, err))
		return -1;
	if (!ctsh_text_copy(fresh.engine, sizeof(fresh.engine), q->engine))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "engine name");
	*target = fresh;
	return 0;
}

/* Step 6 of the pinned process.  Asked a second time: between the two answers
 * the pidfd holds the process. */
static int prove(struct ctsh_route *route, const struct question *question,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	struct question same = *question;
	struct ctsh_target again;
	struct ctsh_terms terms = {
		.share = route->rule->share,
		.owner = question->owner.uid,
		.allow_no_seccomp = route->rule->allow_no_seccomp,
		.allow_no_lsm = route->rule->allow_no_lsm,
	};

	same.where.known = route->target.id;
	if (ctsh_container_prove(&route->container, &route->target, &terms,
	                         err) ||
	    ask(&same, deadline_ms, &again, err))
		return -1;
	return ctsh_container_confirm(&route->container, &route->target, &again,
	                              err);
}

struct search {
	struct ctsh_route *route;
	struct question *question;
};

static int reach(void *context, int64_t deadline_ms, struct ctsh_error *err)
{
	struct search *s = context;
	struct ctsh_route *route = s->route;

	if (ask(s->question, deadline_ms, &route->target, err) ||
	    ctsh_container_pin(&route->container, &route->target,
	                       s->question->owner.uid, err))
		return -1;
	if (!route->reached ||
	    route->reached(route->waits_context, &route->container, err) == 0)
		return 0;
	ctsh_container_close(&route->container);
	return -1;
}

static int begin_wait(void *context, unsigned seconds, bool starts,
                      struct ctsh_error *err)
{
	const struct ctsh_route *route = ((struct search *)context)->route;

	return !route->waits ? 0
	                     : route->waits(route->waits_context, seconds,
	                                    starts, err);
}

static int start(void *context, int64_t deadline_ms, struct ctsh_error *err)
{
	const struct question *q = ((struct search *)context)->question;

	if (q->where.owner)
		return ctsh_owner_start(q->runtime, &q->where, q->name,
		                        deadline_ms, err);
	return q->runtime->start(&q->where, q->name, deadline_ms, err);
}

/* Whose turn to start or stop it: one owner's failure is not another's. */
static void name_turn(struct question *q)
{
	(void)snprintf(q->container, sizeof(q->container), "%u %s:%s",
	               q->owner.uid, q->engine, q->name);
}

/* What is needed for it beside the question. */
static int prepare_start(const struct ctsh_route *route, struct question *q,
                         struct ctsh_error *err)
{
	const struct ctsh_rule *rule = route->rule;

	name_turn(q);
	ctsh_turn_log(q->container, q->log, sizeof(q->log));
	q->where.log = q->log;
	if (!rule->bundle)
		return 0;
	q->where.bundle = q->bundle;
	return ctsh_rule_expand_path(rule, "bundle", rule->bundle,
	                             &route->person, q->bundle,
	                             sizeof(q->bundle), err);
}

/* Step 5, and the hold on the process that was named. */
static int pin(struct ctsh_route *route, struct question *question,
               int64_t *deadline_ms, struct ctsh_error *err)
{
	struct search search = {.route = route, .question = question};
	struct ctsh_await await = {
		.reach = reach,
		.begin = begin_wait,
		.container = question->container,
		.context = &search,
		.seconds = route->looks_only ? 0 : route->rule->wait,
	};

	if (make_question(route, question, *deadline_ms, err))
		return -1;
	if (route->rule->start && question->runtime->start) {
		if (prepare_start(route, question, err))
			return -1;
		await.start = start;
	}
	if (ctsh_await(&await, deadline_ms, err))
		return -1;
	return route->came ? route->came(route->waits_context, err) : 0;
}

static int copy_filters(struct ctsh_route *route, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	if (ctsh_registry_filters(&route->container, ctsh_seccomp_copy,
	                          deadline_ms, err))
		return ctsh_container_failed(&route->container, err);
	return 0;
}

int ctsh_route_find(struct ctsh_route *route, bool want_terminal,
                    int64_t deadline_ms, struct ctsh_error *err)
{
	struct ctsh_child reader = CTSH_CHILD_INIT;
	struct question question = {0};
	struct ctsh_query query = {0};

	ctsh_plan_query(route->rule, &route->person, want_terminal,
	                route->caller, &query);
	query.want_sftp = route->want_sftp;
	if (pin(route, &question, &deadline_ms, err) ||
	    ctsh_interior_start(&reader, &route->container, &query, err))
		return -1;
	if (prove(route, &question, deadline_ms, err) ||
	    copy_filters(route, deadline_ms, err)) {
		ctsh_child_end(&reader);
		return -1;
	}
	route->found = true;
	return ctsh_interior_finish(&reader, want_terminal, &route->interior,
	                            &route->terminal, deadline_ms, err);
}

int ctsh_route_prove(struct ctsh_route *route, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	struct question question = {0};

	if (pin(route, &question, &deadline_ms, err) ||
	    prove(route, &question, deadline_ms, err))
		return -1;
	route->found = true;
	return 0;
}

static int stop(const struct ctsh_route *route, const struct question *q,
                int64_t deadline_ms, struct ctsh_error *err)
{
	int init = route->container.pidfd;

	if (q->runtime->stop(&q->where, &route->target, init, deadline_ms, err))
		return -1;
	if (ctsh_wait_fd(init, POLLIN, deadline_ms) != 1)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "was stopped; pid %d runs still",
		                 (int)route->container.pid);
	return 0;
}

int ctsh_route_stop(const struct ctsh_route *route, int64_t deadline_ms,
                    struct ctsh_error *err)
{
	struct question question = {0};
	int turn, rc;

	if (make_question(route, &question, deadline_ms, err))
		return -1;
	if (!question.runtime->stop)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s stops none",
		                 question.runtime->name);
	name_turn(&question);
	turn = ctsh_turn_take(question.container, ctsh_now_ms(), err);
	if (turn < 0)
		return -1;
	rc = stop(route, &question, deadline_ms, err);
	ctsh_turn_end(&turn);
	return rc;
}

void ctsh_route_close(struct ctsh_route *route)
{
	ctsh_container_close(&route->container);
	ctsh_policy_free(&route->policy);
	ctsh_close_fd(&route->terminal);
	ctsh_route_init(route);
}
