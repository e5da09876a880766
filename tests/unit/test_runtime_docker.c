/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "../../lib/base/fdio.h"
#include "../../lib/runtime/docker.h"
#include "../../lib/runtime/runtime.h"
#include "fake_daemon.h"
#include "fake_strangers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DATA "tests/data/engines/docker/20.10.24/"
#define ID "d4d1dcd43be7b9a0952856b41dba5615d005f372bb999110969daf4e70bac6c2"
#define OK "HTTP/1.0 200 OK\r\n"
#define MOST 65536

/* A captured answer, whole; the tests run in the top directory. */
static void load(const char *file, char *text)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), DATA "%s.http", file);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		fail_msg("cannot open %s", path);
	n = ctsh_read_all(fd, text, MOST - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

static void load_body(const char *file, char *text)
{
	char *body;

	load(file, text);
	body = strstr(text, "\r\n\r\n") + 4;
	memmove(text, body, strlen(body) + 1);
}

static void replace(char *text, const char *old, const char *new)
{
	char *at = strstr(text, old);

	if (!at)
		fail_msg("the answer has no %s", old);
	memmove(at + strlen(new), at + strlen(old),
	        strlen(at + strlen(old)) + 1);
	memcpy(at, new, strlen(new));
}

static int parse(const char *text, const char *name, struct ctsh_target *target,
                 struct ctsh_error *err)
{
	err->code = CTSH_OK;
	return ctsh_docker_parse(text, strlen(text), name, target, err);
}

static int find(const char *socket, const char *name, int64_t wait_ms,
                struct ctsh_target *target, struct ctsh_error *err)
{
	const struct ctsh_where where = {.socket = socket};

	err->code = CTSH_OK;
	return ctsh_runtime_docker.find(&where, name, ctsh_now_ms() + wait_ms,
	                                target, err);
}

/* Answers the one question that it expects; else says nothing. */
struct script {
	const char *question;
	char answer[MOST];
};

static void follow(int conn, const void *arg)
{
	const struct script *script = arg;
	char asked[512];

	fake_take_request(conn, asked, sizeof(asked));
	if (!strncmp(asked, script->question, strlen(script->question)))
		(void)!ctsh_write_all(conn, script->answer,
		                      strlen(script->answer));
}

static int find_with(const struct script *script, const char *name,
                     struct ctsh_target *target, struct ctsh_error *err)
{
	struct fake_daemon d;
	int result;

	fake_start(&d, &(struct fake_manner){.serve = follow, .arg = script});
	result = find(d.path, name, 1000, target, err);
	fake_stop(&d);
	return result;
}

static void find_gives_the_container_asked_for(void **state)
{
	static struct script script = {
		.question = "GET /containers/alice-box/json HTTP/1.0\r\n"};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	load("running", script.answer);
	assert_int_equal(find_with(&script, "alice-box", &target, &err), 0);
	assert_int_equal(target.pid, 7175);
	assert_string_equal(target.name, "alice-box");
	assert_string_equal(target.id, ID);
	assert_string_equal(target.cgroup_id, ID);
	assert_string_equal(target.engine, "");
	assert_int_equal(target.start_ticks, 0);
	assert_int_equal(target.not_after.tv_sec, 0);
	assert_true(target.names_seccomp);
}

static void find_takes_a_full_id(void **state)
{
	static struct script script = {.question = "GET /containers/" ID
	                                           "/json HTTP/1.0\r\n"};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	load("running", script.answer);
	assert_int_equal(find_with(&script, "id=" ID, &target, &err), 0);
	assert_int_equal(target.pid, 7175);
	assert_string_equal(target.name, "id=" ID);
	assert_string_equal(target.id, ID);
}

static void find_tells_what_is_wrong_with_the_container(void **state)
{
	static const struct {
		const char *file, *name;
		enum ctsh_code code;
		enum ctsh_coming coming;
	} rows[] = {
		{"paused", "paused-box", CTSH_E_PAUSED, CTSH_COMING_NOT},
		{"exited", "exited-box", CTSH_E_ABSENT, CTSH_COMING_NOT},
		{"created", "created-box", CTSH_E_ABSENT, CTSH_COMING},
		{"restarting", "restarting-box", CTSH_E_ABSENT, CTSH_COMING},
		{"absent", "absent", CTSH_E_ABSENT, CTSH_COMING_NOT},
		{"prefix", "d4", CTSH_E_ABSENT, CTSH_COMING_NOT},
		{"ambiguous", "d", CTSH_E_ENGINE, CTSH_COMING_NOT},
	};
	static struct script script = {.question = "GET /containers/"};
	struct ctsh_target target;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		load(rows[i].file, script.answer);
		assert_int_equal(
			find_with(&script, rows[i].name, &target, &err), -1);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(err.coming, rows[i].coming);
	}
}

