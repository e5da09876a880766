/* SPDX-License-Identifier: MIT */
/* The other side of uses.h: who waits until nobody uses it any more. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "../base/fdio.h"
#include "../base/proc.h"
#include "../base/text.h"
#include "rundir.h"
#include "sweep.h"
#include "uses.h"

#define NAP_US 2000

/* Of filters: there are none in this directory. */
#define NO_COPY "0-0"

/* For the login that asked for a keeper to let go of its place. */
#define PLACE_MS 5000

int ctsh_uses_parse(const char *key, pid_t *pid, uint64_t *start)
{
	size_t length = strcspn(key, "-");
	char digits[16];
	uint64_t number;

	if (length >= sizeof(digits) || key[length] != '-')
		return -1;
	memcpy(digits, key, length);
	digits[length] = '\0';
	if (!ctsh_text_number(digits, INT_MAX, &number) || number < 2 ||
	    !ctsh_text_number(key + length + 1, UINT64_MAX, start))
		return -1;
	*pid = (pid_t)number;
	return 0;
}

/* Held first and looked at then, so that it cannot be another one. */
static int hold_init(struct ctsh_keeper *k, pid_t pid, uint64_t start,
                     struct ctsh_error *err)
{
	ctsh_autoclose int proc = -1;
	uint64_t ticks;

	k->init = (int)syscall(SYS_pidfd_open, pid, 0);
	if (k->init < 0)
		return ctsh_fail(err, CTSH_E_GONE, errno, "pid %d", (int)pid);
	proc = ctsh_proc_of(pid, err);
	if (proc < 0 || ctsh_proc_read_start(proc, &ticks, err))
		return -1;
	if (ticks != start)
		return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d is another one",
		                 (int)pid);
	return 0;
}

/* Those who have it meanwhile ask for a keeper, or are one. */
static int take_place(struct ctsh_keeper *k, struct ctsh_error *err)
{
	int64_t until_ms = ctsh_now_ms() + PLACE_MS;
	int locked;

	k->bell = ctsh_bell_open(k->dir, k->bell_name, err);
	if (k->bell < 0)
		return -1;
	while (!(locked = ctsh_registry_lock_open(k->bell, LOCK_EX))) {
		if (ctsh_now_ms() >= until_ms)
			return ctsh_fail(err, CTSH_E_LIMIT, 0,
			                 "%s has a keeper", k->name);
		ctsh_nap_us(NAP_US);
	}
	return locked < 0 ? ctsh_uses_fail(err, k->bell_name) : 0;
}

static int begin(struct ctsh_keeper *k, const char *base, const char *key,
                 struct ctsh_error *err)
{
	uint64_t start;
	pid_t pid;

	if (ctsh_uses_parse(key, &pid, &start))
		return ctsh_fail(err, CTSH_E_USAGE, 0, "no PID-START");
	ctsh_uses_name(k->name, sizeof(k->name), pid, start, ".use");
	ctsh_uses_name(k->bell_name, sizeof(k->bell_name), pid, start, ".bell");
	k->dir = ctsh_rundir_open(base, "uses", err);
	if (k->dir < 0 || hold_init(k, pid, start, err))
		return -1;
	k->use = openat(k->dir, k->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (k->use < 0)
		return ctsh_uses_fail(err, k->name);
	return take_place(k, err);
}

static void let_go(struct ctsh_keeper *k)
{
	ctsh_close_fd(&k->dir);
	ctsh_close_fd(&k->use);
	ctsh_close_fd(&k->bell);
	ctsh_close_fd(&k->init);
}

int ctsh_keeper_begin_in(struct ctsh_keeper *k, const char *base,
                         const char *key, struct ctsh_error *err)
{
	struct ctsh_keeper begun = CTSH_KEEPER_INIT;

	if (begin(&begun, base, key, err)) {
		let_go(&begun);
		return -1;
	}
	/* Of those whose keeper was killed. */
	ctsh_registry_sweep(begun.dir, NO_COPY);
	*k = begun;
	return 0;
}

int ctsh_keeper_begin(struct ctsh_keeper *k, const char *key,
                      struct ctsh_error *err)
{
	return ctsh_keeper_begin_in(k, CTSH_RUNDIR, key, err);
}

static void drain(const struct ctsh_keeper *k)
{
	char bytes[512];

	while (read(k->bell, bytes, sizeof(bytes)) > 0)
		;
}

int ctsh_keeper_unused(const struct ctsh_keeper *k, struct ctsh_use *by,
                       struct ctsh_error *err)
{
	/* Before, and not after: who comes from now on is not to be missed. */
	drain(k);
	while (flock(k->use, LOCK_EX))
		if (errno != EINTR)
			return ctsh_uses_fail(err, k->name);
	(void)flock(k->use, LOCK_UN);
	if (!ctsh_uses_read(k->use, by))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "uses/%s is empty",
		                 k->name);
	return 0;
}

/* Whoever comes now finds that it is being stopped. */
static bool close_door(const struct ctsh_keeper *k)
{
	struct pollfd bell = {.fd = k->bell, .events = POLLIN};

	if (ctsh_registry_lock_open(k->use, LOCK_EX) != 1)
		return false;
	/* Somebody may have come and gone. */
	if (poll(&bell, 1, 0) == 0)
		return true;
	ctsh_keeper_open(k);
	return false;
}

enum ctsh_keeping ctsh_keeper_wait(const struct ctsh_keeper *k,
                                   uint32_t seconds)
{
	enum { INIT, BELL, TIMER, POLLS };
	const struct itimerspec once = {.it_value = {.tv_sec = seconds}};
	ctsh_autoclose int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	struct pollfd polls[POLLS] = {
		[INIT] = {.fd = k->init, .events = POLLIN},
		[BELL] = {.fd = k->bell, .events = POLLIN},
		[TIMER] = {.fd = timer, .events = POLLIN},
	};

	/* Without a timer it is kept. */
	if (timer >= 0)
		(void)timerfd_settime(timer, 0, &once, NULL);
	while (poll(polls, POLLS, -1) < 0)
		if (errno != EINTR)
			return CTSH_KEEPING_USED;
	if (polls[INIT].revents)
		return CTSH_KEEPING_GONE;
	if (polls[BELL].revents || !close_door(k))
		return CTSH_KEEPING_USED;
	return CTSH_KEEPING_IDLE;
}

void ctsh_keeper_open(const struct ctsh_keeper *k)
{
	(void)flock(k->use, LOCK_UN);
}

void ctsh_keeper_end(struct ctsh_keeper *k)
{
	struct pollfd end = {.fd = k->init, .events = POLLIN};

	if (k->init >= 0 && poll(&end, 1, 0) == 1) {
		(void)unlinkat(k->dir, k->name, 0);
		(void)unlinkat(k->dir, k->bell_name, 0);
	}
	let_go(k);
}
