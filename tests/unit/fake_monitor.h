/* SPDX-License-Identifier: MIT */
/*
 * fake_monitor.h - an LXC monitor of the test's own, on its abstract socket,
 * with answers that were recorded from real ones, and a child for an init.
 *
 * Privilege: root.
 * Trust:     none needed.
 */
#ifndef CTSH_FAKE_MONITOR_H
#define CTSH_FAKE_MONITOR_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "../../lib/runtime/lxc_command.h"
#include "fake_daemon.h"

#define FAKE_LXC "tests/data/engines/lxc/5.0.2/"
#define FAKE_LXC_PATH "/opt/lxctest/lxc"
#define FAKE_LXC_NAME "foo"

#define FAKE_ANSWER_MAX 8192
#define FAKE_HEAD 16

/* What it says otherwise than the real one. */
struct fake_script {
	const char *data;    /* directory of answers; NULL: FAKE_LXC       */
	int command;         /* whose answer is another; 0: none           */
	const char *file;    /* another recorded one                       */
	const void *bytes;   /* or these                                   */
	size_t length;       /* how many; 0: all of the file               */
	bool keep_open;      /* as LXC 4 does                              */
	bool true_init;      /* GET_INIT_PID: a child of its own           */
	pid_t init;          /* or this one; 0: as recorded                */
	const void *control; /* beside each answer                         */
	size_t control_length;
};

static inline size_t fake_load(const char *directory, const char *file,
                               char *into)
{
	char path[128];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s%s", directory, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, into, FAKE_ANSWER_MAX);
	close(fd);
	if (got <= 0)
		_exit(2);
	return (size_t)got;
}

static inline const char *fake_file_of(int command)
{
	switch (command) {
	case CTSH_LXC_GET_STATE:
		return "get_state";
	case CTSH_LXC_GET_INIT_PID:
		return "get_init_pid";
	case CTSH_LXC_GET_CONFIG_ITEM:
		return "seccomp";
	case CTSH_LXC_GET_NAME:
		return "get_name";
	case CTSH_LXC_GET_LXCPATH:
		return "get_lxcpath";
	default:
		_exit(3);
	}
}

static inline pid_t fake_init(void)
{
	static pid_t init;

	if (!init)
		init = fork();
	if (!init) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_range(3, ~0U, 0); /* the monitor's socket is not its */
		alarm(FAKE_LIFETIME_S);
		for (;;)
			pause();
	}
	return init;
}

static inline size_t fake_compose(const struct fake_script *s, int command,
                                  char *answer)
{
	const char *directory = s->data ? s->data : FAKE_LXC;
	size_t length = 0;
	pid_t init;

	if (command == s->command && s->bytes)
		memcpy(answer, s->bytes, s->length);
	else if (command == s->command && s->file)
		length = fake_load(directory, s->file, answer);
	else
		length = fake_load(directory, fake_file_of(command), answer);
	if (command == s->command && s->length)
		length = s->length;
	init = s->true_init ? fake_init() : s->init;
	if (command == CTSH_LXC_GET_INIT_PID && command != s->command && init)
		memcpy(answer + 8, &init, sizeof(init));
	return length;
}

static inline void fake_monitor_serve(int conn, const void *arg)
{
	const struct fake_script *s = arg;
	char question[256], answer[FAKE_ANSWER_MAX];
	struct iovec part = {.iov_base = answer};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	int command;

	if (read(conn, question, sizeof(question)) < FAKE_HEAD)
		return;
	memcpy(&command, question, sizeof(command));
	part.iov_len = fake_compose(s, command, answer);
	msg.msg_control = (void *)s->control;
	msg.msg_controllen = s->control_length;
	/* Who asks may not want what is beside it (SO_PASSRIGHTS). */
	if (sendmsg(conn, &msg, MSG_NOSIGNAL) < 0 &&
	    !(s->control && errno == EPERM))
		_exit(4);
	if (s->keep_open)
		fake_stay_silent(conn, NULL);
}

static struct sockaddr_un fake_address;
static socklen_t fake_address_length;

/* Starts one; fake_monitor_stop() ends it. */
static inline void fake_monitor_start(struct fake_daemon *d, const char *path,
                                      const char *name,
                                      const struct fake_manner *how)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ctsh_error err;

	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_int_equal(ctsh_lxc_address(path, name, &fake_address,
	                                  &fake_address_length, &err),
	                 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&fake_address,
	                      fake_address_length),
	                 0);
	fake_launch(d, sock, how);
}

/* Until nobody has the name any more: who listened may have left it. */
static inline void fake_monitor_stop(struct fake_daemon *d)
{
	int tries;

	close(d->life);
	waitpid(d->pid, NULL, 0);
	for (tries = 0; tries < 1000; tries++) {
		int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int taken = bind(sock, (struct sockaddr *)&fake_address,
		                 fake_address_length);

		close(sock);
		if (!taken)
			return;
		usleep(1000);
	}
	fail_msg("the monitor does not end");
}

#endif
