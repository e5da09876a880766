/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>

#include "../base/fdio.h"
#include "rundir.h"

#define NAP_US 5000

/* The slots of one uid, opened when first tried and then kept open, so that
 * waiting costs one flock each.  The files stay: who removed one would have
 * to prove that nobody is about to lock it. */
struct slots {
	int dir; /* borrowed */
	uid_t uid;
	int fd[CTSH_SLOTS];
};

static void close_slots(struct slots *slots)
{
	int i;

	for (i = 0; i < CTSH_SLOTS; i++)
		ctsh_close_fd(&slots->fd[i]);
}

static int open_slot(int dir, uid_t uid, const char *kind, int number,
                     struct ctsh_error *err)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "%u.%s%d", uid, kind, number);
	fd = openat(dir, name,
	            O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	            0600);
	if (fd < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open slot %s",
		                 name);
	return fd;
}

/* 1: locked; 0: somebody else has it; -1 with `*err`. */
static int try_lock(int fd, struct ctsh_error *err)
{
	int locked = ctsh_registry_lock_open(fd, LOCK_EX);

	return locked < 0 ? ctsh_fail(err, CTSH_E_SYSTEM, errno, "lock a slot")
	                  : locked;
}

/* 1 with the slot in `*taken`; 0: none is free; -1 with `*err`. */
static int try_slots(struct slots *slots, int *taken, struct ctsh_error *err)
{
	int i, locked;

	for (i = 0; i < CTSH_SLOTS; i++) {
		int *fd = &slots->fd[i];

		if (*fd < 0)
			*fd = open_slot(slots->dir, slots->uid, "", i, err);
		if (*fd < 0)
			return -1;
		locked = try_lock(*fd, err);
		if (locked > 0)
			*taken = ctsh_steal_fd(fd);
		if (locked)
			return locked;
	}
	return 0;
}

/* A place among those that wait: 1 with it in `*place`; 0: all are taken; -1
 * with `*err`. */
static int take_place(int dir, uid_t uid, int *place, struct ctsh_error *err)
{
	int i, locked;

	for (i = 0; i < CTSH_SLOTS_WAITING; i++) {
		ctsh_autoclose int fd = open_slot(dir, uid, "w", i, err);

		if (fd < 0)
			return -1;
		locked = try_lock(fd, err);
		if (locked < 0)
			return -1;
		if (locked) {
			*place = ctsh_steal_fd(&fd);
			return 1;
		}
	}
	return 0;
}

static int wait_for_slot(struct slots *slots, int64_t deadline_ms,
                         struct ctsh_error *err)
{
	int slot = -1, got;

	while (!(got = try_slots(slots, &slot, err))) {
		if (ctsh_now_ms() >= deadline_ms)
			return ctsh_fail(err, CTSH_E_LIMIT, 0,
			                 "%d logins of uid %u are under way",
			                 CTSH_SLOTS, slots->uid);
		ctsh_nap_us(NAP_US);
	}
	return got > 0 ? slot : -1;
}

/* `placed`: a place is held already. */
static int take(const char *base, uid_t uid, bool placed, int64_t deadline_ms,
                struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "slots", err);
	ctsh_autoclose int place = -1;
	__attribute__((cleanup(close_slots))) struct slots slots = {
		.dir = dir,
		.uid = uid,
		.fd = {[0 ... CTSH_SLOTS - 1] = -1},
	};
	int slot = -1, got;

	if (dir < 0)
		return -1;
	got = try_slots(&slots, &slot, err);
	if (got)
		return got > 0 ? slot : -1;
	got = placed ? 1 : take_place(dir, uid, &place, err);
	if (got == 0)
		return ctsh_fail(err, CTSH_E_LIMIT, 0,
		                 "%d logins of uid %u wait already",
		                 CTSH_SLOTS_WAITING, uid);
	return got < 0 ? -1 : wait_for_slot(&slots, deadline_ms, err);
}

int ctsh_slot_take_in(const char *base, uid_t uid, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	return take(base, uid, false, deadline_ms, err);
}

int ctsh_slot_yield_in(const char *base, uid_t uid, int *slot, int *place,
                       struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "slots", err);
	int got;

	if (dir < 0)
		return -1;
	got = take_place(dir, uid, place, err);
	if (got > 0)
		ctsh_slot_release(slot);
	return got < 0 ? -1 : 0;
}

int ctsh_slot_regain_in(const char *base, uid_t uid, int *slot, int *place,
                        int64_t deadline_ms, struct ctsh_error *err)
{
	if (*place < 0)
		return 0;
	*slot = take(base, uid, true, deadline_ms, err);
	if (*slot < 0)
		return -1;
	ctsh_slot_release(place);
	return 0;
}

int ctsh_slot_take(uid_t uid, int64_t deadline_ms, struct ctsh_error *err)
{
	return ctsh_slot_take_in(CTSH_RUNDIR, uid, deadline_ms, err);
}

int ctsh_slot_yield(uid_t uid, int *slot, int *place, struct ctsh_error *err)
{
	return ctsh_slot_yield_in(CTSH_RUNDIR, uid, slot, place, err);
}

int ctsh_slot_regain(uid_t uid, int *slot, int *place, int64_t deadline_ms,
                     struct ctsh_error *err)
{
	return ctsh_slot_regain_in(CTSH_RUNDIR, uid, slot, place, deadline_ms,
	                           err);
}

void ctsh_slot_release(int *slot)
{
	int saved = errno;

	/* A copy in a child would keep the lock beyond our close. */
	if (*slot >= 0)
		(void)flock(*slot, LOCK_UN);
	errno = saved;
	ctsh_close_fd(slot);
}
