/* SPDX-License-Identifier: MIT */
#include "schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the first kernel had it (sched_setattr(2)); libc has no name for it. */
struct attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* ioprio_set(2): class and level in one number.  Older headers lack them. */
#define WHO_PROCESS 1
#define CLASS(ioprio) ((ioprio) >> 13)
#define LEVEL(ioprio) ((ioprio) & (LEVELS - 1))
#define LEVELS 8
enum { UNSET, REAL_TIME, BEST_EFFORT, IDLE };

/* Where a process is that chose none. */
#define MIDDLE 4

static int fail(struct ctsh_error *err, const char *what)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "%s", what);
}

static int read_of(pid_t pid, struct ctsh_schedule *s, struct ctsh_error *err)
{
	struct attributes a = {.size = sizeof(a)};
	struct ctsh_schedule found = {.policy = SCHED_OTHER};
	long ioprio;

	if (syscall(SYS_sched_getattr, pid, &a, sizeof(a), 0))
		return fail(err, "read the scheduling policy");
	found.policy = (int)a.policy;
	found.nice = a.nice;
	ioprio = syscall(SYS_ioprio_get, WHO_PROCESS, pid);
	if (ioprio < 0)
		return fail(err, "read the disk priority");
	found.ioprio = (int)ioprio;
	/* The number of bytes; EINVAL if there are more processors. */
	if (syscall(SYS_sched_getaffinity, pid, sizeof(found.cpus),
	            found.cpus) < 0)
		return fail(err, "read the CPU affinity");
	*s = found;
	return 0;
}

int ctsh_schedule_read(struct ctsh_container *c, struct ctsh_error *err)
{
	return read_of(c->pid, &c->schedule, err);
}

/* Ordinary policies from the strongest to the weakest; the others count as the
 * strongest of these. */
static int worse_policy(int a, int b)
{
	if (a == SCHED_IDLE || b == SCHED_IDLE)
		return SCHED_IDLE;
	return a == SCHED_BATCH || b == SCHED_BATCH ? SCHED_BATCH : SCHED_OTHER;
}

/* The real-time class is no ordinary one either.  A process that chose none has
 * a level before Linux 5.15 all the same, which ioprio_set(2) does not take. */
static int ordinary(int ioprio)
{
	return CLASS(ioprio) == REAL_TIME || CLASS(ioprio) == UNSET ? UNSET
	                                                            : ioprio;
}

/* The smaller the better served. */
static int rank(int ioprio)
{
	switch (CLASS(ioprio)) {
	case IDLE:
		return LEVELS;
	case BEST_EFFORT:
		return LEVEL(ioprio);
	default:
		return MIDDLE;
	}
}

static int worse_ioprio(int init, int own)
{
	init = ordinary(init);
	own = ordinary(own);
	return rank(own) > rank(init) ? own : init;
}

static int give_policy(pid_t pid, const struct ctsh_schedule *init,
                       const struct ctsh_schedule *own, struct ctsh_error *err)
{
	struct attributes a = {
		.size = sizeof(a),
		.policy = (uint32_t)worse_policy(init->policy, own->policy),
		.nice = init->nice > own->nice ? init->nice : own->nice,
	};

	if ((int)a.policy == own->policy && a.nice == own->nice)
		return 0;
	if (syscall(SYS_sched_setattr, pid, &a, 0))
		return fail(err, "set the scheduling policy");
	return 0;
}

int ctsh_schedule_give(const struct ctsh_container *c, pid_t pid,
                       struct ctsh_error *err)
{
	struct ctsh_schedule own;
	int ioprio;

	if (read_of(pid, &own, err) ||
	    give_policy(pid, &c->schedule, &own, err))
		return -1;
	ioprio = worse_ioprio(c->schedule.ioprio, own.ioprio);
	if (ioprio != own.ioprio &&
	    syscall(SYS_ioprio_set, WHO_PROCESS, pid, ioprio))
		return fail(err, "set the disk priority");
	if (memcmp(own.cpus, c->schedule.cpus, sizeof(own.cpus)) &&
	    syscall(SYS_sched_setaffinity, pid, sizeof(own.cpus),
	            c->schedule.cpus))
		return fail(err, "set the CPU affinity");
	return 0;
}

int ctsh_oom_give(const struct ctsh_container *c, pid_t pid,
                  struct ctsh_error *err)
{
	char path[48], text[16];
	ctsh_autoclose int fd = -1;
	int length;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	length = snprintf(text, sizeof(text), "%d", c->oom_score_adj);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 ||
	    (write(fd, text, (size_t)length) != length && errno != EACCES))
		return fail(err, "set oom_score_adj");
	return 0;
}
