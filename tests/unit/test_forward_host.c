/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../shell/forward.h"

static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

/* What is said on stderr would go to who listens. */
static void no_connection_takes_the_place_of_stderr(void **state)
{
	struct ctsh_forwarding f = {.listening = 1U << CTSH_TARGET_AGENT,
	                            .uid = getuid()};
	struct pollfd polls[CTSH_FORWARD_POLLS];
	struct sockaddr_un peer;
	socklen_t length = sizeof(peer);
	struct ctsh_error err;
	int listener, saved, in[2], out[2], named;

	(void)state;
	(void)snprintf(f.plan.agent, sizeof(f.plan.agent),
	               "/tmp/ctsh-test-forward-%d", (int)getpid());
	listener = listen_at(f.plan.agent);
	ctsh_forward_init(&f);
	f.listening = 1U << CTSH_TARGET_AGENT;
	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	f.in[0] = in[0];
	f.out[0] = out[1];
	assert_int_equal(ctsh_forward_begin(&f, &err), 0);
	assert_int_equal(write(in[1], "\1\0\0\0", 4), 4);
	ctsh_forward_poll(&f, polls);
	assert_int_equal(poll(polls, CTSH_FORWARD_POLLS, 1000), 1);

	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	(void)close(STDERR_FILENO);
	ctsh_forward_move(&f, polls);
	named = getpeername(STDERR_FILENO, (struct sockaddr *)&peer, &length);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(named, -1);
	saved = accept(listener, NULL, NULL);
	assert_true(saved >= 0);

	(void)close(saved);
	(void)close(listener);
	(void)unlink(f.plan.agent);
	ctsh_forward_end(&f);
	(void)close(in[1]);
	(void)close(out[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_connection_takes_the_place_of_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
