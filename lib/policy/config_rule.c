/* SPDX-License-Identifier: MIT */
#include "config_rule.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "config_owner.h"
#include "config_start.h"
#include "guest_keys.h"

#define RULE_ONLY CTSH_IN_RULE
#define NO_DEFAULT (CTSH_IN_RULE | CTSH_IN_USERS)
#define EVERYWHERE (CTSH_IN_RULE | CTSH_IN_USERS | CTSH_IN_DEFAULTS)

/* Names a connection of ssh and a terminal need, and no more. */
static const char *const keep_env_default[] = {
	"TERM", "COLORTERM",      "LANG",       "LC_*",
	"TZ",   "SSH_CONNECTION", "SSH_CLIENT",
};

/* -- one function for each key ----------------------------------------- */

static int set_match(struct ctsh_rule *rule, const struct ctsh_setting *setting,
                     struct ctsh_error *err)
{
	return ctsh_setting_matches(setting, &rule->matches, &rule->match_count,
	                            err);
}

static int set_container(struct ctsh_rule *rule,
                         const struct ctsh_setting *setting,
                         struct ctsh_error *err)
{
	if (ctsh_setting_container(setting, &rule->container, err) < 0)
		return -1;
	ctsh_rule_note_engine(rule, setting);
	return 0;
}

static int set_deny(struct ctsh_rule *rule, const struct ctsh_setting *setting,
                    struct ctsh_error *err)
{
	return ctsh_setting_sentence(setting, &rule->deny, err);
}

static int set_user(struct ctsh_rule *rule, const struct ctsh_setting *setting,
                    struct ctsh_error *err)
{
	return ctsh_setting_user(setting, rule, err);
}

static int set_missing_user(struct ctsh_rule *rule,
                            const struct ctsh_setting *setting,
                            struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "deny", "numeric",
	                           &rule->missing_user_numeric, err);
}

static int set_allow_root(struct ctsh_rule *rule,
                          const struct ctsh_setting *setting,
                          struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "false", "true", &rule->allow_root,
	                           err);
}

static int set_groups(struct ctsh_rule *rule,
                      const struct ctsh_setting *setting,
                      struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "none", "container",
	                           &rule->container_groups, err);
}

static int set_shell(struct ctsh_rule *rule, const struct ctsh_setting *setting,
                     struct ctsh_error *err)
{
	return ctsh_setting_path(setting, true, &rule->shell, err);
}

static int set_directory(struct ctsh_rule *rule,
                         const struct ctsh_setting *setting,
                         struct ctsh_error *err)
{
	return ctsh_setting_path(setting, true, &rule->directory, err);
}

static int set_keep_env(struct ctsh_rule *rule,
                        const struct ctsh_setting *setting,
                        struct ctsh_error *err)
{
	return ctsh_setting_keep_env(setting, &rule->keep_env, err);
}

static int set_set_env(struct ctsh_rule *rule,
                       const struct ctsh_setting *setting,
                       struct ctsh_error *err)
{
	return ctsh_setting_set_env(setting, &rule->set_env, err);
}

static int set_container_env(struct ctsh_rule *rule,
                             const struct ctsh_setting *setting,
                             struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "false", "true",
	                           &rule->container_env, err);
}

static int set_agent_forwarding(struct ctsh_rule *rule,
                                const struct ctsh_setting *setting,
                                struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "false", "true",
	                           &rule->agent_forwarding, err);
}

static int set_x11_forwarding(struct ctsh_rule *rule,
                              const struct ctsh_setting *setting,
                              struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "false", "true",
	                           &rule->x11_forwarding, err);
}

static int set_forward_socket(struct ctsh_rule *rule,
                              const struct ctsh_setting *setting,
                              struct ctsh_error *err)
{
	return ctsh_setting_forward_socket(setting, &rule->forward_socket, err);
}

static int set_share(struct ctsh_rule *rule, const struct ctsh_setting *setting,
                     struct ctsh_error *err)
{
	return ctsh_setting_share(setting, &rule->share, err);
}

static int set_allow_unconfined(struct ctsh_rule *rule,
                                const struct ctsh_setting *setting,
                                struct ctsh_error *err)
{
	bool seccomp = false, lsm = false;

	for (size_t i = 0; i < setting->count; i++) {
		if (strcmp(setting->values[i], "seccomp") == 0)
			seccomp = true;
		else if (strcmp(setting->values[i], "lsm") == 0)
			lsm = true;
		else
			return ctsh_setting_fail(
				setting, i, err,
				"'%s' is neither seccomp nor lsm",
				setting->values[i]);
	}
	rule->allow_no_seccomp = seccomp;
	rule->allow_no_lsm = lsm;
	return 0;
}