static void the_engines_own_words_reach_the_log(void **state)
{
	static struct script script = {.question = "GET "};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	load("ambiguous", script.answer);
	assert_int_equal(find_with(&script, "d", &target, &err), -1);
	assert_string_equal(err.what,
	                    "HTTP status 500: Multiple IDs found with provided "
	                    "prefix: d");
	strcpy(script.answer, "HTTP/1.0 409 Conflict\r\n\r\n<html>");
	assert_int_equal(find_with(&script, "d", &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what, "HTTP status 409: no reason given");
}

static void an_answer_about_another_container_is_no_answer(void **state)
{
	static const char *const names[] = {
		"d4",
		"d4d1dcd43be7",
		ID,
		"alice",
		"alice-box2",
		"ALICE-BOX",
		("id=e4d1dcd43be7b9a0952856b41dba5615"
	         "d005f372bb999110969daf4e70bac6c2"),
	};
	static char body[MOST];
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	size_t i;

	(void)state;
	load_body("running", body);
	for (i = 0; i < COUNT(names); i++) {
		assert_int_equal(parse(body, names[i], &target, &err), -1);
		assert_int_equal(err.code, CTSH_E_ABSENT);
		assert_int_equal(target.pid, 5);
	}
}

static void seccomp_is_named_as_the_engine_was_told(void **state)
{
	static const struct {
		const char *file, *name;
		bool names;
	} rows[] = {
		{"running", "alice-box", true},
		{"unconfined", "unconf-box", false},
		{"unconfined-colon", "unconf2-box", false},
		{"profile", "prof-box", true},
		{"no-new-privileges", "nnp-box", true},
	};
	static char body[MOST];
	struct ctsh_target target;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		load_body(rows[i].file, body);
		assert_int_equal(parse(body, rows[i].name, &target, &err), 0);
		assert_int_equal(target.names_seccomp, rows[i].names);
	}
}

static void seccomp_of_a_privileged_container_must_be_asked_for(void **state)
{
	static const struct {
		const char *file, *name;
		bool names;
	} rows[] = {
		{"privileged", "priv-box", false},
		{"privileged-profile", "privprof-box", true},
	};
	static char body[MOST];
	struct ctsh_target target;
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		load_body(rows[i].file, body);
		replace(body, "\"Running\":false", "\"Running\":true");
		replace(body, "\"Pid\":0", "\"Pid\":77");
		assert_int_equal(parse(body, rows[i].name, &target, &err), 0);
		assert_int_equal(target.names_seccomp, rows[i].names);
	}
}

static void the_last_seccomp_option_wins(void **state)
{
	static const struct {
		const char *options;
		bool names;
	} rows[] = {
		{"[]", true},
		{"[\"seccomp=unconfined\",\"seccomp={}\"]", true},
		{"[\"seccomp={}\",\"seccomp=unconfined\"]", false},
		{"[\"seccomp=\"]", true},
		{"[\"seccomp=builtin\"]", true},
		{"[\"seccomp=unconfined2\"]", true},
		{"[\"seccomp\"]", true},
		{"[\"apparmor=unconfined\",\"label=disable\"]", true},
	};
	static char body[MOST];
	struct ctsh_target target;
	struct ctsh_error err;
	char member[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		load_body("running", body);
		snprintf(member, sizeof(member), "\"SecurityOpt\":%s",
		         rows[i].options);
		replace(body, "\"SecurityOpt\":null", member);
		assert_int_equal(parse(body, "alice-box", &target, &err), 0);
		assert_int_equal(target.names_seccomp, rows[i].names);
	}
}

