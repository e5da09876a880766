/* SPDX-License-Identifier: MIT */
/*
 * LXD and Incus: both run each container under an LXC monitor, whose directory
 * is `containers` below their own.  The daemon's REST interface takes 50 ms and
 * says no more; and while it is down, its containers run.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/text.h"
#include "lxc.h"
#include "lxd.h"
#include "runtime.h"

#define LXD_DIR "/var/lib/lxd"
#define LXD_SNAP_DIR "/var/snap/lxd/common/lxd"
#define INCUS_DIR "/var/lib/incus"

#define INSTANCE_MAX 63

/* Neither engine allows '_' in a project or an instance: so PROJECT_NAME, which
 * they make of the two, cannot be mistaken, nor be somebody's name here. */
static bool is_part(const char *text, size_t length)
{
	char part[INSTANCE_MAX + 1];

	if (length > INSTANCE_MAX)
		return false;
	memcpy(part, text, length);
	part[length] = '\0';
	return ctsh_text_is_container_name(part) && !strchr(part, '_');
}

/* NAME of the default project, or PROJECT/NAME. */
static bool valid_name(const char *name)
{
	const char *slash = strchr(name, '/');

	if (slash && !is_part(name, (size_t)(slash - name)))
		return false;
	name = slash ? slash + 1 : name;
	return is_part(name, strlen(name));
}

/* The name that the engine gives to LXC. */
static int inner_name(const char *name, char *inner, size_t size)
{
	static const char standard[] = "default/";
	char *slash;

	if (!strncmp(name, standard, sizeof(standard) - 1))
		name += sizeof(standard) - 1;
	if (!ctsh_text_copy(inner, size, name))
		return -1;
	slash = strchr(inner, '/');
	if (slash)
		*slash = '_';
	return 0;
}

static int find_below(const char *directory, const char *name,
                      int64_t deadline_ms, struct ctsh_target *target,
                      struct ctsh_error *err)
{
	char path[PATH_MAX], inner[CTSH_ID_MAX];
	const struct ctsh_lxc_monitor monitor = {
		.path = path, .name = inner, .deadline_ms = deadline_ms};
	struct ctsh_target found;
	int length;

	if (!valid_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not an instance's name");
	length = snprintf(path, sizeof(path), "%s/containers", directory);
	if (length < 0 || (size_t)length >= sizeof(path) ||
	    inner_name(name, inner, sizeof(inner)))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	if (ctsh_lxc_find(&monitor, &found, err))
		return -1;
	if (!ctsh_text_copy(found.name, sizeof(found.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*target = found;
	return 0;
}

/* The snap is what most have; the other is the distribution's. */
static const char *lxd_dir(const struct ctsh_where *where)
{
	if (where->root)
		return where->root;
	return access(LXD_SNAP_DIR, F_OK) ? LXD_DIR : LXD_SNAP_DIR;
}

static const char *incus_dir(const struct ctsh_where *where)
{
	return where->root ? where->root : INCUS_DIR;
}

static int find_lxd(const struct ctsh_where *where, const char *name,
                    int64_t deadline_ms, struct ctsh_target *target,
                    struct ctsh_error *err)
{
	return find_below(lxd_dir(where), name, deadline_ms, target, err);
}

static int find_incus(const struct ctsh_where *where, const char *name,
                      int64_t deadline_ms, struct ctsh_target *target,
                      struct ctsh_error *err)
{
	return find_below(incus_dir(where), name, deadline_ms, target, err);
}

static int start_below(const char *directory, const char *name,
                       int64_t deadline_ms, struct ctsh_error *err)
{
	if (!valid_name(name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "not an instance's name");
	return ctsh_lxd_start(directory, name, deadline_ms, err);
}

static int start_lxd(const struct ctsh_where *where, const char *name,
                     int64_t deadline_ms, struct ctsh_error *err)
{
	return start_below(lxd_dir(where), name, deadline_ms, err);
}

static int start_incus(const struct ctsh_where *where, const char *name,
                       int64_t deadline_ms, struct ctsh_error *err)
{
	return start_below(incus_dir(where), name, deadline_ms, err);
}

const struct ctsh_runtime ctsh_runtime_lxd = {
	.name = "lxd",
	.has_root = true,
	.valid_name = valid_name,
	.find = find_lxd,
	.start = start_lxd,
};

const struct ctsh_runtime ctsh_runtime_incus = {
	.name = "incus",
	.has_root = true,
	.valid_name = valid_name,
	.find = find_incus,
	.start = start_incus,
};
