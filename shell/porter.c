/* SPDX-License-Identifier: MIT */
/*
 * ctsh-porter - listens inside for one session (lib/model/forward.h).
 *
 * Privilege: none: the user's inside, confined as the shell is.
 * Trust:     who connects may be anybody inside; the kernel says who, and only
 *            the user and root get through.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/clean.h"
#include "../lib/base/strand.h"
#include "../lib/model/forward.h"
#include "porter_make.h"

enum { POLL_ORDER, POLL_LISTENERS };
#define POLL_STRANDS (POLL_LISTENERS + CTSH_TARGETS)
#define POLLS (POLL_STRANDS + CTSH_PORTER_SLOTS * CTSH_STRAND_POLLS)

/* Too large for a stack; of it only what is used is ever there. */
static struct ctsh_strand strands[CTSH_PORTER_SLOTS];
static struct ctsh_strand_room rooms[CTSH_PORTER_SLOTS];

static volatile sig_atomic_t told_to_end;

static void end(int signal)
{
	(void)signal;
	told_to_end = 1;
}

/* An orderly stop of the container comes as a signal; a strand whose other end
 * is gone is an error of write(2). */
static void prepare_signals(void)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction action = {.sa_handler = end};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		(void)sigaction(ends[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

/* It comes in one piece; not yet, if we are fast. */
static int read_order(struct ctsh_porter_order *order)
{
	struct pollfd come = {.fd = CTSH_PORTER_ORDER, .events = POLLIN};
	int count;

	do
		count = poll(&come, 1, -1);
	while (count < 0 && errno == EINTR && !told_to_end);
	return count == 1 && read(CTSH_PORTER_ORDER, order, sizeof(*order)) ==
	                               sizeof(*order)
	               ? 0
	               : -1;
}

static struct ctsh_strand *find_free(void)
{
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		if (ctsh_strand_is_free(&strands[i]))
			return &strands[i];
	return NULL;
}

/* The modes of directory and socket say so already, unless the file system has
 * none.  Over TCP it is the cookie that says. */
static bool may_connect(int sock, int target)
{
	struct ucred who;
	socklen_t length = sizeof(who);

	if (target == CTSH_TARGET_X11)
		return true;
	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
	       (who.uid == geteuid() || who.uid == 0);
}

static void accept_one(int listener, int target)
{
	struct ctsh_strand *strand = find_free();
	ctsh_autoclose int sock = -1;

	if (!strand)
		return;
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock >= 0 && may_connect(sock, target))
		ctsh_strand_open(strand, ctsh_steal_fd(&sock), (uint8_t)target);
}

static int wait_for_events(const struct ctsh_porter_made *made,
                           struct pollfd *polls)
{
	bool room = find_free() != NULL;

	polls[POLL_ORDER] = (struct pollfd){.fd = CTSH_PORTER_ORDER};
	for (int i = 0; i < CTSH_TARGETS; i++)
		polls[POLL_LISTENERS + i] = (struct pollfd){
			.fd = room ? made->listener[i] : -1, .events = POLLIN};
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		ctsh_strand_poll(&strands[i],
		                 &polls[POLL_STRANDS + i * CTSH_STRAND_POLLS]);
	return poll(polls, POLLS, -1);
}

static void serve(const struct ctsh_porter_made *made)
{
	struct pollfd polls[POLLS];

	while (!told_to_end) {
		int count = wait_for_events(made, polls);

		if (count < 0 && errno == EINTR)
			continue;
		/* Its writer is the supervisor, and is gone.  0 is what only a
		 * filter says. */
		if (count <= 0 || polls[POLL_ORDER].revents)
			return;
		for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
			(void)ctsh_strand_move(
				&strands[i],
				&polls[POLL_STRANDS + i * CTSH_STRAND_POLLS]);
		for (int i = 0; i < CTSH_TARGETS; i++)
			if (polls[POLL_LISTENERS + i].revents)
				accept_one(made->listener[i], i);
	}
}

int main(void)
{
	static struct ctsh_porter_order order;
	static struct ctsh_porter_made made;
	struct ctsh_porter_answer answer;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "ctsh-porter", 0, 0, 0);
	prepare_signals();
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	if (read_order(&order))
		return 1;
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		ctsh_strand_init(&strands[i], CTSH_PORTER_STRANDS + 2 * i,
		                 CTSH_PORTER_STRANDS + 2 * i + 1, true,
		                 &rooms[i]);
	ctsh_porter_make(&order, &made, &answer);
	if (write(CTSH_PORTER_ANSWER, &answer, sizeof(answer)) ==
	            sizeof(answer) &&
	    answer.listening)
		serve(&made);
	ctsh_porter_remove(&order, &made);
	return 0;
}
