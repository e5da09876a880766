/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/http.h"
#include "fake_daemon.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK "HTTP/1.0 200 OK\r\n"

/* What a server that has said `text` and hung up is understood to say. */
static int answer_to(const char *text, size_t length,
                     struct ctsh_http_answer *answer, struct ctsh_error *err)
{
	int pair[2], result;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[1], text, length), (ssize_t)length);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	result = ctsh_http_get(pair[0], "/containers/box/json",
	                       ctsh_now_ms() + 1000, answer, err);
	close(pair[0]);
	close(pair[1]);
	return result;
}

static void get_gives_status_and_body(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
		const char *body;
	} good[] = {
		{OK "\r\n", 200, ""},
		{OK "\r\nhello", 200, "hello"},
		{OK "Content-Length: 5\r\n\r\nhello", 200, "hello"},
		{OK "content-LENGTH:5 \t\r\n\r\nhello", 200, "hello"},
		{OK "Content-Length: 0\r\n\r\n", 200, ""},
		{OK "A: b\r\nEmpty:\r\n\r\nx\r\n\r\ny", 200, "x\r\n\r\ny"},
		{"HTTP/1.1 404 Not Found\r\n\r\n{}", 404, "{}"},
		{"HTTP/1.0 500\r\n\r\n", 500, ""},
	};
	struct ctsh_http_answer answer;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(answer_to(good[i].text, strlen(good[i].text),
		                           &answer, &err),
		                 0);
		assert_int_equal(answer.status, good[i].status);
		assert_string_equal(answer.body, good[i].body);
		assert_int_equal(answer.length, strlen(good[i].body));
		free(answer.body);
	}
}

static void get_refuses_malformed_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"garbage",
		"garbage\r\n\r\n",
		OK,
		OK "\r",
		"HTTP/1.0 200 OK\n\nbody",
		"HTTP/1.0 200 OK\r\n\nbody\r\n\r\n",
		"HTTP/1.0 2000 OK\r\n\r\n",
		"HTTP/1.0 20 OK\r\n\r\n",
		"HTTP/1.0 100 Continue\r\n\r\n",
		"HTTP/1.0 600 No\r\n\r\n",
		"HTTP/1.0  200 OK\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n",
		"http/1.0 200 OK\r\n\r\n",
		"HTTP/1.\r\n\r\n",
		" HTTP/1.0 200 OK\r\n\r\n",
		"\r\n\r\n",
		OK "no colon\r\n\r\n",
		OK ": no name\r\n\r\n",
		OK "A: b\r\n folded: c\r\n\r\n",
		OK "Content-Length : 0\r\n\r\n",
		OK "A: \x01\r\n\r\n",
		OK "A: \xc3\xa4\r\n\r\n",
		OK "A: b\rc: d\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		OK "transfer-encoding: identity\r\n\r\n",
		OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		OK "Content-Length: 1, 1\r\n\r\nx",
		OK "Content-Length: -1\r\n\r\nx",
		OK "Content-Length: +1\r\n\r\nx",
		OK "Content-Length: 01\r\n\r\nx",
		OK "Content-Length:\r\n\r\n",
		OK "Content-Length: 0x1\r\n\r\nx",
		OK "Content-Length: 99999999999999999999999999\r\n\r\nx",
		OK "Content-Length: 1073741824\r\n\r\nx",
		OK "Content-Length: 6\r\n\r\nhello",
		OK "Content-Length: 4\r\n\r\nhello",
		OK "Content-Length: 0\r\n\r\nx",
	};
	struct ctsh_http_answer answer = {.status = 7};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		err.code = CTSH_OK;
		assert_int_equal(
			answer_to(bad[i], strlen(bad[i]), &answer, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_int_equal(answer.status, 7);
		assert_null(answer.body);
	}
}

