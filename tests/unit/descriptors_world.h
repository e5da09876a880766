/* SPDX-License-Identifier: MIT */
/*
 * descriptors_world.h - pipes, open descriptors and interruptions, for tests.
 * After <cmocka.h>.
 *
 * Privilege: none.
 * Trust:     test code.
 */
#ifndef CTSH_DESCRIPTORS_WORLD_H
#define CTSH_DESCRIPTORS_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../lib/base/fdio.h"

static inline int64_t soon(void)
{
	return ctsh_now_ms() + 5000;
}

static inline unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static inline void make_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static inline void close_both(int ends[2])
{
	ctsh_close_fd(&ends[0]);
	ctsh_close_fd(&ends[1]);
}

static inline void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static inline void no_op(int number)
{
	(void)number;
}

/* Interrupts every system call each millisecond; 0 stops that. */
static inline void interrupt_every_ms(unsigned ms)
{
	struct sigaction action = {.sa_handler = no_op};
	struct itimerval timer = {{0, (int)ms * 1000}, {0, (int)ms * 1000}};

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

#endif
