/* SPDX-License-Identifier: MIT */
/*
 * A container of a pod on this node, by what kubelet called it.  There is no
 * index on disk: all containers are looked through, and two that fit are none.
 */
#include "runtime.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "../base/fdio.h"
#include "../base/text.h"
#include "bundle.h"
#include "glance.h"
#include "pod.h"

struct wanted {
	char ns[CTSH_POD_LABEL_MAX];
	char pod[CTSH_POD_NAME_MAX];
	char container[CTSH_POD_LABEL_MAX]; /* "": the only one */
	char word[CTSH_POD_NAME_MAX +
	          2]; /* the pod, as it stands in JSON text */
};

struct search {
	const struct wanted *wanted;
	const struct ctsh_pod_engine *engine;
	int above;
	bool found;
	bool for_pod;  /* it is about the sandbox now, there is no container */
	bool pod_runs; /* that does                                          */
	struct ctsh_target target;
	char container[CTSH_POD_LABEL_MAX];
	char sandbox[CTSH_ID_MAX];
	struct ctsh_error passed; /* why the last one that fitted was not it */
	struct ctsh_error unread; /* which one could be anybody's */
	char *text;               /* for glances */
};

/* -- names ------------------------------------------------------------- */

static bool is_label(const char *text)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t length = strlen(text);

	return length &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") ==
	               length &&
	       strchr(ends, text[0]) && strchr(ends, text[length - 1]) &&
	       !strstr(text, "..");
}

/* Takes the part before the next slash.  False if it is no name. */
static bool take_part(const char **at, char *out, size_t size)
{
	size_t length = strcspn(*at, "/");

	if (length >= size)
		return false;
	memcpy(out, *at, length);
	out[length] = '\0';
	*at += length;
	return is_label(out);
}

static bool parse_name(const char *name, struct wanted *w)
{
	*w = (struct wanted){0};
	if (strlen(name) >= sizeof(((struct ctsh_target *)0)->name) ||
	    !take_part(&name, w->ns, sizeof(w->ns)) || *name++ != '/' ||
	    !take_part(&name, w->pod, sizeof(w->pod)))
		return false;
	(void)snprintf(w->word, sizeof(w->word), "\"%s\"", w->pod);
	if (!*name)
		return true;
	name++;
	return take_part(&name, w->container, sizeof(w->container)) && !*name;
}

static bool valid_name(const char *name)
{
	struct wanted wanted;

	return parse_name(name, &wanted);
}

/* -- looking through them ---------------------------------------------- */

static bool is_of_pod(const struct wanted *w,
                      const struct ctsh_pod_claim *claim)
{
	return strcmp(claim->ns, w->ns) == 0 && strcmp(claim->pod, w->pod) == 0;
}

static bool fits(const struct wanted *w, const struct ctsh_pod_claim *claim)
{
	return strcmp(claim->type, "container") == 0 &&
	       (!w->container[0] ||
	        strcmp(claim->container, w->container) == 0);
}

static int keep(struct search *s, const struct ctsh_pod_claim *claim,
                const struct ctsh_target *target, struct ctsh_error *err)
{
	const struct wanted *w = s->wanted;

	if (s->found && strcmp(s->sandbox, claim->sandbox))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "two pods %s/%s run: sandboxes %s and %s",
		                 w->ns, w->pod, s->sandbox, claim->sandbox);
	if (s->found && strcmp(s->container, claim->container))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "pod %s/%s has the containers %s and %s: name "
		                 "one",
		                 w->ns, w->pod, s->container, claim->container);
	if (s->found)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "container %s of pod %s/%s runs twice",
		                 s->container, w->ns, w->pod);
	if (!ctsh_text_copy(s->container, sizeof(s->container),
	                    claim->container) ||
	    !ctsh_text_copy(s->sandbox, sizeof(s->sandbox), claim->sandbox))
		return ctsh_fail(err, CTSH_E_ENGINE, ENAMETOOLONG,
		                 "annotations of %s", target->id);
	s->target = *target;
	s->found = true;
	return 0;
}

/* One that cannot be it; an unreadable machine is not passed over. */
static int pass_over(struct search *s, struct ctsh_error *err)
{
	if (err->code == CTSH_E_SYSTEM)
		return -1;
	s->passed = *err;
	return 0;
}

/* What makes no sense or is too large may be another pod's, made so by whoever
 * wrote that: it is nobody's claim, and changes nobody's answer. */
