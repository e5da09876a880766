/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/child.h"
#include "../lib/base/fdio.h"
#include "../lib/enter/sandbox.h"

#define PATIENCE_MS 1000

struct news {
	const struct ctsh_invocation *invocation;
	const char *text;
	int terminal;
};

static int say(void *argument, int channel, void *answer, int *fd,
               struct ctsh_error *err)
{
	const struct news *news = argument;
	const int keep[] = {channel, news->terminal};

	(void)fd;
	if (ctsh_close_but(keep, sizeof(keep) / sizeof(*keep)))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "close_range");
	if (ctsh_become(news->invocation->uid, news->invocation->gid, err))
		return -1;
	if (ctsh_wait_fd(news->terminal, POLLOUT,
	                 ctsh_now_ms() + PATIENCE_MS) == 1)
		(void)!write(news->terminal, news->text, strlen(news->text));
	*(char *)answer = 1;
	return 0;
}

void ctsh_progress(const struct ctsh_invocation *invocation, bool starts)
{
	struct news news = {
		.invocation = invocation,
		.text = starts ? "ctsh: starting your container ...\n"
	                       : "ctsh: waiting for your container ...\n",
	};
	ctsh_autoclose int terminal = -1;
	struct ctsh_error ignored;
	char answer;

	/* The child's own 0 to 2 are the host's. */
	terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	news.terminal = terminal;
	if (terminal >= 0)
		(void)!ctsh_child_call("progress", say, &news, &answer,
		                       sizeof(answer), NULL,
		                       ctsh_now_ms() + PATIENCE_MS, &ignored);
}