static void get_refuses_a_nul_in_the_head(void **state)
{
	static const char text[] = OK "A: b\0c\r\n\r\n";
	struct ctsh_http_answer answer;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(answer_to(text, sizeof(text) - 1, &answer, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
}

static void get_keeps_a_nul_in_the_body_within_its_length(void **state)
{
	static const char text[] = OK "\r\na\0b";
	struct ctsh_http_answer answer;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(answer_to(text, sizeof(text) - 1, &answer, &err), 0);
	assert_int_equal(answer.length, 3);
	assert_memory_equal(answer.body, "a\0b", 4);
	free(answer.body);
}

static void parse_head_takes_only_a_whole_head(void **state)
{
	struct ctsh_http_head head = {.status = 7};
	struct ctsh_error err;
	const char text[] = OK "Content-Length: 12\r\n\r\n";
	size_t length;

	(void)state;
	for (length = 0; length < sizeof(text) - 1; length++)
		assert_int_equal(
			ctsh_http_parse_head(text, length, &head, &err), -1);
	assert_int_equal(head.status, 7);
	assert_int_equal(ctsh_http_parse_head(text, length, &head, &err), 0);
	assert_int_equal(head.status, 200);
	assert_true(head.has_length);
	assert_int_equal(head.body_length, 12);
}

static void get_asks_one_plain_question(void **state)
{
	static const char reply[] = OK "\r\n";
	struct ctsh_http_answer answer;
	struct ctsh_error err;
	char asked[256];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], reply, strlen(reply)), strlen(reply));
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(ctsh_http_get(pair[0], "/a/b.c-d_e/json",
	                               ctsh_now_ms() + 1000, &answer, &err),
	                 0);
	free(answer.body);
	fake_take_request(pair[1], asked, sizeof(asked));
	assert_string_equal(asked, "GET /a/b.c-d_e/json HTTP/1.0\r\n"
	                           "Host: localhost\r\n\r\n");
	close(pair[0]);
	close(pair[1]);
}

static void get_refuses_a_path_that_would_need_escaping(void **state)
{
	static const char *const bad[] = {
		"",     "x",    "/a b",   "/a\r\nX: y",
		"/a?b", "/a#b", "/a%2fb", "/\xff",
	};
	struct ctsh_http_answer answer;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ctsh_http_get(-1, bad[i], ctsh_now_ms() + 100,
		                               &answer, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
	}
}

/* What was sent for it. */
static void put_once(const char *path, const char *body, char *asked,
                     size_t size)
{
	static const char reply[] = OK "\r\n";
	struct ctsh_http_answer answer;
	struct ctsh_error err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], reply, strlen(reply)), strlen(reply));
	shutdown(pair[1], SHUT_WR);
	if (body)
		assert_int_equal(ctsh_http_put(pair[0], path, body,
		                               ctsh_now_ms() + 1000, &answer,
		                               &err),
		                 0);
	else
		assert_int_equal(ctsh_http_query(pair[0], path,
		                                 ctsh_now_ms() + 1000, &answer,
		                                 &err),
		                 0);
	free(answer.body);
	close(pair[0]);
	memset(asked, 0, size);
	assert_true(read(pair[1], asked, size - 1) > 0);
	close(pair[1]);
}

static void put_sends_what_it_is_given(void **state)
{
	char asked[256];

	(void)state;
	put_once("/a/b?c=d", "{\"e\":1}", asked, sizeof(asked));
	assert_string_equal(asked, "PUT /a/b?c=d HTTP/1.0\r\n"
	                           "Host: localhost\r\n"
	                           "Content-Type: application/json\r\n"
	                           "Content-Length: 7\r\n\r\n{\"e\":1}");
	put_once("/a?c=d", NULL, asked, sizeof(asked));
	assert_string_equal(asked, "GET /a?c=d HTTP/1.0\r\n"
	                           "Host: localhost\r\n\r\n");
}

/* Runs `serve` in a child at the other end and asks it, for at most `wait_ms`.
 * Fails if the answer took longer. */
