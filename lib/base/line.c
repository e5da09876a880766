/* SPDX-License-Identifier: MIT */
#include "line.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "text.h"

#define REASON_MAX_BYTES 1280

void ctsh_line_reference(char ref[CTSH_LINE_REF])
{
	uint32_t number = 0;

	/* It names a login, it keeps no secret: no waiting for entropy. */
	if (getrandom(&number, sizeof(number), GRND_INSECURE) != sizeof(number))
		number = (uint32_t)getpid();
	(void)snprintf(ref, CTSH_LINE_REF, "%08" PRIx32, number);
}

void ctsh_line_quote(char *out, size_t size, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.@#$%+:-";

	if (*text && !text[strspn(text, plain)]) {
		ctsh_text_escape(out, size, text);
		return;
	}
	out[0] = '"';
	ctsh_text_escape(out + 1, size - 2, text);
	memcpy(out + strlen(out), "\"", 2);
}

void ctsh_line_refused(char *out, size_t size, const char *user,
                       const struct ctsh_error *err)
{
	char quoted[CTSH_LINE_USER], reason[REASON_MAX_BYTES];

	ctsh_line_quote(quoted, sizeof(quoted), user);
	ctsh_text_escape(reason, sizeof(reason), err->what);
	(void)snprintf(out, size, "refused user=%s code=%s reason=\"%s\"",
	               quoted, ctsh_code_name(err->code), reason);
}

/* The administrator's own words may be in any language; a terminal must not
 * take a byte of them for a command. */
static void make_harmless(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

void ctsh_line_sentence(char *out, size_t size, const char *ref,
                        const struct ctsh_error *err)
{
	char sentence[sizeof(err->say)];

	(void)snprintf(sentence, sizeof(sentence), "%s",
	               err->say[0] ? err->say : ctsh_code_sentence(err->code));
	make_harmless(sentence);
	(void)snprintf(out, size, "ctsh: %s [%s %s]", sentence,
	               ctsh_code_name(err->code), ref);
}
