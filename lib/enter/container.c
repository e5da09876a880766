/* SPDX-License-Identifier: MIT */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "../base/fdio.h"
#include "../base/filters.h"
#include "../base/proc.h"
#include "../base/text.h"
#include "cgroup.h"
#include "lsm.h"
#include "proof.h"
#include "schedule.h"

#define SMALL_FILE_MAX 16384

static int gone(const struct ctsh_container *c, struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended", (int)c->pid);
}

static int take_hold(struct ctsh_container *c, const struct ctsh_target *target,
                     struct ctsh_error *err)
{
	c->pid = target->pid;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0 && (errno == EINVAL || errno == ENOENT))
		return ctsh_fail(err, CTSH_E_UNSAFE, errno,
		                 "pid %d is no process but a thread",
		                 (int)c->pid);
	if (c->pidfd < 0)
		return ctsh_fail(err,
		                 errno == ESRCH ? CTSH_E_GONE : CTSH_E_SYSTEM,
		                 errno, "pidfd_open %d", (int)c->pid);
	c->proc = ctsh_proc_of(c->pid, err);
	return c->proc < 0 ? -1 : 0;
}

static int read_namespaces(struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autoclose int self = ctsh_proc_of(getpid(), err);
	struct ctsh_ns_id own;

	if (self < 0)
		return -1;
	for (unsigned i = 0; i < CTSH_NS_COUNT; i++) {
		const struct ctsh_ns_kind *kind = &ctsh_ns_kinds[i];

		if (ctsh_proc_read_ns(c->proc, kind->file, &c->ns[i], err) ||
		    ctsh_proc_read_ns(self, kind->file, &own, err))
			return -1;
		if (own.dev != c->ns[i].dev || own.ino != c->ns[i].ino)
			c->join |= kind->flag;
	}
	return 0;
}

static int read_idmap(const struct ctsh_container *c, const char *name,
                      struct ctsh_idmap *map, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;

	text = ctsh_read_file_at(c->proc, name, SMALL_FILE_MAX, NULL);
	if (!text || ctsh_proc_parse_idmap(text, map))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s", name);
	return 0;
}

static int read_oom_score_adj(struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	bool negative;
	uint64_t value;

	text = ctsh_read_file_at(c->proc, "oom_score_adj", SMALL_FILE_MAX,
	                         NULL);
	if (!text)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "read oom_score_adj");
	text[strcspn(text, "\n")] = '\0';
	negative = text[0] == '-';
	if (!ctsh_text_number(text + negative, 1000, &value))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "unexpected oom_score_adj");
	c->oom_score_adj = negative ? -(int)value : (int)value;
	return 0;
}

static int read_personality(struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;
	ctsh_autofree char *slack = NULL;
	uint64_t value;

	text = ctsh_read_file_at(c->proc, "personality", SMALL_FILE_MAX, NULL);
	slack = ctsh_read_file_at(c->proc, "timerslack_ns", SMALL_FILE_MAX,
	                          NULL);
	if (!text || !slack)
		return ctsh_fail(
			err, CTSH_E_SYSTEM, errno,
			errno == EPERM
				? "read its personality and timer slack; is "
				  "kernel.yama.ptrace_scope 3, or does root "
				  "lack CAP_SYS_NICE?"
				: "read its personality and timer slack");
	slack[strcspn(slack, "\n")] = '\0';
	if (ctsh_proc_parse_personality(text, &c->personality) ||
	    !ctsh_text_number(slack, ULONG_MAX, &value))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0,
		                 "unexpected personality or timer slack");
	c->timer_slack_ns = (unsigned long)value;
	return 0;
}

/* Not by prlimit(2): for an init that is not root's it needs SYS_RESOURCE, and
 * root may lack that. */
static int read_limits(struct ctsh_container *c, struct ctsh_error *err)
{
	ctsh_autofree char *text = NULL;

	text = ctsh_read_file_at(c->proc, "limits", SMALL_FILE_MAX, NULL);
	if (!text || ctsh_proc_parse_limits(text, c->limits))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "read its resource limits");
	return 0;
}

static int read_status(struct ctsh_container *c, struct ctsh_error *err)
{
	struct ctsh_proc_status status;

	if (ctsh_proc_read_status(c->proc, &status, err) ||
	    ctsh_proc_read_start(c->proc, &c->start_ticks, err))
		return -1;
	if (status.state == 'Z' || status.state == 'X')
		return gone(c, err);
	/* Strict mode allows nothing that could be a shell. */
	if (status.seccomp != 0 && status.seccomp != 2)
		return ctsh_fail(err, CTSH_E_UNSAFE, 0,
		                 "pid %d is in seccomp mode %u", (int)c->pid,
		                 status.seccomp);
	c->init_uid = status.uid[1];
	c->init_gid = status.gid[1];
	c->bounding = status.bounding;
	c->no_new_privs = status.no_new_privs;
	c->filter_count = status.seccomp_filters;
	return 0;
}

/*
 * Whoever looks inside has its ids.  One that its own user namespace does not
 * map has come from outside of that, as root with nsenter(1), and has no
 * business with what its owner lays before it.
 */
static int check_mapped(struct ctsh_container *c, struct ctsh_error *err)
{
	uint32_t uid, gid;

	if (read_idmap(c, "uid_map", &c->uids, err) ||
	    read_idmap(c, "gid_map", &c->gids, err))
		return -1;
	if (ctsh_idmap_in(&c->uids, c->init_uid, &uid) &&
	    ctsh_idmap_in(&c->gids, c->init_gid, &gid))
		return 0;
	return ctsh_fail(err, CTSH_E_UNSAFE, 0,
	                 "pid %d has uid %u and gid %u, which its user "
	                 "namespace does not map",
	                 (int)c->pid, c->init_uid, c->init_gid);
}

