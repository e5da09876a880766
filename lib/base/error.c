/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const struct {
	const char *name;
	const char *sentence;
} codes[CTSH_CODE_COUNT] = {
	[CTSH_OK] = {"OK", "Nothing failed."},
	[CTSH_E_USAGE] = {"E_USAGE", "Unsupported options."},
	[CTSH_E_CONFIG] = {"E_CONFIG", "Your login is not set up correctly."},
	[CTSH_E_DENIED] = {"E_DENIED", "You may not log in here."},
	[CTSH_E_ABSENT] = {"E_ABSENT", "Your container is not running."},
	[CTSH_E_PAUSED] = {"E_PAUSED", "Your container is paused."},
	[CTSH_E_GONE] = {"E_GONE", "Your container stopped during login."},
	[CTSH_E_ENGINE] = {"E_ENGINE",
                           "The container service does not answer."},
	[CTSH_E_UNSAFE] = {"E_UNSAFE",
                           "Your container cannot be entered safely."},
	[CTSH_E_IDENTITY] = {"E_IDENTITY",
                             "You have no account in your container."},
	[CTSH_E_LIMIT] = {"E_LIMIT", "You have too many sessions."},
	[CTSH_E_SHELL] = {"E_SHELL", "Your shell could not be started."},
	[CTSH_E_SYSTEM] = {"E_SYSTEM", "Something failed on this machine."},
};

static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

/* A table lookup: no locale, no allocation.  musl has words, and no names. */
static const char *errno_name(int sys)
{
#ifdef __GLIBC__
	return strerrorname_np(sys);
#else
	return strerror(sys);
#endif
}

int ctsh_fail(struct ctsh_error *err, enum ctsh_code code, int sys,
              const char *fmt, ...)
{
	int saved = errno;
	size_t used;
	va_list ap;

	err->code = code;
	err->sys = sys;
	err->coming = CTSH_COMING_NOT;
	err->say[0] = '\0';
	va_start(ap, fmt);
	if (vsnprintf(err->what, sizeof(err->what), fmt, ap) < 0)
		err->what[0] = '\0';
	va_end(ap);
	used = strlen(err->what);
	if (sys)
		(void)snprintf(err->what + used, sizeof(err->what) - used,
		               ": %s", errno_name(sys) ?: "unknown");
	make_printable(err->what);
	errno = saved;
	return -1;
}

void ctsh_error_tidy(struct ctsh_error *err)
{
	err->what[sizeof(err->what) - 1] = '\0';
	err->say[sizeof(err->say) - 1] = '\0';
	make_printable(err->what);
	make_printable(err->say);
	if ((unsigned)err->code >= CTSH_CODE_COUNT || err->code == CTSH_OK)
		err->code = CTSH_E_SYSTEM;
}

void ctsh_error_name_shell(struct ctsh_error *err, const char *path)
{
	/* Long enough to be known again. */
	char name[160];

	ctsh_text_escape(name, sizeof(name), path);
	(void)snprintf(err->say, sizeof(err->say), "Your shell %s %s.", name,
	               err->sys == ENOENT ? "was not found"
	                                  : "could not be started");
}

static enum ctsh_code known(enum ctsh_code code)
{
	return (unsigned)code < CTSH_CODE_COUNT ? code : CTSH_E_SYSTEM;
}

const char *ctsh_code_name(enum ctsh_code code)
{
	return codes[known(code)].name;
}

const char *ctsh_code_sentence(enum ctsh_code code)
{
	return codes[known(code)].sentence;
}
