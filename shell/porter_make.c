/* SPDX-License-Identifier: MIT */
#include "porter_make.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/base/clean.h"

#define BACKLOG 64

/* As libXau counts. */
#define FAMILY_LOCAL 256
#define FAMILY_WILD 65535

static bool wants(const struct ctsh_porter_order *order, int target)
{
	return order->wanted & 1U << target;
}

static int make_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* -- the private directory ------------------------------------------------ */

/* A directory that is there already is somebody else's: its name was random. */
static int make_directory(const struct ctsh_porter_order *order)
{
	for (int i = 0; i < CTSH_PORTER_PLACES; i++)
		if (order->directory[i][0] &&
		    mkdir(order->directory[i], 0700) == 0)
			return i;
	return -1;
}

/* A listening socket of that name, of mode 0600; or -1. */
static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	ctsh_autoclose int sock = make_socket(AF_UNIX);
	size_t length = strlen(path);
	mode_t mask;
	int bound;

	if (sock < 0 || length >= sizeof(at.sun_path))
		return -1;
	memcpy(at.sun_path, path, length + 1);
	mask = umask(0177);
	bound = bind(sock, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(mask);
	if (bound || listen(sock, BACKLOG))
		return -1;
	return ctsh_steal_fd(&sock);
}

static int listen_in(const char *directory, const char *name)
{
	char path[CTSH_PORTER_PATH];
	int length = snprintf(path, sizeof(path), "%s/%s", directory, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -1;
	return listen_at(path);
}

/* -- X11 ------------------------------------------------------------------ */

/* The first display that is free, on the container's own loopback, where sshd
 * would have it; its number in `*display`. */
static int listen_display(uint32_t *display)
{
	struct sockaddr_in at = {.sin_family = AF_INET};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint16_t n = CTSH_DISPLAY_FIRST; n <= CTSH_DISPLAY_LAST; n++) {
		ctsh_autoclose int sock = make_socket(AF_INET);

		at.sin_port = htons((uint16_t)(CTSH_DISPLAY_PORT + n));
		if (sock < 0)
			return -1;
		if (bind(sock, (const struct sockaddr *)&at, sizeof(at)) ||
		    listen(sock, BACKLOG))
			continue;
		*display = n;
		return ctsh_steal_fd(&sock);
	}
	return -1;
}

/* One part of a record: two bytes of length, most significant first. */
static size_t put_part(char *out, const void *data, size_t length)
{
	out[0] = (char)(length >> 8);
	out[1] = (char)length;
	memcpy(out + 2, data, length);
	return length + 2;
}

static size_t put_record(char *out, uint16_t family, const char *address,
                         const char *number,
                         const struct ctsh_porter_order *order)
{
	size_t at = 2;

	out[0] = (char)(family >> 8);
	out[1] = (char)family;
	at += put_part(out + at, address, strlen(address));
	at += put_part(out + at, number, strlen(number));
	at += put_part(out + at, order->cookie_name,
	               strnlen(order->cookie_name, CTSH_PORTER_COOKIE_NAME));
	return at + put_part(out + at, order->cookie, order->cookie_length);
}

/* One record as xauth(1) looks for it, and one that fits any name. */
static bool write_cookie(const char *directory, uint32_t display,
                         const struct ctsh_porter_order *order)
{
	char path[CTSH_PORTER_PATH], host[65] = "", number[12], text[512];
	ctsh_autoclose int fd = -1;
	size_t length;

	(void)snprintf(path, sizeof(path), "%s/" CTSH_PORTER_XAUTHORITY_NAME,
	               directory);
	(void)snprintf(number, sizeof(number), "%u", display);
	(void)gethostname(host, sizeof(host) - 1);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || order->cookie_length > CTSH_PORTER_COOKIE)
		return false;
	length = put_record(text, FAMILY_LOCAL, host, number, order);
	length += put_record(text + length, FAMILY_WILD, "", "", order);
	return write(fd, text, length) == (ssize_t)length;
}

/* -- forward_socket ------------------------------------------------------- */

static void remove_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

/* The newest session has the name: a socket that is there already is of an
 * older one, or of one that was killed. */
static void make_path(const struct ctsh_porter_order *order, int i,
                      struct ctsh_porter_made *made)
{
	int listener;
	struct stat st;

	if (!wants(order, CTSH_TARGET_PATHS + i))
		return;
	remove_socket(order->path[i]);
	listener = listen_at(order->path[i]);
	if (listener >= 0 && lstat(order->path[i], &st) == 0) {
		made->path[i].dev = st.st_dev;
		made->path[i].ino = st.st_ino;
	}
	made->listener[CTSH_TARGET_PATHS + i] = listener;
}

static void remove_path(const struct ctsh_porter_order *order, int i,
                        const struct ctsh_porter_made *made)
{
	struct stat st;

	if (made->listener[CTSH_TARGET_PATHS + i] >= 0 &&
	    lstat(order->path[i], &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_dev == made->path[i].dev && st.st_ino == made->path[i].ino)
		(void)unlink(order->path[i]);
}

/* -- all ------------------------------------------------------------------ */

static void make_private(const struct ctsh_porter_order *order,
                         struct ctsh_porter_made *made,
                         struct ctsh_porter_answer *answer)
{
	const char *directory;

	if (!wants(order, CTSH_TARGET_AGENT) && !wants(order, CTSH_TARGET_X11))
		return;
	made->place = make_directory(order);
	if (made->place < 0)
		return;
	directory = order->directory[made->place];
	answer->place = (uint32_t)made->place;
	if (wants(order, CTSH_TARGET_AGENT))
		made->listener[CTSH_TARGET_AGENT] =
			listen_in(directory, CTSH_PORTER_AGENT_NAME);
	if (wants(order, CTSH_TARGET_X11))
		made->listener[CTSH_TARGET_X11] =
			listen_display(&answer->display);
	if (made->listener[CTSH_TARGET_X11] >= 0 &&
	    !write_cookie(directory, answer->display, order))
		ctsh_close_fd(&made->listener[CTSH_TARGET_X11]);
}

void ctsh_porter_make(const struct ctsh_porter_order *order,
                      struct ctsh_porter_made *made,
                      struct ctsh_porter_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	made->place = -1;
	for (int i = 0; i < CTSH_TARGETS; i++)
		made->listener[i] = -1;
	make_private(order, made, answer);
	for (int i = 0; i < CTSH_PORTER_PATHS; i++)
		make_path(order, i, made);
	for (int i = 0; i < CTSH_TARGETS; i++)
		if (made->listener[i] >= 0)
			answer->listening |= 1U << i;
}

/* By a descriptor: the directory's name may lead elsewhere by now. */
static void empty_directory(const char *path)
{
	ctsh_autoclose int fd =
		open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)unlinkat(fd, CTSH_PORTER_AGENT_NAME, 0);
	(void)unlinkat(fd, CTSH_PORTER_XAUTHORITY_NAME, 0);
	(void)rmdir(path);
}

void ctsh_porter_remove(const struct ctsh_porter_order *order,
                        struct ctsh_porter_made *made)
{
	if (made->place >= 0)
		empty_directory(order->directory[made->place]);
	for (int i = 0; i < CTSH_PORTER_PATHS; i++)
		remove_path(order, i, made);
	for (int i = 0; i < CTSH_TARGETS; i++)
		ctsh_close_fd(&made->listener[i]);
}