/* Held before it is proved, since it may change root at any time. */
static int open_root(struct ctsh_container *c, struct ctsh_error *err)
{
	c->root = openat(c->proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "open its root");
	return 0;
}

static int open_environ(struct ctsh_container *c, struct ctsh_error *err)
{
	c->environ = openat(c->proc, "environ", O_RDONLY | O_CLOEXEC);
	if (c->environ < 0)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno,
		                 "open its environment");
	return 0;
}

static int read_all(struct ctsh_container *c, struct ctsh_error *err)
{
	if (read_limits(c, err) || read_oom_score_adj(c, err) ||
	    read_personality(c, err) || ctsh_schedule_read(c, err) ||
	    ctsh_cgroup_open(c, err))
		return -1;
	return 0;
}

static int check_protection(struct ctsh_container *c,
                            const struct ctsh_target *target,
                            const struct ctsh_terms *terms,
                            struct ctsh_error *err)
{
	ctsh_autoclose int self = -1;

	if (target->names_seccomp && !c->filter_count &&
	    !terms->allow_no_seccomp)
		return ctsh_fail(
			err, CTSH_E_UNSAFE, 0,
			"the engine names a seccomp profile and pid %d "
			"has no filter",
			(int)c->pid);
	if (terms->allow_no_lsm)
		return 0;
	self = ctsh_proc_of(getpid(), err);
	return self < 0 ? -1 : ctsh_lsm_read(c->proc, self, &c->label, err);
}

int ctsh_container_pin(struct ctsh_container *c,
                       const struct ctsh_target *target, uid_t owner,
                       struct ctsh_error *err)
{
	*c = (struct ctsh_container)CTSH_CONTAINER_INIT;
	/*
	 * A kernel thread is no container, and has not all that is opened.
	 * Until its program runs the environment is that of whoever called the
	 * engine, the root may be the host's, and what was read then is not
	 * what the container will be: only from there on anything is read.
	 */
	if (take_hold(c, target, err) == 0 && read_namespaces(c, err) == 0 &&
	    ctsh_proof_not_host(c, err) == 0 &&
	    ctsh_proof_owner(c, owner, err) == 0 && open_root(c, err) == 0 &&
	    ctsh_proof_started(c, err) == 0 && read_status(c, err) == 0 &&
	    check_mapped(c, err) == 0 && open_environ(c, err) == 0)
		return 0;
	if (c->proc >= 0 && err->code != CTSH_E_UNSAFE)
		(void)ctsh_container_failed(c, err);
	ctsh_container_close(c);
	return -1;
}

int ctsh_container_prove(struct ctsh_container *c,
                         const struct ctsh_target *target,
                         const struct ctsh_terms *terms, struct ctsh_error *err)
{
	if (read_all(c, err))
		return ctsh_container_failed(c, err);
	/* Everything was read through the PID while it could not be recycled:
	 * the pinned process is alive still. */
	if (!ctsh_container_alive(c))
		return gone(c, err);
	if (ctsh_proof_isolation(c, terms, err) ||
	    ctsh_proof_identity(c, target, err) ||
	    check_protection(c, target, terms, err))
		/* What was proved unsafe stays so. */
		return err->code == CTSH_E_UNSAFE
		               ? -1
		               : ctsh_container_failed(c, err);
	return ctsh_container_alive(c) ? 0 : gone(c, err);
}

int ctsh_container_confirm(const struct ctsh_container *c,
                           const struct ctsh_target *first,
                           const struct ctsh_target *second,
                           struct ctsh_error *err)
{
	uint64_t start;

	if (first->pid != second->pid || strcmp(first->id, second->id) != 0)
		return ctsh_fail(
			err, CTSH_E_GONE, 0,
			"the engine named pid %d of %s, then pid %d of "
			"%s",
			(int)first->pid, first->id, (int)second->pid,
			second->id);
	if (ctsh_proc_read_start(c->proc, &start, err))
		return -1;
	if (start != c->start_ticks || !ctsh_container_alive(c))
		return gone(c, err);
	return 0;
}

bool ctsh_container_alive(const struct ctsh_container *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	/* A pidfd becomes readable when its process ends (pidfd_open(2)). */
	return poll(&p, 1, 0) == 0;
}

/* Its memory goes first, and its program with it; that it has ended is said
 * only when the last process of its PID namespace has. */
static bool is_ending(const struct ctsh_container *c)
{
	char program[2];

	return !ctsh_container_alive(c) ||
	       (readlinkat(c->proc, "exe", program, sizeof(program)) < 0 &&
	        (errno == ENOENT || errno == ESRCH));
}

int ctsh_container_failed(const struct ctsh_container *c,
                          struct ctsh_error *err)
{
	if (is_ending(c))
		err->code = CTSH_E_GONE;
	return -1;
}

void ctsh_container_close(struct ctsh_container *c)
{
	ctsh_close_fd(&c->pidfd);
	ctsh_close_fd(&c->proc);
	ctsh_close_fd(&c->root);
	ctsh_close_fd(&c->environ);
	ctsh_close_fd(&c->cgroup2);
	for (unsigned i = 0; i < c->cgroup1_count; i++)
		ctsh_close_fd(&c->cgroup1[i]);
	ctsh_free_at(&c->cgroup_text);
	ctsh_filters_free(&c->filters);
	ctsh_lsm_free(&c->label);
	*c = (struct ctsh_container)CTSH_CONTAINER_INIT;
}
