/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/peer.h"
#include "fake_daemon.h"
#include "fake_strangers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int connect_to(const char *path, struct ctsh_error *err)
{
	err->code = CTSH_OK;
	err->sys = 0;
	return ctsh_peer_connect(path, ctsh_now_ms() + 150, err);
}

static void enter_mount_namespace(void)
{
	if (unshare(CLONE_NEWNS))
		_exit(1);
}

static void connect_reaches_a_daemon_of_roots(void **state)
{
	struct fake_daemon d;
	struct ctsh_error err;
	int sock;

	(void)state;
	fake_start(&d, &(struct fake_manner){0});
	sock = connect_to(d.path, &err);
	assert_true(sock >= 0);
	assert_true(fcntl(sock, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(sock, F_GETFL) & O_NONBLOCK);
	close(sock);
	fake_stop(&d);
}

static void a_daemon_may_have_its_own_mount_namespace(void **state)
{
	struct fake_daemon d;
	struct ctsh_error err;
	int sock;

	(void)state;
	fake_start(&d, &(struct fake_manner){.before = enter_mount_namespace});
	sock = connect_to(d.path, &err);
	assert_true(sock >= 0);
	close(sock);
	fake_stop(&d);
}

static void a_socket_open_to_a_group_is_still_roots(void **state)
{
	struct fake_daemon d;
	struct ctsh_error err;
	int sock;

	(void)state;
	fake_start(&d, &(struct fake_manner){0});
	assert_int_equal(chown(d.path, 0, STRANGER), 0);
	assert_int_equal(chmod(d.path, 0660), 0);
	sock = connect_to(d.path, &err);
	assert_true(sock >= 0);
	close(sock);
	fake_stop(&d);
}

static void connect_refuses_a_peer_that_is_not_root_of_the_host(void **state)
{
	static const struct {
		struct fake_manner how;
		const char *reason;
	} bad[] = {
		{{.before = become_stranger},
	         "socket peer has uid 1000, not 0"},
		{{.before = enter_user_namespace},
	         "socket peer is in another user namespace"},
		{{.before = enter_pid_namespace},
	         "socket peer is in another pid namespace"},
	};
	struct fake_daemon d;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		fake_start(&d, &bad[i].how);
		assert_int_equal(connect_to(d.path, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
		assert_string_equal(err.what, bad[i].reason);
		fake_stop(&d);
	}
}

static void connect_refuses_a_socket_whose_listener_has_ended(void **state)
{
	struct fake_daemon d;
	struct ctsh_error err;

	(void)state;
	fake_start(&d, &(struct fake_manner){.after = leave_it_to_a_child});
	assert_int_equal(waitpid(d.pid, NULL, 0), d.pid);
	assert_int_equal(connect_to(d.path, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	fake_stop(&d);
}

static void check_wants_exactly_the_owner_named(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct fake_daemon d;
	struct ctsh_error err;
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	fake_start(&d, &(struct fake_manner){.before = become_stranger});
	strcpy(at.sun_path, d.path);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(ctsh_peer_check(sock, STRANGER, &err), 0);
	assert_int_equal(ctsh_peer_check(sock, STRANGER + 1, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	close(sock);
	fake_stop(&d);
}

static void connect_says_engine_where_nobody_is(void **state)
{
	char dir[32], path[64], deeper[80];
	struct ctsh_error err;

	(void)state;
	fake_dir(dir);
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(deeper, sizeof(deeper), "%s/none/socket", dir);
	assert_int_equal(connect_to(path, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(connect_to(deeper, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);

	/* A daemon that died leaves its socket behind. */
	close(fake_bind(path));
	assert_int_equal(connect_to(path, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_int_equal(err.sys, ECONNREFUSED);
	unlink(path);
	rmdir(dir);
}

static void connect_gives_up_on_a_full_queue_at_the_deadline(void **state)
{
	int64_t start = ctsh_now_ms();
	char dir[32], path[64];
	struct ctsh_error err;
	int sock, first;

	(void)state;
	fake_dir(dir);
	snprintf(path, sizeof(path), "%s/socket", dir);
	sock = fake_bind(path);
	assert_int_equal(listen(sock, 0), 0);
	first = connect_to(path, &err);
	assert_true(first >= 0);
	assert_int_equal(connect_to(path, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_int_equal(err.sys, ETIMEDOUT);
	assert_in_range(ctsh_now_ms() - start, 150, 400);
	close(first);
	close(sock);
	unlink(path);
	rmdir(dir);
}

/* One after the other, each makes another part of the path unsafe and the one
 * before it safe again. */
static void open_directory(const struct fake_daemon *d)
{
	assert_int_equal(chmod(d->dir, 0777), 0);
}

static void open_directory_sticky(const struct fake_daemon *d)
{
	assert_int_equal(chmod(d->dir, 01777), 0);
}

static void give_directory_away(const struct fake_daemon *d)
{
	assert_int_equal(chmod(d->dir, 0755), 0);
	assert_int_equal(chown(d->dir, STRANGER, 0), 0);
}

static void give_socket_away(const struct fake_daemon *d)
{
	assert_int_equal(chown(d->dir, 0, 0), 0);
	assert_int_equal(chown(d->path, STRANGER, 0), 0);
}

static void put_a_link_in_its_place(const struct fake_daemon *d)
{
	char real[80];

	assert_int_equal(chown(d->path, 0, 0), 0);
	snprintf(real, sizeof(real), "%s.real", d->path);
	assert_int_equal(rename(d->path, real), 0);
	assert_int_equal(symlink(real, d->path), 0);
}

static void put_a_file_in_its_place(const struct fake_daemon *d)
{
	char real[80];
	int fd;

	snprintf(real, sizeof(real), "%s.real", d->path);
	unlink(real);
	unlink(d->path);
	fd = open(d->path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void connect_refuses_an_unsafe_path(void **state)
{
	static void (*const spoil[])(const struct fake_daemon *) = {
		open_directory,          open_directory_sticky,
		give_directory_away,     give_socket_away,
		put_a_link_in_its_place, put_a_file_in_its_place,
	};
	struct fake_daemon d;
	struct ctsh_error err;
	size_t i;

	(void)state;
	fake_start(&d, &(struct fake_manner){0});
	for (i = 0; i < COUNT(spoil); i++) {
		spoil[i](&d);
		assert_int_equal(connect_to(d.path, &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
	}
	fake_stop(&d);
}

static void connect_refuses_a_linked_directory(void **state)
{
	struct fake_daemon d;
	struct ctsh_error err;
	char link[48], path[64];

	(void)state;
	fake_start(&d, &(struct fake_manner){0});
	snprintf(link, sizeof(link), "%s.link", d.dir);
	snprintf(path, sizeof(path), "%s/socket", link);
	assert_int_equal(symlink(d.dir, link), 0);
	assert_int_equal(connect_to(path, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	unlink(link);
	fake_stop(&d);
}

static void connect_refuses_a_path_that_is_not_plain(void **state)
{
	static const char *const bad[] = {
		"",
		"run/docker.sock",
		"/run/../run/docker.sock",
		"/run/docker\n.sock",
	};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(connect_to(bad[i], &err), -1);
		assert_int_equal(err.code, CTSH_E_UNSAFE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_reaches_a_daemon_of_roots),
		cmocka_unit_test(a_daemon_may_have_its_own_mount_namespace),
		cmocka_unit_test(a_socket_open_to_a_group_is_still_roots),
		cmocka_unit_test(
			connect_refuses_a_peer_that_is_not_root_of_the_host),
		cmocka_unit_test(
			connect_refuses_a_socket_whose_listener_has_ended),
		cmocka_unit_test(check_wants_exactly_the_owner_named),
		cmocka_unit_test(connect_says_engine_where_nobody_is),
		cmocka_unit_test(
			connect_gives_up_on_a_full_queue_at_the_deadline),
		cmocka_unit_test(connect_refuses_an_unsafe_path),
		cmocka_unit_test(connect_refuses_a_linked_directory),
		cmocka_unit_test(connect_refuses_a_path_that_is_not_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
