/* SPDX-License-Identifier: MIT */
/*
 * fd_attack.c - what a container root can do with a descriptor of the host's:
 * `fd_attack HOW FD [ARGUMENT]`.  0: it worked, 1: it did not.  Static.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int overwrite(int fd)
{
	return fd < 0 || write(fd, "attacked", 8) != 8;
}

/* Whether the secret can be read there, without waiting for it long. */
static int spy(int fd)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};
	char text[64] = "";

	if (fd < 0 || poll(&in, 1, 1000) != 1)
		return 1;
	return read(fd, text, sizeof(text) - 1) <= 0 ||
	       !strstr(text, "precious");
}

static int reopen(int fd, int flags)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags | O_NONBLOCK | O_NOCTTY);
}

/* A connected socket is undone first. */
static int call_host(int fd, int port)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_in host = {.sin_family = AF_INET,
	                           .sin_port = htons((unsigned short)port)};

	host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)connect(fd, &none, sizeof(none));
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)))
		return 1;
	return spy(fd);
}

static int resize(int fd)
{
	struct winsize size = {.ws_row = 7, .ws_col = 7};

	return ioctl(fd, TIOCSWINSZ, &size) != 0;
}

static int look_at_events(int fd)
{
	struct epoll_event event;

	return epoll_wait(fd, &event, 1, 1000) != 1 || event.data.fd == 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";
	int fd = argc > 2 ? atoi(argv[2]) : -1;
	const char *argument = argc > 3 ? argv[3] : "";

	if (strcmp(how, "rewrite") == 0)
		return overwrite(reopen(fd, O_WRONLY));
	if (strcmp(how, "reread") == 0)
		return spy(reopen(fd, O_RDONLY));
	if (strcmp(how, "below") == 0)
		return overwrite(openat(fd, argument, O_RDWR));
	if (strcmp(how, "connect") == 0)
		return call_host(fd, atoi(argument));
	if (strcmp(how, "accept") == 0)
		return spy(accept(fd, NULL, NULL));
	if (strcmp(how, "namespace") == 0)
		return ioctl(fd, NS_GET_USERNS) < 0;
	if (strcmp(how, "read") == 0)
		return spy(fd);
	if (strcmp(how, "process") == 0)
		return spy((int)syscall(SYS_pidfd_getfd, fd, 7, 0));
	if (strcmp(how, "events") == 0)
		return look_at_events(fd);
	if (strcmp(how, "resize") == 0)
		return resize(fd);
	return 2;
}
