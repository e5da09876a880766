/* SPDX-License-Identifier: MIT */
#include "uses.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../base/fdio.h"
#include "rundir.h"

#define NAP_US 2000

/* The keeper has the lock for a moment whenever the last session has ended; if
 * it is for longer it stops the container. */
#define MOMENT_MS 300

void ctsh_uses_name(char *name, size_t size, pid_t pid, uint64_t start,
                    const char *suffix)
{
	(void)snprintf(name, size, "%d-%" PRIu64 "%s", (int)pid, start, suffix);
}

int ctsh_uses_fail(struct ctsh_error *err, const char *name)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "uses/%s", name);
}

int ctsh_use_take_in(const char *base, pid_t pid, uint64_t start,
                     struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "uses", err);
	int64_t until_ms = ctsh_now_ms() + MOMENT_MS;
	char name[CTSH_USES_KEY + 8];
	int use = -1, got;

	if (dir < 0)
		return -1;
	ctsh_uses_name(name, sizeof(name), pid, start, ".use");
	while ((got = ctsh_registry_try_share(dir, name, &use)) == 0) {
		if (ctsh_now_ms() >= until_ms)
			return ctsh_fail(err, CTSH_E_ABSENT, 0,
			                 "it is being stopped, unused");
		ctsh_nap_us(NAP_US);
	}
	return got < 0 ? ctsh_uses_fail(err, name) : use;
}

int ctsh_use_take(pid_t pid, uint64_t start, struct ctsh_error *err)
{
	return ctsh_use_take_in(CTSH_RUNDIR, pid, start, err);
}

bool ctsh_uses_read(int use, struct ctsh_use *by)
{
	struct ctsh_use found;

	if (pread(use, &found, sizeof(found), 0) != sizeof(found) ||
	    found.uid == 0 || found.seconds == 0)
		return false;
	*by = found;
	return true;
}

/* Two that come at once may both write: one of them holds. */
int ctsh_use_note(int use, const struct ctsh_use *by, struct ctsh_error *err)
{
	struct ctsh_use before;

	if (ctsh_uses_read(use, &before) && before.seconds > by->seconds)
		return 0;
	if (pwrite(use, by, sizeof(*by), 0) != sizeof(*by))
		return ctsh_uses_fail(err, "PID-START.use");
	return 0;
}

/* For reading and writing: then it always has both ends. */
int ctsh_bell_open(int dir, const char *name, struct ctsh_error *err)
{
	ctsh_autoclose int fd = -1;
	struct stat st;

	if (mkfifoat(dir, name, 0600) && errno != EEXIST)
		return ctsh_uses_fail(err, name);
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return ctsh_uses_fail(err, name);
	if (!S_ISFIFO(st.st_mode))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "uses/%s is no FIFO",
		                 name);
	return ctsh_steal_fd(&fd);
}

int ctsh_use_ring_in(const char *base, pid_t pid, uint64_t start, int *vacant,
                     struct ctsh_error *err)
{
	ctsh_autoclose int dir = ctsh_rundir_open(base, "uses", err);
	ctsh_autoclose int bell = -1;
	char name[CTSH_USES_KEY + 8];
	int locked;

	if (dir < 0)
		return -1;
	ctsh_uses_name(name, sizeof(name), pid, start, ".bell");
	bell = ctsh_bell_open(dir, name, err);
	if (bell < 0)
		return -1;
	locked = ctsh_registry_lock_open(bell, LOCK_EX);
	if (locked < 0)
		return ctsh_uses_fail(err, name);
	if (locked) {
		*vacant = ctsh_steal_fd(&bell);
		return 1;
	}
	/* A full one was heard long ago. */
	if (write(bell, "", 1) != 1 && errno != EAGAIN)
		return ctsh_uses_fail(err, name);
	return 0;
}

int ctsh_use_ring(pid_t pid, uint64_t start, int *vacant,
                  struct ctsh_error *err)
{
	return ctsh_use_ring_in(CTSH_RUNDIR, pid, start, vacant, err);
}
