/* SPDX-License-Identifier: MIT */
/* Part of fdio.h: messages and descriptors over unix sockets. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fdio.h"

/* The kernel's SCM_MAX_FD: with room for as many, what a peer sends is always
 * ours to close and never depends on how full the table was. */
#define FDS_MAX 253

int ctsh_send(int sock, const void *data, size_t length, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = length};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	/* Nothing would be read as the end of file. */
	if (!length) {
		errno = EINVAL;
		return -1;
	}
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(fd));
	}
	while (part.iov_len > 0) {
		ssize_t sent = sendmsg(sock, &msg, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		/* A stream may take a part; the descriptor went with it. */
		part.iov_base = (char *)part.iov_base + sent;
		part.iov_len -= (size_t)sent;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

/* What came beside the data. */
struct extras {
	int fd;         /* the first descriptor, or -1 */
	unsigned count; /* of descriptors              */
};

static void take_rights(struct cmsghdr *c, struct extras *extras)
{
	size_t length = c->cmsg_len - CMSG_LEN(0);
	int fd;

	for (size_t at = 0; at + sizeof(fd) <= length; at += sizeof(fd)) {
		memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
		if (extras->count++ == 0)
			extras->fd = fd;
		else
			ctsh_close_fd(&fd);
	}
}

static void take_extras(struct msghdr *msg, struct extras *extras)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_rights(c, extras);
}

/* One recvmsg(2), once there is something to receive. */
static ssize_t receive_when_ready(int sock, struct msghdr *msg,
                                  int64_t deadline_ms)
{
	size_t room = msg->msg_controllen;

	for (;;) {
		ssize_t got;
		int ready = ctsh_wait_fd(sock, POLLIN, deadline_ms);

		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready <= 0)
			return -1;
		msg->msg_controllen = room;
		got = recvmsg(sock, msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			return got;
	}
}

ssize_t ctsh_receive(int sock, void *data, size_t size, int *fd,
                     int64_t deadline_ms)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &part,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	struct extras extras = {.fd = -1};
	ssize_t got = receive_when_ready(sock, &msg, deadline_ms);

	if (got < 0)
		return -1;
	take_extras(&msg, &extras);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    (fd && extras.count > 1)) {
		ctsh_close_fd(&extras.fd);
		errno = msg.msg_flags & MSG_TRUNC ? EMSGSIZE : EBADMSG;
		return -1;
	}
	if (fd)
		*fd = ctsh_steal_fd(&extras.fd);
	ctsh_close_fd(&extras.fd);
	return got;
}
