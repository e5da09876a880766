/* SPDX-License-Identifier: MIT */
#include "cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "../base/fdio.h"
#include "../base/proc.h"

#define CGROUP_TEXT_MAX 65536
#define MOUNTINFO_MAX (4 << 20)
#define STATE_MAX 4096

static bool same_path(const struct ctsh_proc_cgroup *a,
                      const struct ctsh_proc_cgroup *b)
{
	return a->path_length == b->path_length &&
	       memcmp(a->path, b->path, a->path_length) == 0;
}

/* Whether we are in the same group of that hierarchy already. */
static bool is_ours(const char *own, const struct ctsh_proc_cgroup *line)
{
	struct ctsh_proc_cgroup mine;

	while (ctsh_proc_next_cgroup(&own, &mine) == 1)
		if (mine.hierarchy == line->hierarchy)
			return same_path(&mine, line);
	return false;
}

/* Whether `list`, separated by commas, has the item. */
static bool has_item(const char *list, const char *item, size_t length)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == length && memcmp(list, item, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* Whether the mount shows the hierarchy with these controllers. */
static bool shows(const struct ctsh_proc_mount *mount,
                  const struct ctsh_proc_cgroup *line)
{
	size_t done = 0;

	if (mount->unified || line->hierarchy == 0)
		return mount->unified && line->hierarchy == 0;
	while (done < line->controllers_length) {
		const char *item = line->controllers + done;
		const char *comma =
			memchr(item, ',', line->controllers_length - done);
		size_t n = comma ? (size_t)(comma - item)
		                 : line->controllers_length - done;

		if (!has_item(mount->options, item, n))
			return false;
		done += n + 1;
	}
	return true;
}

/* The root of the hierarchy by this mount, or -1: something else may be mounted
 * over it. */
static int open_mount(const struct ctsh_proc_mount *mount)
{
	ctsh_autoclose int fd = -1;
	struct statfs fs;

	fd = open(mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) ||
	    fs.f_type !=
	            (mount->unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
		return -1;
	return ctsh_steal_fd(&fd);
}

/* Opens `file` in the group, which a container root may have named. */
static int open_in_group(int mount, const struct ctsh_proc_cgroup *line,
                         const char *file, uint64_t flags,
                         struct ctsh_error *err)
{
	ctsh_autofree char *path = NULL;
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	                   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	if (asprintf(&path, ".%.*s/%s", (int)line->path_length, line->path,
	             file) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "cgroup path");
	fd = syscall(SYS_openat2, mount, path, &how, sizeof(how));
	if (fd < 0)
		return ctsh_fail(err,
		                 errno == ENOENT ? CTSH_E_GONE : CTSH_E_SYSTEM,
		                 errno, "open cgroup %s", path);
	return (int)fd;
}

/* The root group has neither file: it cannot be frozen. */
static int refuse_frozen(int mount, const struct ctsh_proc_cgroup *line,
                         struct ctsh_error *err)
{
	ctsh_autoclose int group = -1;
	ctsh_autofree char *text = NULL;
	bool unified = line->hierarchy == 0;

	if (!unified && !memmem(line->controllers, line->controllers_length,
	                        "freezer", strlen("freezer")))
		return 0;
	group = open_in_group(mount, line, ".", O_PATH | O_DIRECTORY, err);
	if (group < 0)
		return -1;
	text = ctsh_read_file_at(group,
	                         unified ? "cgroup.events" : "freezer.state",
	                         STATE_MAX, NULL);
	if (!text)
		return errno == ENOENT ? 0
		                       : ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                                   "read the freezer's state");
	if (unified ? strstr(text, "frozen 1\n") != NULL
	            : strncmp(text, "THAWED", 6) != 0)
		return ctsh_fail(err, CTSH_E_PAUSED, 0, "its cgroup is frozen");
	return 0;
}

static int open_group(struct ctsh_container *c, int mount,
                      const struct ctsh_proc_cgroup *line,
                      struct ctsh_error *err)
{
	int fd;

	if (refuse_frozen(mount, line, err))
		return -1;
	if (line->hierarchy == 0) {
		c->cgroup2 = open_in_group(mount, line, ".",
		                           O_PATH | O_DIRECTORY, err);
		return c->cgroup2 < 0 ? -1 : 0;
	}
	fd = open_in_group(mount, line, "cgroup.procs", O_WRONLY, err);
	if (fd < 0)
		return -1;
	c->cgroup1[c->cgroup1_count++] = fd;
	return 0;
}

/* The init's groups that are not ours already, and which of them are open. */
struct wanted {
	unsigned count;
	struct ctsh_proc_cgroup line[CTSH_CGROUP_MAX];
	bool open[CTSH_CGROUP_MAX];
};

static int collect(const char *text, const char *own, struct wanted *wanted,
                   struct ctsh_error *err)
{
	struct ctsh_proc_cgroup line;
	int got;

	while ((got = ctsh_proc_next_cgroup(&text, &line)) == 1) {
		if (is_ours(own, &line))
			continue;
		if (wanted->count == CTSH_CGROUP_MAX)
			return ctsh_fail(err, CTSH_E_UNSAFE, 0,
			                 "more than %d cgroup hierarchies",
			                 CTSH_CGROUP_MAX);
		wanted->line[wanted->count++] = line;
	}
	if (got < 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "its cgroup lies outside our view");
	return 0;
}

/* Opens what one mount shows. */
static int open_shown(struct ctsh_container *c,
                      const struct ctsh_proc_mount *mount,
                      struct wanted *wanted, struct ctsh_error *err)
{
	for (unsigned i = 0; i < wanted->count; i++) {
		ctsh_autoclose int fd = -1;

		if (wanted->open[i] || !shows(mount, &wanted->line[i]))
			continue;
		fd = open_mount(mount);
		if (fd < 0)
			return 0;
		if (open_group(c, fd, &wanted->line[i], err))
			return -1;
		wanted->open[i] = true;
	}
	return 0;
}

/* Opens what no mount shows. */
static int open_hidden(struct ctsh_container *c, const struct wanted *wanted,
                       struct ctsh_error *err)
{
	for (unsigned i = 0; i < wanted->count; i++) {
		ctsh_autoclose int fd = -1;

		if (wanted->open[i])
			continue;
		fd = ctsh_cgroup_mount_named(&wanted->line[i], err);
		if (fd < 0 || open_group(c, fd, &wanted->line[i], err))
			return -1;
	}
	return 0;
}

int ctsh_cgroup_open(struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autofree char *own = NULL;
	ctsh_autofree char *mounts = NULL;
	struct wanted wanted = {.count = 0};
	struct ctsh_proc_mount mount;
	const char *cursor;

	c->cgroup_text =
		ctsh_read_file_at(c->proc, "cgroup", CGROUP_TEXT_MAX, NULL);
	own = ctsh_read_file_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_TEXT_MAX,
	                        NULL);
	mounts = ctsh_read_file_at(AT_FDCWD, "/proc/self/mountinfo",
	                           MOUNTINFO_MAX, NULL);
	if (!c->cgroup_text || !own || !mounts)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read the cgroups");
	if (collect(c->cgroup_text, own, &wanted, err))
		return -1;
	cursor = mounts;
	while (ctsh_proc_next_cgroup_mount(&cursor, &mount) == 1)
		if (open_shown(c, &mount, &wanted, err))
			return -1;
	return open_hidden(c, &wanted, err);
}

