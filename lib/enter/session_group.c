/* SPDX-License-Identifier: MIT */
#include "session_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clean.h"
#include "../base/proc.h"
#include "cgroup.h"

/* Between the init's group and ours, see open_parent(). */
#define BETWEEN "ctsh"

static int open_directory(int parent, const char *name, struct ctsh_error *err)
{
	int fd = openat(parent, name,
	                O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open cgroup %s",
		                 name);
	return fd;
}

/* Whether root's uid alone, without a capability, may remove what lies in the
 * directory. */
static int is_roots(int fd, bool *yes, struct ctsh_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "stat a cgroup");
	*yes = st.st_uid == 0 && st.st_mode & S_IWUSR;
	return 0;
}

static int make_directory(int parent, const char *name, struct ctsh_error *err)
{
	if (mkdirat(parent, name, 0755))
		return ctsh_fail(err,
		                 errno == ENODEV ? CTSH_E_GONE : CTSH_E_SYSTEM,
		                 errno, "make cgroup %s", name);
	/* For programs inside that look at their own group; umask is 077. */
	(void)!fchmodat(parent, name, 0755, 0);
	return 0;
}

/* Another session may have made it before. */
static int open_between(int init, struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	bool ours = false;

	if (make_directory(init, BETWEEN, err) && err->sys != EEXIST)
		return -1;
	fd = open_directory(init, BETWEEN, err);
	if (fd < 0 || is_roots(fd, &ours, err))
		return -1;
	if (!ours)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its cgroup %s is not root's", BETWEEN);
	return ctsh_steal_fd(&fd);
}

/*
 * Where the group is to lie; `*below` is what stands between the init's path
 * and it.  A delegated group belongs to the container's root, and the root of
 * the hierarchy, where an init is on a hybrid machine, has mode 0555.
 */
static int open_parent(const struct ctsh_container *c, const char **below,
                       struct ctsh_error *err)
{
	ctsh_autoclose int init = ctsh_cgroup_open_unified(c->cgroup_text, err);
	bool ours = false;

	*below = "";
	if (init < 0 || is_roots(init, &ours, err))
		return -1;
	if (ours)
		return ctsh_steal_fd(&init);
	*below = "/" BETWEEN;
	return open_between(init, err);
}

/* The init's text with the path of the unified hierarchy made longer. */
static int write_text(struct ctsh_session_group *g, const char *init,
                      const char *below, struct ctsh_error *err)
{
	const char *rest = init;
	struct ctsh_proc_cgroup line = {.hierarchy = 1};

	while (line.hierarchy != 0 && ctsh_proc_next_cgroup(&rest, &line) == 1)
		;
	/* "/" has its slash already. */
	if (line.path_length == 1)
		line.path_length = 0;
	if (asprintf(&g->text, "%.*s%s/%s\n%s",
	             (int)(line.path + line.path_length - init), init, below,
	             g->name, rest) < 0) {
		g->text = NULL;
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "cgroup text");
	}
	return 0;
}

static int open_files(struct ctsh_session_group *g, struct ctsh_error *err)
{
	g->group = open_directory(g->parent, g->name, err);
	if (g->group < 0)
		return -1;
	g->kill = openat(g->group, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (g->kill < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "open cgroup.kill (Linux 5.14 has it)");
	g->events = openat(g->group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (g->events < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "open cgroup.events");
	return 0;
}

int ctsh_session_group_make(struct ctsh_session_group *g,
                            const struct ctsh_container *c, const char *ref,
                            struct ctsh_error *err)
{
	struct ctsh_session_group made = CTSH_SESSION_GROUP_INIT;
	const char *below;

	(void)snprintf(made.name, sizeof(made.name),
	               CTSH_SESSION_GROUP_NAME "%s", ref);
	made.parent = open_parent(c, &below, err);
	if (made.parent < 0)
		return -1;
	/* One that is there already is another session's. */
	if (write_text(&made, c->cgroup_text, below, err) ||
	    make_directory(made.parent, made.name, err)) {
		ctsh_session_group_close(&made);
		return -1;
	}
	if (open_files(&made, err)) {
		ctsh_session_group_remove(&made);
		return -1;
	}
	*g = made;
	return 0;
}

void ctsh_session_group_remove(struct ctsh_session_group *g)
{
	int saved = errno;

	if (g->parent >= 0)
		(void)unlinkat(g->parent, g->name, AT_REMOVEDIR);
	errno = saved;
	ctsh_session_group_close(g);
}

void ctsh_session_group_close(struct ctsh_session_group *g)
{
	ctsh_close_fd(&g->parent);
	ctsh_close_fd(&g->group);
	ctsh_close_fd(&g->kill);
	ctsh_close_fd(&g->events);
	ctsh_free_at(&g->text);
}
