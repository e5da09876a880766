/* SPDX-License-Identifier: MIT */
/* Requests about directories. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

/* A portion: so many names, or bytes, whatever comes first. */
#define NAMES_AT_ONCE 128
#define BYTES_AT_ONCE (64 * 1024)

int sftp_opendir(struct sftp_request *r)
{
	struct sftp_handle *handle;
	struct sftp_path path;
	int fd;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	handle = sftp_handle_new(&r->server->handles);
	if (!handle)
		return errno;
	fd = open(path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	handle->dir = fdopendir(fd);
	if (!handle->dir) {
		int error = errno;

		(void)close(fd);
		return error;
	}
	handle->fd = fd;
	handle->kind = SFTP_DIRECTORY;
	sftp_begin(r, SFTP_HANDLE);
	sftp_handle_put(&r->server->handles, handle, r->out);
	return sftp_end(r);
}

/* One that is gone since it was read is left out. */
static bool put_entry(struct sftp_request *r, int dir, const char *name,
                      int64_t now)
{
	struct sftp_server *s = r->server;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	sftp_put_text(r->out, name);
	sftp_put_longname(r->out, name, &st, &s->users, &s->groups, now);
	sftp_put_attributes(r->out, &st);
	return true;
}

int sftp_readdir(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);
	const struct dirent *entry = NULL;
	uint32_t count = 0;
	size_t gap, start;
	int error;

	if (!h || h->kind != SFTP_DIRECTORY)
		return EBADF;
	sftp_begin(r, SFTP_NAME);
	gap = sftp_put_gap(r->out);
	start = r->out->used;
	errno = 0;
	while (count < NAMES_AT_ONCE && r->out->used - start < BYTES_AT_ONCE &&
	       (entry = readdir(h->dir))) {
		count += put_entry(r, h->fd, entry->d_name, time(NULL));
		errno = 0;
	}
	error = errno;
	if (count > 0) {
		sftp_fill_u32(r->out, gap, count);
		return sftp_end(r);
	}
	sftp_drop(r);
	return error ? error : SFTP_AT_END;
}

int sftp_mkdir(struct sftp_request *r)
{
	struct sftp_attributes a;
	struct sftp_path path;

	sftp_get_path(&r->in, &path);
	sftp_get_attributes(&r->in, &a);
	if (r->in.bad)
		return EBADMSG;
	return mkdir(path.text,
	             a.flags & SFTP_ATTR_MODE ? a.mode & 07777 : 0777)
	               ? errno
	               : 0;
}

int sftp_rmdir(struct sftp_request *r)
{
	struct sftp_path path;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	return rmdir(path.text) ? errno : 0;
}