static int skip_unread(struct search *s, const char *id, struct ctsh_error *err)
{
	if (err->code == CTSH_E_ABSENT)
		return 0;
	if (err->code != CTSH_E_ENGINE)
		return pass_over(s, err);
	(void)ctsh_fail(&s->unread, err->code, 0, "%s: %s", id, err->what);
	return 0;
}

static int consider(struct search *s, const char *id, struct ctsh_error *err)
{
	ctsh_autobundle struct ctsh_bundle bundle = CTSH_BUNDLE_INIT;
	struct ctsh_target target;
	struct ctsh_pod_claim claim;

	if (!ctsh_glance(&s->text, s->above, id, s->engine->sub,
	                 s->wanted->word))
		return 0;
	if (ctsh_bundle_open(s->above, id, s->engine->sub, &bundle, err) ||
	    ctsh_bundle_read(&bundle, s->wanted->word, err))
		return skip_unread(s, id, err);
	claim = ctsh_pod_claim(s->engine, &bundle);
	if (!is_of_pod(s->wanted, &claim))
		return 0;
	if (s->for_pod) {
		if (strcmp(claim.type, "sandbox") == 0 &&
		    !s->engine->init(&bundle, &target, err))
			s->pod_runs = true;
		return 0;
	}
	if (!fits(s->wanted, &claim))
		return 0;
	if (s->engine->confirm(s->above, &bundle, &claim, err) ||
	    s->engine->init(&bundle, &target, err))
		return pass_over(s, err);
	return keep(s, &claim, &target, err);
}

static int look_through(struct search *s, DIR *dir, int64_t deadline_ms,
                        struct ctsh_error *err)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR ||
		    !ctsh_bundle_is_id(entry->d_name))
			continue;
		if (consider(s, entry->d_name, err))
			return -1;
		if (ctsh_now_ms() > deadline_ms)
			return ctsh_fail(err, CTSH_E_ENGINE, ETIMEDOUT,
			                 "look through the containers");
	}
	if (errno)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "list the containers");
	return 0;
}

/* A section that says where one engine is means that one. */
static int search_engine(struct search *s, const struct ctsh_where *where,
                         int64_t deadline_ms, struct ctsh_error *err)
{
	const char *root =
		s->engine->in_run_root ? where->run_root : where->root;
	ctsh_autoclose int fd = -1;
	DIR *dir;
	int result;

	if (!root && (where->root || where->run_root))
		return 0;
	fd = s->engine->open(root, err);
	if (fd < 0)
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	if (where->known) {
		s->above = fd;
		return consider(s, where->known, err);
	}
	dir = fdopendir(fd);
	if (!dir)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "list the containers");
	s->above = ctsh_steal_fd(&fd);
	result = look_through(s, dir, deadline_ms, err);
	(void)closedir(dir);
	return result;
}

static int search(struct search *s, const struct ctsh_where *where,
                  int64_t deadline_ms, struct ctsh_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < CTSH_POD_ENGINES && !failed; i++) {
		s->engine = &ctsh_pod_engines[i];
		failed = search_engine(s, where, deadline_ms, err);
	}
	ctsh_free_at(&s->text);
	return failed;
}

/* In a pod that runs, kubelet makes and restarts containers. */
static int not_found(struct search *s, const struct ctsh_where *where,
                     int64_t deadline_ms, struct ctsh_error *err)
{
	s->for_pod = true;
	if (!where->known && search(s, where, deadline_ms, err))
		return -1;
	if (s->passed.code != CTSH_OK)
		*err = s->passed;
	else if (s->unread.code != CTSH_OK)
		(void)ctsh_fail(err, CTSH_E_ABSENT, 0,
		                "no such container of pod %s/%s here, and one "
		                "that cannot be read: %s",
		                s->wanted->ns, s->wanted->pod, s->unread.what);
	else
		(void)ctsh_fail(err, CTSH_E_ABSENT, 0,
		                "no such container of pod %s/%s here",
		                s->wanted->ns, s->wanted->pod);
	if (s->pod_runs)
		err->coming = CTSH_COMING;
	return -1;
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	struct wanted wanted;
	struct search s = {.wanted = &wanted};

	if (!parse_name(name, &wanted))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not a namespace and a pod");
	if (search(&s, where, deadline_ms, err))
		return -1;
	if (!s.found)
		return not_found(&s, where, deadline_ms, err);
	if (!ctsh_text_copy(s.target.name, sizeof(s.target.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*target = s.target;
	return 0;
}

const struct ctsh_runtime ctsh_runtime_kubernetes = {
	.name = "kubernetes",
	.has_root = true,
	.has_run_root = true,
	.valid_name = valid_name,
	.find = find,
};
