/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../base/fdio.h"

static const struct {
	const char *what;
	enum ctsh_code code;
} failures[CTSH_STAGE_COUNT] = {
	[CTSH_STAGE_SESSION] = {"new session", CTSH_E_SYSTEM},
	[CTSH_STAGE_KEYRING] = {"new session keyring", CTSH_E_SYSTEM},
	[CTSH_STAGE_LABEL] = {"ask for the security label", CTSH_E_UNSAFE},
	[CTSH_STAGE_TRAITS] = {"personality, timer slack, core", CTSH_E_SYSTEM},
	[CTSH_STAGE_SECUREBITS] = {"clear the secure bits", CTSH_E_UNSAFE},
	[CTSH_STAGE_LIMITS] = {"resource limits", CTSH_E_UNSAFE},
	[CTSH_STAGE_SETNS] = {"join the namespaces", CTSH_E_UNSAFE},
	[CTSH_STAGE_ROOT] = {"change root", CTSH_E_UNSAFE},
	[CTSH_STAGE_MAPPED_ROOT] = {"become the container's root",
                                    CTSH_E_UNSAFE},
	[CTSH_STAGE_DESCRIPTORS] = {"place descriptors", CTSH_E_SYSTEM},
	[CTSH_STAGE_BOUNDING] = {"cut the bounding set", CTSH_E_UNSAFE},
	[CTSH_STAGE_GROUPS] = {"set groups", CTSH_E_UNSAFE},
	[CTSH_STAGE_IDS] = {"set ids", CTSH_E_UNSAFE},
	[CTSH_STAGE_CAPABILITIES] = {"drop capabilities", CTSH_E_UNSAFE},
	[CTSH_STAGE_PROOF] = {"prove the drop", CTSH_E_UNSAFE},
	[CTSH_STAGE_NO_NEW_PRIVS] = {"set no_new_privs", CTSH_E_UNSAFE},
	[CTSH_STAGE_FILTERS] = {"load the seccomp filters", CTSH_E_UNSAFE},
	[CTSH_STAGE_CLONE] = {"fork inside (pids limit?)", CTSH_E_SYSTEM},
	[CTSH_STAGE_TERMINAL] = {"controlling terminal", CTSH_E_SYSTEM},
	[CTSH_STAGE_SIGNALS] = {"reset the signals", CTSH_E_SYSTEM},
	[CTSH_STAGE_DIRECTORY] = {"change directory", CTSH_E_UNSAFE},
	[CTSH_STAGE_TRANSITION] = {"take on the security label", CTSH_E_UNSAFE},
	[CTSH_STAGE_EXEC...
		CTSH_STAGE_EXEC_LAST] = {"execute the shell", CTSH_E_SHELL},
	[CTSH_STAGE_PROGRAM] =
		{"execute a program of ours (a label, a filter?)",
                 CTSH_E_SHELL},
};

int ctsh_talk_failure(const struct ctsh_message *message,
                      struct ctsh_error *err)
{
	uint32_t stage = message->stage;

	if (stage >= CTSH_STAGE_COUNT || !failures[stage].what)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "unexpected message %u while entering", stage);
	return ctsh_fail(err, failures[stage].code, message->sys, "%s",
	                 failures[stage].what);
}

/* Until one of both has something, or the deadline: then -1 with ETIMEDOUT. */
static int wait_for_word(const struct ctsh_talk *t, struct pollfd polls[2])
{
	int64_t left = t->deadline_ms - ctsh_now_ms();
	int ready = poll(polls, 2, left > 0 ? (int)left : 0);

	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}

/*
 * Reads one message.  Its length, 0 at end of file or when who was to speak, by
 * its pidfd, ended without: the other one may hold the pipe open.  -1 with
 * errno.  Who holds the other end may be somebody who reads from it, too: what
 * poll(2) saw can be gone.  The watchdog ends what is late and may be faster
 * than we are: an end that comes of that is lateness.
 */
ssize_t ctsh_talk_hear(const struct ctsh_talk *t, int speaker,
                       struct ctsh_message *message)
{
	struct pollfd polls[2] = {{.fd = t->reports, .events = POLLIN},
	                          {.fd = speaker, .events = POLLIN}};
	ssize_t n;

	do {
		if (wait_for_word(t, polls)) {
			n = -1;
			continue;
		}
		n = read(t->reports, message, sizeof(*message));
		/* All that it said was there before it ended. */
		if (n < 0 && errno == EAGAIN && polls[1].revents)
			n = 0;
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n == 0 && ctsh_now_ms() >= t->deadline_ms) {
		errno = ETIMEDOUT;
		return -1;
	}
	return n;
}

int ctsh_talk_expect(const struct ctsh_talk *t, int speaker,
                     enum ctsh_stage stage, int32_t *value,
                     struct ctsh_error *err)
{
	struct ctsh_message message;
	ssize_t n = ctsh_talk_hear(t, speaker, &message);

	if (n == 0)
		return ctsh_fail(err, CTSH_E_GONE, 0,
		                 "the entering process was ended");
	if (n < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "wait for the entering process");
	if (n != sizeof(message))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "malformed message while entering");
	if (message.stage != stage)
		return ctsh_talk_failure(&message, err);
	*value = message.sys;
	return 0;
}

int ctsh_talk_go(const struct ctsh_talk *t, struct ctsh_error *err)
{
	if (write(t->go, "g", 1) != 1)
		return ctsh_fail(err, CTSH_E_GONE, errno,
		                 "the entering process was ended");
	return 0;
}

/*
 * Pipes, and not a socket: that names the process at its other end to whoever
 * gets hold of it (SO_PEERPIDFD), as it names the network that it was made in.
 * Our ends never block, whatever is done to the others.
 */
int ctsh_talk_open(struct ctsh_talk *t, struct ctsh_line *line,
                   struct ctsh_error *err)
{
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	t->reports = up[0];
	line->report = up[1];
	if (pipe2(down, O_CLOEXEC))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	t->go = down[1];
	t->go_read = line->go = down[0];
	if (fcntl(t->reports, F_SETFL, O_NONBLOCK) ||
	    fcntl(t->go, F_SETFL, O_NONBLOCK))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	return 0;
}

void ctsh_talk_close(struct ctsh_talk *t)
{
	ctsh_close_fd(&t->go);
	ctsh_close_fd(&t->go_read);
	ctsh_close_fd(&t->reports);
}
