/* SPDX-License-Identifier: MIT */
#include "channels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may still come out of a pty after its session's leader ended: more than
 * the kernel keeps for one (some 70 KB). */
#define DRAIN_PTY_MAX 262144

void ctsh_channels_init(struct ctsh_channels *channels)
{
	*channels = (struct ctsh_channels){.output = -1};
	for (int i = 0; i < CTSH_CHANNELS; i++)
		channels->one[i] = (struct ctsh_channel){
			.from = -1, .to = -1, .read_left = SIZE_MAX};
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool is_same_file(int a, int b)
{
	struct stat left, right;

	return fstat(a, &left) == 0 && fstat(b, &right) == 0 &&
	       left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

static int set_nonblocking(int fd, struct ctsh_error *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "O_NONBLOCK");
	return 0;
}

/* The first terminal in that order that is open for it, or -1. */
static int find_terminal(const struct ctsh_descriptors *d, const int *order,
                         int mode)
{
	for (int i = 0; i < 3; i++) {
		int open_for = fcntl(order[i], F_GETFL) & O_ACCMODE;

		if (d->passage[order[i]] == CTSH_TERMINAL &&
		    (open_for == mode || open_for == O_RDWR))
			return order[i];
	}
	return -1;
}

static int open_again(int fd)
{
	char link[40];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

/*
 * Where the pty's output goes: the first terminal that is open for writing, or,
 * if all among 0 to 2 are open for reading alone ("</dev/tty >log"), any: what
 * is typed is still echoed.  Opened anew with the user's own rights, so that it
 * can be told not to wait.  Without these it is used as it is; or output must
 * still go somewhere, or the session would stand still.
 */
static void connect_output(struct ctsh_channels *channels,
                           const struct ctsh_descriptors *d)
{
	static const int order[] = {1, 2, 0};
	struct ctsh_channel *out = &channels->one[CTSH_TTY_OUT];
	int given = find_terminal(d, order, O_WRONLY);

	for (int i = 0; i < 3 && channels->output < 0; i++)
		if (d->passage[order[i]] == CTSH_TERMINAL &&
		    (given < 0 || given == order[i]))
			channels->output = open_again(order[i]);
	if (channels->output < 0 && given < 0)
		channels->output =
			open("/dev/null", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	out->to_ours = channels->output >= 0;
	out->to = out->to_ours ? channels->output : given;
}

static int connect_terminal(struct ctsh_channels *channels,
                            const struct ctsh_descriptors *d, int master,
                            struct ctsh_error *err)
{
	static const int order[] = {0, 1, 2};
	struct ctsh_channel *in = &channels->one[CTSH_TTY_IN];
	struct ctsh_channel *out = &channels->one[CTSH_TTY_OUT];

	if (master < 0)
		return 0;
	in->from = find_terminal(d, order, O_RDONLY);
	in->to = master;
	in->to_ours = true;
	out->from = master;
	out->from_ours = true;
	connect_output(channels, d);
	return set_nonblocking(master, err);
}

static void connect_relay_in(struct ctsh_channels *channels, int ours)
{
	struct ctsh_channel *c = &channels->one[CTSH_RELAY_0];

	c->from = STDIN_FILENO;
	c->to = ours;
	c->from_socket = is_socket(STDIN_FILENO);
	c->to_ours = true;
	c->close_ends = true;
}

static void connect_relay_out(struct ctsh_channels *channels,
                              const struct ctsh_descriptors *d, int fd,
                              int ours)
{
	int other = fd == STDOUT_FILENO ? STDERR_FILENO : STDOUT_FILENO;
	struct ctsh_channel *c = &channels->one[CTSH_RELAY_0 + fd];

	c->from = ours;
	c->to = fd;
	c->to_socket = is_socket(fd);
	c->close_ends = true;
	/* Not while the other output may still need the same socket. */
	c->half_close = c->to_socket && !(d->passage[other] == CTSH_RELAY &&
	                                  is_same_file(fd, other));
}

static int connect_relays(struct ctsh_channels *channels,
                          const struct ctsh_descriptors *d, int relay[3],
                          struct ctsh_error *err)
{
	for (int fd = 0; fd < 3; fd++) {
		bool tapped = d->passage[fd] == CTSH_TAPPED;

		if ((d->passage[fd] != CTSH_RELAY && !tapped) || relay[fd] < 0)
			continue;
		if (set_nonblocking(relay[fd], err) < 0)
			return -1;
		if (fd == STDIN_FILENO)
			connect_relay_in(channels, relay[fd]);
		else
			connect_relay_out(channels, d, fd, relay[fd]);
		/* With a terminal the session ends with its leader. */
		channels->one[CTSH_RELAY_0 + fd].to_its_end =
			tapped && !d->any_terminal;
		relay[fd] = -1;
	}
	return 0;
}

/* A page of it becomes memory when bytes pass through it. */
static int allocate(struct ctsh_channels *channels, struct ctsh_error *err)
{
	size_t count = 0;
	void *map;

	for (int i = 0; i < CTSH_CHANNELS; i++)
		count += !ctsh_channel_done(&channels->one[i]);
	if (!count)
		return 0;
	map = mmap(NULL, count * CTSH_RELAY_BUFFER, PROT_READ | PROT_WRITE,
	           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "buffers");
	channels->buffers = map;
	channels->buffers_size = count * CTSH_RELAY_BUFFER;
	for (int i = 0; i < CTSH_CHANNELS; i++)
		if (!ctsh_channel_done(&channels->one[i]))
			channels->one[i].buffer =
				channels->buffers + --count * CTSH_RELAY_BUFFER;
	return 0;
}

int ctsh_channels_connect(struct ctsh_channels *channels,
                          const struct ctsh_descriptors *d, int master,
                          int relay[3], struct ctsh_error *err)
{
	if (connect_terminal(channels, d, master, err) < 0 ||
	    connect_relays(channels, d, relay, err) < 0)
		return -1;
	return allocate(channels, err);
}

void ctsh_channels_poll(const struct ctsh_channels *channels,
                        struct pollfd *polls)
{
	for (int i = 0; i < CTSH_CHANNELS; i++)
		ctsh_channel_poll(&channels->one[i], &polls[2 * i]);
}

/* Whether a tapped output may still bring something. */
static bool has_lasting_output(const struct ctsh_channels *channels)
{
	for (int i = CTSH_RELAY_1; i <= CTSH_RELAY_2; i++)
		if (channels->one[i].to_its_end && channels->one[i].from >= 0)
			return true;
	return false;
}

void ctsh_channels_move(struct ctsh_channels *channels,
                        const struct pollfd *polls)
{
	for (int i = 0; i < CTSH_CHANNELS; i++)
		ctsh_channel_move(&channels->one[i], &polls[2 * i]);
	if (!channels->outlives || has_lasting_output(channels))
		return;
	channels->outlives = false;
	ctsh_channel_end(&channels->one[CTSH_RELAY_0]);
}

bool ctsh_channels_pending(const struct ctsh_channels *channels)
{
	if (channels->outlives)
		return true;
	for (int i = 0; i < CTSH_CHANNELS; i++)
		if (ctsh_channel_pending(&channels->one[i]))
			return true;
	return false;
}

bool ctsh_channels_moved(struct ctsh_channels *channels)
{
	bool moved = false;

	for (int i = 0; i < CTSH_CHANNELS; i++) {
		moved |= channels->one[i].moved;
		channels->one[i].moved = false;
	}
	return moved;
}

/* What is in a pipe now, the dead leader's last words among it. */
static size_t readable_bytes(int fd)
{
	int bytes = 0;

	if (fd < 0 || ioctl(fd, FIONREAD, &bytes) < 0 || bytes < 0)
		return 0;
	return (size_t)bytes;
}

void ctsh_channels_hang_up(struct ctsh_channels *channels)
{
	for (int i = 0; i < CTSH_CHANNELS; i++)
		channels->one[i].to_its_end = false;
}

void ctsh_channels_leader_ended(struct ctsh_channels *channels)
{
	struct ctsh_channel *in = &channels->one[CTSH_RELAY_0];

	channels->outlives = has_lasting_output(channels);
	ctsh_channel_end(&channels->one[CTSH_TTY_IN]);
	if (!channels->outlives || !in->to_its_end)
		ctsh_channel_end(in);
	channels->one[CTSH_TTY_OUT].read_left = DRAIN_PTY_MAX;
	for (int i = CTSH_RELAY_1; i <= CTSH_RELAY_2; i++)
		if (!channels->one[i].to_its_end)
			channels->one[i].read_left =
				readable_bytes(channels->one[i].from);
}

void ctsh_channels_close(struct ctsh_channels *channels)
{
	for (int i = 0; i < CTSH_CHANNELS; i++)
		ctsh_channel_end(&channels->one[i]);
	ctsh_close_fd(&channels->output);
	if (channels->buffers)
		(void)munmap(channels->buffers, channels->buffers_size);
	channels->buffers = NULL;
}
