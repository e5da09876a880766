/* SPDX-License-Identifier: MIT */
#include "guest_keys.h"

#include <stddef.h>
#include <string.h>

#include "config_rule.h"

enum kind { FLAG, NUMBER, TEXT, LIST, RECORDS };

int ctsh_rule_set_trust_container(struct ctsh_rule *rule,
                                  const struct ctsh_setting *setting,
                                  struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "false", "true",
	                           &rule->trust_container, err);
}

/* Who would have to carry it out, and is not there. */
#define SUPERVISOR "no process of ours watches the session"
#define SERVICE "the service decides that, and not the rule"
#define FORWARDS "the service forwards by itself"

#define MEMBER(member) offsetof(struct ctsh_rule, member)

static const struct key {
	const char *name;
	const char *why;
	enum kind kind;
	size_t member;
} keys[] = {
	{"missing_user", "the service looks the user up inside", FLAG,
         MEMBER(missing_user_numeric)},
	{"groups", "the service takes the groups that it finds inside", FLAG,
         MEMBER(container_groups)},
	{"shell", SERVICE, TEXT, MEMBER(shell)},
	{"directory", SERVICE, TEXT, MEMBER(directory)},
	{"keep_env", SERVICE, LIST, MEMBER(keep_env)},
	{"set_env", SERVICE, LIST, MEMBER(set_env)},
	{"container_env", SERVICE, FLAG, MEMBER(container_env)},
	{"agent_forwarding", FORWARDS, FLAG, MEMBER(agent_forwarding)},
	{"x11_forwarding", FORWARDS, FLAG, MEMBER(x11_forwarding)},
	{"forward_socket", FORWARDS, LIST, MEMBER(forward_socket)},
	{"on_disconnect", SUPERVISOR, FLAG, MEMBER(kill_at_end)},
	{"idle_timeout", SUPERVISOR, NUMBER, MEMBER(idle_timeout)},
	{"max_session", SUPERVISOR, NUMBER, MEMBER(max_session)},
	{"max_sessions", SUPERVISOR, NUMBER, MEMBER(max_sessions)},
	{"stop_after", SUPERVISOR, NUMBER, MEMBER(stop_after)},
	{"record", SUPERVISOR, FLAG, MEMBER(record_output)},
	{"record_dir", SUPERVISOR, RECORDS, MEMBER(record_dir)},
	{"record_max", SUPERVISOR, NUMBER, MEMBER(record_max)},
	{"record_full", SUPERVISOR, FLAG, MEMBER(record_stops)},
};

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(char *const *a, char *const *b)
{
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

static bool is_same(const struct key *key, const struct ctsh_rule *one,
                    const struct ctsh_rule *other)
{
	const void *a = (const char *)one + key->member;
	const void *b = (const char *)other + key->member;

	switch (key->kind) {
	case FLAG:
		return *(const bool *)a == *(const bool *)b;
	case NUMBER:
		return *(const unsigned *)a == *(const unsigned *)b;
	case TEXT:
		return same_text(*(char *const *)a, *(char *const *)b);
	case RECORDS:
		/* The shipped file says what is built in. */
		return same_text(*(char *const *)a ?: CTSH_LOGDIR,
		                 *(char *const *)b ?: CTSH_LOGDIR);
	case LIST:
		return same_list(*(char **const *)a, *(char **const *)b);
	}
	return false;
}

int ctsh_guest_keys_check(const struct ctsh_rule *rule, struct ctsh_error *err)
{
	struct ctsh_rule plain;
	const struct key *other = NULL;

	if (ctsh_rule_init(&plain, err))
		return -1;
	for (size_t i = 0; !other && i < sizeof(keys) / sizeof(*keys); i++)
		if (!is_same(&keys[i], rule, &plain))
			other = &keys[i];
	ctsh_rule_clear(&plain);
	if (!other)
		return 0;
	return ctsh_fail(err, CTSH_E_CONFIG, 0,
	                 "%s:%d: %s cannot be set with join=all: %s",
	                 rule->file, rule->line, other->name, other->why);
}
