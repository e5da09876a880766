/* SPDX-License-Identifier: MIT */
/* An sftp client that sends whatever it likes, and one that does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../sftp/options.h"
#include "sftp_client.h"

#define ROUNDS 60000
#define SEED 20261124

/* Every request with all that it needs, and one byte less, and so on. */
static void a_request_that_is_cut_off_is_a_bad_message(void **state)
{
	static const char *const extended[] = {
		"posix-rename@openssh.com",
		"statvfs@openssh.com",
		"fstatvfs@openssh.com",
		"hardlink@openssh.com",
		"fsync@openssh.com",
		"lsetstat@openssh.com",
		"expand-path@openssh.com",
		"copy-data",
		"users-groups-by-id@openssh.com",
	};
	struct client *c = *state;
	unsigned status;

	for (uint8_t type = OPEN; type <= SYMLINK; type++) {
		begin(c, type);
		status = ask_status(c);
		assert_true(status == SFTP_BAD_MESSAGE ||
		            status == SFTP_NO_SUCH_FILE);
		begin(c, type);
		sftp_put_u32(&c->w, UINT32_MAX);
		status = ask_status(c);
		assert_true(status == SFTP_BAD_MESSAGE ||
		            status == SFTP_NO_SUCH_FILE);
	}
	for (size_t i = 0; i < sizeof(extended) / sizeof(*extended); i++) {
		begin_extended(c, extended[i]);
		status = ask_status(c);
		assert_true(status == SFTP_BAD_MESSAGE ||
		            status == SFTP_NO_SUCH_FILE);
	}
}

static void what_is_not_known_is_unsupported(void **state)
{
	static const uint8_t types[] = {2, 21, 100, 101, 199, 201, 255};
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		begin(c, types[i]);
		assert_int_equal(ask_status(c), SFTP_UNSUPPORTED);
	}
	begin_extended(c, "posix-rename@openssh.co");
	assert_int_equal(ask_status(c), SFTP_UNSUPPORTED);
	begin(c, EXTENDED);
	assert_int_equal(ask_status(c), SFTP_UNSUPPORTED);
}

static void a_path_with_a_nul_or_too_long_is_a_bad_message(void **state)
{
	struct client *c = *state;
	static char path[PATH_MAX + 1];

	make_file("f", "");
	begin(c, STAT);
	sftp_put_string(&c->w, "f\0g", 3);
	assert_int_equal(ask_status(c), SFTP_BAD_MESSAGE);
	memset(path, 'a', sizeof(path) - 1);
	begin_path(c, STAT, path);
	assert_int_equal(ask_status(c), SFTP_BAD_MESSAGE);
	memset(path, '/', sizeof(path) - 2);
	path[PATH_MAX - 1] = '\0';
	begin_path(c, REALPATH, path);
	assert_int_equal(ask(c), SFTP_NAME);
}

static void a_handle_of_any_bytes_is_no_handle(void **state)
{
	static const char *const words[] = {"", "x",
	                                    "\xff\xff\xff\xff\xff\xff\xff\xff",
	                                    "12345678", "123456789"};
	struct client *c = *state;

	(void)open_file(c, "f", WR | CREATE);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		begin_path(c, CLOSE, words[i]);
		assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
	}
	/* The right place, used another time. */
	begin(c, CLOSE);
	sftp_put_u32(&c->w, 8);
	sftp_put_u64(&c->w, 1);
	assert_int_equal(ask_status(c), SFTP_NO_SUCH_FILE);
}

static void more_names_than_a_packet_holds_are_not_looked_up(void **state)
{
	struct client *c = *state;
	uint32_t count = SFTP_DATA_MAX / (4 + SFTP_NAME_MAX);

	for (unsigned i = 0; i < 2; i++) {
		begin_extended(c, "users-groups-by-id@openssh.com");
		sftp_put_u32(&c->w, (count + i) * 4);
		memset(sftp_put_room(&c->w, (count + i) * 4), 0,
		       (count + i) * 4);
		sftp_put_u32(&c->w, 0);
		if (i == 0)
			assert_int_equal(ask(c), SFTP_EXTENDED_REPLY);
		else
			assert_int_equal(ask_status(c), SFTP_BAD_MESSAGE);
	}
}

static void who_does_not_greet_first_or_greets_twice_is_not_served(void **state)
{
	struct client *c = *state;

	begin(c, INIT);
	assert_int_equal(sftp_answer(&c->server, c->packet, c->w.used), -1);
	c->server.greeted = false;
	begin_path(c, STAT, "/");
	assert_int_equal(sftp_answer(&c->server, c->packet, c->w.used), -1);
	begin(c, INIT);
	assert_int_equal(sftp_answer(&c->server, c->packet, c->w.used), 0);
	assert_int_equal(sftp_answer(&c->server, c->packet, 4), -1);
	assert_int_equal(sftp_answer(&c->server, c->packet, 0), -1);
}