static int set_on_disconnect(struct ctsh_rule *rule,
                             const struct ctsh_setting *setting,
                             struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "hup", "kill", &rule->kill_at_end,
	                           err);
}

static int set_idle_timeout(struct ctsh_rule *rule,
                            const struct ctsh_setting *setting,
                            struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_SECONDS_MAX,
	                           &rule->idle_timeout, err);
}

static int set_max_session(struct ctsh_rule *rule,
                           const struct ctsh_setting *setting,
                           struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_SECONDS_MAX,
	                           &rule->max_session, err);
}

static int set_max_sessions(struct ctsh_rule *rule,
                            const struct ctsh_setting *setting,
                            struct ctsh_error *err)
{
	return ctsh_setting_number(setting, CTSH_SESSIONS_MAX,
	                           &rule->max_sessions, err);
}

static int set_record(struct ctsh_rule *rule,
                      const struct ctsh_setting *setting,
                      struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "none", "output",
	                           &rule->record_output, err);
}

static int set_record_dir(struct ctsh_rule *rule,
                          const struct ctsh_setting *setting,
                          struct ctsh_error *err)
{
	return ctsh_setting_path(setting, false, &rule->record_dir, err);
}

static int set_record_max(struct ctsh_rule *rule,
                          const struct ctsh_setting *setting,
                          struct ctsh_error *err)
{
	unsigned mib = 0;

	if (ctsh_setting_number(setting, CTSH_RECORD_MAX, &mib, err) < 0)
		return -1;
	if (mib == 0)
		return ctsh_setting_fail(setting, 0, err,
		                         "a recording needs a limit above 0");
	rule->record_max = mib;
	return 0;
}

static int set_record_full(struct ctsh_rule *rule,
                           const struct ctsh_setting *setting,
                           struct ctsh_error *err)
{
	return ctsh_setting_choice(setting, "end", "stop", &rule->record_stops,
	                           err);
}

const struct ctsh_rule_key ctsh_rule_keys[CTSH_RULE_KEYS] = {
	{"match", true, RULE_ONLY, set_match},
	{"container", false, NO_DEFAULT, set_container},
	{"deny", false, NO_DEFAULT, set_deny},
	{"user", false, EVERYWHERE, set_user},
	{"missing_user", false, EVERYWHERE, set_missing_user},
	{"allow_root", false, EVERYWHERE, set_allow_root},
	{"trust_container", false, EVERYWHERE, ctsh_rule_set_trust_container},
	{"groups", false, EVERYWHERE, set_groups},
	{"shell", false, EVERYWHERE, set_shell},
	{"directory", false, EVERYWHERE, set_directory},
	{"keep_env", true, EVERYWHERE, set_keep_env},
	{"set_env", true, EVERYWHERE, set_set_env},
	{"container_env", false, EVERYWHERE, set_container_env},
	{"agent_forwarding", false, EVERYWHERE, set_agent_forwarding},
	{"x11_forwarding", false, EVERYWHERE, set_x11_forwarding},
	{"forward_socket", true, EVERYWHERE, set_forward_socket},
	{"share", true, EVERYWHERE, set_share},
	{"allow_unconfined", true, EVERYWHERE, set_allow_unconfined},
	{"on_disconnect", false, EVERYWHERE, set_on_disconnect},
	{"idle_timeout", false, EVERYWHERE, set_idle_timeout},
	{"max_session", false, EVERYWHERE, set_max_session},
	{"max_sessions", false, EVERYWHERE, set_max_sessions},
	{"record", false, EVERYWHERE, set_record},
	{"record_dir", false, EVERYWHERE, set_record_dir},
	{"record_max", false, EVERYWHERE, set_record_max},
	{"record_full", false, EVERYWHERE, set_record_full},
	{"start", false, EVERYWHERE, ctsh_rule_set_start},
	{"bundle", false, NO_DEFAULT, ctsh_rule_set_bundle},
	{"wait", false, EVERYWHERE, ctsh_rule_set_wait},
	{"stop_after", false, EVERYWHERE, ctsh_rule_set_stop_after},
	{"owner", false, EVERYWHERE, ctsh_rule_set_owner},
};

