/* SPDX-License-Identifier: MIT */
#include "lxc_command.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../base/clean.h"
#include "../base/fdio.h"
#include "../base/peer.h"

/* Linux 6.5; older C libraries know neither. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif
/* Linux 6.16. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#define RETRY_US 2000

/* A pointer on the wire: both ends are programs of one machine. */
struct question {
	int32_t command;
	int32_t length;
	uintptr_t data;
};

struct head {
	int32_t result;
	int32_t length;
	uintptr_t data;
};

/* FNV-1a, 64 bit. */
static uint64_t hash_of(const char *path, const char *name)
{
	const char *parts[] = {path, "/", name};
	uint64_t hash = 0xcbf29ce484222325;

	for (unsigned i = 0; i < 3; i++)
		for (const char *p = parts[i]; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	return hash;
}

int ctsh_lxc_address(const char *path, const char *name, struct sockaddr_un *to,
                     socklen_t *length, struct ctsh_error *err)
{
	char *text = to->sun_path + 1;
	/* liblxc keeps a byte for the NUL in front and one for that behind. */
	size_t room = sizeof(to->sun_path) - 2;
	int used;

	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	used = snprintf(text, room, "%s/%s/command", path, name);
	if (used >= 0 && (size_t)used >= room)
		used = snprintf(text, room, "lxc/%016" PRIx64 "/command",
		                hash_of(path, name));
	if (used < 0 || (size_t)used >= room)
		return ctsh_fail(err, CTSH_E_UNSAFE, ENAMETOOLONG, "%s", name);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                      (size_t)used);
	return 0;
}

/* What an older kernel does not know is left as it is there. */
static int set(int sock, int option, int value, struct ctsh_error *err)
{
	if (setsockopt(sock, SOL_SOCKET, option, &value, sizeof(value)) &&
	    errno != ENOPROTOOPT)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "setsockopt");
	return 0;
}

/* From the first byte on the kernel is to say who sent it, and nobody may send
 * a descriptor: it would be closed with the socket, see look_ahead(). */
static int make_socket(struct ctsh_error *err)
{
	ctsh_autoclose int sock = -1;

	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "socket");
	if (set(sock, SO_PASSCRED, 1, err) || set(sock, SO_PASSRIGHTS, 0, err))
		return -1;
	return ctsh_steal_fd(&sock);
}

/* A full backlog is EAGAIN at once. */
static int connect_until(int sock, const struct sockaddr_un *to,
                         socklen_t length, int64_t deadline_ms,
                         struct ctsh_error *err)
{
	while (connect(sock, (const struct sockaddr *)to, length)) {
		if (errno == ECONNREFUSED)
			return ctsh_fail(err, CTSH_E_ABSENT, 0,
			                 "no monitor at @%s", to->sun_path + 1);
		if ((errno != EAGAIN && errno != EINTR) ||
		    ctsh_now_ms() >= deadline_ms)
			return ctsh_fail(err, CTSH_E_ENGINE, errno,
			                 "connect to @%s", to->sun_path + 1);
		ctsh_nap_us(RETRY_US);
	}
	return 0;
}

static int open_monitor(const struct ctsh_lxc_monitor *monitor,
                        struct ctsh_error *err)
{
	ctsh_autoclose int sock = -1;
	struct sockaddr_un to;
	struct ucred who;
	socklen_t length;

	if (ctsh_lxc_address(monitor->path, monitor->name, &to, &length, err))
		return -1;
	sock = make_socket(err);
	if (sock < 0 ||
	    connect_until(sock, &to, length, monitor->deadline_ms, err) ||
	    ctsh_peer_of(sock, &who, err))
		return -1;
	if (who.uid != 0)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "@%s was taken by uid %u", to.sun_path + 1,
		                 who.uid);
	return ctsh_steal_fd(&sock);
}

/* The monitor answers its own user alone, and wants to be told who asks. */
static int send_question(int sock, enum ctsh_lxc_command command,
                         const char *item, struct ctsh_error *err)
{
	size_t extra = item ? strlen(item) + 1 : 0;
	struct question question = {.command = (int32_t)command,
	                            .length = (int32_t)extra};
	struct iovec parts[2] = {
		{.iov_base = &question, .iov_len = sizeof(question)},
		{.iov_base = (void *)item, .iov_len = extra},
	};
	struct ucred self = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(self))];
	} control = {0};
	struct msghdr msg = {.msg_iov = parts,
	                     .msg_iovlen = 2,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(self));
	memcpy(CMSG_DATA(c), &self, sizeof(self));
	/* Far less than an empty socket takes at once. */
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) !=
	    (ssize_t)(sizeof(question) + extra))
		return ctsh_fail(err,
		                 errno == EPIPE ? CTSH_E_ABSENT : CTSH_E_ENGINE,
		                 errno, "ask the monitor");
	return 0;
}

/* What the kernel says of the sender, beside the data. */
struct extras {
	struct ucred who; /* uid -1: nothing */
	int pidfd;
};

