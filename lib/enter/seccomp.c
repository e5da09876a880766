/* SPDX-License-Identifier: MIT */
#include "seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/filters.h"
#include "container.h"

/* How long somebody else may trace the init, or the init may take to stop. */
#define PATIENCE_MS 1000

static int unsafe(struct ctsh_error *err, int sys, const char *what)
{
	return ctsh_fail(err, CTSH_E_UNSAFE, sys, "copy the filters: %s", what);
}

static int seize(const struct ctsh_container *c, int64_t until,
                 struct ctsh_error *err)
{
	while (ptrace(PTRACE_SEIZE, c->pid, NULL, NULL)) {
		if (errno == ESRCH)
			return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended",
			                 (int)c->pid);
		if (errno != EPERM || ctsh_now_ms() >= until)
			return unsafe(err, errno,
			              "the init is traced by somebody else");
		ctsh_nap_us(1000);
	}
	/* Now the PID cannot be recycled; it is the pinned process if that one
	 * has not ended. */
	if (!ctsh_container_alive(c))
		return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended",
		                 (int)c->pid);
	return 0;
}

/* Waits for the init to stop; `*signal` is what to hand it on leaving. */
static int stop(const struct ctsh_container *c, int64_t until, int *signal,
                struct ctsh_error *err)
{
	int status;
	pid_t got;

	if (ptrace(PTRACE_INTERRUPT, c->pid, NULL, NULL))
		return unsafe(err, errno, "PTRACE_INTERRUPT");
	while ((got = waitpid(c->pid, &status, __WALL | WNOHANG)) != c->pid) {
		if (got < 0 && errno != EINTR)
			return unsafe(err, errno, "wait for the init");
		if (ctsh_now_ms() >= until)
			return unsafe(err, 0, "the init does not stop");
		ctsh_nap_us(50);
	}
	if (!WIFSTOPPED(status))
		return ctsh_fail(err, CTSH_E_GONE, 0, "pid %d ended",
		                 (int)c->pid);
	/* A stop before the delivery of a signal swallows that signal unless it
	 * is given back; the other stops have an event in the high bits. */
	*signal = status >> 16 ? 0 : WSTOPSIG(status);
	return 0;
}

static int copy_one(const struct ctsh_container *c, unsigned index,
                    struct ctsh_filter *filter, struct ctsh_error *err)
{
	long length = ptrace(PTRACE_SECCOMP_GET_FILTER, c->pid,
	                     (void *)(uintptr_t)index, NULL);

	if (length < 0)
		return unsafe(
			err, errno,
			errno == EACCES
				? "this process has a seccomp filter of "
				  "its own or lacks CAP_SYS_ADMIN; is the "
				  "login service filtered?"
				: "PTRACE_SECCOMP_GET_FILTER");
	filter->insns = calloc((size_t)length, sizeof(*filter->insns));
	if (!filter->insns)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "filters");
	filter->length = (unsigned)length;
	/* Stopped, so the length cannot have changed in between. */
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, c->pid, (void *)(uintptr_t)index,
	           filter->insns) != length)
		return unsafe(err, errno, "a filter changed its length");
	return 0;
}

static int copy_stopped(const struct ctsh_container *c,
                        struct ctsh_filters *filters, struct ctsh_error *err)
{
	filters->filter = calloc(c->filter_count, sizeof(*filters->filter));
	if (!filters->filter)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "filters");
	while (filters->count < c->filter_count) {
		unsigned i = filters->count++;

		if (copy_one(c, i, &filters->filter[i], err))
			return -1;
	}
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, c->pid,
	           (void *)(uintptr_t)filters->count, NULL) >= 0 ||
	    errno != ENOENT)
		return unsafe(err, 0, "the init added a filter meanwhile");
	return 0;
}

int ctsh_seccomp_copy(const struct ctsh_container *c,
                      struct ctsh_filters *filters, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	struct ctsh_filters fresh = {0};
	int64_t until = ctsh_now_ms() + PATIENCE_MS;
	int signal = 0;
	int rc;

	if (until > deadline_ms)
		until = deadline_ms;
	if (seize(c, until, err))
		return -1;
	rc = stop(c, until, &signal, err);
	if (rc == 0)
		rc = copy_stopped(c, &fresh, err);
	/* Not stopped: the kernel lets go of it when this process ends, which a
	 * refusal does at once. */
	if (ptrace(PTRACE_DETACH, c->pid, NULL, (void *)(intptr_t)signal) &&
	    rc == 0)
		rc = unsafe(err, errno, "PTRACE_DETACH");
	if (rc)
		ctsh_filters_free(&fresh);
	else
		*filters = fresh;
	return rc;
}

int ctsh_seccomp_load(const struct ctsh_filters *filters)
{
	for (unsigned i = 0; i < filters->count; i++) {
		struct sock_fprog program = {
			.len = (unsigned short)filters->filter[i].length,
			.filter = filters->filter[i].insns,
		};

		/* An older filter may know only one of the two ways. */
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
		            &program) &&
		    syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
		            &program, 0, 0))
			return -1;
	}
	return 0;
}
