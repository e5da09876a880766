/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "forward.h"
#include "locale.h"

#define LETTERS_DIGITS               \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789"

#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define NAME_MAX_LENGTH 255
#define SHORT_VALUE_MAX 63

/* item[0] is left to SHELL. */
struct list {
	char **item;
	size_t count;
	size_t room;
};

static bool is_any_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

/* Set last, by us alone. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {"HOME", "USER", "LOGNAME", "SHELL",
	                                   NULL};

	return is_any_of(name, ours);
}

/* True of the init's process or login, not of a new session's. */
static bool is_the_inits(const char *name)
{
	static const char *const inits[] = {"TERM",
	                                    "PWD",
	                                    "OLDPWD",
	                                    "SHLVL",
	                                    "_",
	                                    "SSH_CONNECTION",
	                                    "SSH_CLIENT",
	                                    "SSH_AUTH_SOCK",
	                                    "SSH_ORIGINAL_COMMAND",
	                                    "NOTIFY_SOCKET",
	                                    "LISTEN_PID",
	                                    "LISTEN_FDS",
	                                    "LISTEN_FDNAMES",
	                                    NULL};

	return is_any_of(name, inits);
}

/* The place of another login: only the rule or we know one. */
static bool is_elsewheres(const char *name)
{
	static const char *const names[] = {"SSH_TTY", "XDG_RUNTIME_DIR",
	                                    "XDG_SESSION_ID", NULL};

	return is_any_of(name, names);
}

/* bash once took a value that begins so for a function, and ran what stood
 * behind it. */
static bool is_function(const char *value)
{
	return !strncmp(value, "()", 2);
}

static bool consists_of(const char *value, const char *set, size_t max)
{
	size_t length = strspn(value, set);

	return length && length <= max && !value[length];
}

static bool is_clean(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return false;
	return true;
}

/* libc opens what TZ names; what reads it inside has no power, but a path of
 * the host's has no meaning there either. */
static bool is_time_zone(const char *value)
{
	return *value != '/' && *value != ':' && !strstr(value, "..") &&
	       ctsh_text_is_printable(value);
}

bool ctsh_environment_is_harmless(const char *name, const char *value)
{
	if (!is_clean(value) || is_function(value))
		return false;
	if (!strcmp(name, "TERM"))
		return consists_of(value, LETTERS_DIGITS "._+-",
		                   SHORT_VALUE_MAX);
	if (!strcmp(name, "LANG") || !strcmp(name, "LANGUAGE") ||
	    !strncmp(name, "LC_", 3))
		return consists_of(value, LETTERS_DIGITS "_.@:-",
		                   CTSH_LOCALE_MAX - 1);
	if (!strcmp(name, "TZ"))
		return is_time_zone(value);
	return true;
}

/* The name of "NAME=value" into `name`; the value, or NULL without a valid
 * name. */
static const char *take_name(const char *variable,
                             char name[NAME_MAX_LENGTH + 1])
{
	size_t length = strcspn(variable, "=");

	if (variable[length] != '=' || length > NAME_MAX_LENGTH ||
	    !ctsh_text_is_env_name(variable, length))
		return NULL;
	memcpy(name, variable, length);
	name[length] = '\0';
	return variable + length + 1;
}

static size_t find(const struct list *list, const char *name)
{
	size_t length = strlen(name);
	size_t i;

	for (i = 1; i < list->count; i++)
		if (!strncmp(list->item[i], name, length) &&
		    list->item[i][length] == '=')
			break;
	return i;
}

/* Room for one more and the NULL behind it. */
static int grow(struct list *list)
{
	size_t room = list->room ? list->room * 2 : 64;
	char **item;

	if (list->count + 1 < list->room)
		return 0;
	item = reallocarray(list->item, room, sizeof(*item));
	if (!item)
		return -1;
	list->item = item;
	list->room = room;
	return 0;
}

/* Puts NAME=VALUE in the place of what has that name.  0, or -1 without
 * memory. */
static int put(struct list *list, const char *name, const char *value)
{
	size_t name_length = strlen(name), value_length = strlen(value);
	size_t at = find(list, name);
	char *made;

	if (grow(list))
		return -1;
	made = malloc(name_length + value_length + 2);
	if (!made)
		return -1;
	memcpy(made, name, name_length);
	made[name_length] = '=';
	memcpy(made + name_length + 1, value, value_length + 1);
	if (at < list->count) {
		free(list->item[at]);
	} else {
		list->count++;
		list->item[list->count] = NULL;
	}
	list->item[at] = made;
	return 0;
}

static int start(struct list *list)
{
	if (grow(list))
		return -1;
	list->item[0] = NULL;
	list->item[1] = NULL;
	list->count = 1;
	return 0;
}

/* What the last NUL does not end was cut off and is left out. */
static int add_container(struct list *list,
                         const struct ctsh_interior *interior)
{
	char name[NAME_MAX_LENGTH + 1];
	const char *at = interior->environ;
	size_t left = interior->environ_length;
	size_t taken = 0;
	const char *end;

	if (left > sizeof(interior->environ))
		left = 0;
	while (taken < CTSH_ENV_CONTAINER_MAX && left &&
	       (end = memchr(at, '\0', left))) {
		const char *value = take_name(at, name);

		left -= (size_t)(end - at) + 1;
		at = end + 1;
		if (!value || is_ours(name) || is_the_inits(name) ||
		    is_elsewheres(name) || is_function(value))
			continue;
		if (put(list, name, value))
			return -1;
		taken++;
	}
	return 0;
}

