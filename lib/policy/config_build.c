/* SPDX-License-Identifier: MIT */
#include "config_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../model/target.h"
#include "config_owner.h"
#include "config_rule.h"

#define ENGINE_NAME_MAX sizeof(((struct ctsh_target *)0)->engine)

typedef int apply_fn(void *into, const struct ctsh_setting *setting,
                     struct ctsh_error *err);

/* Applies the settings of one section in the order of the file. */
static int apply_section(const struct ctsh_parsed *parsed, size_t index,
                         apply_fn *apply, void *into, struct ctsh_error *err)
{
	const struct ctsh_scan *scan = parsed->scan;
	const struct ctsh_scan_section *section = &scan->sections[index];
	size_t begin = 0, end = scan->key_count;

	/* Only those outside of all sections lie scattered. */
	if (index > 0 && section->key_count > 0) {
		end = section->last_key + 1;
		begin = end - section->key_count;
	}
	for (size_t i = begin; section->key_count > 0 && i < end; i++)
		if (scan->keys[i].section == index &&
		    apply(into, &parsed->settings[i], err) < 0)
			return -1;
	return 0;
}

static size_t count_sections(const struct ctsh_scan *scan, const char *type)
{
	size_t count = 0;

	for (size_t i = 1; i < scan->section_count; i++)
		if (strcmp(scan->sections[i].type, type) == 0)
			count++;
	return count;
}

static int fail_memory(const struct ctsh_parsed *parsed, struct ctsh_error *err)
{
	return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", parsed->file);
}

/* -- outside of all sections ------------------------------------------- */

static int apply_top(void *into, const struct ctsh_setting *setting,
                     struct ctsh_error *err)
{
	struct ctsh_policy *policy = into;

	if (strcmp(setting->key, "host_shell") == 0)
		return ctsh_setting_path(setting, false, &policy->host_shell,
		                         err);
	if (*setting->values[0] == '\0')
		return 0; /* closed = "" is open */
	return ctsh_setting_sentence(setting, &policy->closed, err);
}

static int build_top(const struct ctsh_parsed *parsed,
                     struct ctsh_policy *policy, struct ctsh_error *err)
{
	policy->file = strdup(parsed->file);
	policy->host_shell = strdup("/bin/bash");
	if (!policy->file || !policy->host_shell)
		return fail_memory(parsed, err);
	return apply_section(parsed, 0, apply_top, policy, err);
}

/* -- engines ----------------------------------------------------------- */

static int apply_engine(void *into, const struct ctsh_setting *setting,
                        struct ctsh_error *err)
{
	struct ctsh_engine *engine = into;
	const char *value = setting->values[0];

	if (strcmp(setting->key, "socket") == 0)
		return ctsh_setting_path(setting, false, &engine->socket, err);
	if (strcmp(setting->key, "root") == 0)
		return ctsh_setting_path(setting, false, &engine->root, err);
	if (strcmp(setting->key, "runroot") == 0)
		return ctsh_setting_path(setting, false, &engine->run_root,
		                         err);
	if (!ctsh_engine_kind_find(setting->kinds, value))
		return ctsh_setting_fail(setting, 0, err, "unknown engine '%s'",
		                         value);
	return ctsh_setting_string(setting, value, &engine->type, err);
}

/* What is wrong with a finished engine, or NULL. */
static const char *engine_fault(const struct ctsh_engine *engine,
                                const struct ctsh_engine_kind *kinds)
{
	const struct ctsh_engine_kind *kind;

	if (strlen(engine->name) >= ENGINE_NAME_MAX)
		return "the name is too long";
	if (ctsh_engine_kind_find(kinds, engine->name))
		return "the name is that of a type of engine";
	if (!engine->type)
		return "an engine needs 'type'";
	kind = ctsh_engine_kind_find(kinds, engine->type);
	if (engine->socket && !kind->has_socket)
		return "this type of engine has no 'socket'";
	if (engine->root && !kind->has_root)
		return "this type of engine has no 'root'";
	if (engine->run_root && !kind->has_run_root)
		return "this type of engine has no 'runroot'";
	return NULL;
}

static int build_engine(const struct ctsh_parsed *parsed, size_t index,
                        const struct ctsh_engine_kind *kinds,
                        struct ctsh_engine *engine, struct ctsh_error *err)
{
	const struct ctsh_scan_section *section =
		&parsed->scan->sections[index];
	const char *fault;

	engine->name = strdup(section->title);
	if (!engine->name)
		return fail_memory(parsed, err);
	if (apply_section(parsed, index, apply_engine, engine, err) < 0)
		return -1;
	fault = engine_fault(engine, kinds);
	if (fault)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s:%d: %s",
		                 parsed->file, section->line, fault);
	return 0;
}

static int build_engines(const struct ctsh_parsed *parsed,
                         const struct ctsh_engine_kind *kinds,
                         struct ctsh_policy *policy, struct ctsh_error *err)
{
	const struct ctsh_scan *scan = parsed->scan;
	size_t count = count_sections(scan, "engine");

