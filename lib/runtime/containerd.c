/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <string.h>

#include "../base/text.h"
#include "bundle.h"

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

const struct ctsh_runtime ctsh_runtime_containerd = {
	.name = "containerd",
	.has_root = true,
	.valid_name = valid_name,
	.find = find,
};
