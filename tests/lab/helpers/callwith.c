/* SPDX-License-Identifier: MIT */
/*
 * callwith.c - `callwith HOW PROGRAM [ARG...]`: executes a program on the host
 * in a way that a shell cannot.  ARG starts at argv[0].
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int become_stdin(int fd)
{
	if (fd < 0 || dup2(fd, 0) != 0) {
		perror("callwith");
		return -1;
	}
	if (fd > 0)
		close(fd);
	return 0;
}

static int prepare(const char *how)
{
	if (strcmp(how, "plain") == 0)
		return 0;
	if (strcmp(how, "directory") == 0)
		return become_stdin(open("/", O_RDONLY | O_DIRECTORY));
	if (strcmp(how, "path") == 0)
		return become_stdin(open("/etc/hostname", O_PATH));
	if (strcmp(how, "socket") == 0)
		return become_stdin(socket(AF_UNIX, SOCK_STREAM, 0));
	if (strcmp(how, "listener") == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		return listen(fd, 1) ? -1 : become_stdin(fd);
	}
	if (strcmp(how, "event") == 0)
		return become_stdin(eventfd(0, 0));
	if (strcmp(how, "namespace") == 0)
		return become_stdin(open("/proc/self/ns/net", O_RDONLY));
	if (strcmp(how, "closed") == 0) {
		close(0);
		close(1);
		close(2);
		return 0;
	}
	if (strcmp(how, "many") == 0) {
		for (int i = 0; i < 50; i++)
			if (open("/", O_RDONLY | O_DIRECTORY) < 0)
				return -1;
		return 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	extern char **environ;

	if (argc < 3 || prepare(argv[1]) != 0)
		return 99;
	execve(argv[2], argv + 3, environ);
	perror(argv[2]);
	return 98;
}
