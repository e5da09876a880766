/* SPDX-License-Identifier: MIT */
#include "fdio.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#define FIRST_CHUNK 4096

int64_t ctsh_now_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void ctsh_nap_us(unsigned microseconds)
{
	struct timespec until = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += microseconds / 1000000;
	until.tv_nsec += (long)(microseconds % 1000000) * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

int ctsh_wait_fd(int fd, short events, int64_t deadline_ms)
{
	struct pollfd watched = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline_ms - ctsh_now_ms();
		int ready;

		left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
		ready = poll(&watched, 1, (int)left);
		/* poll(2) overlooks a negative descriptor. */
		if (fd < 0 || (ready > 0 && watched.revents & POLLNVAL)) {
			errno = EBADF;
			return -1;
		}
		if (ready > 0)
			return 1;
		if (ready < 0 && errno != EINTR)
			return -1;
		if (ctsh_now_ms() >= deadline_ms)
			return 0;
	}
}

static ssize_t read_some(int fd, char *buf, size_t size)
{
	ssize_t got;

	do {
		got = read(fd, buf, size);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Fills the buffer, or stops before at end of file. */
static ssize_t fill(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read_some(fd, buf + used, size - used);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

ssize_t ctsh_read_all(int fd, char *buf, size_t size)
{
	ssize_t used = fill(fd, buf, size);
	ssize_t more;
	char beyond;

	if (used < 0 || (size_t)used < size)
		return used;
	more = read_some(fd, &beyond, 1);
	if (more > 0)
		errno = EFBIG;
	return more ? -1 : used;
}

/* Files of /proc say that they are empty, so the memory grows as it fills. */
static char *read_growing(int fd, size_t max, size_t *length)
{
	ctsh_autofree char *text = NULL;
	size_t room = 0, used = 0;
	char *whole;

	do {
		ssize_t got;

		/* One more than allowed, to see whether there is more. */
		room = room ? room * 2 : FIRST_CHUNK;
		room = room > max ? max + 1 : room;
		whole = realloc(text, room + 1);
		if (!whole)
			return NULL;
		text = whole;
		got = fill(fd, text + used, room - used);
		if (got < 0)
			return NULL;
		used += (size_t)got;
	} while (used == room && used <= max);
	if (used > max) {
		errno = EFBIG;
		return NULL;
	}
	text[used] = '\0';
	*length = used;
	text = NULL;
	return whole;
}

char *ctsh_read_file_at(int dirfd, const char *name, size_t max, size_t *length)
{
	ctsh_autoclose int fd = -1;
	struct stat st;
	size_t used;
	char *text;

	if (max > SSIZE_MAX / 4) {
		errno = EINVAL;
		return NULL;
	}
	/* Non-blocking, so that a FIFO in its place delays nobody. */
	fd = openat(dirfd, name,
	            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	text = read_growing(fd, max, &used);
	if (text && length)
		*length = used;
	return text;
}

int ctsh_write_all(int fd, const void *data, size_t length)
{
	const char *rest = data;

	while (length > 0) {
		ssize_t put = write(fd, rest, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = EIO;
		if (put <= 0)
			return -1;
		rest += put;
		length -= (size_t)put;
	}
	return 0;
}
