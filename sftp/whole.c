/* SPDX-License-Identifier: MIT */
/* Requests about names, file systems and the server itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server.h"

#define FLAG_READ_ONLY 1
#define FLAG_NO_SETUID 2

/* What a client that wants to create something asks for: the last part need not
 * be there. */
static int resolve_new(struct sftp_path *path)
{
	char *slash = strrchr(path->text, '/');
	const char *last = slash ? slash + 1 : path->text;
	struct sftp_path parent;
	size_t above, length = strlen(last);

	if (!length || !strcmp(last, ".") || !strcmp(last, ".."))
		return ENOENT;
	if (slash == path->text)
		return 0;
	if (slash)
		*slash = '\0';
	if (!realpath(slash ? path->text : ".", parent.text))
		return errno;
	above = strlen(parent.text);
	if (!strcmp(parent.text, "/"))
		above = 0;
	if (above + 1 + length >= sizeof(parent.text))
		return ENAMETOOLONG;
	parent.text[above] = '/';
	memcpy(parent.text + above + 1, last, length + 1);
	*path = parent;
	return 0;
}

static int answer_resolved(struct sftp_request *r, struct sftp_path *path)
{
	struct sftp_path real;
	size_t length = strlen(path->text);
	int error;

	/* "new/" is meant as "new". */
	while (length > 1 && path->text[length - 1] == '/')
		path->text[--length] = '\0';
	if (realpath(length ? path->text : ".", real.text)) {
		*path = real;
	} else {
		error = errno == ENOENT ? resolve_new(path) : errno;
		if (error)
			return error;
	}
	sftp_begin(r, SFTP_NAME);
	sftp_put_u32(r->out, 1);
	sftp_put_text(r->out, path->text);
	sftp_put_text(r->out, path->text);
	sftp_put_u32(r->out, 0);
	return sftp_end(r);
}

int sftp_realpath(struct sftp_request *r)
{
	struct sftp_path path;

	sftp_get_path(&r->in, &path);
	return r->in.bad ? EBADMSG : answer_resolved(r, &path);
}

/* "~" and "~NAME", in front of `rest`. */
static int expand(struct sftp_server *s, const char *name, size_t length,
                  const char *rest, struct sftp_path *out)
{
	const char *home = getenv("HOME");
	size_t used, more = strlen(rest);

	if (length == 0) {
		if (!home || strlen(home) >= sizeof(out->text))
			return ENOENT;
		memcpy(out->text, home, strlen(home) + 1);
	} else if (!sftp_home_of(&s->users, name, length, out->text,
	                         sizeof(out->text))) {
		return ENOENT;
	}
	used = strlen(out->text);
	if (used + more >= sizeof(out->text))
		return ENAMETOOLONG;
	memcpy(out->text + used, rest, more + 1);
	return 0;
}

int sftp_expand_path(struct sftp_request *r)
{
	struct sftp_path path, expanded;
	size_t length;
	int error;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	if (path.text[0] != '~')
		return answer_resolved(r, &path);
	length = strcspn(path.text + 1, "/");
	error = expand(r->server, path.text + 1, length, path.text + 1 + length,
	               &expanded);
	return error ? error : answer_resolved(r, &expanded);
}

static int answer_statvfs(struct sftp_request *r, const struct statvfs *fs)
{
	const uint64_t flags = (fs->f_flag & ST_RDONLY ? FLAG_READ_ONLY : 0u) |
	                       (fs->f_flag & ST_NOSUID ? FLAG_NO_SETUID : 0u);
	const uint64_t values[] = {fs->f_bsize, fs->f_frsize, fs->f_blocks,
	                           fs->f_bfree, fs->f_bavail, fs->f_files,
	                           fs->f_ffree, fs->f_favail, fs->f_fsid,
	                           flags,       fs->f_namemax};

	sftp_begin(r, SFTP_EXTENDED_REPLY);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		sftp_put_u64(r->out, values[i]);
	return sftp_end(r);
}

int sftp_statvfs(struct sftp_request *r)
{
	struct sftp_path path;
	struct statvfs fs;

	sftp_get_path(&r->in, &path);
	if (r->in.bad)
		return EBADMSG;
	return statvfs(path.text, &fs) ? errno : answer_statvfs(r, &fs);
}

int sftp_fstatvfs(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);
	struct statvfs fs;

	if (!h)
		return EBADF;
	return fstatvfs(h->fd, &fs) ? errno : answer_statvfs(r, &fs);
}

int sftp_limits(struct sftp_request *r)
{
	sftp_begin(r, SFTP_EXTENDED_REPLY);
	sftp_put_u64(r->out, SFTP_PACKET_MAX);
	sftp_put_u64(r->out, SFTP_DATA_MAX);
	sftp_put_u64(r->out, SFTP_DATA_MAX);
	sftp_put_u64(r->out, r->server->handles.max);
	return sftp_end(r);
}

/* A string of numbers becomes a string of as many strings. */
static void put_names(struct sftp_request *r, struct sftp_reader ids,
                      struct sftp_names *names)
{
	size_t gap = sftp_put_gap(r->out), start = r->out->used;

	while (ids.left >= 4)
		sftp_put_text(r->out, sftp_name_of(names, sftp_get_u32(&ids)));
	sftp_fill_u32(r->out, gap, (uint32_t)(r->out->used - start));
}

int sftp_names_by_id(struct sftp_request *r)
{
	struct sftp_reader users = {.bad = false}, groups = {.bad = false};

	users.at = sftp_get_string(&r->in, &users.left);
	groups.at = sftp_get_string(&r->in, &groups.left);
	/* As many answers as fit in a packet. */
	if (r->in.bad || users.left % 4 || groups.left % 4 ||
	    (users.left + groups.left) / 4 * (4 + SFTP_NAME_MAX) >
	            SFTP_DATA_MAX)
		return EBADMSG;
	sftp_begin(r, SFTP_EXTENDED_REPLY);
	put_names(r, users, &r->server->users);
	put_names(r, groups, &r->server->groups);
	return sftp_end(r);
}