	policy->engines = calloc(count ? count : 1, sizeof(*policy->engines));
	if (!policy->engines)
		return fail_memory(parsed, err);
	for (size_t i = 1; i < scan->section_count; i++)
		if (strcmp(scan->sections[i].type, "engine") == 0 &&
		    build_engine(parsed, i, kinds,
		                 &policy->engines[policy->engine_count++],
		                 err) < 0)
			return -1;
	return 0;
}

/* -- rules ------------------------------------------------------------- */

static int apply_rule(void *into, const struct ctsh_setting *setting,
                      struct ctsh_error *err)
{
	const struct ctsh_rule_key *key = ctsh_rule_key_find(setting->key);

	if (!key)
		return ctsh_setting_fail(setting, 0, err, "unknown key");
	return key->set(into, setting, err);
}

static int build_defaults(const struct ctsh_parsed *parsed,
                          struct ctsh_policy *policy, struct ctsh_error *err)
{
	const struct ctsh_scan *scan = parsed->scan;

	policy->defaults = calloc(1, sizeof(*policy->defaults));
	if (!policy->defaults)
		return fail_memory(parsed, err);
	if (ctsh_rule_init(policy->defaults, err) < 0)
		return -1;
	for (size_t i = 1; i < scan->section_count; i++)
		if (strcmp(scan->sections[i].type, "defaults") == 0 &&
		    apply_section(parsed, i, apply_rule, policy->defaults,
		                  err) < 0)
			return -1;
	return 0;
}

static int build_rule(const struct ctsh_parsed *parsed, size_t index,
                      const struct ctsh_policy *policy, struct ctsh_rule *rule,
                      struct ctsh_error *err)
{
	const struct ctsh_scan_section *section =
		&parsed->scan->sections[index];

	if (ctsh_rule_inherit(rule, policy->defaults, err) < 0)
		return -1;
	rule->title = strdup(section->title);
	if (!rule->title)
		return fail_memory(parsed, err);
	rule->file = policy->file;
	rule->line = section->line;
	if (apply_section(parsed, index, apply_rule, rule, err) < 0)
		return -1;
	if (ctsh_rule_check(rule, parsed->file, true, err) < 0)
		return -1;
	return ctsh_rule_check_owner(rule, parsed->file, policy,
	                             parsed->settings[0].kinds, err);
}

static int build_rules(const struct ctsh_parsed *parsed,
                       struct ctsh_policy *policy, struct ctsh_error *err)
{
	const struct ctsh_scan *scan = parsed->scan;
	size_t count = count_sections(scan, "rule");

	policy->rules = calloc(count ? count : 1, sizeof(*policy->rules));
	if (!policy->rules)
		return fail_memory(parsed, err);
	for (size_t i = 1; i < scan->section_count; i++)
		if (strcmp(scan->sections[i].type, "rule") == 0 &&
		    build_rule(parsed, i, policy,
		               &policy->rules[policy->rule_count++], err) < 0)
			return -1;
	return 0;
}

int ctsh_build_policy(const struct ctsh_parsed *parsed,
                      const struct ctsh_engine_kind *kinds,
                      struct ctsh_policy *policy, struct ctsh_error *err)
{
	if (build_top(parsed, policy, err) < 0 ||
	    build_engines(parsed, kinds, policy, err) < 0 ||
	    build_defaults(parsed, policy, err) < 0)
		return -1;
	return build_rules(parsed, policy, err);
}

static int fill_own(const struct ctsh_parsed *parsed,
                    const struct ctsh_policy *policy, struct ctsh_rule *rule,
                    struct ctsh_error *err)
{
	if (ctsh_rule_inherit(rule, policy->defaults, err) < 0)
		return -1;
	rule->title = strdup(parsed->file);
	if (!rule->title)
		return fail_memory(parsed, err);
	rule->file = rule->title;
	rule->line = 1;
	if (apply_section(parsed, 0, apply_rule, rule, err) < 0)
		return -1;
	if (ctsh_rule_check(rule, parsed->file, false, err) < 0)
		return -1;
	return ctsh_rule_check_owner(rule, parsed->file, policy,
	                             parsed->settings[0].kinds, err);
}

int ctsh_build_own(const struct ctsh_parsed *parsed, struct ctsh_policy *policy,
                   struct ctsh_error *err)
{
	ctsh_autofree struct ctsh_rule *rule = calloc(1, sizeof(*rule));

	if (!rule)
		return fail_memory(parsed, err);
	if (fill_own(parsed, policy, rule, err) < 0) {
		ctsh_rule_clear(rule);
		return -1;
	}
	policy->own = rule;
	rule = NULL;
	return 0;
}

/* -- the whole --------------------------------------------------------- */

void ctsh_policy_free(struct ctsh_policy *policy)
{
	for (size_t i = 0; i < policy->engine_count; i++) {
		free(policy->engines[i].name);
		free(policy->engines[i].type);
		free(policy->engines[i].socket);
		free(policy->engines[i].root);
		free(policy->engines[i].run_root);
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		ctsh_rule_clear(&policy->rules[i]);
	ctsh_rule_discard(&policy->defaults);
	ctsh_rule_discard(&policy->own);
	free(policy->engines);
	free(policy->rules);
	free(policy->file);
	free(policy->host_shell);
	free(policy->closed);
	memset(policy, 0, sizeof(*policy));
}
