/* SPDX-License-Identifier: MIT */
#include "locale.h"

#include <string.h>

#include "../base/text.h"

#define LAST_RESORT "C.UTF-8"

bool ctsh_locale_is_named_by(const char *variable)
{
	static const char *const names[] = {
		"LANG",           "LC_ALL",           "LC_CTYPE",
		"LC_NUMERIC",     "LC_TIME",          "LC_COLLATE",
		"LC_MONETARY",    "LC_MESSAGES",      "LC_PAPER",
		"LC_NAME",        "LC_ADDRESS",       "LC_TELEPHONE",
		"LC_MEASUREMENT", "LC_IDENTIFICATION"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], variable))
			return true;
	return false;
}

static bool is_built_in(const char *name)
{
	return !strcmp(name, "C") || !strcmp(name, "POSIX");
}

/* Its index, or the count. */
static unsigned find(const struct ctsh_locales *asked, const char *name)
{
	unsigned i;

	for (i = 0; i < asked->count; i++)
		if (!strcmp(asked->name[i], name))
			break;
	return i;
}

static void add(struct ctsh_locales *asked, const char *name)
{
	if (find(asked, name) == asked->count &&
	    asked->count < CTSH_LOCALES_MAX &&
	    ctsh_text_copy(asked->name[asked->count], CTSH_LOCALE_MAX, name))
		asked->count++;
}

void ctsh_locale_ask(struct ctsh_locales *asked, const char *name)
{
	if (is_built_in(name))
		return;
	add(asked, LAST_RESORT);
	add(asked, name);
}

bool ctsh_locale_is_there(const struct ctsh_locales *asked, uint32_t seen,
                          const char *name)
{
	unsigned i = find(asked, name);

	return is_built_in(name) || (i < asked->count && seen >> i & 1);
}

const char *ctsh_locale_instead(const struct ctsh_locales *asked, uint32_t seen)
{
	return ctsh_locale_is_there(asked, seen, LAST_RESORT) ? LAST_RESORT
	                                                      : "C";
}
