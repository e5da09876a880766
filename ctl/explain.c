/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/base/text.h"
#include "../lib/enter/proof.h"
#include "../lib/policy/person.h"
#include "../lib/route/plan.h"
#include "../lib/route/route.h"

#define DEADLINE_MS 20000

static void show_person(const struct ctsh_person *person)
{
	(void)printf("person:    %s uid=%u gid=%u groups=", person->name,
	             person->uid, person->gid);
	for (unsigned i = 0; i < person->group_count; i++)
		(void)printf("%s%u", i ? "," : "", person->groups[i]);
	(void)putchar('\n');
}

static void show_rule(const struct ctsh_rule *rule)
{
	(void)printf("rule:      %s (%s:%d)\n", rule->title, rule->file,
	             rule->line);
	if (rule->trust_container)
		(void)puts("trusts:    the container, for a service that "
		           "enters it");
	if (rule->record_output)
		(void)printf("records:   %s, %u MiB, then the %s\n",
		             rule->record_dir ?: CTSH_LOGDIR, rule->record_max,
		             rule->record_stops ? "recording stops"
		                                : "session ends");
}

/* That it is root's needs no line. */
static void show_owner(const struct ctsh_route *route)
{
	const char *owner = route->rule->owner;

	if (owner)
		(void)printf("owner:     %s\n", strcmp(owner, "%u") == 0
		                                        ? route->person.name
		                                        : owner);
}

static void show_stop(const struct ctsh_rule *rule)
{
	if (rule->stop_after)
		(void)printf("stops:     after %u s without a session\n",
		             rule->stop_after);
}

/* What is not limited needs no line. */
static void show_limits(const struct ctsh_rule *rule)
{
	if (!rule->kill_at_end && !rule->idle_timeout && !rule->max_session &&
	    !rule->max_sessions)
		return;
	(void)printf("limits:    on_disconnect=%s idle_timeout=%u "
	             "max_session=%u max_sessions=%u\n",
	             rule->kill_at_end ? "kill" : "hup", rule->idle_timeout,
	             rule->max_session, rule->max_sessions);
}

static void show_namespaces(const struct ctsh_container *c)
{
	(void)fputs("joins:    ", stdout);
	for (unsigned i = 0; i < CTSH_NS_COUNT; i++)
		if (c->join & ctsh_ns_kinds[i].flag)
			(void)printf(" %s", ctsh_ns_kinds[i].file);
	(void)putchar('\n');
}

static void show_container(const struct ctsh_route *route)
{
	const struct ctsh_container *c = &route->container;

	(void)printf("container: %s:%s id=%.12s pid=%d\n", route->target.engine,
	             route->target.name, route->target.id, (int)c->pid);
	show_namespaces(c);
	(void)printf("confined:  bounding=%016" PRIx64
	             " no_new_privs=%d filters=%u\n",
	             c->bounding, c->no_new_privs, c->filter_count);
}

static void show_plan(const struct ctsh_plan *plan)
{
	char text[2 * CTSH_PATH_MAX];

	(void)printf("identity:  uid=%u gid=%u groups=", plan->uid, plan->gid);
	for (size_t i = 0; i < plan->group_count; i++)
		(void)printf("%s%u", i ? "," : "", plan->groups[i]);
	(void)printf(" host_uid=%u\n", plan->host_uid);
	for (size_t i = 0; i < plan->shell_count; i++) {
		ctsh_text_escape(text, sizeof(text), plan->shells[i].path);
		(void)printf("%s %s\n", i ? "          " : "shell:    ", text);
	}
	for (size_t i = 0; i < plan->directory_count; i++) {
		ctsh_text_escape(text, sizeof(text), plan->directories[i]);
		(void)printf("%s %s\n", i ? "          " : "directory:", text);
	}
}

/* What a login would do that this does not. */
static void show_wait(const struct ctsh_rule *rule,
                      const struct ctsh_error *err)
{
	if (err->code != CTSH_E_ABSENT)
		return;
	if (rule->start)
		(void)printf("starts:    a login would start it, and wait up "
		             "to %u s\n",
		             rule->wait);
	else if (err->coming && rule->wait)
		(void)printf("waits:     a login waits for it, up to %u s\n",
		             err->coming == CTSH_COMING_SOON ? 1 : rule->wait);
}

static int explain_plan(struct ctsh_route *route, int64_t deadline,
                        struct ctsh_error *err)
{
	static const char *const nothing[] = {NULL};
	struct ctsh_request request = {.caller = nothing, .umask = 022};
	struct ctsh_plan plan = {0};
	int rc;

	show_rule(route->rule);
	show_owner(route);
	show_limits(route->rule);
	show_stop(route->rule);
	rc = ctsh_route_find(route, false, deadline, err);
	if (route->found)
		show_container(route);
	else if (rc)
		show_wait(route->rule, err);
	if (rc ||
	    ctsh_plan_build(route->rule, &route->person, &route->container,
	                    &route->interior, &request, &plan, err))
		return -1;
	show_plan(&plan);
	ctsh_plan_free(&plan);
	return 0;
}

static int explain(struct ctsh_route *route, uid_t uid, int64_t deadline,
                   struct ctsh_error *err)
{
	int rc = ctsh_route_decide(route, uid, deadline, err);

	if (rc == 0)
		rc = ctsh_person_memberships(&route->person, deadline, err);
	if (route->person.name[0])
		show_person(&route->person);
	if (rc)
		return -1;
	if (!route->host)
		return explain_plan(route, deadline, err);
	(void)printf("host:      %s (break-glass)\n", route->host_shell);
	return 0;
}

static int show_refusal(const struct ctsh_error *err)
{
	char text[512];

	ctsh_text_escape(text, sizeof(text),
	                 err->say[0] ? err->say
	                             : ctsh_code_sentence(err->code));
	(void)printf("refused:   %s: %s\nsentence:  %s\n",
	             ctsh_code_name(err->code), err->what, text);
	return CTSH_CTL_BAD;
}

int ctsh_command_explain(int argc, char **argv)
{
	static struct ctsh_route route;
	int64_t deadline = ctsh_now_ms() + DEADLINE_MS;
	struct ctsh_error err;
	uid_t uid;
	int rc;

	if (argc != 2) {
		(void)fputs("usage: ctshctl explain USER\n", stderr);
		return CTSH_CTL_USAGE;
	}
	if (geteuid() != 0) {
		(void)fputs("ctshctl: explain must be run as root\n", stderr);
		return CTSH_CTL_USAGE;
	}
	if (ctsh_person_uid(argv[1], &uid, deadline, &err)) {
		(void)fprintf(stderr, "error: %s\n", err.what);
		return CTSH_CTL_USAGE;
	}
	ctsh_route_init(&route);
	route.looks_only = true;
	rc = explain(&route, uid, deadline, &err);
	ctsh_route_close(&route);
	return rc ? show_refusal(&err) : CTSH_CTL_OK;
}