static void names_of_any_file_do_no_harm(void **state)
{
	static const char *const texts[] = {
		"",      "\n\n\n",           ":",       "::::::", "a",
		"a:b:0", "a:b:99999999999:", "a:b:-1:", "a:b::c", "\n:x:0:\na"};
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		sftp_names_free(&c->server.users);
		make_file("passwd", texts[i]);
		c->server.users.file = "passwd";
		assert_string_equal(sftp_name_of(&c->server.users, 0),
		                    strncmp(texts[i], "a:b:0", 5) ? "" : "a");
	}
	sftp_names_free(&c->server.users);
	assert_int_equal(truncate("passwd", SFTP_NAMES_FILE_MAX + 1), 0);
	assert_string_equal(sftp_name_of(&c->server.users, 0), "");
	assert_null(c->server.users.text);
	sftp_names_free(&c->server.users);
	c->server.users.file = "/dev/zero";
	assert_string_equal(sftp_name_of(&c->server.users, 0), "");
	sftp_names_free(&c->server.users);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	c->server.users.file = "fifo";
	assert_string_equal(sftp_name_of(&c->server.users, 0), "");
}

/* --- random packets --- */

static uint32_t seed = SEED;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static void put_any_path(struct client *c)
{
	static const char *const texts[] = {
		"",    "f", "d", "d/f",      ".",     "l", "loop",  "g", "d/d",
		"..f", "~", "/", "d/../new", "~root", "e", "none/f"};

	sftp_put_text(&c->w, texts[any(sizeof(texts) / sizeof(*texts))]);
}

static void put_any_handle(struct client *c)
{
	sftp_put_u32(&c->w, SFTP_HANDLE_LENGTH);
	sftp_put_u32(&c->w, any(8));
	sftp_put_u32(&c->w, any(8) ? c->id / 4096 : any(3));
}

static void put_any_number(struct client *c)
{
	const uint32_t numbers[] = {any(64), any(4096), UINT32_C(1) << any(32),
	                            (uint32_t)-any(9)};

	sftp_put_u32(&c->w, numbers[any(4)]);
}

/* p: a path, h: a handle, n: a number, x: an extension. */
static void put_as_it_should_be(struct client *c, uint8_t type)
{
	static const char *const extended[] = {"xpp", "xp",   "xh", "xhnnnnhnn",
	                                       "xp",  "xnnn", "x"};
	static const char *const layout[] = {
		"pnn", "h",  "hnnn", "hnnn", "p", "h", "pnnn", "hnnn", "p",
		"h",   "pn", "pn",   "p",    "p", "p", "pp",   "p",    "pp"};
	static const char *const names[] = {
		"posix-rename@openssh.com", "statvfs@openssh.com",
		"hardlink@openssh.com",     "copy-data",
		"limits@openssh.com",       "expand-path@openssh.com",
		"fstatvfs@openssh.com",     "users-groups-by-id@openssh.com",
		"fsync@openssh.com",        "lsetstat@openssh.com"};
	const char *at =
		type == EXTENDED ? extended[any(7)] : layout[type - OPEN];

	for (; *at; at++) {
		if (*at == 'p')
			put_any_path(c);
		else if (*at == 'h')
			put_any_handle(c);
		else if (*at == 'n')
			put_any_number(c);
		else
			sftp_put_text(&c->w, names[any(10)]);
	}
}

static void begin_anything(struct client *c)
{
	uint8_t type = any(8) ? (uint8_t)(OPEN + any(18)) : EXTENDED;

	begin(c, type);
	put_as_it_should_be(c, type);
	for (uint32_t parts = any(4) ? 0 : any(7); parts > 0; parts--)
		any(2) ? put_any_path(c) : put_any_number(c);
	for (uint32_t bytes = any(6) ? 0 : any(20); bytes > 0; bytes--)
		c->packet[5 + any(64)] = (uint8_t)any(256);
	if (!any(9))
		c->w.used = 5 + any((uint32_t)c->w.used - 4);
}

/* What the server sends is well-formed, whatever it was sent. */
static bool is_well_formed(const struct client *c)
{
	const struct sftp_writer *out = &c->server.out;
	struct sftp_reader r = {.at = out->start, .left = out->used};
	uint32_t length = sftp_get_u32(&r);
	bool fits = !out->full && length == r.left && length >= 5 &&
	            length <= SFTP_PACKET_MAX;

	(void)sftp_get_u8(&r);
	return fits && sftp_get_u32(&r) == c->id && !r.bad;
}