static void take_extras(struct msghdr *msg, struct extras *extras)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&extras->who, CMSG_DATA(c), sizeof(extras->who));
		if (c->cmsg_type == SCM_PIDFD)
			memcpy(&extras->pidfd, CMSG_DATA(c),
			       sizeof(extras->pidfd));
	}
}

static ssize_t refuse_nothing(ssize_t got, struct ctsh_error *err)
{
	if (got == 0)
		return ctsh_fail(err, CTSH_E_ABSENT, 0, "the monitor hung up");
	return ctsh_fail(err,
	                 errno == ECONNRESET ? CTSH_E_ABSENT : CTSH_E_ENGINE,
	                 errno, "answer of the monitor");
}

/*
 * How much comes without a descriptor; the questions that are asked here bring
 * none.  One that was taken would have to be closed, and who serves its file
 * system can let that wait for ever.  So it is looked at with room for what the
 * kernel says of the sender, and no more: it then says MSG_CTRUNC, and keeps
 * them.
 */
static ssize_t look_ahead(int sock, char *into, size_t room,
                          struct ctsh_error *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = {.iov_base = into, .iov_len = room};
	struct msghdr msg = {.msg_iov = &part,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	ssize_t got;

	if (set(sock, SO_PASSPIDFD, 0, err))
		return -1;
	got = recvmsg(sock, &msg, MSG_PEEK | MSG_DONTWAIT);
	if (got <= 0)
		return refuse_nothing(got, err);
	if (msg.msg_flags & MSG_CTRUNC)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "descriptors come from the monitor's name");
	return got;
}

/* One piece of the answer, no more than was looked at; the kernel never mixes
 * those of two senders. */
static ssize_t receive(int sock, char *into, size_t room, pid_t *sender,
                       struct ctsh_error *err)
{
	struct extras extras = {.who = {.uid = (uid_t)-1}, .pidfd = -1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) +
		           CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = into};
	struct msghdr msg = {.msg_iov = &part,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	ssize_t got;
	int bad;

	got = look_ahead(sock, into, room, err);
	if (got < 0 || set(sock, SO_PASSPIDFD, 1, err))
		return -1;
	part.iov_len = (size_t)got;
	got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got <= 0)
		return refuse_nothing(got, err);
	take_extras(&msg, &extras);
	bad = ctsh_peer_check_sender(extras.pidfd, &extras.who, 0, err);
	ctsh_close_fd(&extras.pidfd);
	*sender = extras.who.pid;
	return bad ? -1 : got;
}

/* The whole of it: a head, and as much behind it as the head says. */
static int receive_answer(int sock, int64_t deadline_ms, char *bytes,
                          size_t size, pid_t *sender, struct ctsh_error *err)
{
	size_t used = 0, wanted = sizeof(struct head);
	struct head head;

	while (used < wanted) {
		ssize_t got;
		int ready = ctsh_wait_fd(sock, POLLIN, deadline_ms);

		if (ready <= 0)
			return ctsh_fail(err, CTSH_E_ENGINE,
			                 ready ? errno : ETIMEDOUT,
			                 "answer of the monitor");
		got = receive(sock, bytes + used, size - used, sender, err);
		if (got < 0) {
			if (used && err->code == CTSH_E_ABSENT)
				err->code = CTSH_E_ENGINE;
			return -1;
		}
		used += (size_t)got;
		if (used < sizeof(head))
			continue;
		memcpy(&head, bytes, sizeof(head));
		if (head.length < 0 || head.length > CTSH_LXC_TEXT_MAX)
			return ctsh_fail(err, CTSH_E_ENGINE, EFBIG,
			                 "answer of the monitor");
		wanted = sizeof(head) + (size_t)head.length;
	}
	if (used != wanted)
		return ctsh_fail(err, CTSH_E_ENGINE, 0,
		                 "the monitor says more than it announced");
	return 0;
}

int ctsh_lxc_ask(const struct ctsh_lxc_monitor *monitor,
                 enum ctsh_lxc_command command, const char *item,
                 struct ctsh_lxc_answer *answer, struct ctsh_error *err)
{
	/* One more than there may be, to see that there is more. */
	char bytes[sizeof(struct head) + CTSH_LXC_TEXT_MAX + 1];
	ctsh_autoclose int sock = -1;
	struct head head;

	sock = open_monitor(monitor, err);
	if (sock < 0 || send_question(sock, command, item, err) ||
	    receive_answer(sock, monitor->deadline_ms, bytes, sizeof(bytes),
	                   &answer->sender, err))
		return -1;
	memcpy(&head, bytes, sizeof(head));
	answer->result = head.result;
	answer->number = (int64_t)(intptr_t)head.data;
	answer->length = (size_t)head.length;
	memcpy(answer->text, bytes + sizeof(head), answer->length);
	answer->text[answer->length] = '\0';
	return 0;
}
