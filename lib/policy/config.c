/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "config_build.h"
#include "config_rule.h"
#include "scan.h"
#include "source.h"

/*
 * Stands behind the text.  libconfuse accepts a file that ends within a
 * section or a comment; this key, known outside of sections only, then is
 * unknown or stays unset.  No file can have it: keys begin with a letter.
 */
#define SENTINEL "\n__eof__ = true\n"
#define SENTINEL_KEY "__eof__"
#define SCANNER_ROOM (64 * 1024)

static const struct ctsh_scan_limits file_limits = {256 * 1024, 1000};
static const struct ctsh_scan_limits users_limits = {64 * 1024, 0};

/* Where libconfuse's messages go.  An option of type CFGT_PTR in every
 * section leads there, as its callback has no argument of ours. */
struct sink {
	const char *file;
	struct ctsh_error *err;
	bool used;
};

struct file {
	const char *path;
	char *text;
	struct ctsh_scan scan;
	cfg_t *cfg;
	bool used[CTSH_RULE_KEYS];     /* which of them it has           */
	struct ctsh_setting *settings; /* one for each key of the scan   */
	const char **words;            /* one for each value of the scan */
	struct sink sink;
};

static void close_file(struct file *file)
{
	if (file->cfg)
		(void)cfg_free(file->cfg);
	ctsh_scan_free(&file->scan);
	free(file->settings);
	free(file->words);
	free(file->text);
}

/* -- what libconfuse is told ------------------------------------------- */

/* Words only: libconfuse would read 010 as 8 and "on" as true. */
static cfg_opt_t word_option(const char *name, bool list)
{
	cfg_opt_t word = CFG_STR(name, NULL, CFGF_NODEFAULT);
	cfg_opt_t words = CFG_STR_LIST(name, NULL, CFGF_NODEFAULT);

	return list ? words : word;
}

/* The end of every list of options. */
static void add_sink(cfg_opt_t *at, struct sink *sink)
{
	cfg_opt_t hidden =
		CFG_PTR_CB("(sink)", NULL, CFGF_NODEFAULT, NULL, NULL);
	cfg_opt_t end = CFG_END();

	hidden.simple_value.ptr = (void **)(void *)sink;
	at[0] = hidden;
	at[1] = end;
}

/* Only the keys that the file has: libconfuse copies and searches them all for
 * each section. */
static cfg_opt_t *add_rule_keys(cfg_opt_t *at, unsigned place,
                                const bool used[CTSH_RULE_KEYS])
{
	for (size_t i = 0; i < CTSH_RULE_KEYS; i++)
		if (used[i] && ctsh_rule_keys[i].places & place)
			*at++ = word_option(ctsh_rule_keys[i].name,
			                    ctsh_rule_keys[i].list);
	return at;
}

/* Room for all keys of a rule, the sentinel, the sink and the end. */
#define OPTIONS_MAX (CTSH_RULE_KEYS + 3)

static cfg_t *init_main(struct file *file)
{
	const cfg_flag_t many = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	cfg_opt_t engine[] = {
		word_option("type", false),
		word_option("socket", false),
		word_option("root", false),
		word_option("runroot", false),
		CFG_END(),
		CFG_END(),
	};
	cfg_opt_t defaults[OPTIONS_MAX], rule[OPTIONS_MAX];
	cfg_opt_t top[] = {
		CFG_BOOL(SENTINEL_KEY, cfg_false, CFGF_NONE),
		word_option("host_shell", false),
		word_option("closed", false),
		CFG_SEC("engine", engine, many),
		CFG_SEC("defaults", defaults, CFGF_NONE),
		CFG_SEC("rule", rule, many),
		CFG_END(),
		CFG_END(),
	};

	add_sink(&engine[sizeof(engine) / sizeof(*engine) - 2], &file->sink);
	add_sink(add_rule_keys(defaults, CTSH_IN_DEFAULTS, file->used),
	         &file->sink);
	add_sink(add_rule_keys(rule, CTSH_IN_RULE, file->used), &file->sink);
	add_sink(&top[6], &file->sink);
	return cfg_init(top, CFGF_NONE);
}

static cfg_t *init_users(struct file *file)
{
	cfg_opt_t top[OPTIONS_MAX] = {
		CFG_BOOL(SENTINEL_KEY, cfg_false, CFGF_NONE),
	};

	add_sink(add_rule_keys(top + 1, CTSH_IN_USERS, file->used),
	         &file->sink);
	return cfg_init(top, CFGF_NONE);
}

