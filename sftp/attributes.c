/* SPDX-License-Identifier: MIT */
#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MODE_BITS 07777u

static void skip_extended(struct sftp_reader *r)
{
	uint32_t count = sftp_get_u32(r);
	size_t ignored;

	while (count-- > 0 && !r->bad) {
		(void)sftp_get_string(r, &ignored);
		(void)sftp_get_string(r, &ignored);
	}
}

void sftp_get_attributes(struct sftp_reader *r, struct sftp_attributes *a)
{
	*a = (struct sftp_attributes){.flags = sftp_get_u32(r)};
	if (a->flags & SFTP_ATTR_SIZE)
		a->size = sftp_get_u64(r);
	if (a->flags & SFTP_ATTR_IDS) {
		a->uid = sftp_get_u32(r);
		a->gid = sftp_get_u32(r);
	}
	if (a->flags & SFTP_ATTR_MODE)
		a->mode = sftp_get_u32(r);
	if (a->flags & SFTP_ATTR_TIMES) {
		a->atime = sftp_get_u32(r);
		a->mtime = sftp_get_u32(r);
	}
	if (a->flags & SFTP_ATTR_EXTENDED)
		skip_extended(r);
}

/* Version 3 has 32 bits for a time. */
static uint32_t short_time(time_t t)
{
	if (t < 0)
		return 0;
	return t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

void sftp_put_attributes(struct sftp_writer *w, const struct stat *st)
{
	sftp_put_u32(w, SFTP_ATTR_SIZE | SFTP_ATTR_IDS | SFTP_ATTR_MODE |
	                        SFTP_ATTR_TIMES);
	sftp_put_u64(w, st->st_size < 0 ? 0 : (uint64_t)st->st_size);
	sftp_put_u32(w, st->st_uid);
	sftp_put_u32(w, st->st_gid);
	sftp_put_u32(w, st->st_mode);
	sftp_put_u32(w, short_time(st->st_atime));
	sftp_put_u32(w, short_time(st->st_mtime));
}

static int at_flags(const struct sftp_object *o)
{
	return o->no_follow ? AT_SYMLINK_NOFOLLOW : 0;
}

static int set_size(const struct sftp_object *o, uint64_t size)
{
	if (size > INT64_MAX || o->no_follow) {
		errno = EINVAL;
		return -1;
	}
	return o->path ? truncate(o->path, (off_t)size)
	               : ftruncate(o->fd, (off_t)size);
}

static int set_mode(const struct sftp_object *o, mode_t mode)
{
	return o->path ? fchmodat(AT_FDCWD, o->path, mode, at_flags(o))
	               : fchmod(o->fd, mode);
}

static int set_times(const struct sftp_object *o,
                     const struct sftp_attributes *a)
{
	const struct timespec times[2] = {{.tv_sec = a->atime},
	                                  {.tv_sec = a->mtime}};

	return o->path ? utimensat(AT_FDCWD, o->path, times, at_flags(o))
	               : futimens(o->fd, times);
}

static int set_ids(const struct sftp_object *o, const struct sftp_attributes *a)
{
	return o->path ? fchownat(AT_FDCWD, o->path, a->uid, a->gid,
	                          at_flags(o))
	               : fchown(o->fd, a->uid, a->gid);
}

/* Keeps the first failure. */
static void note(int rc, int *first)
{
	if (rc && !*first)
		*first = errno;
}

int sftp_apply(const struct sftp_object *object,
               const struct sftp_attributes *a)
{
	int first = 0;

	if (a->flags & SFTP_ATTR_SIZE)
		note(set_size(object, a->size), &first);
	if (a->flags & SFTP_ATTR_MODE)
		note(set_mode(object, a->mode & MODE_BITS), &first);
	if (a->flags & SFTP_ATTR_TIMES)
		note(set_times(object, a), &first);
	if (a->flags & SFTP_ATTR_IDS)
		note(set_ids(object, a), &first);
	return first;
}