static void an_edited_answer_is_refused(void **state)
{
	static const struct {
		const char *old, *new;
		enum ctsh_code code;
	} rows[] = {
		{"\"Pid\":7175", "\"Pid\":0", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":1", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":-7175", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":4194305", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":4294974471", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":7175.0", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":\"7175\"", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":null", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"PID\":7175", CTSH_E_ENGINE},
		{"\"Pid\":7175", "\"Pid\":7175,\"Pid\":1", CTSH_E_ENGINE},
		{"{\"Id\"", "{\"Id\":\"x\",\"Id\"", CTSH_E_ENGINE},
		{"\"Id\":\"d4d1", "\"Id\":\"D4D1", CTSH_E_ENGINE},
		{"\"Id\":\"d4d1", "\"Id\":\"d4d", CTSH_E_ENGINE},
		{"\"Id\":\"d4d1", "\"Id\":\"d4d10", CTSH_E_ENGINE},
		{"\"Id\":", "\"id\":", CTSH_E_ENGINE},
		{"\"/alice-box\"", "\"alice-box\"", CTSH_E_ENGINE},
		{"\"/alice-box\"", "\"\"", CTSH_E_ENGINE},
		{"\"/alice-box\"", "\"/alice-box\\u0000\"", CTSH_E_ENGINE},
		{"\"/alice-box\"", "[\"/alice-box\"]", CTSH_E_ENGINE},
		{"\"/alice-box\"", "\"//alice-box\"", CTSH_E_ABSENT},
		{"\"Running\":true", "\"Running\":1", CTSH_E_ENGINE},
		{"\"Running\":true", "\"Running\":false", CTSH_E_ABSENT},
		{"\"Dead\":false", "\"Dead\":true", CTSH_E_ABSENT},
		{"\"Dead\":false", "\"Dad\":false", CTSH_E_ENGINE},
		{"\"Paused\":false", "\"Paused\":true", CTSH_E_PAUSED},
		{"\"Paused\":false", "\"Paused\":null", CTSH_E_ENGINE},
		{"\"State\":{", "\"State\":[{", CTSH_E_ENGINE},
		{"\"Privileged\":false", "\"Privileged\":0", CTSH_E_ENGINE},
		{"\"HostConfig\":", "\"Config2\":", CTSH_E_ENGINE},
		{"\"SecurityOpt\":null", "\"SecurityOpt\":[1]", CTSH_E_ENGINE},
		{"\"SecurityOpt\":null", "\"SecurityOpt\":\"seccomp=\"",
	         CTSH_E_ENGINE},
		{"{\"Id\"", "[{\"Id\"", CTSH_E_ENGINE},
		{"{\"Id\"", "{}{\"Id\"", CTSH_E_ENGINE},
	};
	static char body[MOST];
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		load_body("running", body);
		replace(body, rows[i].old, rows[i].new);
		assert_int_equal(parse(body, "alice-box", &target, &err), -1);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(target.pid, 5);
	}
}

