/* SPDX-License-Identifier: MIT */
/*
 * ctsh-session - the way of a login, top to bottom (docs/ARCHITECTURE.md).
 *
 * Privilege: all ids 0; not setuid itself.  The supervisor that it becomes has
 *            none.
 * Trust:     the stub's handover for the ids; the command and the variables
 *            with the caller's prefix are hostile.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/fdio.h"
#include "../lib/enter/host.h"
#include "../lib/enter/network.h"
#include "../lib/enter/parcel.h"
#include "../lib/enter/sandbox.h"
#include "../lib/registry/registry.h"
#include "handover.h"
#include "host_shell.h"
#include "login.h"
#include "signals.h"

#define REAP_MS 500

/* Step 11: as the shell ended, so do we; a caller such as sshd passes it on. */
static int end_like(int status)
{
	if (WIFSIGNALED(status))
		ctsh_end_by_signal(WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int exit_status(const struct ctsh_error *err)
{
	if (err->code != CTSH_E_SHELL)
		return CTSH_EXIT_FAILURE;
	return err->sys == ENOENT ? CTSH_EXIT_NOT_FOUND
	                          : CTSH_EXIT_NOT_STARTABLE;
}

/*
 * Nothing of root's is left when the caller's stderr is written to: what hangs
 * there hangs in the caller's name and without a slot.
 */
static int refuse(struct ctsh_login *l, const struct ctsh_error *err)
{
	struct ctsh_error ignored;

	ctsh_report_refused(&l->report, err);
	ctsh_watchdog_dismiss(&l->dog);
	ctsh_route_close(&l->route);
	ctsh_close_fd(&l->use);
	/* Closed, not unlocked: a child that hangs in a file system of the
	 * container's and cannot be killed keeps the slot, or one user could
	 * leave any number of them behind. */
	ctsh_close_fd(&l->slot);
	ctsh_close_fd(&l->place);
	if (l->told)
		return exit_status(err);
	if (l->is_caller || ctsh_host_leave(l->invocation.uid,
	                                    l->invocation.gid, &ignored) == 0)
		ctsh_report_tell(&l->report, err);
	return exit_status(err);
}

/* The watchdog ends at once; or the host's shell would inherit a zombie. */
static void reap_watchdog(const struct ctsh_watchdog *dog)
{
	int64_t until = ctsh_now_ms() + REAP_MS;

	while (dog->pid > 0 && waitpid(dog->pid, NULL, WNOHANG) == 0 &&
	       ctsh_now_ms() < until)
		ctsh_nap_us(100);
}

/* Break-glass: the host's shell, and nothing of ours stays behind. */
static int go_to_host(struct ctsh_login *l, struct ctsh_error *err)
{
	ctsh_report_log(&l->report, "host", "uid=%u", l->invocation.uid);
	ctsh_watchdog_dismiss(&l->dog);
	reap_watchdog(&l->dog);
	ctsh_slot_release(&l->slot);
	if (ctsh_network_back(&l->network, err))
		return -1;
	return ctsh_host_shell(&l->invocation, &l->route.person,
	                       l->route.host_shell, &l->is_caller, err);
}

int main(int argc, char **argv)
{
	static struct ctsh_login l = {
		.invocation = {.uid = (uid_t)-1, .gid = (gid_t)-1},
		.slot = -1,
		.use = -1,
		.place = -1,
		.network = -1,
		.mount = -1,
		.program = -1,
		.dog = CTSH_WATCHDOG_INIT,
		.group = CTSH_SESSION_GROUP_INIT,
		.terminal = CTSH_TERMINAL_INIT,
		.io = CTSH_STDIO_INIT,
		.record = CTSH_RECORD_INIT,
	};
	struct ctsh_error err;
	int status;

	l.caller = getppid();
	l.heap = ctsh_parcel_mark();
	ctsh_hide();
	ctsh_route_init(&l.route);
	if (ctsh_login_decide(&l, argc, argv, &err))
		return refuse(&l, &err);
	if (l.route.host) {
		(void)go_to_host(&l, &err);
		return refuse(&l, &err);
	}
	if (ctsh_login_enter(&l, &err))
		return refuse(&l, &err);
	if (ctsh_login_supervise(&l, &status, &err)) {
		/* If the watchdog is what failed, nobody else would. */
		if (ctsh_watchdog_gone(&l.dog))
			ctsh_report_closed(&l.report,
			                   ctsh_now_ms() - l.session_ms,
			                   "lost");
		(void)syscall(SYS_pidfd_send_signal, l.leader.pidfd, SIGKILL,
		              NULL, 0);
		return refuse(&l, &err);
	}
	ctsh_watchdog_closed(&l.dog, status);
	return l.ending > CTSH_ENDING_HANGUP ? CTSH_EXIT_ENDED
	                                     : end_like(status);
}
