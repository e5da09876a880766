/* SPDX-License-Identifier: MIT */
#include "storage.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "record.h"

/* Some 600 bytes for each container. */
#define LIST_MAX (8U << 20)

/* Which of the store's directories a search is in. */
struct driver {
	int root; /* "overlay-containers" of the root     */
	int run;  /* of the run root, or -1: there is none */
};

void ctsh_stored_close(struct ctsh_stored *stored)
{
	ctsh_close_fd(&stored->files);
	ctsh_close_fd(&stored->run);
}

/* Root's store must be root's alone from "/" on.  Another owner's lies below a
 * home; there what counts is that no link leads on, to where this process, with
 * the owner's ids, could go anyway. */
static int open_root(const char *path, struct ctsh_error *err)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	if (geteuid() == 0) {
		fd = ctsh_open_trusted_dir(path, false, CTSH_E_UNSAFE, err);
		if (fd < 0 && err->sys == ENOENT)
			err->code = CTSH_E_ABSENT;
		return fd;
	}
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0)
		return ctsh_fail(
			err, errno == ENOENT ? CTSH_E_ABSENT : CTSH_E_UNSAFE,
			errno, "open %s", path);
	return fd;
}

/* A directory below one of the store's: 0 and -1 in `*fd` if it is not there.
 */
static int open_below(int dir, const char *name, int *fd,
                      struct ctsh_error *err)
{
	*fd = -1;
	if (dir < 0)
		return 0;
	*fd = ctsh_record_dir(dir, name, err);
	return *fd < 0 && err->code != CTSH_E_ABSENT ? -1 : 0;
}

static int has_name(const json_t *container, const char *name, bool *has,
                    struct ctsh_error *err)
{
	size_t i, count;

	if (ctsh_json_texts(container, "names", &count, err))
		return -1;
	*has = false;
	for (i = 0; i < count; i++)
		if (!strcmp(ctsh_json_text_at(container, "names", i), name))
			*has = true;
	return 0;
}

/* Looks through one list.  `id` holds what was found so far, or "". */
static int search_list(int dir, const char *list, const char *name, bool by_id,
                       char *id, struct ctsh_error *err)
{
	ctsh_autojson json_t *doc = NULL;
	size_t i, count;

	if (dir < 0)
		return 0;
	doc = ctsh_record_list(dir, list, LIST_MAX, err);
	if (!doc)
		return err->code == CTSH_E_ABSENT ? 0 : -1;
	if (ctsh_json_objects(doc, &count, err))
		return -1;
	for (i = 0; i < count; i++) {
		const json_t *container = ctsh_json_object_at(doc, i);
		const char *text;
		bool found;

		if (ctsh_json_text(container, "id", &text, err) ||
		    has_name(container, name, &found, err))
			return -1;
		if (by_id ? strcmp(text, name) != 0 : !found)
			continue;
		if (!ctsh_full_id(text))
			return ctsh_fail(err, CTSH_E_ENGINE, 0,
			                 "%s has no full ID of %s", list, name);
		if (id[0] && strcmp(id, text) != 0)
			return ctsh_fail(err, CTSH_E_ENGINE, 0,
			                 "two containers are called %s", name);
		memcpy(id, text, CTSH_FULL_ID + 1);
	}
	return 0;
}

static int search_driver(const struct driver *driver, const char *name,
                         bool by_id, char *id, struct ctsh_error *err)
{
	static const char volatile_list[] = "volatile-containers.json";

	if (search_list(driver->root, "containers.json", name, by_id, id,
	                err) ||
	    search_list(driver->root, volatile_list, name, by_id, id, err) ||
	    search_list(driver->run, volatile_list, name, by_id, id, err))
		return -1;
	return 0;
}

static int open_userdata(int dir, const char *id, int *fd,
                         struct ctsh_error *err)
{
	ctsh_autoclose int own = -1;

	return open_below(dir, id, &own, err) ||
	                       open_below(own, "userdata", fd, err)
	               ? -1
	               : 0;
}

/* Looks in the directories of one driver; what is found replaces what was not
 * started since boot: that is left from before the driver was changed. */
static int visit_driver(int root, int run_root, const char *driver_name,
                        const char *name, bool by_id,
                        struct ctsh_stored *stored, struct ctsh_error *err)
{
	ctsh_autoclose int root_dir = -1, run_dir = -1;
	ctsh_autostored struct ctsh_stored found = CTSH_STORED_INIT;
	struct driver driver;

	if (open_below(root, driver_name, &root_dir, err) ||
	    open_below(run_root, driver_name, &run_dir, err))
		return -1;
	driver = (struct driver){.root = root_dir, .run = run_dir};
	if (search_driver(&driver, name, by_id, found.id, err))
		return -1;
	if (!found.id[0])
		return 0;
	if (open_userdata(root_dir, found.id, &found.files, err) ||
	    open_userdata(run_dir, found.id, &found.run, err))
		return -1;
	if (stored->run >= 0 && found.run >= 0)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "two graph drivers have a %s", name);
	if (stored->run < 0) {
		ctsh_stored_close(stored);
		*stored = found;
		found = (struct ctsh_stored)CTSH_STORED_INIT;
	}
	return 0;
}

int ctsh_storage_find(const char *root, const char *run_root, const char *name,
                      bool by_id, struct ctsh_stored *stored,
                      struct ctsh_error *err)
{
	static const char *const drivers[] = {
		"overlay-containers", "vfs-containers",  "btrfs-containers",
		"zfs-containers",     "aufs-containers",
	};
	ctsh_autoclose int root_fd = -1, run_fd = -1;
	ctsh_autostored struct ctsh_stored found = CTSH_STORED_INIT;

	root_fd = open_root(root, err);
	if (root_fd < 0)
		return -1;
	run_fd = open_root(run_root, err);
	if (run_fd < 0 && err->code != CTSH_E_ABSENT)
		return -1;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (visit_driver(root_fd, run_fd, drivers[i], name, by_id,
		                 &found, err))
			return -1;
	if (!found.id[0])
		return ctsh_fail(err, CTSH_E_ABSENT, 0, "no such container");
	*stored = found;
	found = (struct ctsh_stored)CTSH_STORED_INIT;
	return 0;
}
