/* SPDX-License-Identifier: MIT */
/* Requests about what a path names. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "server.h"

/* Two paths, in the order of the packet. */
static int get_two(struct sftp_request *r, struct sftp_path *a,
                   struct sftp_path *b)
{
	sftp_get_path(&r->in, a);
	sftp_get_path(&r->in, b);
	return r->in.bad ? EBADMSG : 0;
}

static int answer_stat(struct sftp_request *r, int flags)
{
	struct sftp_path path;
	struct stat st;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	if (fstatat(AT_FDCWD, path.text, &st, flags))
		return errno;
	sftp_begin(r, SFTP_ATTRS);
	sftp_put_attributes(r->out, &st);
	return sftp_end(r);
}

int sftp_stat(struct sftp_request *r)
{
	return answer_stat(r, 0);
}

int sftp_lstat(struct sftp_request *r)
{
	return answer_stat(r, AT_SYMLINK_NOFOLLOW);
}

static int set(struct sftp_request *r, bool no_follow)
{
	struct sftp_attributes a;
	struct sftp_path path;

	sftp_get_path(&r->in, &path);
	sftp_get_attributes(&r->in, &a);
	if (r->in.bad)
		return EBADMSG;
	return sftp_apply(&(struct sftp_object){.path = path.text,
	                                        .no_follow = no_follow},
	                  &a);
}

int sftp_setstat(struct sftp_request *r)
{
	return set(r, false);
}

int sftp_lsetstat(struct sftp_request *r)
{
	return set(r, true);
}

int sftp_remove(struct sftp_request *r)
{
	struct sftp_path path;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	return unlink(path.text) ? errno : 0;
}

/* Where the file system or the kernel cannot do it in one step. */
static int rename_if_free(const char *from, const char *to)
{
	struct stat st;

	if (lstat(to, &st) == 0)
		return EEXIST;
	return rename(from, to) ? errno : 0;
}

/* Version 3: nothing is replaced. */
int sftp_rename(struct sftp_request *r)
{
	struct sftp_path from, to;
	int error = get_two(r, &from, &to);

	if (error)
		return error;
	if (renameat2(AT_FDCWD, from.text, AT_FDCWD, to.text,
	              RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return errno;
	return rename_if_free(from.text, to.text);
}

int sftp_posix_rename(struct sftp_request *r)
{
	struct sftp_path from, to;
	int error = get_two(r, &from, &to);

	if (error)
		return error;
	return rename(from.text, to.text) ? errno : 0;
}

int sftp_hardlink(struct sftp_request *r)
{
	struct sftp_path from, to;
	int error = get_two(r, &from, &to);

	if (error)
		return error;
	return link(from.text, to.text) ? errno : 0;
}

/* OpenSSH's order, which all clients expect: first what it points to. */
int sftp_symlink(struct sftp_request *r)
{
	struct sftp_path target, path;
	int error = get_two(r, &target, &path);

	if (error)
		return error;
	return symlink(target.text, path.text) ? errno : 0;
}

int sftp_readlink(struct sftp_request *r)
{
	struct sftp_path path, target;
	ssize_t n;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	n = readlink(path.text, target.text, sizeof(target.text));
	if (n < 0)
		return errno;
	if ((size_t)n == sizeof(target.text))
		return ENAMETOOLONG;
	sftp_begin(r, SFTP_NAME);
	sftp_put_u32(r->out, 1);
	sftp_put_string(r->out, target.text, (size_t)n);
	sftp_put_string(r->out, target.text, (size_t)n);
	sftp_put_u32(r->out, 0);
	return sftp_end(r);
}
