/* SPDX-License-Identifier: MIT */
#include "preload.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <nss.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "../lib/base/clean.h"
#include "../lib/base/fdio.h"

#define NSSWITCH "/etc/nsswitch.conf"
#define NSSWITCH_MAX 65536
#define SERVICES_MAX 1024

static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

/* One database's services, as they are to be. */
struct services {
	char text[SERVICES_MAX];
	bool kept; /* the last one was */
};

static bool is_there(const char *library)
{
	/* Never unloaded: found by its name from now on, and by no path. */
	return dlopen(library, RTLD_NOW | RTLD_NODELETE) != NULL;
}

/* Parts of libc itself, in some of its versions. */
static bool is_built_in(const char *service)
{
	return strcmp(service, "files") == 0 || strcmp(service, "dns") == 0;
}

static bool can_load(const char *service)
{
	char library[80];
	int length =
		snprintf(library, sizeof(library), "libnss_%s.so.2", service);

	if (length >= (int)sizeof(library) ||
	    service[strspn(service, name_characters)])
		return false;
	return is_there(library) || is_built_in(service);
}

static void append(struct services *s, const char *word)
{
	size_t used = strlen(s->text);

	if (used + strlen(word) + 2 <= sizeof(s->text))
		(void)snprintf(s->text + used, sizeof(s->text) - used, "%s%s",
		               used ? " " : "", word);
}

/* "[NOTFOUND=return]" belongs to the service before it. */
static void take_word(struct services *s, const char *word)
{
	if (*word != '[')
		s->kept = can_load(word);
	if (s->kept)
		append(s, word);
}

/* The next word of a line, or NULL; brackets may hold blanks. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	size_t length = strcspn(word, *word == '[' ? "]" : " \t[");

	if (!*word)
		return NULL;
	if (*word == '[' && word[length])
		length++;
	*rest = word + length;
	return strndup(word, length);
}

static void fix(const char *database, char *rest)
{
	struct services s = {.kept = false};
	char *word;

	while ((word = next_word(&rest))) {
		take_word(&s, word);
		free(word);
	}
	/* None at all would be no answer to give libc. */
	(void)__nss_configure_lookup(database, s.text[0] ? s.text : "files");
}

static void take_line(char *line)
{
	char *colon;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	colon = strchr(line, ':');
	if (!colon)
		return;
	*colon = '\0';
	line[strcspn(line, " \t")] = '\0';
	fix(line, colon + 1);
}

static void load_services(void)
{
	ctsh_autofree char *text = NULL;
	char *rest, *line;

	text = ctsh_read_file_at(AT_FDCWD, NSSWITCH, NSSWITCH_MAX, NULL);
	rest = text;
	while (rest && (line = strsep(&rest, "\n")))
		take_line(line);
	/* Whatever was written: no part of it is read again. */
	(void)__nss_configure_lookup("aliases", "files");
}

void ctsh_pam_preload(void)
{
	mbstate_t state = {0};
	wchar_t wide;

	load_services();
	/* libc wants it to end a thread, at that moment. */
	(void)is_there("libgcc_s.so.1");
	/* Catalogues are files of the container's, and their charset may need a
	 * module.  That of the locale is loaded by its first use. */
	(void)setlocale(LC_MESSAGES, "C");
	(void)mbrtowc(&wide, "x", 1, &state);
}
