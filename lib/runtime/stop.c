/* SPDX-License-Identifier: MIT */
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/run.h"
#include "service.h"

/* To end by itself, as docker and podman give it. */
#define GRACE_MS 10000

static int send_signal(int init, int number, struct ctsh_error *err)
{
	if (syscall(SYS_pidfd_send_signal, init, number, NULL, 0) == 0 ||
	    errno == ESRCH)
		return 0;
	return ctsh_fail(err, CTSH_E_SYSTEM, errno, "signal %d", number);
}

int ctsh_stop_signal(int init, int64_t deadline_ms, struct ctsh_error *err)
{
	int64_t until_ms = ctsh_now_ms() + GRACE_MS;

	if (until_ms > deadline_ms)
		until_ms = deadline_ms;
	if (send_signal(init, SIGTERM, err))
		return -1;
	if (ctsh_wait_fd(init, POLLIN, until_ms) == 1)
		return 0;
	return send_signal(init, SIGKILL, err);
}

int ctsh_stop_command(const char *const *argv, int64_t deadline_ms,
                      struct ctsh_error *err)
{
	const struct ctsh_service service = {.argv = argv};

	if (ctsh_service_manager())
		return ctsh_service_run(&service, deadline_ms, err);
	return ctsh_run_well(argv, CTSH_E_ENGINE, deadline_ms, err);
}
