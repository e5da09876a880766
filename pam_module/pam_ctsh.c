/* SPDX-License-Identifier: MIT */
/*
 * pam_ctsh - a session module: the login service's process joins the network of
 * the user's container.
 *
 * So what the service does for the user itself, outside their shell (an sshd
 * forwards ports), happens there.  Everything else of the process stays on the
 * host; entering the container is the login shell's work.
 *
 * A guest in somebody else's process: no global, no signal handler, no output
 * but pam_syslog(3) and the conversation, and nothing changed for who is not
 * concerned.
 *
 * Privilege: root; CAP_SYS_ADMIN to join, and what proving a container needs.
 * Trust:     PAM_USER is the service's word for who has been authenticated. The
 *            PAM environment and the process's own are not looked at.
 */
#define PAM_SM_SESSION

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "../lib/base/fdio.h"
#include "../lib/base/line.h"
#include "../lib/base/text.h"
#include "../lib/enter/host.h"
#include "../lib/enter/network.h"
#include "../lib/route/keep.h"
#include "../lib/route/named.h"
#include "../lib/route/route.h"
#include "arguments.h"
#include "join_all.h"
#include "opening.h"
#include "report.h"

#define VISIBLE __attribute__((visibility("default")))

#define DEADLINE_MS 20000

/* What pam_set_data(3) calls ours. */
#define DATA "ctsh"

enum verdict {
	IGNORED, /* not ours: nothing was changed            */
	JOINED,
	REFUSED,
};

/* Whether the line of pam.d concerns the person; if it cannot be told, -1. */
static int is_concerned(struct opening *o, int argc, const char **argv,
                        bool *concerned, struct ctsh_error *err)
{
	if (ctsh_pam_arguments(argc, argv, &o->arguments, err))
		return -1;
	return ctsh_named_in(o->arguments.users, &o->person, concerned,
	                     o->deadline_ms, err);
}

/* Called by pam_end(3), also in a child of the service, and when the data is
 * replaced.  What we joined is left only by closing the session. */
static void forget(pam_handle_t *pamh, void *data, int status)
{
	struct visit *visit = data;

	(void)pamh;
	(void)status;
	ctsh_network_forget(&visit->previous);
	free(visit);
}

static int remember(struct opening *o, struct ctsh_error *err)
{
	struct visit *visit = malloc(sizeof(*visit));

	ctsh_line_quote(o->visit.user, sizeof(o->visit.user), o->person.name);
	o->visit.since_ms = ctsh_now_ms();
	if (!visit)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "the session");
	*visit = o->visit;
	if (pam_set_data(o->pamh, DATA, visit, forget) != PAM_SUCCESS) {
		free(visit);
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "pam_set_data");
	}
	return 0;
}

/* What is being stopped is not joined; and the login shell that comes next has
 * all of its time. */
static int use(void *context, const struct ctsh_container *c,
               struct ctsh_error *err)
{
	struct opening *o = context;

	return ctsh_keep_use(&o->use, c, err);
}

static int find(struct opening *o, struct ctsh_error *err)
{
	if (o->route.rule->stop_after) {
		o->route.reached = use;
		o->route.waits_context = o;
	}
	if (ctsh_route_prove(&o->route, o->deadline_ms, err))
		return -1;
	return o->use < 0 ? 0 : ctsh_keep_ring(&o->route.container, err);
}

static enum verdict join_network(struct opening *o, struct ctsh_error *err)
{
	if (find(o, err) ||
	    ctsh_network_join(&o->route.container, &o->visit.previous, err) ||
	    remember(o, err))
		return REFUSED;
	ctsh_pam_report_joined(o);
	return JOINED;
}

/* Everything that may fail or needs memory comes before the going. */
static enum verdict join_all(struct opening *o, struct ctsh_error *err)
{
	o->visit.all = true;
	if (ctsh_pam_all_find(o, err))
		return REFUSED;
	/* It would be a way out. */
	ctsh_network_forget(&o->visit.previous);
	if (remember(o, err))
		return REFUSED;
	if (ctsh_pam_all_go(o, err) == 0)
		return JOINED;
	(void)pam_set_data(o->pamh, DATA, NULL, NULL);
	return REFUSED;
}

/* Whoever is on break-glass reaches the host, however wrong the rest is. */
static enum verdict decide(struct opening *o, const struct ctsh_error *held,
                           struct ctsh_error *err)
{
	if (ctsh_host_check(err) ||
	    ctsh_network_host(&o->visit.previous, err) ||
	    ctsh_route_decide(&o->route, o->person.uid, o->deadline_ms, err))
		return REFUSED;
	if (o->route.host)
		return IGNORED;
	if (held->code != CTSH_OK) {
		*err = *held;
		return REFUSED;
	}
	return o->arguments.all ? join_all(o, err) : join_network(o, err);
}

static enum verdict open_session(struct opening *o, int argc, const char **argv,
                                 struct ctsh_error *err)
{
	struct ctsh_error held = {.code = CTSH_OK};
	bool concerned = true;
	enum verdict verdict;

