/* SPDX-License-Identifier: MIT */
/*
 * sftp_client.h - one server in this process, an empty directory, and requests
 * made by hand.
 *
 * Privilege: none.
 * Trust:     none; for tests.  Include after cmocka.h.
 */
#ifndef CTSH_TESTS_SFTP_CLIENT_H
#define CTSH_TESTS_SFTP_CLIENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../sftp/server.h"

enum {
	INIT = 1,
	OPEN = 3,
	CLOSE,
	READ,
	WRITE,
	LSTAT,
	FSTAT,
	SETSTAT,
	FSETSTAT,
	OPENDIR,
	READDIR,
	REMOVE,
	MKDIR,
	RMDIR,
	REALPATH,
	STAT,
	RENAME,
	READLINK,
	SYMLINK,
	EXTENDED = 200,
};
enum { RD = 1, WR = 2, APPEND = 4, CREATE = 8, TRUNC = 16, EXCL = 32 };

struct client {
	struct sftp_server server;
	char directory[64];
	uint8_t packet[2 * SFTP_PACKET_MAX];
	struct sftp_writer w;
	struct sftp_reader answer; /* behind its id */
	uint32_t id;
};

static inline void begin(struct client *c, uint8_t type)
{
	c->w = (struct sftp_writer){.start = c->packet,
	                            .size = sizeof(c->packet)};
	sftp_put_u8(&c->w, type);
	sftp_put_u32(&c->w, ++c->id);
}

/* Sends what was begun; the type of the only answer. */
static inline unsigned ask(struct client *c)
{
	struct sftp_writer *out = &c->server.out;
	unsigned type;

	assert_false(c->w.full);
	out->used = 0;
	assert_int_equal(sftp_answer(&c->server, c->packet, c->w.used), 0);
	c->answer = (struct sftp_reader){.at = out->start, .left = out->used};
	assert_int_equal(sftp_get_u32(&c->answer), out->used - 4);
	type = sftp_get_u8(&c->answer);
	assert_int_equal(sftp_get_u32(&c->answer), c->id);
	assert_false(c->answer.bad);
	return type;
}

static inline unsigned ask_status(struct client *c)
{
	assert_int_equal(ask(c), SFTP_STATUS);
	return sftp_get_u32(&c->answer);
}

/* A request of one path. */
static inline void begin_path(struct client *c, uint8_t type, const char *path)
{
	begin(c, type);
	sftp_put_text(&c->w, path);
}

static inline void begin_two(struct client *c, uint8_t type, const char *a,
                             const char *b)
{
	begin_path(c, type, a);
	sftp_put_text(&c->w, b);
}

static inline void begin_extended(struct client *c, const char *name)
{
	begin_path(c, EXTENDED, name);
}

/* The bytes of a handle, as they came. */
struct word {
	uint8_t bytes[256];
	size_t length;
};

static inline struct word take_word(struct client *c)
{
	struct word word = {.length = 0};
	const uint8_t *at = sftp_get_string(&c->answer, &word.length);

	assert_non_null(at);
	assert_in_range(word.length, 1, sizeof(word.bytes));
	memcpy(word.bytes, at, word.length);
	return word;
}

static inline void begin_open(struct client *c, const char *path,
                              uint32_t flags)
{
	begin_path(c, OPEN, path);
	sftp_put_u32(&c->w, flags);
	sftp_put_u32(&c->w, 0);
}

static inline struct word open_file(struct client *c, const char *path,
                                    uint32_t flags)
{
	begin_open(c, path, flags);
	assert_int_equal(ask(c), SFTP_HANDLE);
	return take_word(c);
}

static inline void begin_word(struct client *c, uint8_t type,
                              const struct word *word)
{
	begin(c, type);
	sftp_put_string(&c->w, word->bytes, word->length);
}

static inline unsigned close_word(struct client *c, const struct word *word)
{
	begin_word(c, CLOSE, word);
	return ask_status(c);
}

static inline unsigned write_to(struct client *c, const struct word *word,
                                uint64_t offset, const char *text)
{
	begin_word(c, WRITE, word);
	sftp_put_u64(&c->w, offset);
	sftp_put_text(&c->w, text);
	return ask_status(c);
}

static inline unsigned ask_read(struct client *c, const struct word *word,
                                uint64_t offset, uint32_t length)
{
	begin_word(c, READ, word);
	sftp_put_u64(&c->w, offset);
	sftp_put_u32(&c->w, length);
	return ask(c);
}

static inline void expect_content(const char *path, const char *content)
{
	char have[256] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	(void)!fread(have, 1, sizeof(have) - 1, file);
	(void)fclose(file);
	assert_string_equal(have, content);
}

static inline void make_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(content, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
}

static inline int set_up(void **state)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	strcpy(c->directory, "/tmp/ctsh-sftp-XXXXXX");
	if (!mkdtemp(c->directory) || chdir(c->directory) ||
	    sftp_server_open(&c->server))
		return -1;
	(void)umask(022);
	c->server.greeted = true;
	*state = c;
	return 0;
}

static inline int tear_down(void **state)
{
	struct client *c = *state;
	char command[128];

	sftp_server_close(&c->server);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", c->directory);
	if (chdir("/") || system(command))
		return -1;
	free(c);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
