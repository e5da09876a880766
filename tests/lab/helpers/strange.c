/* SPDX-License-Identifier: MIT */
/*
 * strange.c - a PID 1 that does not sit still, and other things that only a
 * container's root would do.  Static; stands in for /bin/probe.
 *
 *   strange init             USR1 adds a filter that refuses mkdir with ENOANO,
 *                            USR2 adds 200 that allow everything, one by one;
 *                            HUP makes a thread, and each of the two adds a
 *                            filter that refuses mkdir: the first with ENOANO,
 *                            the thread with EBADSLT; INT lets the thread take
 *                            the first one's place by execve(2)
 *   strange listen PATH FILE answers whoever connects with what FILE holds
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "refuse.h"

#define MANY 200
#define MANY_NAP_US 2000

static int add_many(void)
{
	for (int i = 0; i < MANY; i++) {
		if (refuse_mkdir(0))
			return -1;
		usleep(MANY_NAP_US);
	}
	return 0;
}

static int wakes[2];

static void *other_thread(void *ready)
{
	char *argv[] = {"/bin/probe", "init", NULL};
	char byte = 'x';

	if (refuse_mkdir(EBADSLT) || write(*(int *)ready, &byte, 1) != 1 ||
	    read(wakes[0], &byte, 1) != 1)
		_exit(1);
	execv(argv[0], argv);
	_exit(1);
}

static int part_ways(void)
{
	pthread_t thread;
	int ready[2];
	char byte;

	if (pipe(ready) || pipe(wakes) ||
	    pthread_create(&thread, NULL, other_thread, &ready[1]) ||
	    read(ready[0], &byte, 1) != 1)
		return -1;
	return refuse_mkdir(ENOANO);
}

static int init(void)
{
	sigset_t all;
	int which;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* Looks like the fields that follow a name in /proc/PID/stat. */
	prctl(PR_SET_NAME, ") R 1 1 1 (");
	while (sigwait(&all, &which) == 0 && which != SIGTERM) {
		if (which == SIGUSR1 && refuse_mkdir(ENOANO))
			return 1;
		if (which == SIGUSR2 && add_many())
			return 1;
		if (which == SIGHUP && part_ways())
			return 1;
		if (which == SIGINT && write(wakes[1], "x", 1) != 1)
			return 1;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	}
	return 0;
}

static int listen_at(const char *path, const char *file)
{
	static char answer[1 << 20];
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = open(file, O_RDONLY), sock = socket(AF_UNIX, SOCK_STREAM, 0);
	ssize_t length = read(fd, answer, sizeof(answer));
	char question[4096];

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	if (length <= 0 || bind(sock, (struct sockaddr *)&name, sizeof(name)) ||
	    listen(sock, 8))
		return 1;
	for (;;) {
		int client = accept(sock, NULL, NULL);

		if (read(client, question, sizeof(question)) < 0 ||
		    write(client, answer, (size_t)length) < 0)
			perror("a client left");
		close(client);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "init") == 0)
		return init();
	if (argc == 4 && strcmp(argv[1], "listen") == 0)
		return listen_at(argv[2], argv[3]);
	fprintf(stderr, "strange: what?\n");
	return 2;
}
