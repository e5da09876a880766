/* SPDX-License-Identifier: MIT */
#include "docker.h"

#include <stdio.h>
#include <string.h>

#include "../base/fdio.h"
#include "../base/http.h"
#include "../base/json.h"
#include "../base/peer.h"
#include "../base/text.h"
#include "full_id.h"
#include "record.h"
#include "runtime.h"

#define STANDARD_SOCKET "/run/docker.sock"
#define PATIENCE_MS 5000

/* The engine looks for a full ID, then a name, then a prefix of an ID: where
 * another one comes back, there is none of exactly that name. */
static int check_name(const json_t *doc, const char *name, const char **id,
                      struct ctsh_error *err)
{
	const char *full, *slash_name;

	if (ctsh_json_text(doc, "Id", &full, err) ||
	    ctsh_json_text(doc, "Name", &slash_name, err))
		return -1;
	if (!ctsh_full_id(full) || slash_name[0] != '/')
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "answer has no full ID or name");
	if (ctsh_full_id_of(name) ? strcmp(full, ctsh_full_id_of(name))
	                          : strcmp(slash_name + 1, name))
		return ctsh_fail(err, CTSH_E_ABSENT, 0,
		                 "no %s: the engine answers with %s (%s)", name,
		                 slash_name + 1, full);
	*id = full;
	return 0;
}

/* Made and not started yet: `docker run` does the second at once. */
static bool is_created(const json_t *doc)
{
	struct ctsh_error ignored;
	const char *status;

	return ctsh_json_text(doc, "State.Status", &status, &ignored) == 0 &&
	       strcmp(status, "created") == 0;
}

static int check_state(const json_t *doc, struct ctsh_error *err)
{
	bool running, paused, restarting, dead;

	if (ctsh_json_bool(doc, "State.Running", &running, err) ||
	    ctsh_json_bool(doc, "State.Paused", &paused, err) ||
	    ctsh_json_bool(doc, "State.Restarting", &restarting, err) ||
	    ctsh_json_bool(doc, "State.Dead", &dead, err))
		return -1;
	/* Between two runs "Running" is true and there is no process. */
	if (!running || restarting || dead) {
		bool created = !restarting && !dead && is_created(doc);

		(void)ctsh_fail(err, CTSH_E_ABSENT, 0, "container %s",
		                restarting ? "is restarting"
		                : dead     ? "is dead"
		                : created  ? "is created, not started"
		                           : "is stopped");
		if (restarting || created)
			err->coming = CTSH_COMING;
		return -1;
	}
	if (paused)
		return ctsh_fail(err, CTSH_E_PAUSED, 0, "container is paused");
	return 0;
}

/* "seccomp=PROFILE" gives PROFILE; the colon is the engine's older spelling.
 * NULL for another option. */
static const char *profile_of(const char *option)
{
	const char *key = "seccomp";
	size_t length = strlen(key);

	if (strncmp(option, key, length) ||
	    (option[length] != '=' && option[length] != ':'))
		return NULL;
	return option + length + 1;
}

/*
 * Whether the engine was told to load a filter.  It has a default one, but for
 * privileged containers; what is given last wins.  A profile given to a
 * privileged container counts, though engines before version 26 ignore it.
 * An engine that is started with the default switched off does not tell here:
 * its containers need a rule that allows the lack.
 */
static int find_seccomp(const json_t *doc, bool *names, struct ctsh_error *err)
{
	const char *options = "HostConfig.SecurityOpt";
	bool privileged;
	size_t i, count;

	if (ctsh_json_bool(doc, "HostConfig.Privileged", &privileged, err) ||
	    ctsh_json_texts(doc, options, &count, err))
		return -1;
	*names = !privileged;
	for (i = 0; i < count; i++) {
		const char *profile =
			profile_of(ctsh_json_text_at(doc, options, i));

		if (profile)
			*names = strcmp(profile, "unconfined") != 0;
	}
	return 0;
}

int ctsh_docker_parse(const char *text, size_t length, const char *name,
                      struct ctsh_target *target, struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	struct ctsh_target found = {0};
	const char *id = NULL;
	uint64_t pid;

	doc = ctsh_json_parse(text, length, err);
	if (!doc || check_name(doc, name, &id, err) || check_state(doc, err) ||
	    ctsh_json_number(doc, "State.Pid", 2, CTSH_PID_MAX, &pid, err) ||
	    find_seccomp(doc, &found.names_seccomp, err))
		return -1;
	found.pid = (pid_t)pid;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name) ||
	    !ctsh_text_copy(found.id, sizeof(found.id), id) ||
	    !ctsh_text_copy(found.cgroup_id, sizeof(found.cgroup_id), id))
		return ctsh_fail(err, CTSH_E_ENGINE, ENAMETOOLONG, "name");
	*target = found;
	return 0;
}