static int no_unified(struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, 0,
	                 "no mount of the unified cgroup hierarchy");
}

int ctsh_cgroup_open_unified(const char *text, struct ctsh_error *err)
{
	ctsh_autofree char *mounts = NULL;
	struct ctsh_proc_cgroup line = {.hierarchy = 1};
	struct ctsh_proc_mount mount;
	const char *cursor;

	while (line.hierarchy != 0)
		if (ctsh_proc_next_cgroup(&text, &line) != 1)
			return no_unified(err);
	mounts = ctsh_read_file_at(AT_FDCWD, "/proc/self/mountinfo",
	                           MOUNTINFO_MAX, NULL);
	if (!mounts)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read mountinfo");
	cursor = mounts;
	while (ctsh_proc_next_cgroup_mount(&cursor, &mount) == 1) {
		ctsh_autoclose int fd = -1;

		if (!shows(&mount, &line) || (fd = open_mount(&mount)) < 0)
			continue;
		return open_in_group(fd, &line, ".", O_PATH | O_DIRECTORY, err);
	}
	return no_unified(err);
}

int ctsh_cgroup_join(const struct ctsh_container *c, pid_t pid,
                     struct ctsh_error *err)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", (int)pid);

	for (unsigned i = 0; i < c->cgroup1_count; i++)
		if (write(c->cgroup1[i], text, (size_t)length) != length)
			return ctsh_fail(err,
			                 errno == ENODEV ? CTSH_E_GONE
			                                 : CTSH_E_SYSTEM,
			                 errno, "join a cgroup");
	return 0;
}

/* PREFIX-ID.scope, as systemd's driver names it. */
static bool is_scope(const char *part, size_t length, const char *id)
{
	static const char end[] = ".scope";
	size_t tail = strlen(id) + sizeof(end) - 1;
	size_t prefix;

	if (length < tail + 2)
		return false;
	prefix = length - tail;
	for (size_t i = 0; i < prefix; i++)
		if (!isalpha((unsigned char)part[i]) && part[i] != '-')
			return false;
	return part[prefix - 1] == '-' &&
	       memcmp(part + prefix, id, strlen(id)) == 0 &&
	       memcmp(part + length - (sizeof(end) - 1), end,
	              sizeof(end) - 1) == 0;
}

static bool path_names(const struct ctsh_proc_cgroup *line, const char *id)
{
	const char *part = line->path;
	const char *end = line->path + line->path_length;

	while (part < end) {
		const char *slash = memchr(part, '/', (size_t)(end - part));
		size_t length = (size_t)((slash ? slash : end) - part);

		if (length == strlen(id) && memcmp(part, id, length) == 0)
			return true;
		if (is_scope(part, length, id))
			return true;
		part += length + 1;
	}
	return false;
}

bool ctsh_cgroup_names(const char *text, const char *id)
{
	struct ctsh_proc_cgroup line;

	while (id[0] && ctsh_proc_next_cgroup(&text, &line) == 1)
		if (path_names(&line, id))
			return true;
	return false;
}
