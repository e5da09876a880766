/* SPDX-License-Identifier: MIT */
#include "asciicast.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Of a header's strings. */
#define TITLE_MAX 512
#define VALUE_MAX 128

/* What a player shows when nobody said how large it was. */
#define COLUMNS_DEFAULT 80
#define ROWS_DEFAULT 24

/* Where the next byte goes; what is appended always fits, see
 * CTSH_CAST_LINE. */
struct line {
	char *out;
	size_t length;
};

static void append(struct line *line, const void *bytes, size_t length)
{
	memcpy(line->out + line->length, bytes, length);
	line->length += length;
}

static void append_text(struct line *line, const char *text)
{
	append(line, text, strlen(text));
}

static void append_replacement(struct line *line)
{
	append_text(line, "\xef\xbf\xbd");
}

static void append_ascii(struct line *line, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char escape[6] = "\\u00";

	if (byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\') {
		append(line, &byte, 1);
		return;
	}
	escape[4] = digits[byte >> 4];
	escape[5] = digits[byte & 15];
	append(line, escape, sizeof(escape));
}

/* The first byte of a character: RFC 3629, section 4. */
static void begin_character(struct ctsh_cast_stream *s, struct line *line,
                            unsigned char byte)
{
	if (byte < 0x80) {
		append_ascii(line, byte);
		return;
	}
	if (byte < 0xc2 || byte > 0xf4) {
		append_replacement(line);
		return;
	}
	s->held[0] = byte;
	s->count = 1;
	s->need = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	/* Neither longer than it must be, nor a surrogate, nor too large. */
	s->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	s->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
}

static void add(struct ctsh_cast_stream *s, struct line *line,
                unsigned char byte)
{
	if (s->need && (byte < s->low || byte > s->high)) {
		append_replacement(line);
		s->need = s->count = 0;
	}
	if (!s->need) {
		begin_character(s, line, byte);
		return;
	}
	s->held[s->count++] = byte;
	s->low = 0x80;
	s->high = 0xbf;
	if (--s->need)
		return;
	append(line, s->held, s->count);
	s->count = 0;
}

static struct line begin_event(char *out, int64_t time_us, char kind)
{
	/* No double: printf of one may allocate. */
	int length =
		snprintf(out, CTSH_CAST_LINE, "[%" PRId64 ".%06d, \"%c\", \"",
	                 time_us / 1000000, (int)(time_us % 1000000), kind);

	return (struct line){.out = out, .length = (size_t)length};
}

static size_t end_event(struct line *line)
{
	append_text(line, "\"]\n");
	return line->length;
}

size_t ctsh_cast_output(struct ctsh_cast_stream *stream, int64_t time_us,
                        const char *bytes, size_t length, char *out)
{
	struct line line = begin_event(out, time_us, 'o');
	size_t empty = line.length;

	for (size_t i = 0; i < length && i < CTSH_CAST_PORTION; i++)
		add(stream, &line, (unsigned char)bytes[i]);
	return line.length == empty ? 0 : end_event(&line);
}

size_t ctsh_cast_flush(struct ctsh_cast_stream *stream, int64_t time_us,
                       char *out)
{
	struct line line = begin_event(out, time_us, 'o');

	if (!stream->need)
		return 0;
	stream->need = stream->count = 0;
	append_replacement(&line);
	return end_event(&line);
}

size_t ctsh_cast_resize(int64_t time_us, unsigned columns, unsigned rows,
                        char *out)
{
	struct line line = begin_event(out, time_us, 'r');
	char size[32];

	(void)snprintf(size, sizeof(size), "%ux%u", columns, rows);
	append_text(&line, size);
	return end_event(&line);
}

/* The text as what stands between the quotes of a JSON string. */
static void append_string(struct line *line, const char *text, size_t max)
{
	struct ctsh_cast_stream stream = {.need = 0};

	for (size_t i = 0; text[i] && i < max; i++)
		add(&stream, line, (unsigned char)text[i]);
	if (stream.need)
		append_replacement(line);
}

size_t ctsh_cast_marker(int64_t time_us, const char *text, char *out)
{
	struct line line = begin_event(out, time_us, 'm');

	append_string(&line, text, CTSH_CAST_PORTION);
	return end_event(&line);
}

static void append_member(struct line *line, const char *before,
                          const char *value, size_t max)
{
	append_text(line, before);
	append_string(line, value, max);
	append_text(line, "\"");
}

size_t ctsh_cast_header(const struct ctsh_cast_header *header, char *out)
{
	/* A player can do nothing with a terminal of no size. */
	bool known = header->columns && header->rows;
	int length =
		snprintf(out, CTSH_CAST_LINE,
	                 "{\"version\": 2, \"width\": %u, \"height\": %u, "
	                 "\"timestamp\": %" PRId64,
	                 known ? header->columns : COLUMNS_DEFAULT,
	                 known ? header->rows : ROWS_DEFAULT, header->time);
	struct line line = {.out = out, .length = (size_t)length};

	append_member(&line, ", \"title\": \"", header->title, TITLE_MAX);
	append_text(&line, ", \"env\": {");
	if (header->term)
		append_member(&line, "\"TERM\": \"", header->term, VALUE_MAX);
	if (header->term && header->shell)
		append_text(&line, ", ");
	if (header->shell)
		append_member(&line, "\"SHELL\": \"", header->shell, VALUE_MAX);
	append_text(&line, "}}\n");
	return line.length;
}