typedef int ask_fn(int sock, const char *path, int64_t deadline_ms,
                   struct ctsh_http_answer *answer, struct ctsh_error *err);

/* Without a version: what a version may be differs between engines, what is
 * read here does not. */
static int ask(const struct ctsh_where *where, ask_fn *how, const char *id,
               const char *what, int64_t deadline_ms,
               struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	ctsh_autoclose int sock = -1;
	char question[256];
	int length;

	sock = ctsh_peer_connect(where->socket ? where->socket
	                                       : STANDARD_SOCKET,
	                         deadline_ms, err);
	if (sock < 0)
		return -1;
	length = snprintf(question, sizeof(question), "/containers/%s/%s", id,
	                  what);
	if (length < 0 || (size_t)length >= sizeof(question))
		return ctsh_fail(err, CTSH_E_SYSTEM, ENAMETOOLONG, "question");
	return how(sock, question, deadline_ms, answer, err);
}

/* The engine's own words about what it did not do, for the log. */
static int pass_on(const struct ctsh_http_answer *answer, enum ctsh_code code,
                   struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	const char *words = "";

	doc = ctsh_json_parse(answer->body, answer->length, err);
	if (!doc || ctsh_json_text(doc, "message", &words, err))
		words = "no reason given";
	return ctsh_fail(err, code, 0, "HTTP status %u: %s", answer->status,
	                 words);
}

/* An answer that is no container. */
static int check_status(const struct ctsh_http_answer *answer,
                        struct ctsh_error *err)
{
	if (answer->status == 200)
		return 0;
	if (answer->status == 404)
		return ctsh_fail(err, CTSH_E_ABSENT, 0, "no such container");
	return pass_on(answer, CTSH_E_ENGINE, err);
}

/* What the engine says of the container of that name. */
static int describe(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_http_answer *answer,
                    struct ctsh_error *err)
{
	int64_t own = ctsh_now_ms() + PATIENCE_MS;
	const char *id = ctsh_full_id_of(name);

	if (!ctsh_full_id_or_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0, "not a container name");
	if (ask(where, ctsh_http_get, id ? id : name, "json",
	        own < deadline_ms ? own : deadline_ms, answer, err))
		return -1;
	if (check_status(answer, err) == 0)
		return 0;
	ctsh_free_at(&answer->body);
	return -1;
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	ctsh_autofree char *body = NULL;
	struct ctsh_http_answer answer = {.body = NULL};

	if (describe(where, name, deadline_ms, &answer, err))
		return -1;
	body = answer.body;
	return ctsh_docker_parse(body, answer.length, name, target, err);
}

/* By its full ID: of a name that is gone by now, the engine would start the one
 * whose ID begins like that. */
static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autofree char *body = NULL;
	ctsh_autofree char *words = NULL;
	ctsh_autojson json_t *doc = NULL;
	struct ctsh_http_answer answer = {.body = NULL};
	const char *id = NULL;

	if (describe(where, name, deadline_ms, &answer, err))
		return -1;
	body = answer.body;
	doc = ctsh_json_parse(body, answer.length, err);
	if (!doc || check_name(doc, name, &id, err))
		return -1;
	if (ask(where, ctsh_http_post, id, "start", deadline_ms, &answer,
	        err)) {
		/* It goes on without us. */
		if (err->sys == ETIMEDOUT)
			err->code = CTSH_E_ABSENT;
		return -1;
	}
	words = answer.body;
	/* 204; or 304, if it runs already. */
	if (answer.status / 100 == 2 || answer.status == 304)
		return 0;
	return pass_on(&answer, CTSH_E_ABSENT, err);
}

/* The engine gives it its own time to end by itself, and waits for that. */
static int stop(const struct ctsh_where *where,
                const struct ctsh_target *target, int init, int64_t deadline_ms,
                struct ctsh_error *err)
{
	ctsh_autofree char *words = NULL;
	struct ctsh_http_answer answer = {.body = NULL};

	(void)init;
	if (ask(where, ctsh_http_post, target->id, "stop", deadline_ms, &answer,
	        err))
		return -1;
	words = answer.body;
	/* 204; or 304, if it has ended. */
	if (answer.status / 100 == 2 || answer.status == 304)
		return 0;
	return pass_on(&answer, CTSH_E_ENGINE, err);
}

const struct ctsh_runtime ctsh_runtime_docker = {
	.name = "docker",
	.has_socket = true,
	.valid_name = ctsh_full_id_or_name,
	.find = find,
	.start = start,
	.stop = stop,
};