static int ask_child(void (*serve)(int, const void *), const char *arg,
                     int64_t wait_ms, struct ctsh_error *err)
{
	struct ctsh_http_answer answer = {0};
	int64_t start = ctsh_now_ms();
	int pair[2], result;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(FAKE_LIFETIME_S);
		signal(SIGPIPE, SIG_IGN);
		close(pair[0]);
		serve(pair[1], arg);
		_exit(0);
	}
	close(pair[1]);
	result = ctsh_http_get(pair[0], "/", start + wait_ms, &answer, err);
	assert_true(ctsh_now_ms() - start < wait_ms + 100);
	close(pair[0]);
	waitpid(pid, NULL, 0);
	free(answer.body);
	return result;
}

static void get_gives_up_on_silence_at_the_deadline(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ask_child(fake_stay_silent, NULL, 100, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_int_equal(err.sys, ETIMEDOUT);
}

static void get_gives_up_on_a_trickle_at_the_deadline(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.0 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
		"HTTP/1.0 200 OK\r\n\r\n{",
	};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		assert_int_equal(ask_child(fake_trickle, texts[i], 300, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_int_equal(err.sys, ETIMEDOUT);
	}
}

static void get_cuts_a_flood_off_at_its_cap(void **state)
{
	static const struct {
		const char *head, *reason;
	} floods[] = {
		{OK "\r\n", "HTTP answer is too long"},
		{OK "Content-Length: 10\r\n\r\n", "HTTP answer is too long"},
		{OK "X: ", "HTTP answer has too long a head"},
		{"", "HTTP answer has too long a head"},
	};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(floods); i++) {
		assert_int_equal(
			ask_child(fake_flood, floods[i].head, 5000, &err), -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_string_equal(err.what, floods[i].reason);
	}
}

static void send_size(int conn, const void *arg)
{
	static char body[CTSH_HTTP_BODY_MAX + 1];
	char asked[256];

	/* Hanging up on an unread question would be a reset. */
	fake_take_request(conn, asked, sizeof(asked));
	(void)!ctsh_write_all(conn, OK "\r\n", strlen(OK "\r\n"));
	(void)!ctsh_write_all(conn, body, strtoul(arg, NULL, 10));
}

static void a_body_of_exactly_the_cap_is_taken(void **state)
{
	struct ctsh_error err;
	char most[24], over[24];

	(void)state;
	snprintf(most, sizeof(most), "%d", CTSH_HTTP_BODY_MAX);
	snprintf(over, sizeof(over), "%d", CTSH_HTTP_BODY_MAX + 1);
	assert_int_equal(ask_child(send_size, most, 10000, &err), 0);
	assert_int_equal(ask_child(send_size, over, 10000, &err), -1);
	assert_string_equal(err.what, "HTTP answer is too long");
}

static void hang_up(int conn, const void *arg)
{
	(void)arg;
	close(conn);
}

static void get_survives_a_server_that_hangs_up_unheard(void **state)
{
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ask_child(hang_up, NULL, 1000, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_gives_status_and_body),
		cmocka_unit_test(get_refuses_malformed_answers),
		cmocka_unit_test(get_refuses_a_nul_in_the_head),
		cmocka_unit_test(get_keeps_a_nul_in_the_body_within_its_length),
		cmocka_unit_test(parse_head_takes_only_a_whole_head),
		cmocka_unit_test(get_asks_one_plain_question),
		cmocka_unit_test(get_refuses_a_path_that_would_need_escaping),
		cmocka_unit_test(put_sends_what_it_is_given),
		cmocka_unit_test(get_gives_up_on_silence_at_the_deadline),
		cmocka_unit_test(get_gives_up_on_a_trickle_at_the_deadline),
		cmocka_unit_test(get_cuts_a_flood_off_at_its_cap),
		cmocka_unit_test(a_body_of_exactly_the_cap_is_taken),
		cmocka_unit_test(get_survives_a_server_that_hangs_up_unheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
