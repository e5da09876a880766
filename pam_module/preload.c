/* SPDX-License-Identifier: MIT */
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <nss.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "../lib/base/clean.h"
#include "../lib/base/fdio.h"

#define NSSWITCH "/etc/nsswitch.conf"
#define NSSWITCH_MAX 65536
#define SERVICES_MAX 1024
#define WORD_MAX 256

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

/* The next word of a line, or false; brackets may hold blanks.  One that is too
 * long to be anything is cut, and cannot be loaded then. */
static bool next_word(const char **rest, char word[WORD_MAX])
{
	const char *start = *rest + strspn(*rest, " \t");
	size_t length = strcspn(start, *start == '[' ? "]" : " \t[");

	if (!*start)
		return false;
	if (*start == '[' && start[length])
		length++;
	*rest = start + length;
	(void)snprintf(word, WORD_MAX, "%.*s", (int)length, start);
	return true;
}

static int fix(const char *database, const char *rest, struct ctsh_error *err)
{
	struct services s = {.kept = false};
	char word[WORD_MAX];

	while (next_word(&rest, word))
		take_word(&s, word);
	/* None at all would be no answer to give libc.  Of a database that it
	 * does not know it says no more than -1. */
	errno = 0;
	if (__nss_configure_lookup(database, s.text[0] ? s.text : "files") &&
	    errno)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, NSSWITCH ": fix %s",
		                 database);
	return 0;
}

static int take_line(char *line, struct ctsh_error *err)
{
	char *colon;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	colon = strchr(line, ':');
	if (!colon)
		return 0;
	*colon = '\0';
	line[strcspn(line, " \t")] = '\0';
	return fix(line, colon + 1, err);
}

/* NULL with errno.  A link, as authselect(8) makes it, is followed. */
static char *read_nsswitch(void)
{
	ctsh_autoclose int fd = open(NSSWITCH, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = fd < 0 ? NULL : calloc(1, NSSWITCH_MAX + 1);

	if (text && ctsh_read_all(fd, text, NSSWITCH_MAX) < 0)
		ctsh_free_at(&text);
	return text;
}

/* Where nothing is written for these, some libc looks for NIS.  With the first
 * of them it is settled that no part of the file is read again. */
static int fix_defaults(struct ctsh_error *err)
{
	if (fix("aliases", "files", err) || fix("netgroup", "files", err))
		return -1;
	return fix("publickey", "files", err);
}

static int load_services(struct ctsh_error *err)
{
	ctsh_autofree char *text = read_nsswitch();
	char *rest = text, *line;

	if (!text && errno != ENOENT)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, NSSWITCH);
	if (fix_defaults(err))
		return -1;
	while (rest && (line = strsep(&rest, "\n")))
		if (take_line(line, err))
			return -1;
	return 0;
}

int ctsh_pam_preload(struct ctsh_error *err)
{
	mbstate_t state = {0};
	wchar_t wide;

	if (load_services(err))
		return -1;
	/* libc wants it to end a thread, at that moment. */
	if (!is_there("libgcc_s.so.1"))
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "load libgcc_s.so.1");
	/* Catalogues are files of the container's, and their charset may need a
	 * module.  That of the locale is loaded by its first use. */
	(void)setlocale(LC_MESSAGES, "C");
	(void)mbrtowc(&wide, "x", 1, &state);
	return 0;
}
