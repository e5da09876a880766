/* SPDX-License-Identifier: MIT */
/*
 * fake_daemon.h - a daemon of the test's own: a forked child that listens on
 * a unix socket in a directory of root's, and behaves as the test wants.
 *
 * The child ends when the test does: it waits at a pipe that the test holds,
 * and an alarm takes what hangs.
 *
 * Privilege: root; a test without it fails with a clear word.
 * Trust:     none needed.
 */
#ifndef CTSH_FAKE_DAEMON_H
#define CTSH_FAKE_DAEMON_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAKE_LIFETIME_S 20

struct fake_daemon {
	char dir[32];
	char path[64];
	int life; /* closing it ends the child */
	pid_t pid;
};

/* How it behaves; each may be NULL. */
struct fake_manner {
	void (*before)(void); /* in the child, before it listens */
	void (*after)(void);  /* and once it does                */
	void (*serve)(int conn, const void *arg);
	const void *arg;
};

/* A fresh directory of root's below /run. */
static inline void fake_dir(char *dir)
{
	strcpy(dir, "/run/ctsh-test-XXXXXX");
	if (geteuid() != 0)
		fail_msg("this test needs root");
	assert_non_null(mkdtemp(dir));
}

static inline int fake_bind(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0);
	assert_true(strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	return sock;
}

static inline void fake_loop(int sock, int life, const struct fake_manner *how)
{
	struct pollfd two[2] = {{.fd = sock, .events = POLLIN}, {.fd = life}};

	for (;;) {
		int conn;

		if (poll(two, 2, -1) < 0 || two[1].revents)
			_exit(0);
		if (!how->serve) { /* never taken: nothing to poll for */
			two[0].fd = -1;
			continue;
		}
		conn = accept(sock, NULL, NULL);
		how->serve(conn, how->arg);
		close(conn);
	}
}

static inline void fake_child(int sock, int life, int ready,
                              const struct fake_manner *how)
{
	alarm(FAKE_LIFETIME_S);
	signal(SIGPIPE, SIG_IGN);
	if (how->before)
		how->before();
	alarm(FAKE_LIFETIME_S); /* again: `before` may have forked */
	if (listen(sock, 8))
		_exit(1);
	if (how->after)
		how->after();
	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	fake_loop(sock, life, how);
}

/* The daemon behind the bound socket `sock`, which is the child's from then on:
 * back once it listens. */
static inline void fake_launch(struct fake_daemon *d, int sock,
                               const struct fake_manner *how)
{
	int life[2], ready[2];
	char byte;

	assert_int_equal(pipe(life), 0);
	assert_int_equal(pipe(ready), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (!d->pid) {
		close(life[1]);
		close(ready[0]);
		fake_child(sock, life[0], ready[1], how);
		_exit(1);
	}
	close(sock);
	close(life[0]);
	close(ready[1]);
	d->life = life[1];
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static inline void fake_start(struct fake_daemon *d,
                              const struct fake_manner *how)
{
	fake_dir(d->dir);
	snprintf(d->path, sizeof(d->path), "%s/socket", d->dir);
	fake_launch(d, fake_bind(d->path), how);
}

static inline void fake_stop(struct fake_daemon *d)
{
	close(d->life);
	waitpid(d->pid, NULL, 0);
	unlink(d->path);
	assert_int_equal(rmdir(d->dir), 0);
}

/* Reads a request up to its empty line. */
static inline void fake_take_request(int conn, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n = 1;

	text[0] = '\0';
	while (n > 0 && used + 1 < size && !strstr(text, "\r\n\r\n")) {
		n = read(conn, text + used, size - used - 1);
		used += n > 0 ? (size_t)n : 0;
		text[used] = '\0';
	}
}

/* Waits until the other side gives up. */
static inline void fake_stay_silent(int conn, const void *arg)
{
	char bin[256];

	(void)arg;
	while (read(conn, bin, sizeof(bin)) > 0)
		;
}

/* `arg`, a string, one byte each 10 ms, for ever. */
static inline void fake_trickle(int conn, const void *arg)
{
	const char *text = arg;
	size_t i = 0;

	while (write(conn, text + i, 1) == 1) {
		i = text[i + 1] ? i + 1 : i;
		usleep(10000);
	}
}

/* `arg`, a string, and then a gibibyte of blanks. */
static inline void fake_flood(int conn, const void *arg)
{
	static char block[65536];
	const char *head = arg;
	size_t left = (size_t)1 << 30;

	memset(block, ' ', sizeof(block));
	if (write(conn, head, strlen(head)) < 0)
		return;
	while (left && write(conn, block, sizeof(block)) > 0)
		left -= sizeof(block);
}

#endif