/* A search path of the host's means nothing inside: a pattern that happens to
 * fit does not bring it along, only its name does. */
static bool is_kept(char *const *patterns, const char *name)
{
	bool exact = !strcmp(name, "PATH");

	for (; patterns && *patterns; patterns++)
		if (exact ? !strcmp(*patterns, name)
		          : ctsh_text_glob(*patterns, name))
			return true;
	return false;
}

/* The value that is kept of a variable of the caller's, whose name goes to
 * `name`; or NULL. */
static const char *keep(char *const *patterns, const char *variable,
                        char name[NAME_MAX_LENGTH + 1])
{
	const char *value = take_name(variable, name);

	if (!value || is_ours(name) || is_elsewheres(name) ||
	    ctsh_forward_decides(name) || !is_kept(patterns, name) ||
	    !ctsh_environment_is_harmless(name, value))
		return NULL;
	return value;
}

void ctsh_environment_locales(const struct ctsh_rule *rule,
                              const char *const *caller,
                              struct ctsh_locales *asked)
{
	char name[NAME_MAX_LENGTH + 1];

	asked->count = 0;
	for (; caller && *caller; caller++) {
		const char *value = keep(rule->keep_env, *caller, name);

		if (value && ctsh_locale_is_named_by(name))
			ctsh_locale_ask(asked, value);
	}
}

static int add_caller(struct list *list, const struct ctsh_rule *rule,
                      const struct ctsh_interior *interior,
                      const char *const *caller)
{
	char name[NAME_MAX_LENGTH + 1];
	struct ctsh_locales asked;
	size_t taken = 0;

	ctsh_environment_locales(rule, caller, &asked);
	for (; caller && *caller && taken < CTSH_ENV_CALLER_MAX; caller++) {
		const char *value = keep(rule->keep_env, *caller, name);

		if (!value)
			continue;
		if (ctsh_locale_is_named_by(name) &&
		    !ctsh_locale_is_there(&asked, interior->locales, value)) {
			/* The image's own choice is there. */
			if (find(list, name) < list->count)
				continue;
			value = ctsh_locale_instead(&asked, interior->locales);
		}
		if (put(list, name, value))
			return -1;
		taken++;
	}
	return 0;
}

static int add_rule(struct list *list, char *const *set)
{
	char name[NAME_MAX_LENGTH + 1];

	for (; set && *set; set++) {
		const char *value = take_name(*set, name);

		if (value && !is_ours(name) && put(list, name, value))
			return -1;
	}
	return 0;
}

static int add_default(struct list *list, const char *name, const char *value)
{
	if (find(list, name) < list->count)
		return 0;
	return put(list, name, value);
}

static bool has_variable(const char *const *variables, const char *wanted)
{
	char name[NAME_MAX_LENGTH + 1];

	for (; variables && *variables; variables++)
		if (take_name(*variables, name) && !strcmp(name, wanted))
			return true;
	return false;
}

/* The name of the terminal as the container's own devpts has it. */
static int add_ssh_tty(struct list *list, const struct ctsh_request *request)
{
	char path[32];

	if (!request->terminal || !has_variable(request->caller, "SSH_TTY"))
		return 0;
	(void)snprintf(path, sizeof(path), "/dev/pts/%u",
	               request->terminal_number);
	return add_default(list, "SSH_TTY", path);
}

/* What a login always has.  A terminal of unknown kind is "dumb", as
 * login(1) has it. */
static int add_ours(struct list *list, const struct ctsh_request *request,
                    const struct ctsh_identity *identity)
{
	if (add_default(list, "PATH", DEFAULT_PATH) ||
	    (request->terminal && add_default(list, "TERM", "dumb")) ||
	    add_ssh_tty(list, request))
		return -1;
	return put(list, "HOME", identity->home) ||
	                       put(list, "USER", identity->name) ||
	                       put(list, "LOGNAME", identity->name)
	               ? -1
	               : 0;
}

int ctsh_environment_build(const struct ctsh_rule *rule,
                           const struct ctsh_interior *interior,
                           const struct ctsh_request *request,
                           const struct ctsh_identity *identity, char ***env,
                           struct ctsh_error *err)
{
	struct list list = {0};

	if (start(&list) ||
	    (rule->container_env && add_container(&list, interior)) ||
	    add_caller(&list, rule, interior, request->caller) ||
	    add_rule(&list, rule->set_env) ||
	    add_ours(&list, request, identity)) {
		ctsh_environment_free(&list.item);
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "environment");
	}
	*env = list.item;
	return 0;
}

int ctsh_environment_add_userdir(struct ctsh_plan *plan, struct ctsh_error *err)
{
	struct list list = {.item = plan->env, .count = 1};
	char path[40];
	int rc;

	while (list.item[list.count])
		list.count++;
	list.room = list.count + 1;
	(void)snprintf(path, sizeof(path), "/run/user/%u", plan->uid);
	rc = add_default(&list, "XDG_RUNTIME_DIR", path);
	plan->env = list.item;
	return rc ? ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "environment") : 0;
}

void ctsh_environment_free(char ***env)
{
	size_t i;

	for (i = 1; *env && (*env)[i]; i++)
		ctsh_free_at(&(*env)[i]);
	ctsh_free_at(env);
}
