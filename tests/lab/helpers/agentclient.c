/* SPDX-License-Identifier: MIT */
/*
 * agentclient COMMAND SOCKET - a client of an SSH agent, for the inside.
 *
 *   list         asks for the identities; prints how many there are and the
 *                comment of each
 *   raw HEX      sends these bytes, prints in hexadecimal what comes back until
 *                the other side closes or two seconds pass
 *   long LENGTH  a message that claims that length and has it
 *   hold COUNT   makes so many connections, prints how many it could make and
 *                keeps them until its standard input ends
 *   who          prints the PIDs of whom the socket names: who listens, and who
 *                has sent the answer
 *   deaf COUNT   asks COUNT times and reads nothing until standard input ends
 *
 * SOCKET may be PORT of the loopback.  It ends with 1 if it cannot connect.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 2000

static int connect_port(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port)};
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(sock, (struct sockaddr *)&to, sizeof(to)) ? -1 : sock;
}

static int connect_to(const char *where, int flags)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int sock;

	if (where[0] != '/' && atoi(where) > 0)
		return connect_port(atoi(where));
	sock = socket(AF_UNIX, SOCK_STREAM | flags, 0);
	strncpy(to.sun_path, where, sizeof(to.sun_path) - 1);
	if (connect(sock, (struct sockaddr *)&to, sizeof(to))) {
		int saved = errno;

		close(sock);
		errno = saved;
		return -1;
	}
	return sock;
}

static int must_connect(const char *where)
{
	int sock = connect_to(where, 0);

	if (sock < 0) {
		perror("connect");
		exit(1);
	}
	return sock;
}

static void read_all(int sock, uint8_t *out, size_t length)
{
	while (length) {
		ssize_t got = read(sock, out, length);

		if (got <= 0) {
			printf("closed\n");
			exit(2);
		}
		out += got;
		length -= (size_t)got;
	}
}

static uint32_t number(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

static int list(const char *where)
{
	static const uint8_t request[] = {0, 0, 0, 1, 11};
	static uint8_t reply[300000];
	int sock = must_connect(where);
	const uint8_t *at = reply + 5;
	uint32_t count, length;

	/* One that is closed at once may be so before this. */
	(void)!write(sock, request, sizeof(request));
	read_all(sock, reply, 4);
	length = number(reply);
	if (length > sizeof(reply))
		return 1;
	read_all(sock, reply, length);
	if (reply[0] != 12) {
		printf("answer %d\n", reply[0]);
		return 1;
	}
	count = number(reply + 1);
	printf("%u\n", count);
	for (uint32_t i = 0; i < count; i++) {
		at += 4 + number(at);
		printf("%.*s\n", (int)number(at), (const char *)at + 4);
		at += 4 + number(at);
	}
	return 0;
}

static void print_rest(int sock)
{
	struct pollfd come = {.fd = sock, .events = POLLIN};
	uint8_t byte[4096];
	ssize_t got = -1;

	while (poll(&come, 1, PATIENCE_MS) == 1 &&
	       (got = read(sock, byte, sizeof(byte))) > 0)
		for (ssize_t i = 0; i < got; i++)
			printf("%02x", byte[i]);
	printf(got == 0 || (got < 0 && come.revents) ? " closed\n" : " open\n");
}

static int raw(const char *where, const char *hex)
{
	int sock = must_connect(where);
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		if (dprintf(sock, "%c", (int)byte) < 0)
			break;
	print_rest(sock);
	return 0;
}

static int send_long(const char *where, uint32_t length)
{
	uint8_t head[] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
	                  (uint8_t)(length >> 8), (uint8_t)length, 27};
	static uint8_t body[4096];
	int sock = must_connect(where);

	if (write(sock, head, sizeof(head)) == sizeof(head))
		for (uint32_t left = length - 1; left;) {
			size_t part = left < sizeof(body) ? left : sizeof(body);
			ssize_t put = write(sock, body, part);

			if (put <= 0)
				break;
			left -= (uint32_t)put;
		}
	print_rest(sock);
	return 0;
}

static void wait_for_end(void)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
}

static int hold(const char *where, int count)
{
	int made = 0;

	while (made < count && connect_to(where, SOCK_NONBLOCK) >= 0)
		made++;
	printf("%d\n", made);
	fflush(stdout);
	wait_for_end();
	return 0;
}

static int deaf(const char *where, int count)
{
	static const uint8_t request[] = {0, 0, 0, 1, 11};
	int sock = must_connect(where);
	int sent = 0;

	while (sent < count && send(sock, request, sizeof(request),
	                            MSG_DONTWAIT) == sizeof(request))
		sent++;
	printf("%d\n", sent);
	fflush(stdout);
	wait_for_end();
	return 0;
}

/* Whose PID came along with the first byte. */
static int sender(int sock)
{
	char control[CMSG_SPACE(sizeof(struct ucred))], byte;
	struct iovec one = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &one,
	                         .msg_iovlen = 1,
	                         .msg_control = control,
	                         .msg_controllen = sizeof(control)};
	struct cmsghdr *part;
	struct ucred who = {.pid = -1};

	if (recvmsg(sock, &message, 0) != 1)
		return -1;
	part = CMSG_FIRSTHDR(&message);
	if (part && part->cmsg_type == SCM_CREDENTIALS)
		memcpy(&who, CMSG_DATA(part), sizeof(who));
	return who.pid;
}

static int who(const char *where)
{
	static const uint8_t request[] = {0, 0, 0, 1, 11};
	int sock = must_connect(where), on = 1;
	struct ucred peer = {.pid = -1};
	socklen_t length = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
	    setsockopt(sock, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    write(sock, request, sizeof(request)) != sizeof(request))
		return 1;
	printf("%d %d\n", peer.pid, sender(sock));
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(what, "list"))
		return list(argv[2]);
	if (!strcmp(what, "who"))
		return who(argv[2]);
	if (argc < 4)
		return 64;
	if (!strcmp(what, "raw"))
		return raw(argv[2], argv[3]);
	if (!strcmp(what, "long"))
		return send_long(argv[2], (uint32_t)atol(argv[3]));
	if (!strcmp(what, "hold"))
		return hold(argv[2], atoi(argv[3]));
	if (!strcmp(what, "deaf"))
		return deaf(argv[2], atoi(argv[3]));
	return 64;
}