const struct ctsh_rule_key *ctsh_rule_key_find(const char *name)
{
	for (size_t i = 0; i < CTSH_RULE_KEYS; i++)
		if (strcmp(ctsh_rule_keys[i].name, name) == 0)
			return &ctsh_rule_keys[i];
	return NULL;
}

/* -- whole rules ------------------------------------------------------- */

static size_t count_strings(char *const *list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

/* NULL stays NULL. */
static int copy_string(const char *from, char **out)
{
	if (!from)
		return 0;
	*out = strdup(from);
	return *out ? 0 : -1;
}

int ctsh_rule_init(struct ctsh_rule *rule, struct ctsh_error *err)
{
	memset(rule, 0, sizeof(*rule));
	rule->user = CTSH_USER_SAME_NAME;
	rule->container_groups = true;
	rule->container_env = true;
	rule->agent_forwarding = true;
	rule->record_max = CTSH_RECORD_MAX_DEFAULT;
	rule->wait = CTSH_WAIT_DEFAULT;
	rule->share = CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWCGROUP;
	if (ctsh_strings_copy(keep_env_default,
	                      sizeof(keep_env_default) /
	                              sizeof(*keep_env_default),
	                      &rule->keep_env) == 0 &&
	    ctsh_strings_copy(NULL, 0, &rule->set_env) == 0 &&
	    ctsh_strings_copy(NULL, 0, &rule->forward_socket) == 0)
		return 0;
	ctsh_rule_clear(rule);
	return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "a rule");
}

int ctsh_rule_inherit(struct ctsh_rule *rule, const struct ctsh_rule *from,
                      struct ctsh_error *err)
{
	*rule = *from;
	rule->title = NULL;
	rule->file = NULL;
	rule->line = 0;
	rule->matches = NULL;
	rule->match_count = 0;
	rule->deny = rule->container = rule->bundle = rule->owner = NULL;
	rule->user_name = rule->shell = rule->directory = NULL;
	rule->record_dir = NULL;
	rule->keep_env = rule->set_env = rule->forward_socket = NULL;
	if (copy_string(from->owner, &rule->owner) == 0 &&
	    copy_string(from->user_name, &rule->user_name) == 0 &&
	    copy_string(from->shell, &rule->shell) == 0 &&
	    copy_string(from->directory, &rule->directory) == 0 &&
	    copy_string(from->record_dir, &rule->record_dir) == 0 &&
	    ctsh_strings_copy((const char *const *)from->keep_env,
	                      count_strings(from->keep_env),
	                      &rule->keep_env) == 0 &&
	    ctsh_strings_copy((const char *const *)from->set_env,
	                      count_strings(from->set_env),
	                      &rule->set_env) == 0 &&
	    ctsh_strings_copy((const char *const *)from->forward_socket,
	                      count_strings(from->forward_socket),
	                      &rule->forward_socket) == 0)
		return 0;
	ctsh_rule_clear(rule);
	return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "a rule");
}

int ctsh_rule_check(const struct ctsh_rule *rule, const char *file,
                    bool need_match, struct ctsh_error *err)
{
	const char *fault = NULL;

	if (need_match && rule->match_count == 0)
		fault = "a rule needs 'match'";
	else if (rule->container && rule->deny)
		fault = "'container' and 'deny' exclude each other";
	else if (!rule->container && !rule->deny)
		fault = "a rule needs 'container' or 'deny'";
	else if (rule->user == CTSH_USER_NUMERIC && !rule->allow_root &&
	         (rule->user_uid == 0 ||
	          (rule->user_has_gid && rule->user_gid == 0)))
		fault = "user: uid or gid 0 needs 'allow_root = true'";
	else
		fault = ctsh_rule_start_fault(rule);
	if (fault)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: %s", file,
		                 rule->line, fault);
	return 0;
}

void ctsh_rule_clear(struct ctsh_rule *rule)
{
	for (size_t i = 0; rule->matches && i < rule->match_count; i++)
		free(rule->matches[i].text);
	free(rule->matches);
	free(rule->title);
	free(rule->deny);
	free(rule->container);
	free(rule->owner);
	free(rule->bundle);
	free(rule->user_name);
	free(rule->shell);
	free(rule->directory);
	free(rule->record_dir);
	ctsh_strings_free(&rule->keep_env);
	ctsh_strings_free(&rule->set_env);
	ctsh_strings_free(&rule->forward_socket);
	memset(rule, 0, sizeof(*rule));
}

void ctsh_rule_discard(struct ctsh_rule **rule)
{
	if (*rule)
		ctsh_rule_clear(*rule);
	free(*rule);
	*rule = NULL;
}
