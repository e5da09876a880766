/* SPDX-License-Identifier: MIT */
/*
 * Part of fdio.h: openers that trust a path only if nobody but root can have
 * put it there.
 *
 * Every check is made on the descriptor from which the next part is opened,
 * so there is no moment between the check and the use.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fdio.h"
#include "text.h"

#define DIRECTORY_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* How far we are: `fd` is the directory above the part that comes next. */
struct walk {
	const char *path;
	size_t begin, end; /* of the next part; equal behind the last one */
	int fd;
	enum ctsh_code code;
	char name[NAME_MAX + 1];
};

static int refuse(const struct walk *w, const char *why, struct ctsh_error *err)
{
	return ctsh_fail(err, w->code, 0, "%.*s %s", w->end ? (int)w->end : 1,
	                 w->path, why);
}

/* A part that is not there is the administrator's business; anything else
 * that open(2) reports is the machine's. */
static int refuse_errno(const struct walk *w, struct ctsh_error *err)
{
	enum ctsh_code code = errno == ENOENT ? w->code : CTSH_E_SYSTEM;

	return ctsh_fail(err, code, errno, "open %.*s",
	                 w->end ? (int)w->end : 1, w->path);
}

/* A POSIX ACL that lets somebody write shows in the group's bits, which are
 * its mask then. */
static int check_owner(const struct walk *w, const struct stat *st,
                       struct ctsh_error *err)
{
	if (st->st_uid != 0)
		return refuse(w, "is not owned by root", err);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(w, "is writable by others", err);
	return 0;
}

static int check_directory(const struct walk *w, int fd, struct ctsh_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse_errno(w, err);
	return check_owner(w, &st, err);
}

/* Finds the next part and copies it into `name`. */
static int next_part(struct walk *w, struct ctsh_error *err)
{
	size_t length;

	w->begin = w->end + strspn(w->path + w->end, "/");
	length = strcspn(w->path + w->begin, "/");
	w->end = w->begin + length;
	if (length > NAME_MAX)
		return refuse(w, "has a name that is too long", err);
	memcpy(w->name, w->path + w->begin, length);
	w->name[length] = '\0';
	return 0;
}

/* The kernel says ENOTDIR of a symbolic link too.  This looks again only for
 * the sake of the sentence; the refusal stands. */
static int refuse_open(const struct walk *w, struct ctsh_error *err)
{
	int saved = errno;
	struct stat st;

	if ((saved == ENOTDIR || saved == ELOOP) &&
	    fstatat(w->fd, w->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return refuse(w,
		              S_ISLNK(st.st_mode) ? "is a symbolic link"
		                                  : "is not a directory",
		              err);
	errno = saved;
	return refuse_errno(w, err);
}

static bool is_last(const struct walk *w)
{
	return !w->path[w->end + strspn(w->path + w->end, "/")];
}

/* Goes down to the directory that holds the last part, which is left in
 * `name`: "" if the path is "/". */
static int walk_down(struct walk *w, struct ctsh_error *err)
{
	if (!ctsh_text_is_absolute(w->path, PATH_MAX))
		return ctsh_fail(err, w->code, 0,
		                 "%s is not a plain absolute path", w->path);
	w->fd = open("/", DIRECTORY_FLAGS);
	if (w->fd < 0)
		return refuse_errno(w, err);
	for (;;) {
		int below;

		if (check_directory(w, w->fd, err) < 0 || next_part(w, err) < 0)
			return -1;
		if (is_last(w))
			return 0;
		below = openat(w->fd, w->name, DIRECTORY_FLAGS);
		if (below < 0)
			return refuse_open(w, err);
		ctsh_close_fd(&w->fd);
		w->fd = below;
	}
}

/* Opening a device may rewind a tape or ring a bell, so look first. */
static int open_file(const struct walk *w, struct ctsh_error *err)
{
	ctsh_autoclose int look = -1, fd = -1;
	struct stat seen, st;

	look = openat(w->fd, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (look < 0 || fstat(look, &seen) < 0)
		return refuse_open(w, err);
	if (S_ISLNK(seen.st_mode))
		return refuse(w, "is a symbolic link", err);
	if (!S_ISREG(seen.st_mode))
		return refuse(w, "is not a regular file", err);
	if (check_owner(w, &seen, err) < 0)
		return -1;
	fd = openat(w->fd, w->name,
	            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse_open(w, err);
	/* Only root can have replaced it: a rename while we looked. */
	if (st.st_dev != seen.st_dev || st.st_ino != seen.st_ino ||
	    !S_ISREG(st.st_mode))
		return refuse(w, "was replaced while it was opened", err);
	if (check_owner(w, &st, err) < 0)
		return -1;
	return ctsh_steal_fd(&fd);
}

int ctsh_open_trusted(const char *path, enum ctsh_code code,
                      struct ctsh_error *err)
{
	struct walk w = {.path = path, .fd = -1, .code = code};
	int fd = -1;

	if (walk_down(&w, err) == 0) {
		if (!w.name[0])
			(void)refuse(&w, "is not a regular file", err);
		else if (path[w.end])
			(void)refuse(&w, "is followed by a slash", err);
		else
			fd = open_file(&w, err);
	}
	ctsh_close_fd(&w.fd);
	return fd;
}

int ctsh_open_trusted_dir(const char *path, bool readable, enum ctsh_code code,
                          struct ctsh_error *err)
{
	struct walk w = {.path = path, .fd = -1, .code = code};
	ctsh_autoclose int fd = -1;
	int flags = DIRECTORY_FLAGS;
	int result = -1;

	if (readable)
		flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (walk_down(&w, err) == 0) {
		fd = openat(w.fd, w.name[0] ? w.name : "/", flags);
		if (fd < 0)
			(void)refuse_open(&w, err);
		else if (check_directory(&w, fd, err) == 0)
			result = ctsh_steal_fd(&fd);
	}
	ctsh_close_fd(&w.fd);
	return result;
}
