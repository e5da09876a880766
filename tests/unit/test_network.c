/* SPDX-License-Identifier: MIT */
/* Needs root, on a host. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../lib/enter/network.h"
#include "../../lib/enter/terms.h"
#include "fake_container.h"
#include "in_child.h"

static ino_t network_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static ino_t own_network(void)
{
	return network_of("/proc/self/ns/net");
}

static void open_fake(struct ctsh_container *c, pid_t *init, int namespaces)
{
	static const struct ctsh_terms terms = {
		.share = CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWNET,
		.allow_no_seccomp = true,
		.allow_no_lsm = true,
	};
	struct ctsh_target target;
	struct ctsh_error err;

	*init = fake_start(namespaces, NULL);
	target = fake_target(*init);
	CHILD_EXPECT(fake_open(c, &target, &terms, &err) == 0);
}

static void there_and_back(void *unused)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	ino_t host = own_network();
	int previous = -1;
	char path[48];
	pid_t init;

	(void)unused;
	open_fake(&c, &init, FAKE_ALL);
	CHILD_EXPECT(ctsh_network_join(&c, &previous, &err) == 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)init);
	CHILD_EXPECT(own_network() != host);
	CHILD_EXPECT(own_network() == network_of(path));
	CHILD_EXPECT(previous >= 0 && fcntl(previous, F_GETFD) == FD_CLOEXEC);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == 0);
	CHILD_EXPECT(previous == -1);
	CHILD_EXPECT(own_network() == host);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == 0);
	fake_stop(init);
}

static void the_hosts_network_stays(void *unused)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	ino_t host = own_network();
	int previous = -1;
	pid_t init;

	(void)unused;
	open_fake(&c, &init, FAKE_ALL & ~CLONE_NEWNET);
	CHILD_EXPECT(ctsh_network_join(&c, &previous, &err) == 0);
	CHILD_EXPECT(own_network() == host);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == 0);
	fake_stop(init);
}

static void by_way_of_the_host(void *unused)
{
	struct ctsh_error err;
	ino_t host = own_network(), other;
	int previous = -1;

	(void)unused;
	CHILD_EXPECT(ctsh_network_host(&previous, &err) == 0);
	CHILD_EXPECT(previous == -1);
	CHILD_EXPECT(unshare(CLONE_NEWNET) == 0);
	other = own_network();
	CHILD_EXPECT(ctsh_network_host(&previous, &err) == 0);
	CHILD_EXPECT(own_network() == host);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == 0);
	CHILD_EXPECT(own_network() == other);
}

static void another_network_than_proved(void *unused)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	ino_t host = own_network();
	int previous = -1;
	pid_t init;

	(void)unused;
	open_fake(&c, &init, FAKE_ALL);
	for (int i = 0; i < CTSH_NS_COUNT; i++)
		c.ns[i].ino++;
	CHILD_EXPECT(ctsh_network_join(&c, &previous, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_UNSAFE);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == 0);
	CHILD_EXPECT(own_network() == host);
	fake_stop(init);
}

static void *wait_for_ever(void *unused)
{
	(void)pause();
	return unused;
}

static void with_a_thread(void *unused)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	ino_t host = own_network();
	int previous = -1;
	pthread_t thread;
	pid_t init;

	(void)unused;
	open_fake(&c, &init, FAKE_ALL);
	CHILD_EXPECT(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	CHILD_EXPECT(ctsh_network_join(&c, &previous, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	CHILD_EXPECT(strstr(err.what, "2 threads") != NULL);
	CHILD_EXPECT(own_network() == host);
	fake_stop(init);
}

static void the_way_back_was_closed(void *unused)
{
	struct ctsh_container c = CTSH_CONTAINER_INIT;
	struct ctsh_error err;
	int previous = -1, number;
	pid_t init;

	(void)unused;
	open_fake(&c, &init, FAKE_ALL);
	CHILD_EXPECT(ctsh_network_join(&c, &previous, &err) == 0);
	number = previous;
	CHILD_EXPECT(dup2(0, number) == number);
	CHILD_EXPECT(ctsh_network_back(&previous, &err) == -1);
	CHILD_EXPECT(err.code == CTSH_E_SYSTEM);
	/* Not ours any more. */
	CHILD_EXPECT(fcntl(number, F_GETFD) >= 0);
	fake_stop(init);
}

static void test_networks(void **state)
{
	static in_child_fn *const cases[] = {
		there_and_back,     the_hosts_network_stays,
		by_way_of_the_host, another_network_than_proved,
		with_a_thread,      the_way_back_was_closed,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(in_child(cases[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