static void a_truncated_answer_is_refused_wherever_it_ends(void **state)
{
	static char body[MOST];
	struct ctsh_target target;
	struct ctsh_error err;
	size_t length, i;

	(void)state;
	load_body("running", body);
	length = strlen(body) - 2; /* the last brace, the newline */
	for (i = 0; i <= length; i += i + 40 > length ? 1 : 37) {
		assert_int_equal(
			ctsh_docker_parse(body, i, "alice-box", &target, &err),
			-1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
	}
}

static void an_answer_cut_off_by_the_engines_death_is_refused(void **state)
{
	static struct script script = {.question = "GET "};
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	load("running", script.answer);
	script.answer[strlen(script.answer) / 2] = '\0';
	assert_int_equal(find_with(&script, "alice-box", &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
}

static void hang_up(int conn, const void *arg)
{
	(void)conn;
	(void)arg;
}

static void say(int conn, const void *arg)
{
	(void)!ctsh_write_all(conn, arg, strlen(arg));
	fake_stay_silent(conn, NULL);
}

static void an_engine_that_misbehaves_is_an_engine_failure(void **state)
{
	static const struct fake_manner manners[] = {
		{.serve = NULL}, /* never takes the connection */
		{.serve = fake_stay_silent},
		{.serve = fake_trickle, .arg = OK "\r\n{"},
		{.serve = fake_flood, .arg = OK "\r\n"},
		{.serve = fake_flood, .arg = ""},
		{.serve = hang_up},
		{.serve = say, .arg = "SSH-2.0-OpenSSH_9.2\r\n"},
		{.serve = say, .arg = "garbage\r\n\r\n"},
		{.serve = say,
	         .arg = OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{.serve = say, .arg = OK "Content-Length: 1073741824\r\n\r\n{"},
		{.serve = say, .arg = OK "Content-Length: 2\r\n\r\n[]"},
		{.serve = say,
	         .arg = "HTTP/1.0 301 Moved\r\nContent-Length: 0\r\n\r\n"},
		{.serve = say,
	         .arg = "HTTP/1.0 204 None\r\nContent-Length: 0\r\n\r\n"},
	};
	struct ctsh_target target = {.pid = 5};
	struct ctsh_error err;
	struct fake_daemon d;
	int64_t start;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(manners); i++) {
		fake_start(&d, &manners[i]);
		start = ctsh_now_ms();
		assert_int_equal(find(d.path, "alice-box", 150, &target, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_ENGINE);
		assert_true(ctsh_now_ms() - start < 400);
		assert_int_equal(target.pid, 5);
		fake_stop(&d);
	}
}

static void an_engine_that_is_down_is_an_engine_failure(void **state)
{
	char dir[32], path[64];
	struct ctsh_target target;
	struct ctsh_error err;

	(void)state;
	fake_dir(dir);
	snprintf(path, sizeof(path), "%s/docker.sock", dir);
	assert_int_equal(find(path, "alice-box", 500, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	close(fake_bind(path));
	assert_int_equal(find(path, "alice-box", 500, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	unlink(path);
	rmdir(dir);
}

static void an_answer_of_somebody_else_is_not_even_asked_for(void **state)
{
	static struct script script = {.question = "GET "};
	struct ctsh_target target;
	struct ctsh_error err;
	struct fake_daemon d;

	(void)state;
	load("running", script.answer);
	fake_start(&d, &(struct fake_manner){.before = become_stranger,
	                                     .serve = follow,
	                                     .arg = &script});
	assert_int_equal(find(d.path, "alice-box", 500, &target, &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	fake_stop(&d);
}

/* -- start ----------------------------------------------------------------- */

/* One answer for each method; what was asked goes to a file. */
struct dialogue {
	char described[MOST];
	const char *posted; /* NULL: silence */
};

static const char asked_file[] = "/run/ctsh-test-asked";

static void converse(int conn, const void *arg)
{
	const struct dialogue *d = arg;
	char asked[512], bin[16];
	int fd = open(asked_file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	fake_take_request(conn, asked, sizeof(asked));
	(void)!write(fd, asked, strlen(asked));
	close(fd);
	if (!strncmp(asked, "GET ", 4))
		(void)!ctsh_write_all(conn, d->described, strlen(d->described));
	else if (d->posted)
		(void)!ctsh_write_all(conn, d->posted, strlen(d->posted));
	else
		(void)!read(conn, bin, sizeof(bin));
}

static int start_with(const struct dialogue *d, const char *name,
                      struct ctsh_error *err)
{
	struct fake_daemon daemon;
	struct ctsh_where where;
	int result;

	unlink(asked_file);
	fake_start(&daemon, &(struct fake_manner){.serve = converse, .arg = d});
	where = (struct ctsh_where){.socket = daemon.path};
	err->code = CTSH_OK;
	result = ctsh_runtime_docker.start(&where, name, ctsh_now_ms() + 1000,
	                                   err);
	fake_stop(&daemon);
	return result;
}

static int remove_asked(void **state)
{
	(void)state;
	return unlink(asked_file) && errno != ENOENT ? -1 : 0;
}

static void assert_asked(const char *expected)
{
	char text[1024] = "";
	int fd = open(asked_file, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	unlink(asked_file);
	assert_string_equal(text, expected);
}

static void a_container_is_started_by_its_full_id(void **state)
{
	static struct dialogue d = {.posted =
	                                    "HTTP/1.0 204 No Content\r\n\r\n"};
	struct ctsh_error err;

	(void)state;
	load("running", d.described);
	assert_int_equal(start_with(&d, "alice-box", &err), 0);
	assert_asked("GET /containers/alice-box/json HTTP/1.0\r\n"
	             "Host: localhost\r\n\r\n"
	             "POST /containers/" ID "/start HTTP/1.0\r\n"
	             "Host: localhost\r\nContent-Length: 0\r\n\r\n");
}

static void one_that_runs_already_is_started(void **state)
{
	static struct dialogue d = {
		.posted = "HTTP/1.0 304 Not Modified\r\n\r\n"};
	struct ctsh_error err;

	(void)state;
	load("running", d.described);
	assert_int_equal(start_with(&d, "id=" ID, &err), 0);
}

static void nothing_of_another_name_is_started(void **state)
{
	static struct dialogue d = {.posted =
	                                    "HTTP/1.0 204 No Content\r\n\r\n"};
	struct ctsh_error err;

	(void)state;
	load("prefix", d.described);
	assert_int_equal(start_with(&d, "d4", &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_asked("GET /containers/d4/json HTTP/1.0\r\n"
	             "Host: localhost\r\n\r\n");
	assert_int_equal(start_with(&d, "../d4", &err), -1);
	assert_int_equal(err.code, CTSH_E_UNSAFE);
	assert_int_equal(access(asked_file, F_OK), -1);
}

static void a_start_that_fails_says_why(void **state)
{
	static const struct {
		const char *posted;
		enum ctsh_code code;
		const char *what;
	} rows[] = {
		{"HTTP/1.0 500 x\r\n\r\n{\"message\":\"no space\\u001b[2J\"}",
	         CTSH_E_ABSENT, "HTTP status 500: no space?[2J"},
		{"HTTP/1.0 409 x\r\n\r\n{\"message\":\"cannot start a paused "
	         "container\"}",
	         CTSH_E_ABSENT,
	         "HTTP status 409: cannot start a paused container"},
		{"HTTP/1.0 404 x\r\n\r\n{}", CTSH_E_ABSENT,
	         "HTTP status 404: no reason given"},
		{"HTTP/1.0 302 x\r\n\r\n", CTSH_E_ABSENT,
	         "HTTP status 302: no reason given"},
		{"HTTP/1.0 600 x\r\n\r\n", CTSH_E_ENGINE,
	         "HTTP answer has a malformed status line"},
		{"", CTSH_E_ENGINE, "HTTP answer ends within its head"},
		{NULL, CTSH_E_ABSENT, "HTTP answer: ETIMEDOUT"},
	};
	static struct dialogue d;
	struct ctsh_error err;

	(void)state;
	load("running", d.described);
	for (size_t i = 0; i < COUNT(rows); i++) {
		d.posted = rows[i].posted;
		assert_int_equal(start_with(&d, "alice-box", &err), -1);
		assert_string_equal(err.what, rows[i].what);
		assert_int_equal(err.code, rows[i].code);
	}
}

/* -- stop ------------------------------------------------------------------ */

static int stop_with(const struct dialogue *d, struct ctsh_error *err)
{
	static const struct ctsh_target target = {.id = ID, .name = "x"};
	struct fake_daemon daemon;
	struct ctsh_where where;
	int result;

	unlink(asked_file);
	fake_start(&daemon, &(struct fake_manner){.serve = converse, .arg = d});
	where = (struct ctsh_where){.socket = daemon.path};
	err->code = CTSH_OK;
	result = ctsh_runtime_docker.stop(&where, &target, -1,
	                                  ctsh_now_ms() + 1000, err);
	fake_stop(&daemon);
	return result;
}

static void a_container_is_stopped_by_its_full_id_alone(void **state)
{
	static struct dialogue d = {.posted =
	                                    "HTTP/1.0 204 No Content\r\n\r\n"};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(stop_with(&d, &err), 0);
	assert_asked("POST /containers/" ID "/stop HTTP/1.0\r\n"
	             "Host: localhost\r\nContent-Length: 0\r\n\r\n");
	d.posted = "HTTP/1.0 304 Not Modified\r\n\r\n";
	assert_int_equal(stop_with(&d, &err), 0);
}

static void a_stop_that_fails_says_why(void **state)
{
	static struct dialogue d = {
		.posted = "HTTP/1.0 500 x\r\n\r\n{\"message\":\"no\"}"};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(stop_with(&d, &err), -1);
	assert_int_equal(err.code, CTSH_E_ENGINE);
	assert_string_equal(err.what, "HTTP status 500: no");
	d.posted = NULL;
	assert_int_equal(stop_with(&d, &err), -1);
	assert_int_equal(err.sys, ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_gives_the_container_asked_for),
		cmocka_unit_test(find_takes_a_full_id),
		cmocka_unit_test(find_tells_what_is_wrong_with_the_container),
		cmocka_unit_test(the_engines_own_words_reach_the_log),
		cmocka_unit_test(
			an_answer_about_another_container_is_no_answer),
		cmocka_unit_test(seccomp_is_named_as_the_engine_was_told),
		cmocka_unit_test(
			seccomp_of_a_privileged_container_must_be_asked_for),
		cmocka_unit_test(the_last_seccomp_option_wins),
		cmocka_unit_test(an_edited_answer_is_refused),
		cmocka_unit_test(
			a_truncated_answer_is_refused_wherever_it_ends),
		cmocka_unit_test(
			an_answer_cut_off_by_the_engines_death_is_refused),
		cmocka_unit_test(
			an_engine_that_misbehaves_is_an_engine_failure),
		cmocka_unit_test(an_engine_that_is_down_is_an_engine_failure),
		cmocka_unit_test(
			an_answer_of_somebody_else_is_not_even_asked_for),
		cmocka_unit_test(a_container_is_started_by_its_full_id),
		cmocka_unit_test(one_that_runs_already_is_started),
		cmocka_unit_test(nothing_of_another_name_is_started),
		cmocka_unit_test(a_start_that_fails_says_why),
		cmocka_unit_test(a_container_is_stopped_by_its_full_id_alone),
		cmocka_unit_test(a_stop_that_fails_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, remove_asked);
}
