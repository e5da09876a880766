/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/child.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "../enter/sandbox.h"
#include "../policy/person.h"

#define PATIENCE_MS 5000

/* A list of 8 MiB costs jansson some ten times that. */
#define MEMORY_MAX (256U << 20)

struct question {
	int (*ask)(const struct ctsh_where *where, const char *name,
	           int64_t deadline_ms, struct ctsh_target *target,
	           struct ctsh_error *err);
	const struct ctsh_where *where;
	const char *name;
	int64_t deadline_ms;
	pid_t parent;
};

static int look_up(const struct ctsh_rule *rule, struct ctsh_person *other,
                   int64_t deadline_ms, struct ctsh_error *err)
{
	char why[sizeof(err->what)];
	uid_t uid;

	if (ctsh_person_uid(rule->owner, &uid, deadline_ms, err) == 0 &&
	    ctsh_person_load(uid, other, deadline_ms, err) == 0)
		return 0;
	if (err->code == CTSH_E_SYSTEM)
		return -1;
	/* It is the rule that is wrong, not who logs in. */
	(void)!ctsh_text_copy(why, sizeof(why), err->what);
	return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: owner: %s", rule->file,
	                 rule->line, why);
}

int ctsh_owner_resolve(const struct ctsh_rule *rule,
                       const struct ctsh_person *person,
                       struct ctsh_owner *owner, int64_t deadline_ms,
                       struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_person *other = NULL;

	if (strcmp(rule->owner, "%u") != 0 &&
	    strcmp(rule->owner, person->name) != 0) {
		other = calloc(1, sizeof(*other));
		if (!other)
			return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "owner");
		if (look_up(rule, other, deadline_ms, err))
			return -1;
		person = other;
	}
	if (person->uid == 0)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s:%d: owner %s has uid 0: write root",
		                 rule->file, rule->line, rule->owner);
	owner->uid = person->uid;
	owner->gid = person->gid;
	(void)!ctsh_text_copy(owner->home, sizeof(owner->home), person->home);
	return 0;
}

/* -- in the child ------------------------------------------------------ */

static int limit(int what, rlim_t value, struct ctsh_error *err)
{
	struct rlimit none = {value, value};

	if (setrlimit((__rlimit_resource_t)what, &none))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "setrlimit");
	return 0;
}

/* Nothing can be written: the answer goes out by a socket. */
static int become_owner(const struct question *q, int channel,
                        struct ctsh_error *err)
{
	const struct ctsh_owner *owner = q->where->owner;

	if (ctsh_close_but(&channel, 1))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "close_range");
	if (limit(RLIMIT_AS, MEMORY_MAX, err) || limit(RLIMIT_FSIZE, 0, err) ||
	    limit(RLIMIT_CORE, 0, err) ||
	    ctsh_become(owner->uid, owner->gid, err))
		return -1;
	/* A change of ids forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != q->parent)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "PR_SET_PDEATHSIG");
	return 0;
}

/* To open and read files, to answer and to end. */
static int lock_in(struct ctsh_error *err)
{
	static const int calls[] = {
		SYS_read,          SYS_write,      SYS_close,
		SYS_openat,        SYS_openat2,    SYS_fstat,
		SYS_newfstatat,    SYS_statx,      SYS_fstatfs,
		SYS_lseek,         SYS_brk,        SYS_mmap,
		SYS_munmap,        SYS_mremap,     SYS_madvise,
		SYS_getrandom,     SYS_getpid,     SYS_geteuid,
		SYS_clock_gettime, SYS_exit,       SYS_exit_group,
		SYS_fcntl,         SYS_readlinkat, SYS_rt_sigreturn,
		SYS_gettimeofday,  SYS_getuid,     SYS_rt_sigprocmask,
		SYS_futex,         SYS_pread64,
	};

	return ctsh_allow_only(calls, sizeof(calls) / sizeof(*calls), err);
}

static int look(void *argument, int channel, void *answer, int *fd,
                struct ctsh_error *err)
{
	const struct question *q = argument;

	(void)fd;
	/* Nothing of ours is to be signalled or spoken to by its terminal. */
	if (setsid() < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "setsid");
	if (become_owner(q, channel, err) || lock_in(err))
		return -1;
	return q->ask(q->where, q->name, q->deadline_ms, answer, err);
}

/* -- what it said ------------------------------------------------------ */

/* What a process that has met hostile bytes says is made safe to read: of its
 * answer the pid, the ID and the time are used, and nothing else. */
static int take(const struct ctsh_target *said, const char *name,
                struct ctsh_target *target, struct ctsh_error *err)
{
	struct ctsh_target t = {
		.pid = said->pid,
		.not_after = said->not_after,
		.names_seccomp = said->names_seccomp,
	};

	memcpy(t.id, said->id, sizeof(t.id));
	t.id[sizeof(t.id) - 1] = '\0';
	if (t.pid < 2 || !ctsh_text_is_container_name(t.id) ||
	    !ctsh_text_copy(t.name, sizeof(t.name), name))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "answer makes no sense");
	*target = t;
	return 0;
}

/* Has the child answer it. */
static int put(struct question *q, struct ctsh_target *said,
               struct ctsh_error *err)
{
	int64_t own = ctsh_now_ms() + PATIENCE_MS;

	if (own < q->deadline_ms)
		q->deadline_ms = own;
	q->parent = getpid();
	if (ctsh_child_call("reader of the owner's files", look, q, said,
	                    sizeof(*said), NULL, q->deadline_ms, err)) {
		if (err->code != CTSH_E_ABSENT)
			err->code = CTSH_E_UNSAFE;
		err->say[0] = '\0';
		return -1;
	}
	return 0;
}

int ctsh_owner_ask(const struct ctsh_runtime *runtime,
                   const struct ctsh_where *where, const char *name,
                   int64_t deadline_ms, struct ctsh_target *target,
                   struct ctsh_error *err)
{
	struct question q = {
		.ask = runtime->find,
		.where = where,
		.name = name,
		.deadline_ms = deadline_ms,
	};
	struct ctsh_target said = {0};

	return put(&q, &said, err) || take(&said, name, target, err) ? -1 : 0;
}

int ctsh_owner_start(const struct ctsh_runtime *runtime,
                     const struct ctsh_where *where, const char *name,
                     int64_t deadline_ms, struct ctsh_error *err)
{
	struct question q = {
		.ask = runtime->identify,
		.where = where,
		.name = name,
		.deadline_ms = deadline_ms,
	};
	struct ctsh_target said = {0};

	if (put(&q, &said, err))
		return -1;
	said.id[sizeof(said.id) - 1] = '\0';
	if (!ctsh_text_is_container_name(said.id))
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "answer makes no sense");
	return runtime->start(where, said.id, deadline_ms, err);
}
