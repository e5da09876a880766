/* SPDX-License-Identifier: MIT */
/*
 * valgrind_calls.c - loaded into a program under valgrind: has the system calls
 * that valgrind does not know made by somebody outside, lab/valgrind.py, over
 * the socket BROKER.  What they need of the caller's descriptors goes along,
 * and a descriptor that they make comes back.
 *
 * A process without any power gets no filter of its own: that would end it at
 * the first call of valgrind's.  Who has power, as he who enters a container,
 * gets his by prctl(2), which valgrind does know.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "rawcall.h"

struct request {
	int64_t number;
	int64_t arguments[2];
	struct open_how how;
	char path[256];
};

/* Room for one descriptor. */
union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static int connect_broker(void)
{
	struct sockaddr_un broker = {.sun_family = AF_UNIX, .sun_path = BROKER};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&broker, sizeof(broker))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int send_request(int broker, const struct request *request, int fd)
{
	union control control;
	struct iovec io = {(void *)request, sizeof(*request)};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(broker, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* What the call gave, as the kernel gives it. */
static long receive_answer(int broker)
{
	union control control;
	int64_t answer = -EIO;
	struct iovec io = {&answer, sizeof(answer)};
	struct msghdr message = {.msg_iov = &io,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	const struct cmsghdr *header;
	int fd;

	memset(&control, 0, sizeof(control));
	if (recvmsg(broker, &message, MSG_CMSG_CLOEXEC) != sizeof(answer))
		return -EIO;
	header = CMSG_FIRSTHDR(&message);
	if (!header)
		return (long)answer;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static long ask(const struct request *request, int fd)
{
	int broker = connect_broker();
	long answer = -EIO;

	if (broker < 0)
		return answer;
	if (send_request(broker, request, fd) == 0)
		answer = receive_answer(broker);
	(void)close(broker);
	return answer;
}

static long made_outside(long number, const long a[4])
{
	struct request request;
	int fd = number == SYS_pidfd_open ? -1 : (int)a[0];

	memset(&request, 0, sizeof(request));
	request.number = number;
	if (number == SYS_openat2) {
		const char *path = (const char *)a[1];
		size_t length = strlen(path) + 1;

		if (length > sizeof(request.path))
			return -ENAMETOOLONG;
		memcpy(request.path, path, length);
		memcpy(&request.how, (const void *)a[2], sizeof(request.how));
	} else {
		request.arguments[0] = a[0];
		request.arguments[1] = a[1];
	}
	return ask(&request, fd);
}

static int is_unknown(long number)
{
	return number == SYS_pidfd_open || number == SYS_openat2 ||
	       number == SYS_pidfd_send_signal;
}

/* In place of libc's. */
long syscall(long number, ...)
{
	va_list list;
	long a[4], result;

	va_start(list, number);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_seccomp &&
	    prctl(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) == 0)
		return 0;
	result = is_unknown(number) ? made_outside(number, a)
	                            : call(number, a[0], a[1], a[2], a[3]);
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}
