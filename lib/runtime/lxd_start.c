/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "../base/http.h"
#include "../base/json.h"
#include "../base/peer.h"
#include "lxd.h"

#define STARTING "{\"action\":\"start\",\"timeout\":-1}"

/* An answer, taken apart. */
struct reply {
	unsigned status;
	json_t *doc;
};

/* Which instance, at which daemon, and until when. */
struct request {
	char socket[PATH_MAX];
	char project[64], name[64];
	int64_t deadline_ms;
};

/* `body`: NULL to ask only. */
static int ask(const struct request *r, const char *path, const char *body,
               struct reply *reply, struct ctsh_error *err)
{
	ctsh_autoclose int sock = -1;
	ctsh_autofree char *text = NULL;
	struct ctsh_http_answer answer;
	int64_t until = r->deadline_ms;

	sock = ctsh_peer_connect(r->socket, until, err);
	if (sock < 0 ||
	    (body ? ctsh_http_put(sock, path, body, until, &answer, err)
	          : ctsh_http_query(sock, path, until, &answer, err))) {
		/* It goes on without us. */
		if (sock >= 0 && err->sys == ETIMEDOUT)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	text = answer.body;
	reply->status = answer.status;
	reply->doc = ctsh_json_parse(text, answer.length, err);
	return reply->doc ? 0 : -1;
}

/* The daemon's own words, which are at that place. */
static int pass_on(const struct reply *reply, const char *place,
                   struct ctsh_error *err)
{
	const char *words = "";
	struct ctsh_error ignored;

	if (ctsh_json_text(reply->doc, place, &words, &ignored))
		words = "no reason given";
	return ctsh_fail(err, CTSH_E_ABSENT, 0, "HTTP status %u: %s",
	                 reply->status, words);
}

/* Whether it needs a start: 1, 0 or -1.  A virtual machine could not be entered
 * anyway. */
static int is_stopped(const struct request *r, struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	struct reply reply = {.doc = NULL};
	const char *name, *type, *status;
	char path[256];

	(void)snprintf(path, sizeof(path), "/1.0/instances/%s?project=%s",
	               r->name, r->project);
	if (ask(r, path, NULL, &reply, err))
		return -1;
	doc = reply.doc;
	if (reply.status != 200)
		return pass_on(&reply, "error", err);
	if (ctsh_json_text(doc, "metadata.name", &name, err) ||
	    ctsh_json_text(doc, "metadata.type", &type, err) ||
	    ctsh_json_text(doc, "metadata.status", &status, err))
		return -1;
	if (strcmp(name, r->name) != 0 || strcmp(type, "container") != 0)
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "no container %s: the engine answers with %s, "
		                 "a %s",
		                 r->name, name, type);
	if (strcmp(status, "Frozen") == 0)
		return ctsh_fail(err, CTSH_E_PAUSED, 0, "container is frozen");
	return strcmp(status, "Running") != 0;
}

/* "/1.0/operations/UUID", of which the UUID counts. */
static int wait_path(const json_t *doc, char *path, size_t size,
                     struct ctsh_error *err)
{
	const char *uuid;

	if (ctsh_json_text(doc, "metadata.id", &uuid, err))
		return -1;
	if (strlen(uuid) != 36 ||
	    strspn(uuid, "0123456789abcdef-") != strlen(uuid))
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "answer names no operation");
	(void)snprintf(path, size, "/1.0/operations/%s/wait", uuid);
	return 0;
}

/* Asks for the start; the path to wait at. */
static int begin(const struct request *r, char *path, size_t size,
                 struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	struct reply reply = {.doc = NULL};
	char state[256];

	(void)snprintf(state, sizeof(state),
	               "/1.0/instances/%s/state?project=%s", r->name,
	               r->project);
	if (ask(r, state, STARTING, &reply, err))
		return -1;
	doc = reply.doc;
	if (reply.status != 202)
		return pass_on(&reply, "error", err);
	return wait_path(doc, path, size, err);
}

static int finish(const struct request *r, const char *path,
                  struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	struct reply reply = {.doc = NULL};
	const char *status;

	if (ask(r, path, NULL, &reply, err))
		return -1;
	doc = reply.doc;
	if (reply.status != 200)
		return pass_on(&reply, "error", err);
	if (ctsh_json_text(doc, "metadata.status", &status, err))
		return -1;
	return strcmp(status, "Success") == 0
	               ? 0
	               : pass_on(&reply, "metadata.err", err);
}

static int make_request(const char *directory, const char *name,
                        struct request *r, struct ctsh_error *err)
{
	const char *slash = strchr(name, '/');
	int socket, project, own;

	socket = snprintf(r->socket, sizeof(r->socket), "%s/unix.socket",
	                  directory);
	project = slash ? snprintf(r->project, sizeof(r->project), "%.*s",
	                           (int)(slash - name), name)
	                : snprintf(r->project, sizeof(r->project), "default");
	own = snprintf(r->name, sizeof(r->name), "%s",
	               slash ? slash + 1 : name);
	if (socket < 0 || (size_t)socket >= sizeof(r->socket) || project < 0 ||
	    (size_t)project >= sizeof(r->project) || own < 0 ||
	    (size_t)own >= sizeof(r->name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	return 0;
}

int ctsh_lxd_start(const char *directory, const char *name, int64_t deadline_ms,
                   struct ctsh_error *err)
{
	struct request r = {.deadline_ms = deadline_ms};
	char path[80];
	int stopped;

	if (make_request(directory, name, &r, err))
		return -1;
	stopped = is_stopped(&r, err);
	if (stopped <= 0)
		return stopped;
	return begin(&r, path, sizeof(path), err) || finish(&r, path, err) ? -1
	                                                                   : 0;
}
