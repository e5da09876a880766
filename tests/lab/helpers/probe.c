/* SPDX-License-Identifier: MIT */
/*
 * probe.c - what a process in a container can tell about itself.  Static, one
 * file in the image: `probe WHAT [ARGUMENT]`.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1.h"

static int descriptors(void)
{
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d\n", fd);
	return 0;
}

static int status(void)
{
	char line[512];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof line, file))
		fputs(line, stdout);
	return !file;
}

/* Touches that many MiB, then says so. */
static int hog(long mebibytes)
{
	for (long i = 0; i < mebibytes; i++) {
		char *block = malloc(1 << 20);

		if (!block)
			return 1;
		memset(block, 1, 1 << 20);
	}
	puts("had it all");
	return 0;
}

/* Forks until it fails or the number is reached; says how many there were. */
static int bomb(long most)
{
	static pid_t child[10000];
	long count = 0;
	int why = 0;

	while (count < most && count < 10000) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			why = errno;
			break;
		}
		child[count++] = pid;
	}
	printf("%ld %d\n", count, why);
	fflush(stdout);
	for (long i = 0; i < count; i++)
		kill(child[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	return 0;
}

/* Types text on the terminal that is 0, as if a person had. */
static int push(const char *text)
{
	for (; *text; text++)
		if (ioctl(0, TIOCSTI, text) != 0)
			return 1;
	return 0;
}

static const char *write_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return strerror(errno);
	return write(fd, "x", 1) == 1 ? "written" : "opened";
}

/*
 * In the background: opens the file for writing again and again until it is no
 * longer busy with being executed, and leaves what came of it in
 * /tmp/overwritten.
 */
static int overwrite(const char *path)
{
	const char *last = "";
	FILE *file;

	if (fork() != 0)
		return 0;
	for (int i = 0; i < 1000; i++) {
		last = write_to(path);
		if (strcmp(last, strerror(ETXTBSY)) != 0)
			break;
		usleep(10000);
	}
	file = fopen("/tmp/overwritten.new", "w");
	if (!file || fputs(last, file) < 0 || fclose(file) != 0)
		return 1;
	return rename("/tmp/overwritten.new", "/tmp/overwritten");
}

/* Whether a key of that name is within reach of this session. */
static int key(const char *name)
{
	const long session = -3, search = 10; /* keyctl(2) */

	errno = 0;
	puts(syscall(SYS_keyctl, search, session, "user", name, 0) > 0
	             ? "found"
	             : strerror(errno));
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *argument = argc > 2 ? argv[2] : "0";

	if (strcmp(what, "init") == 0)
		return init();
	if (strcmp(what, "descriptors") == 0)
		return descriptors();
	if (strcmp(what, "status") == 0)
		return status();
	if (strcmp(what, "hog") == 0)
		return hog(atol(argument));
	if (strcmp(what, "bomb") == 0)
		return bomb(atol(argument));
	if (strcmp(what, "push") == 0)
		return push(argument);
	if (strcmp(what, "key") == 0)
		return key(argument);
	if (strcmp(what, "overwrite") == 0)
		return overwrite(argument);
	fprintf(stderr, "probe: what?\n");
	return 2;
}
