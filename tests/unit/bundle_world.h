/* SPDX-License-Identifier: MIT */
/*
 * bundle_world.h - directories as containerd, runc and CRI-O lay them out, with
 * captured files in them and processes of the test's own as inits.
 *
 * Privilege: root; a test without it fails with a clear word.
 * Trust:     none needed.
 */
#ifndef CTSH_BUNDLE_WORLD_H
#define CTSH_BUNDLE_WORLD_H

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdarg.h>

#include "../../lib/base/proc.h"
#include "../../lib/runtime/runtime.h"
#include "fake_daemon.h"

struct bundle_world {
	char root[32];
	pid_t pid;      /* a process that runs        */
	uint64_t ticks; /* and since when             */
};

static inline uint64_t bundle_start_of(pid_t pid)
{
	struct ctsh_error err;
	uint64_t ticks;
	int proc = ctsh_proc_of(pid, &err);

	assert_true(proc >= 0);
	assert_int_equal(ctsh_proc_read_start(proc, &ticks, &err), 0);
	close(proc);
	return ticks;
}

static inline pid_t bundle_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(FAKE_LIFETIME_S);
		pause();
		_exit(0);
	}
	return pid;
}

/* A path below the world's root; good until the fourth call after it. */
__attribute__((format(printf, 2, 3))) static inline const char *bundle_path(
	const struct bundle_world *w, const char *form, ...)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];
	int length = snprintf(path, sizeof(paths[0]), "%s/", w->root);
	va_list args;

	va_start(args, form);
	length += vsnprintf(path + length, sizeof(paths[0]) - (size_t)length,
	                    form, args);
	va_end(args);
	assert_true((size_t)length < sizeof(paths[0]));
	return path;
}

/* All directories of that path that are not there yet. */
static inline void bundle_make_dirs(const char *path)
{
	char part[512];

	for (const char *p = path + 1; p; p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (*p == '/')
			mkdir(part, 0711);
	}
	if (mkdir(path, 0700))
		assert_int_equal(errno, EEXIST);
}

static inline void bundle_put(const char *path, const char *text)
{
	int fd;

	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0)
		fail_msg("cannot make %s", path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void bundle_put_pid(const char *path, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	bundle_put(path, text);
}

static inline json_t *bundle_load(const char *captured)
{
	json_t *doc = json_load_file(captured, 0, NULL);

	if (!doc)
		fail_msg("cannot load %s", captured);
	return doc;
}

/* Takes the document. */
static inline void bundle_put_json(const char *path, json_t *doc)
{
	unlink(path);
	assert_int_equal(json_dump_file(doc, path, JSON_COMPACT), 0);
	assert_int_equal(chmod(path, 0644), 0);
	json_decref(doc);
}

static inline void bundle_begin(struct bundle_world *w)
{
	fake_dir(w->root);
	w->pid = bundle_process();
	w->ticks = bundle_start_of(w->pid);
}

static inline int bundle_remove_one(const char *path, const struct stat *st,
                                    int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static inline void bundle_end(struct bundle_world *w)
{
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	assert_int_equal(nftw(w->root, bundle_remove_one, 8,
	                      FTW_DEPTH | FTW_PHYS | FTW_MOUNT),
	                 0);
}

/* The runtime's answer below the world's root; a failure leaves the target
 * alone. */
static inline enum ctsh_code bundle_find(const struct ctsh_runtime *runtime,
                                         const struct bundle_world *w,
                                         const char *name,
                                         struct ctsh_target *target,
                                         struct ctsh_error *err)
{
	const struct ctsh_where where = {.root = w->root, .run_root = w->root};
	int result;

	*err = (struct ctsh_error){0};
	*target = (struct ctsh_target){.pid = 5};
	result = runtime->find(&where, name, INT64_MAX, target, err);
	if (!result)
		return CTSH_OK;
	assert_int_equal(result, -1);
	assert_int_not_equal(err->code, CTSH_OK);
	assert_int_equal(target->pid, 5);
	return err->code;
}

#endif
