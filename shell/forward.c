/* SPDX-License-Identifier: MIT */
#include "forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/enter/sandbox.h"
#include "agent.h"

struct ctsh_forward_slots {
	struct ctsh_strand strand[CTSH_PORTER_SLOTS];
	struct ctsh_agent agent[CTSH_PORTER_SLOTS];
	struct ctsh_strand_room room[CTSH_PORTER_SLOTS];
};

static const int calls[] = {
	SYS_socket,     /* one for each connection of the container's */
	SYS_connect,    /* to the caller's agent and the like */
	SYS_getsockopt, /* whose agent it is */
};

const int *ctsh_forward_calls(size_t *count)
{
	*count = sizeof(calls) / sizeof(*calls);
	return calls;
}

void ctsh_forward_init(struct ctsh_forwarding *f)
{
	f->listening = 0;
	f->slots = NULL;
	f->order = -1;
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		f->in[i] = f->out[i] = -1;
}

/* -- connecting ----------------------------------------------------------- */

/* Never in the place of 0 to 2, which channels close when their side ends: what
 * gets such a number stays there, unconnected. */
static int make_socket(int family)
{
	int sock;

	do
		sock = socket(family,
		              SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (sock >= 0 && sock < 3);
	return sock;
}

/* Nobody is waited for: what does not take the connection at once is not
 * there. */
static int connect_to(int family, const void *address, size_t length)
{
	ctsh_autoclose int sock = make_socket(family);

	if (sock < 0 ||
	    (connect(sock, address, (socklen_t)length) && errno != EINPROGRESS))
		return -1;
	return ctsh_steal_fd(&sock);
}

static int connect_path(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memcpy(to.sun_path, path, strnlen(path, sizeof(to.sun_path) - 1));
	return connect_to(AF_UNIX, &to, sizeof(to));
}

static int connect_display(uint32_t display)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(CTSH_DISPLAY_PORT + display)),
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};

	return connect_to(AF_INET, &to, sizeof(to));
}

/* The caller said where its agent is, so it must be the caller's: a service of
 * another's, root's above all, may obey whoever can connect to it. */
static int connect_agent(const struct ctsh_forwarding *f)
{
	ctsh_autoclose int sock = connect_path(f->plan.agent);
	struct ucred who;
	socklen_t length = sizeof(who);

	if (sock < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &length) ||
	    who.uid != f->uid)
		return -1;
	return ctsh_steal_fd(&sock);
}

/* Whom the porter names may have been ordered or not. */
static int connect_target(const struct ctsh_forwarding *f, uint8_t target)
{
	if (target >= CTSH_TARGETS || !(f->listening & 1U << target))
		return -1;
	if (target == CTSH_TARGET_AGENT)
		return connect_agent(f);
	if (target == CTSH_TARGET_X11)
		return connect_display(f->plan.display);
	return connect_path(f->plan.path[target - CTSH_TARGET_PATHS]);
}

static void take(const struct ctsh_forwarding *f, int slot)
{
	struct ctsh_strand *s = &f->slots->strand[slot];
	bool agent = s->target == CTSH_TARGET_AGENT;

	f->slots->agent[slot] = (struct ctsh_agent){.request_left = 0};
	s->down.judge = agent ? ctsh_agent_request : NULL;
	s->up.judge = agent ? ctsh_agent_reply : NULL;
	ctsh_strand_take(s, connect_target(f, s->target));
}

/* -- in the loop ---------------------------------------------------------- */

static int fill_standard(struct ctsh_error *err)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 3);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "/dev/null");
	return close(fd);
}

/* A page of it becomes memory when bytes pass through it. */
int ctsh_forward_begin(struct ctsh_forwarding *f, struct ctsh_error *err)
{
	void *map = mmap(NULL, sizeof(*f->slots), PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "forwarding");
	f->slots = map;
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++) {
		f->slots->strand[i].context = &f->slots->agent[i];
		ctsh_strand_init(&f->slots->strand[i], ctsh_steal_fd(&f->in[i]),
		                 ctsh_steal_fd(&f->out[i]), false,
		                 &f->slots->room[i]);
	}
	return fill_standard(err);
}

int ctsh_forward_confine(const struct ctsh_forwarding *f,
                         struct ctsh_error *err)
{
	if (f->listening & 1U << CTSH_TARGET_X11)
		return ctsh_allow_sockets(AF_INET, err);
	return ctsh_allow_sockets(AF_UNIX, err);
}

void ctsh_forward_poll(const struct ctsh_forwarding *f, struct pollfd *polls)
{
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		ctsh_strand_poll(&f->slots->strand[i],
		                 &polls[i * CTSH_STRAND_POLLS]);
}

void ctsh_forward_move(struct ctsh_forwarding *f, const struct pollfd *polls)
{
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		if (ctsh_strand_move(&f->slots->strand[i],
		                     &polls[i * CTSH_STRAND_POLLS]))
			take(f, i);
}

void ctsh_forward_end(struct ctsh_forwarding *f)
{
	ctsh_close_fd(&f->order);
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++) {
		if (f->slots)
			ctsh_strand_end(&f->slots->strand[i]);
		ctsh_close_fd(&f->in[i]);
		ctsh_close_fd(&f->out[i]);
	}
	if (f->slots)
		(void)munmap(f->slots, sizeof(*f->slots));
	f->slots = NULL;
	f->listening = 0;
}