/* How many of them succeeded; -1 if one was not answered as it must be. */
static int send_random_packets(struct client *c)
{
	int done = 0;

	for (int i = 0; i < ROUNDS; i++) {
		begin_anything(c);
		c->server.out.used = 0;
		if (sftp_answer(&c->server, c->packet, c->w.used) ||
		    !is_well_formed(c))
			return -1;
		done += c->server.out.start[4] != SFTP_STATUS ||
		        c->server.out.start[12] == SFTP_OK;
	}
	return done;
}

/* It may change modes and owners of all that it finds: so it is given a root
 * of its own, if whoever runs the tests can do that. */
static void random_packets_are_answered(void **state)
{
	struct client *c = *state;
	struct rlimit size = {1 << 20, 1 << 20};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if ((geteuid() == 0 && chroot(".")) ||
		    setrlimit(RLIMIT_FSIZE, &size) ||
		    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
			_exit(99);
		c->server.handles.max = 30;
		status = send_random_packets(c);
		sftp_server_close(&c->server);
		_exit(status < 0 ? 1 : status < ROUNDS / 10 ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- the stream --- */

/* What a server says to these bytes, cut into pieces of `step`; its verdict. */
static int converse(struct client *c, const uint8_t *data, size_t length,
                    size_t step, uint8_t *said, size_t *said_length)
{
	int to[2], from[2], rc;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(to) | pipe(from), 0);
	c->server.greeted = false;
	c->server.in_used = c->server.out.used = 0;
	pid = fork();
	if (pid == 0) {
		(void)close(from[0]);
		(void)close(to[0]);
		for (size_t at = 0; at < length; at += step)
			(void)!write(to[1], data + at,
			             length - at < step ? length - at : step);
		_exit(0);
	}
	(void)close(to[1]);
	rc = sftp_serve(&c->server, to[0], from[1]);
	(void)close(from[1]);
	(void)close(to[0]);
	*said_length = 0;
	while ((n = read(from[0], said + *said_length, 4096)) > 0)
		*said_length += (size_t)n;
	(void)close(from[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return rc;
}

static const uint8_t hello[] = {0, 0, 0, 5, 1, 0, 0, 0, 3};
static const uint8_t ask_limits[] =
	"\0\0\0\x1b\xc8\0\0\0\x09\0\0\0\x12limits@openssh.com";

static void a_stream_may_come_in_pieces(void **state)
{
	static uint8_t said[65536];
	struct client *c = *state;
	uint8_t data[sizeof(hello) + sizeof(ask_limits) - 1];
	size_t length[3];

	memcpy(data, hello, sizeof(hello));
	memcpy(data + sizeof(hello), ask_limits, sizeof(ask_limits) - 1);
	for (int i = 0; i < 3; i++) {
		const size_t steps[] = {1, 7, sizeof(data)};

		assert_int_equal(converse(c, data, sizeof(data), steps[i], said,
		                          &length[i]),
		                 0);
		assert_int_equal(length[i], length[0]);
		assert_int_equal(said[4], SFTP_VERSION);
		/* 4 + 5 + four numbers stand at the end. */
		assert_int_equal(said[length[i] - 37], SFTP_EXTENDED_REPLY);
	}
}

static void a_length_that_no_packet_has_ends_the_session(void **state)
{
	static const uint8_t empty[] = {0, 0, 0, 0, 1};
	static const uint8_t large[] = {0, 4, 0, 1, 1};
	static const uint8_t huge[] = {255, 255, 255, 255};
	static uint8_t said[65536];
	struct client *c = *state;
	size_t length;

	assert_int_equal(converse(c, empty, 5, 5, said, &length), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(converse(c, large, 5, 5, said, &length), -1);
	assert_int_equal(converse(c, huge, 4, 4, said, &length), -1);
	assert_int_equal(length, 0);
	/* One that never becomes whole is no reason to complain. */
	assert_int_equal(converse(c, hello, 7, 7, said, &length), 0);
}

/* It writes for ever and reads nothing: nor are we to read for ever. */
static void who_does_not_read_is_not_listened_to(void **state)
{
	struct client *c = *state;
	int to[2], from[2];
	size_t sent = 0;
	pid_t pid;

	assert_int_equal(pipe(to) | pipe(from), 0);
	c->server.greeted = true;
	pid = fork();
	if (pid == 0) {
		(void)close(to[1]);
		(void)close(from[0]);
		_exit(sftp_serve(&c->server, to[0], from[1]) ? 1 : 0);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	assert_int_equal(fcntl(to[1], F_SETFL, O_NONBLOCK), 0);
	for (int idle = 0; idle < 100; idle++) {
		ssize_t n = write(to[1], ask_limits, sizeof(ask_limits) - 1);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		} else {
			(void)usleep(1000);
		}
		assert_in_range(sent, 0, 8 << 20);
	}
	(void)close(from[0]);
	(void)close(to[1]);
	/* Now that nobody can read any more, it ends. */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- what sshd_config may say --- */

static void options_restrict_or_are_refused(void **state)
{
	static const struct {
		const char *words[6];
		int rc;
	} table[] = {
		{{"-e", "-f", "AUTHPRIV", "-l", "INFO"}, 0},
		{{"-lINFO", "-u077", "-R"}, 0},
		{{"-u", "0027"}, 0},
		{{"-u", "8"}, -1},
		{{"-u", "1000"}, -1},
		{{"-u"}, -1},
		{{"-X"}, -1},
		{{"-h"}, -1},
		{{"-Q", "requests"}, -1},
		{{"more"}, -1},
	};
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *argv[8] = {(char *)(uintptr_t) "sftp-server"};
		struct sftp_options options;
		int argc = 1;

		for (; table[i].words[argc - 1]; argc++)
			argv[argc] =
				(char *)(uintptr_t)table[i].words[argc - 1];
		assert_int_equal(
			sftp_options_parse(argc, argv, &options, &c->server),
			table[i].rc);
	}
}

static void who_may_only_read_changes_nothing(void **state)
{
	static const uint32_t flags[] = {WR, RD | WR, RD | CREATE, RD | TRUNC,
	                                 WR | APPEND};
	struct client *c = *state;

	make_file("f", "old");
	c->server.read_only = true;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		begin_open(c, "f", flags[i]);
		assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	}
	begin_path(c, REMOVE, "f");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	begin_path(c, MKDIR, "d");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	begin_extended(c, "hardlink@openssh.com");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	(void)open_file(c, "f", RD);
	expect_content("f", "old");
}

static void requests_can_be_denied_or_allowed_by_name(void **state)
{
	struct client *c = *state;

	make_file("f", "");
	c->server.deny = "mkdir,remove";
	begin_path(c, REMOVE, "f");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	begin_path(c, STAT, "f");
	assert_int_equal(ask(c), SFTP_ATTRS);
	c->server.allow = "remove,lstat";
	begin_path(c, STAT, "f");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
	begin_path(c, LSTAT, "f");
	assert_int_equal(ask(c), SFTP_ATTRS);
	begin_path(c, REMOVE, "f");
	assert_int_equal(ask_status(c), SFTP_PERMISSION_DENIED);
}

static void the_directory_of_d_knows_home_and_user(void **state)
{
	struct client *c = *state;
	struct sftp_options options = {.directory = "%d/%u%%"};
	char cwd[128];

	assert_int_equal(setenv("HOME", c->directory, 1), 0);
	assert_int_equal(setenv("USER", "ann", 1), 0);
	assert_int_equal(mkdir("ann%", 0700), 0);
	assert_int_equal(sftp_options_apply(&options), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_string_equal(strrchr(cwd, '/'), "/ann%");
	options.directory = "%x";
	assert_int_equal(sftp_options_apply(&options), -1);
	options.directory = "%";
	assert_int_equal(sftp_options_apply(&options), -1);
	options.directory = "/nowhere";
	assert_int_equal(sftp_options_apply(&options), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_that_is_cut_off_is_a_bad_message),
		TEST(what_is_not_known_is_unsupported),
		TEST(a_path_with_a_nul_or_too_long_is_a_bad_message),
		TEST(a_handle_of_any_bytes_is_no_handle),
		TEST(more_names_than_a_packet_holds_are_not_looked_up),
		TEST(who_does_not_greet_first_or_greets_twice_is_not_served),
		TEST(names_of_any_file_do_no_harm),
		TEST(a_stream_may_come_in_pieces),
		TEST(a_length_that_no_packet_has_ends_the_session),
		TEST(who_does_not_read_is_not_listened_to),
		TEST(options_restrict_or_are_refused),
		TEST(who_may_only_read_changes_nothing),
		TEST(requests_can_be_denied_or_allowed_by_name),
		TEST(the_directory_of_d_knows_home_and_user),
		TEST(random_packets_are_answered),
	};

	(void)alarm(100);
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