/* -- parsing ----------------------------------------------------------- */

static void capture(cfg_t *cfg, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Keeps the first message; without this, libconfuse prints to stderr. */
static void capture(cfg_t *cfg, const char *fmt, va_list ap)
{
	const cfg_opt_t *option = cfg->opts;
	char message[160];
	struct sink *sink;

	while (option->type != CFGT_PTR)
		option++;
	sink = (void *)option->simple_value.ptr;
	if (sink->used)
		return;
	if (strcmp(fmt, "no such option '%s'") == 0)
		fmt = "'%s' is no key or section that may stand here";
	if (vsnprintf(message, sizeof(message), fmt, ap) < 0)
		message[0] = '\0';
	sink->used = true;
	(void)ctsh_fail(sink->err, CTSH_E_CONFIG, 0, "%s:%d: %s", sink->file,
	                cfg->line, message);
}

/* Every key that is written as a list is one, and the other way round;
 * libconfuse takes a single value for a list.  Unknown keys are its business.
 */
static int check_shapes(struct file *file, struct ctsh_error *err)
{
	for (size_t i = 0; i < file->scan.key_count; i++) {
		const struct ctsh_scan_key *key = &file->scan.keys[i];
		const struct ctsh_rule_key *known =
			ctsh_rule_key_find(key->name);

		if (!known)
			continue;
		file->used[known - ctsh_rule_keys] = true;
		if (known->list != key->list)
			return ctsh_fail(err, CTSH_E_CONFIG, 0,
			                 "%s:%d: %s: %s is needed", file->path,
			                 key->line, key->name,
			                 known->list ? "a list {\"...\"}"
			                             : "one value");
	}
	return 0;
}

/* libconfuse's scanner ends the process where it finds no memory, and that may
 * be somebody's login service.  What is free now is there for it. */
static bool has_room(void)
{
	void *volatile room = malloc(SCANNER_ROOM);
	bool there = room != NULL;

	free(room);
	return there;
}

static int parse(struct file *file, struct ctsh_error *err)
{
	int done = CFG_PARSE_ERROR;

	if (file->cfg && errno != ENOMEM && has_room()) {
		(void)cfg_set_error_function(file->cfg, capture);
		errno = 0;
		done = cfg_parse_buf(file->cfg, file->text);
	}
	/* To free what it had no memory for, libconfuse would follow it. */
	if (!file->cfg || errno == ENOMEM) {
		file->cfg = NULL;
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", file->path);
	}
	if (done == CFG_SUCCESS && !file->sink.used) {
		if (cfg_getbool(file->cfg, SENTINEL_KEY))
			return 0;
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s: the file ends too early", file->path);
	}
	if (!file->sink.used)
		return ctsh_fail(err, CTSH_E_CONFIG, 0, "%s: not understood",
		                 file->path);
	return -1;
}

/* -- from libconfuse to settings --------------------------------------- */

/* The section of libconfuse that belongs to section `index` of the scan, of
 * which it is number `nth` with this type. */
static cfg_t *find_section(const struct file *file, size_t index, unsigned nth)
{
	const struct ctsh_scan_section *section = &file->scan.sections[index];
	const char *title;
	cfg_t *found;

	if (index == 0)
		return file->cfg;
	found = cfg_getnsec(file->cfg, section->type, nth);
	title = found ? cfg_title(found) : NULL;
	if (!found || strcmp(title ? title : "", section->title) != 0)
		return NULL;
	return found;
}

/* Makes the setting of one key from what libconfuse read in `section`. */
static int make_setting(struct file *file, size_t index, cfg_t *section,
                        struct ctsh_error *err)
{
	const struct ctsh_scan_key *key = &file->scan.keys[index];
	cfg_opt_t *option = section ? cfg_getopt(section, key->name) : NULL;
	const char **words = file->words + key->first_value;

	/* Two readers that differ are a way to be misunderstood. */
	if (!option || cfg_opt_size(option) != key->value_count)
		return ctsh_fail(err, CTSH_E_CONFIG, 0,
		                 "%s:%d: %s: cannot be read without doubt",
		                 file->path, key->line, key->name);
	for (unsigned i = 0; i < key->value_count; i++)
		words[i] = cfg_opt_getnstr(option, i);
	file->settings[index] = (struct ctsh_setting){
		.file = file->path,
		.key = key->name,
		.line = key->line,
		.count = key->value_count,
		.values = words,
		.lines = file->scan.value_lines + key->first_value,
	};
	return 0;
}

/* How many sections of this type came before; counts this one. */
struct tally {
	const char *type;
	unsigned seen;
};

static unsigned count_one(struct tally *tally, const char *type)
{
	while (tally->type && strcmp(tally->type, type) != 0)
		tally++;
	return tally->seen++;
}

static int make_settings(struct file *file, struct ctsh_error *err)
{
	const struct ctsh_scan *scan = &file->scan;
	ctsh_autofree cfg_t **sections =
		calloc(scan->section_count, sizeof(cfg_t *));
	struct tally tally[] = {
		{"", 0}, {"engine", 0}, {"defaults", 0}, {"rule", 0}, {NULL, 0},
	};

	file->settings = calloc(scan->key_count + 1, sizeof(*file->settings));
	file->words = calloc(scan->value_count + 1, sizeof(*file->words));
	if (!sections || !file->settings || !file->words)
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", file->path);
	for (size_t i = 0; i < scan->section_count; i++)
		sections[i] = find_section(
			file, i, count_one(tally, scan->sections[i].type));
	for (size_t i = 0; i < scan->key_count; i++)
		if (make_setting(file, i, sections[scan->keys[i].section],
		                 err) < 0)
			return -1;
	return 0;
}

static int read_file(struct file *file, bool trusted, bool users,
                     struct ctsh_error *err)
{
	const struct ctsh_scan_limits *limits =
		users ? &users_limits : &file_limits;
	size_t length = 0;

	file->sink.file = file->path;
	file->sink.err = err;
	if (ctsh_source_read(file->path, trusted, limits->bytes,
	                     strlen(SENTINEL), &file->text, &length, err) < 0 ||
	    ctsh_scan(file->path, file->text, length, limits, &file->scan,
	              err) < 0 ||
	    check_shapes(file, err) < 0)
		return -1;
	memcpy(file->text + length, SENTINEL, sizeof(SENTINEL));
	errno = 0; /* parse() looks at it */
	file->cfg = users ? init_users(file) : init_main(file);
	if (parse(file, err) < 0)
		return -1;
	return make_settings(file, err);
}

/* -- the interface ----------------------------------------------------- */

static void refer(struct file *file, const struct ctsh_engine_kind *kinds,
                  const struct ctsh_policy *policy)
{
	for (size_t i = 0; i < file->scan.key_count; i++) {
		file->settings[i].kinds = kinds;
		file->settings[i].policy = policy;
	}
}

int ctsh_config_load(const char *path, bool trusted,
                     const struct ctsh_engine_kind *kinds,
                     struct ctsh_policy *policy, struct ctsh_error *err)
{
	struct file file = {.path = path};
	int done = read_file(&file, trusted, false, err);

	memset(policy, 0, sizeof(*policy));
	if (done == 0) {
		struct ctsh_parsed parsed = {path, &file.scan, file.settings};

		refer(&file, kinds, policy);
		done = ctsh_build_policy(&parsed, kinds, policy, err);
	}
	if (done < 0)
		ctsh_policy_free(policy);
	close_file(&file);
	return done;
}

static int load_own(const char *path, const struct ctsh_engine_kind *kinds,
                    struct ctsh_policy *policy, struct ctsh_error *err)
{
	struct file file = {.path = path};
	int done = read_file(&file, true, true, err);

	if (done == 0) {
		struct ctsh_parsed parsed = {path, &file.scan, file.settings};

		refer(&file, kinds, policy);
		done = ctsh_build_own(&parsed, policy, err);
	} else if (!file.text && err->sys == ENOENT) {
		done = 0;
	}
	close_file(&file);
	return done;
}

int ctsh_config_load_own(const char *dir, const char *name,
                         const struct ctsh_engine_kind *kinds,
                         struct ctsh_policy *policy, struct ctsh_error *err)
{
	ctsh_autofree char *path = NULL;

	ctsh_rule_discard(&policy->own);
	if (!ctsh_text_is_file_user(name))
		return 0;
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return ctsh_fail(err, CTSH_E_SYSTEM, ENOMEM, "%s", dir);
	}
	return load_own(path, kinds, policy, err);
}
