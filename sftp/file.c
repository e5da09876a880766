/* SPDX-License-Identifier: MIT */
/* Requests about one open file. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server.h"

enum {
	OPEN_READ = 1,
	OPEN_WRITE = 2,
	OPEN_APPEND = 4,
	OPEN_CREATE = 8,
	OPEN_TRUNCATE = 16,
	OPEN_EXCLUSIVE = 32,
};

#define COPY_BLOCK (64 * 1024)

/* Never waits for the other end of a FIFO, and takes no terminal. */
static int open_flags(uint32_t asked)
{
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	if (asked & OPEN_WRITE)
		flags |= asked & OPEN_READ ? O_RDWR : O_WRONLY;
	if (asked & OPEN_APPEND)
		flags |= O_APPEND;
	if (asked & OPEN_CREATE)
		flags |= O_CREAT;
	if (asked & OPEN_TRUNCATE)
		flags |= O_TRUNC;
	if (asked & OPEN_EXCLUSIVE)
		flags |= O_EXCL;
	return flags;
}

static int answer_handle(struct sftp_request *r, struct sftp_handle *handle)
{
	sftp_begin(r, SFTP_HANDLE);
	sftp_handle_put(&r->server->handles, handle, r->out);
	return sftp_end(r);
}

int sftp_open(struct sftp_request *r)
{
	struct sftp_attributes a;
	struct sftp_handle *handle;
	struct sftp_path path;
	uint32_t asked;

	sftp_get_path(&r->in, &path);
	asked = sftp_get_u32(&r->in);
	sftp_get_attributes(&r->in, &a);
	if (r->in.bad)
		return EBADMSG;
	if (r->server->read_only &&
	    (open_flags(asked) & (O_ACCMODE | O_CREAT | O_TRUNC)))
		return EACCES;
	handle = sftp_handle_new(&r->server->handles);
	if (!handle)
		return errno;
	handle->fd = open(path.text, open_flags(asked),
	                  a.flags & SFTP_ATTR_MODE ? a.mode & 07777 : 0666);
	if (handle->fd < 0)
		return errno;
	handle->kind = SFTP_FILE;
	handle->writable = asked & OPEN_WRITE;
	handle->readable = asked & OPEN_READ || !handle->writable;
	return answer_handle(r, handle);
}

int sftp_close(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);

	return h ? sftp_handle_close(h) : EBADF;
}

static struct sftp_handle *get_file(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);

	return h && h->kind == SFTP_FILE ? h : NULL;
}

static ssize_t read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n;
}

/* All of it; 0 or an errno. */
static int write_at(int fd, const uint8_t *data, size_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		data += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* Straight into the answer. */
int sftp_read(struct sftp_request *r)
{
	struct sftp_handle *h = get_file(r);
	uint64_t offset = sftp_get_u64(&r->in);
	uint32_t length = sftp_get_u32(&r->in);
	uint8_t *room;
	size_t gap;
	ssize_t n;

	if (!h || !h->readable)
		return EBADF;
	if (r->in.bad)
		return EBADMSG;
	if (length > SFTP_DATA_MAX)
		length = SFTP_DATA_MAX;
	sftp_begin(r, SFTP_DATA);
	gap = sftp_put_gap(r->out);
	room = sftp_put_room(r->out, length);
	n = room ? read_at(h->fd, room, length, offset) : -1;
	if (n <= 0) {
		n = n < 0 ? errno : SFTP_AT_END;
		sftp_drop(r);
		return (int)n;
	}
	r->out->used -= length - (size_t)n;
	sftp_fill_u32(r->out, gap, (uint32_t)n);
	return sftp_end(r);
}

/* With O_APPEND the kernel minds no offset. */
int sftp_write(struct sftp_request *r)
{
	struct sftp_handle *h = get_file(r);
	uint64_t offset = sftp_get_u64(&r->in);
	size_t length;
	const uint8_t *data = sftp_get_string(&r->in, &length);

	if (!h || !h->writable)
		return EBADF;
	if (r->in.bad)
		return EBADMSG;
	return write_at(h->fd, data, length, offset);
}

int sftp_fstat(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);
	struct stat st;

	if (!h)
		return EBADF;
	if (fstat(h->fd, &st))
		return errno;
	sftp_begin(r, SFTP_ATTRS);
	sftp_put_attributes(r->out, &st);
	return sftp_end(r);
}

int sftp_fsetstat(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_get(&r->server->handles, &r->in);
	struct sftp_attributes a;

	sftp_get_attributes(&r->in, &a);
	if (!h)
		return EBADF;
	if (r->in.bad)
		return EBADMSG;
	return sftp_apply(&(struct sftp_object){.fd = h->fd}, &a);
}

int sftp_fsync(struct sftp_request *r)
{
	struct sftp_handle *h = get_file(r);

	if (!h)
		return EBADF;
	return fsync(h->fd) ? errno : 0;
}

/* Both regular and not the same: such a copy has an end. */
static int check_copy(const struct sftp_handle *from,
                      const struct sftp_handle *to)
{
	struct stat a, b;

	if (!from || !to || !from->readable || !to->writable)
		return EBADF;
	if (fstat(from->fd, &a) || fstat(to->fd, &b))
		return errno;
	if (!S_ISREG(a.st_mode) || !S_ISREG(b.st_mode) ||
	    (a.st_dev == b.st_dev && a.st_ino == b.st_ino))
		return EINVAL;
	return 0;
}

/* `length` 0: to the end. */
static int copy(int from, uint64_t offset, uint64_t length, int to,
                uint64_t to_offset)
{
	static uint8_t block[COPY_BLOCK];
	bool to_end = length == 0;

	while (to_end || length > 0) {
		size_t want = to_end || length > sizeof(block) ? sizeof(block)
		                                               : (size_t)length;
		ssize_t n = read_at(from, block, want, offset);
		int error;

		if (n < 0)
			return errno;
		if (n == 0)
			return to_end ? 0 : SFTP_AT_END;
		error = write_at(to, block, (size_t)n, to_offset);
		if (error)
			return error;
		offset += (uint64_t)n;
		to_offset += (uint64_t)n;
		length -= to_end ? 0 : (uint64_t)n;
	}
	return 0;
}

int sftp_copy_data(struct sftp_request *r)
{
	struct sftp_handle *from = get_file(r);
	uint64_t offset = sftp_get_u64(&r->in);
	uint64_t length = sftp_get_u64(&r->in);
	struct sftp_handle *to = get_file(r);
	uint64_t to_offset = sftp_get_u64(&r->in);
	int error;

	if (r->in.bad)
		return EBADMSG;
	error = check_copy(from, to);
	return error ? error
	             : copy(from->fd, offset, length, to->fd, to_offset);
}