	if (ctsh_named_person(ctsh_pam_user(o->pamh), &o->person,
	                      o->deadline_ms, err))
		return REFUSED;
	if (o->person.uid == 0)
		return IGNORED;
	(void)!is_concerned(o, argc, argv, &concerned, &held);
	if (!concerned && held.code == CTSH_OK)
		return IGNORED;
	verdict = decide(o, &held, err);
	if (verdict == REFUSED && held.code != CTSH_OK)
		*err = held;
	return verdict;
}

static struct visit *visit_of(pam_handle_t *pamh)
{
	const void *data = NULL;

	if (pam_get_data(pamh, DATA, &data) != PAM_SUCCESS)
		return NULL;
	/* Ours, by remember(): not const. */
	return (struct visit *)data;
}

/* sudo(8) takes PAM_SESSION_ERR, and that alone, for a session that may as well
 * be missing, and runs the command. */
static int refusal_for(const pam_handle_t *pamh)
{
	static const char sudo[] = "sudo";
	const void *service = NULL;

	if (pam_get_item(pamh, PAM_SERVICE, &service) == PAM_SUCCESS &&
	    service && strncmp(service, sudo, sizeof(sudo) - 1) == 0)
		return PAM_PERM_DENIED;
	return PAM_SESSION_ERR;
}

static int refuse(pam_handle_t *pamh, const char *ref, int flags,
                  const struct ctsh_error *err)
{
	ctsh_pam_report_refused(pamh, ref, flags, err);
	return refusal_for(pamh);
}

static int conclude(struct opening *o, enum verdict verdict,
                    struct ctsh_error *err)
{
	struct ctsh_error later;

	if (verdict == JOINED)
		return PAM_SUCCESS;
	if (ctsh_network_back(&o->visit.previous, &later)) {
		*err = later;
		verdict = REFUSED;
	}
	if (verdict == IGNORED) {
		if (o->arguments.debug)
			pam_syslog(o->pamh, LOG_DEBUG, "not concerned");
		return PAM_IGNORE;
	}
	return refuse(o->pamh, o->visit.ref, o->flags, err);
}

/* How the service learns of the end of its children. */
struct reaping {
	sigset_t mask;
	struct sigaction action;
};

/* Neither a handler of the service's nor the kernel (SIG_IGN) may reap ours
 * before we do.  What ends of the service's own meanwhile stays pending. */
static void suspend_reaping(struct reaping *r)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &r->mask);
	(void)sigaction(SIGCHLD, &plain, &r->action);
}

static void resume_reaping(const struct reaping *r)
{
	(void)sigaction(SIGCHLD, &r->action, NULL);
	(void)sigprocmask(SIG_SETMASK, &r->mask, NULL);
}

static int open_with(struct opening *o, int argc, const char **argv)
{
	struct ctsh_error err = {.code = CTSH_OK};
	struct reaping reaping;
	int result;

	suspend_reaping(&reaping);
	ctsh_route_init(&o->route);
	ctsh_line_reference(o->visit.ref);
	o->visit.previous = -1;
	o->use = -1;
	o->deadline_ms = ctsh_now_ms() + DEADLINE_MS;
	result = conclude(o, open_session(o, argc, argv, &err), &err);
	ctsh_close_fd(&o->use);
	ctsh_route_close(&o->route);
	resume_reaping(&reaping);
	return result;
}

/* Back to where the process came from. */
static int leave(pam_handle_t *pamh, struct visit *visit)
{
	struct ctsh_error err;

	/* Inside it stays, and what it logged now the container would read. */
	if (visit->all)
		return PAM_SUCCESS;
	ctsh_pam_report_closed(pamh, visit);
	if (ctsh_network_back(&visit->previous, &err)) {
		pam_syslog(pamh, LOG_ERR, "close ref=%s: %s", visit->ref,
		           err.what);
		return PAM_SESSION_ERR;
	}
	return pam_set_data(pamh, DATA, NULL, NULL);
}

static bool is_of(const pam_handle_t *pamh, const struct visit *visit)
{
	char user[sizeof(visit->user)];

	ctsh_line_quote(user, sizeof(user), ctsh_pam_user(pamh));
	return strcmp(user, visit->user) == 0;
}

static int refuse_without_memory(pam_handle_t *pamh, int flags)
{
	char ref[CTSH_LINE_REF];
	struct ctsh_error err;

	ctsh_line_reference(ref);
	(void)ctsh_fail(&err, CTSH_E_SYSTEM, ENOMEM, "a session");
	return refuse(pamh, ref, flags, &err);
}

VISIBLE int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc,
                                const char **argv)
{
	ctsh_autofree struct opening *o = NULL;
	struct visit *visit = visit_of(pamh);

	/* Twice the same handle: it is where it is to be, unless it stands for
	 * somebody else by now, who is not to get the first one's network. */
	if (visit && is_of(pamh, visit))
		return PAM_SUCCESS;
	if (visit && (visit->all || leave(pamh, visit) != PAM_SUCCESS))
		return refusal_for(pamh);
	o = calloc(1, sizeof(*o));
	if (!o)
		return refuse_without_memory(pamh, flags);
	o->pamh = pamh;
	o->flags = flags;
	return open_with(o, argc, argv);
}

VISIBLE int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc,
                                 const char **argv)
{
	struct visit *visit = visit_of(pamh);

	(void)flags;
	(void)argc;
	(void)argv;
	return visit ? leave(pamh, visit) : PAM_SUCCESS;
}
