/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../base/fdio.h"
#include "../base/peer.h"
#include "../base/text.h"
#include "bundle.h"
#include "service.h"

#define STANDARD_STATE "/run/containerd"

/* "NS/ID": both are part of a path from here on. */
struct task_name {
	char ns[CTSH_ID_MAX];
	char id[CTSH_ID_MAX];
};

static bool split(const char *name, struct task_name *task)
{
	size_t length = strcspn(name, "/");

	if (!name[length] || length >= sizeof(task->ns))
		return false;
	memcpy(task->ns, name, length);
	task->ns[length] = '\0';
	return ctsh_text_copy(task->id, sizeof(task->id), name + length + 1) &&
	       ctsh_bundle_is_id(task->ns) && ctsh_bundle_is_id(task->id);
}

static bool valid_name(const char *name)
{
	struct task_name task;

	return split(name, &task) &&
	       strlen(name) < sizeof(((struct ctsh_target *)0)->name);
}

static int find(const struct ctsh_where *where, const char *name,
                int64_t deadline_ms, struct ctsh_target *target,
                struct ctsh_error *err)
{
	ctsh_autobundle struct ctsh_bundle bundle = CTSH_BUNDLE_INIT;
	ctsh_autoclose int tasks = -1;
	struct ctsh_target found;
	struct task_name task;

	(void)deadline_ms; /* Files of a local file system do not wait. */
	if (!split(name, &task))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not a namespace and a container name");
	tasks = ctsh_bundle_tasks(where->root, task.ns, err);
	if (tasks < 0 || ctsh_bundle_open(tasks, task.id, NULL, &bundle, err) ||
	    ctsh_bundle_task(&bundle, task.ns, &found, err))
		return -1;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*target = found;
	return 0;
}

/* -- starting -------------------------------------------------------------- */

/* Whose tasks are started by somebody else, who would not know of it. */
static const char *keeper_of(const char *ns)
{
	if (!strcmp(ns, "moby"))
		return "docker";
	return strcmp(ns, "k8s.io") ? NULL : "the kubelet";
}

/* Who listens, before a program of containerd's, which does not look, is sent
 * there. */
static int check_daemon(const struct ctsh_where *where, char *path, size_t size,
                        int64_t deadline_ms, struct ctsh_error *err)
{
	ctsh_autoclose int sock = -1;
	int length;

	length = where->socket
	                 ? snprintf(path, size, "%s", where->socket)
	                 : snprintf(path, size, "%s/containerd.sock",
	                            where->root ? where->root : STANDARD_STATE);
	if (length < 0 || (size_t)length >= size)
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "socket");
	sock = ctsh_peer_connect(path, deadline_ms, err);
	return sock < 0 ? -1 : 0;
}

/* What is left of a task that has ended stands in the way of another one.  That
 * command ends as the task did, and leaves one that runs alone. */
static int clear_away(const struct ctsh_where *where, const char *name,
                      const char *const *argv, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	struct ctsh_target ignored;

	if (find(where, name, deadline_ms, &ignored, err) == 0)
		return 0;
	if (err->code != CTSH_E_ABSENT)
		return -1;
	/* Or somebody is making it just now. */
	if (err->coming)
		return 0;
	(void)!ctsh_service_ask(argv, deadline_ms, err);
	return 0;
}

/* The shim, whose child it will be, is the daemon's.  Without a log of its own:
 * pipes that nobody reads would stop the container. */
static int start(const struct ctsh_where *where, const char *name,
                 int64_t deadline_ms, struct ctsh_error *err)
{
	static const char *const programs[] = {"/usr/bin/ctr",
	                                       "/usr/local/bin/ctr", NULL};
	const char *ctr = ctsh_service_program(programs);
	char socket[PATH_MAX];
	struct task_name task;
	const char *const clear[] = {ctr,           "--address", socket,
	                             "--namespace", task.ns,     "tasks",
	                             "delete",      task.id,     NULL};
	const char *const begin[] = {ctr,           "--address", socket,
	                             "--namespace", task.ns,     "tasks",
	                             "start",       "--detach",  "--null-io",
	                             task.id,       NULL};

	if (!split(name, &task))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not a namespace and a container name");
	if (keeper_of(task.ns))
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "tasks of the namespace %s are started by %s",
		                 task.ns, keeper_of(task.ns));
	if (!ctr)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "no %s", programs[0]);
	if (check_daemon(where, socket, sizeof(socket), deadline_ms, err) ||
	    clear_away(where, name, clear, deadline_ms, err))
		return -1;
	return ctsh_service_ask(begin, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_containerd = {
	.name = "containerd",
	.has_socket = true,
	.has_root = true,
	.valid_name = valid_name,
	.find = find,
	.start = start,
};
