/* SPDX-License-Identifier: MIT */
/* Needs root: ownership is part of what is tested.  Runs in the top directory
 * of the sources, where tests/data and conf are. */
#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/policy/config.h"
#include "../../lib/policy/config_rule.h"
#include "own_host.h"

#ifndef CTSH_TEST_DATA
#define CTSH_TEST_DATA "tests/data"
#endif
#define BAD CTSH_TEST_DATA "/config/bad"
#define GOOD CTSH_TEST_DATA "/config/good"

#define SHIPPED "conf/ctsh.conf"

#define DIR_PATH "/run/ctsh-test"
#define FILE_PATH DIR_PATH "/ctsh.conf"
#define USERS_PATH DIR_PATH "/users"

static const struct ctsh_engine_kind kinds[] = {
	{.name = "docker", .has_socket = true},
	{.name = "crun", .has_root = true},
	{.name = "pidfile"},
	{.name = "podman", .has_root = true, .has_run_root = true},
	{.name = NULL},
};

static int setup(void **state)
{
	if (own_host(state) < 0 || mkdir(DIR_PATH, 0755) < 0 ||
	    mkdir(USERS_PATH, 0755) < 0)
		return -1;
	name_service("root:x:0:0::/root:/bin/sh\n",
	             "root:x:0:\nstudents:x:200:\nstaff:x:300:\n");
	return setenv("EVIL", "/bin/evil", 1);
}

static void load(const char *path, bool trusted, struct ctsh_policy *policy)
{
	struct ctsh_error err = {0};
	int done = ctsh_config_load(path, trusted, kinds, policy, &err);

	assert_string_equal(err.what, "");
	assert_int_equal(done, 0);
}

static void load_text(const char *text, struct ctsh_policy *policy)
{
	put_text(FILE_PATH, text);
	load(FILE_PATH, true, policy);
}

static void refuses(const char *path, bool trusted, const char *what)
{
	static const struct ctsh_policy empty;
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	assert_int_equal(ctsh_config_load(path, trusted, kinds, &policy, &err),
	                 -1);
	assert_string_equal(err.what, what);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_memory_equal(&policy, &empty, sizeof(policy));
}

static void is_list(char *const *list, const char *joined)
{
	char text[256] = "";
	size_t used = 0;

	for (; *list; list++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		                         "%s;", *list);
	assert_string_equal(text, joined);
}

/* -- files in tests/data -------------------------------------------------- */

static const struct dirent *next_file(DIR *dir)
{
	const struct dirent *entry = readdir(dir);

	while (entry && entry->d_name[0] == '.')
		entry = readdir(dir);
	return entry;
}

/* The first line of a bad file is "# " and the error without the path. */
static void every_bad_file_is_refused_with_its_line_and_reason(void **state)
{
	DIR *dir = opendir(BAD);
	const struct dirent *entry;
	unsigned count = 0;

	(void)state;
	assert_non_null(dir);
	for (; (entry = next_file(dir)); count++) {
		char path[512], first[512], what[1100];
		FILE *file;

		(void)snprintf(path, sizeof(path), BAD "/%s", entry->d_name);
		file = fopen(path, "re");
		assert_non_null(file);
		assert_non_null(fgets(first, sizeof(first), file));
		(void)fclose(file);
		first[strcspn(first, "\n")] = '\0';
		(void)snprintf(what, sizeof(what), "%s:%s", path, first + 2);
		refuses(path, false, what);
	}
	(void)closedir(dir);
	assert_true(count > 100);
}

static void every_good_file_is_accepted(void **state)
{
	DIR *dir = opendir(GOOD);
	const struct dirent *entry;
	unsigned count = 0;

	(void)state;
	assert_non_null(dir);
	for (; (entry = next_file(dir)); count++) {
		struct ctsh_policy policy;
		char path[512];

		(void)snprintf(path, sizeof(path), GOOD "/%s", entry->d_name);
		load(path, false, &policy);
		ctsh_policy_free(&policy);
	}
	(void)closedir(dir);
	assert_true(count > 5);
}

/* What is installed has every default written out and lets nobody in. */
static void the_shipped_file_says_what_holds_without_it(void **state)
{
	struct ctsh_policy shipped, empty;
	const struct ctsh_rule *a, *b;

	(void)state;
	load(SHIPPED, false, &shipped);
	load(GOOD "/empty.conf", false, &empty);

	assert_int_equal(shipped.rule_count, 0);
	assert_int_equal(shipped.engine_count, 0);
	assert_null(shipped.closed);
	assert_string_equal(shipped.host_shell, empty.host_shell);
	a = shipped.defaults;
	b = empty.defaults;
	assert_int_equal(a->user, b->user);
	assert_int_equal(a->missing_user_numeric, b->missing_user_numeric);
	assert_int_equal(a->allow_root, b->allow_root);
	assert_int_equal(a->trust_container, b->trust_container);
	assert_int_equal(a->container_groups, b->container_groups);
	assert_null(a->shell);
	assert_null(a->directory);
	for (size_t i = 0; a->keep_env[i] || b->keep_env[i]; i++)
		assert_string_equal(a->keep_env[i], b->keep_env[i]);
	assert_null(a->set_env[0]);
	assert_int_equal(a->container_env, b->container_env);
	assert_int_equal(a->share, b->share);
	assert_int_equal(a->allow_no_seccomp, b->allow_no_seccomp);
	assert_int_equal(a->allow_no_lsm, b->allow_no_lsm);
	assert_int_equal(a->record_output, b->record_output);
	assert_string_equal(a->record_dir, CTSH_LOGDIR);
	assert_null(b->record_dir);
	assert_int_equal(a->record_max, b->record_max);
	assert_int_equal(a->record_stops, b->record_stops);
	assert_int_equal(a->agent_forwarding, b->agent_forwarding);
	assert_int_equal(a->x11_forwarding, b->x11_forwarding);
	assert_null(a->forward_socket[0]);
	assert_int_equal(a->kill_at_end, b->kill_at_end);
	assert_int_equal(a->idle_timeout, b->idle_timeout);
	assert_int_equal(a->max_session, b->max_session);
	assert_int_equal(a->max_sessions, b->max_sessions);
	assert_int_equal(a->start, b->start);
	assert_int_equal(a->wait, b->wait);
	assert_null(a->owner);
	assert_null(b->owner);
	ctsh_policy_free(&shipped);
	ctsh_policy_free(&empty);
}

static void the_shipped_file_has_every_key_of_defaults(void **state)
{
	ctsh_autofree char *text =
		ctsh_read_file_at(AT_FDCWD, SHIPPED, 65536, NULL);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < CTSH_RULE_KEYS; i++) {
		char line[64];

		if (!(ctsh_rule_keys[i].places & CTSH_IN_DEFAULTS))
			continue;
		(void)snprintf(line, sizeof(line),
		               "\n    %s = ", ctsh_rule_keys[i].name);
		if (!strstr(text, line))
			fail_msg("%s", line);
	}
}

/* libconfuse's own handler prints. */
static void nothing_is_printed(void **state)
{
	int saved = dup(STDERR_FILENO);
	int fd = open("/run/stderr", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	(void)state;
	assert_true(saved >= 0 && fd >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	refuses(BAD "/unknown-key.conf", false,
	        BAD
	        "/unknown-key.conf:5: 'waiting' is no key or section that may "
	        "stand here");
	refuses(BAD "/no-title.conf", false,
	        BAD "/no-title.conf:2: missing title for section 'rule'");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	(void)close(fd);
	(void)close(saved);
}

/* libconfuse's lexer keeps its state between two files. */
static void a_bad_file_does_not_spoil_the_next(void **state)
{
	static const char *const before[] = {
		BAD "/list-for-top-value.conf", BAD "/no-title.conf",
		BAD "/unknown-key.conf", BAD "/title-of-defaults.conf"};
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		assert_int_equal(ctsh_config_load(before[i], false, kinds,
		                                  &policy, &err),
		                 -1);
		load(GOOD "/everything.conf", false, &policy);
		assert_int_equal(policy.rule_count, 3);
		ctsh_policy_free(&policy);
	}
}

/* -- values -----------------------------------------------------------------
 */

static void an_empty_file_has_the_defaults(void **state)
{
	struct ctsh_policy policy;
	const struct ctsh_rule *rule;

	(void)state;
	load_text("", &policy);

	assert_string_equal(policy.file, FILE_PATH);
	assert_string_equal(policy.host_shell, "/bin/bash");
	assert_null(policy.closed);
	assert_int_equal(policy.rule_count, 0);
	assert_int_equal(policy.engine_count, 0);
	assert_null(policy.own);
	rule = policy.defaults;
	assert_int_equal(rule->user, CTSH_USER_SAME_NAME);
	assert_false(rule->missing_user_numeric);
	assert_false(rule->allow_root);
	assert_true(rule->container_groups);
	assert_null(rule->shell);
	assert_null(rule->directory);
	is_list(rule->keep_env, "TERM;COLORTERM;LANG;LC_*;TZ;SSH_CONNECTION;"
	                        "SSH_CLIENT;");
	is_list(rule->set_env, "");
	assert_true(rule->container_env);
	assert_int_equal(rule->share,
	                 CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWCGROUP);
	assert_false(rule->allow_no_seccomp);
	assert_false(rule->allow_no_lsm);
	assert_false(rule->record_output);
	assert_null(rule->record_dir);
	assert_int_equal(rule->record_max, 64);
	assert_false(rule->record_stops);
	ctsh_policy_free(&policy);
	ctsh_policy_free(&policy);
}

static void a_rule_has_the_file_s_defaults(void **state)
{
	struct ctsh_policy policy;
	const struct ctsh_rule *rule;

	(void)state;
	load(GOOD "/everything.conf", false, &policy);

	assert_string_equal(policy.host_shell, "/bin/sh");
	assert_string_equal(policy.closed, "Closed until Monday.");
	assert_int_equal(policy.rule_count, 3);
	rule = &policy.rules[0];
	assert_string_equal(rule->title, "inherits");
	assert_string_equal(rule->file, GOOD "/everything.conf");
	assert_int_equal(rule->line, 23);
	assert_string_equal(rule->container, "build:box");
	assert_null(rule->deny);
	assert_int_equal(rule->user, CTSH_USER_SAME_UID);
	assert_true(rule->missing_user_numeric);
	assert_true(rule->allow_root);
	assert_false(rule->container_groups);
	assert_string_equal(rule->shell, "/bin/zsh");
	assert_string_equal(rule->directory, "/srv");
	is_list(rule->keep_env, "TERM;");
	is_list(rule->set_env, "A=1;");
	assert_false(rule->container_env);
	assert_int_equal(rule->share, 0);
	assert_false(rule->allow_no_seccomp);
	assert_true(rule->allow_no_lsm);
	assert_true(rule->record_output);
	assert_string_equal(rule->record_dir, "/srv/records");
	assert_int_equal(rule->record_max, 1);
	assert_true(rule->record_stops);
	ctsh_policy_free(&policy);
}

static void a_rule_s_own_value_wins(void **state)
{
	struct ctsh_policy policy;
	const struct ctsh_rule *rule;

	(void)state;
	load(GOOD "/everything.conf", false, &policy);

	rule = &policy.rules[1];
	assert_string_equal(rule->title, "overrides");
	assert_int_equal(rule->user, CTSH_USER_NUMERIC);
	assert_int_equal(rule->user_uid, 1000);
	assert_true(rule->user_has_gid);
	assert_int_equal(rule->user_gid, 0);
	assert_false(rule->missing_user_numeric);
	assert_true(rule->container_groups);
	assert_null(rule->shell);
	assert_null(rule->directory);
	is_list(rule->keep_env, "");
	is_list(rule->set_env, "B=2;C=;D=a=b c;");
	assert_true(rule->container_env);
	assert_int_equal(rule->share, CLONE_NEWUSER | CLONE_NEWNET |
	                                      CLONE_NEWUTS | CLONE_NEWIPC);
	assert_true(rule->allow_no_seccomp);
	assert_false(rule->allow_no_lsm);
	assert_false(rule->record_output);
	assert_string_equal(rule->record_dir, "/srv/other");
	assert_int_equal(rule->record_max, 1048576);
	assert_false(rule->record_stops);
	assert_null(policy.rules[2].container);
	assert_string_equal(policy.rules[2].deny,
	                    "No container is assigned to you.");
	ctsh_policy_free(&policy);
}

static void engines_are_read(void **state)
{
	struct ctsh_policy policy;

	(void)state;
	load(GOOD "/everything.conf", false, &policy);

	assert_int_equal(policy.engine_count, 3);
	assert_string_equal(policy.engines[0].name, "build");
	assert_string_equal(policy.engines[0].type, "docker");
	assert_string_equal(policy.engines[0].socket, "/run/build.sock");
	assert_null(policy.engines[0].root);
	assert_string_equal(policy.engines[1].name, "other");
	assert_null(policy.engines[1].socket);
	assert_string_equal(policy.engines[1].root, "/run/other");
	assert_null(policy.engines[1].run_root);
	assert_string_equal(policy.engines[2].root, "/srv/pods");
	assert_string_equal(policy.engines[2].run_root, "/run/pods");
	ctsh_policy_free(&policy);
}

static void defaults_behind_a_rule_hold_for_it(void **state)
{
	struct ctsh_policy policy;

	(void)state;
	load(GOOD "/order.conf", false, &policy);
	assert_string_equal(policy.rules[0].shell, "/bin/ash");
	assert_string_equal(policy.rules[0].container, "build:lab-%u");
	ctsh_policy_free(&policy);
}

static void every_form_of_match_is_read(void **state)
{
	static const struct {
		enum ctsh_match_kind kind;
		const char *text;
		uid_t low, high;
	} expected[] = {
		{CTSH_MATCH_NAME, "alice", 0, 0},
		{CTSH_MATCH_GLOB, "ci-*", 0, 0},
		{CTSH_MATCH_GLOB, "?x", 0, 0},
		{CTSH_MATCH_GLOB, "[ab]c", 0, 0},
		{CTSH_MATCH_GLOB, "[[:alpha:]]?", 0, 0},
		{CTSH_MATCH_GLOB, "[]!]*", 0, 0},
		{CTSH_MATCH_GROUP, "students", 0, 0},
		{CTSH_MATCH_GROUP, "domain users", 0, 0},
		{CTSH_MATCH_UIDS, "#1000", 1000, 1000},
		{CTSH_MATCH_UIDS, "#2000-2999", 2000, 2999},
		{CTSH_MATCH_UIDS, "#0", 0, 0},
		{CTSH_MATCH_ANY, "*", 0, 0},
		{CTSH_MATCH_ANY, "**", 0, 0},
		{CTSH_MATCH_NAME, "DOM\\eve", 0, 0},
		{CTSH_MATCH_NAME, "ho$t", 0, 0},
	};
	const size_t count = sizeof(expected) / sizeof(*expected);
	struct ctsh_policy policy;

	(void)state;
	load(GOOD "/matches.conf", false, &policy);
	assert_int_equal(policy.rules[0].match_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct ctsh_match *match = &policy.rules[0].matches[i];

		assert_int_equal(match->kind, expected[i].kind);
		assert_string_equal(match->text, expected[i].text);
		assert_int_equal(match->low, expected[i].low);
		assert_int_equal(match->high, expected[i].high);
	}
	ctsh_policy_free(&policy);
}

static void every_form_of_user_is_read(void **state)
{
	static const struct {
		const char *text;
		enum ctsh_user_kind kind;
		const char *name;
		uid_t uid;
		bool has_gid;
		gid_t gid;
	} cases[] = {
		{"same-name", CTSH_USER_SAME_NAME, NULL, 0, false, 0},
		{"same-uid", CTSH_USER_SAME_UID, NULL, 0, false, 0},
		{"app", CTSH_USER_NAME, "app", 0, false, 0},
		{"3proxy", CTSH_USER_NAME, "3proxy", 0, false, 0},
		{"_app", CTSH_USER_NAME, "_app", 0, false, 0},
		{"1000", CTSH_USER_NUMERIC, NULL, 1000, false, 0},
		{"1000:50", CTSH_USER_NUMERIC, NULL, 1000, true, 50},
		{"4294967294", CTSH_USER_NUMERIC, NULL, 4294967294u, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;
		const struct ctsh_rule *rule;
		char text[200];

		/* The default is of another kind, so nothing may be left. */
		(void)snprintf(text, sizeof(text),
		               "defaults { user = \"%s\" }\n"
		               "rule a { match = {\"*\"} container = "
		               "\"docker:b\" user = \"%s\" }\n",
		               i % 2 ? "7:7" : "other", cases[i].text);
		load_text(text, &policy);
		rule = &policy.rules[0];
		assert_int_equal(rule->user, cases[i].kind);
		assert_int_equal(rule->user_has_gid, cases[i].has_gid);
		if (cases[i].name)
			assert_string_equal(rule->user_name, cases[i].name);
		else
			assert_null(rule->user_name);
		if (cases[i].kind == CTSH_USER_NUMERIC)
			assert_int_equal(rule->user_uid, cases[i].uid);
		if (cases[i].has_gid)
			assert_int_equal(rule->user_gid, cases[i].gid);
		ctsh_policy_free(&policy);
	}
}

static void an_empty_sentence_closes_nothing_but_denies(void **state)
{
	struct ctsh_policy policy;

	(void)state;
	load_text("closed = \"\"\nrule a { match = {x} deny = \"\" }", &policy);
	assert_null(policy.closed);
	assert_string_equal(policy.rules[0].deny, "");
	ctsh_policy_free(&policy);
}

static void the_longest_sentence_fits(void **state)
{
	struct ctsh_policy policy;
	char sentence[256], text[300];

	(void)state;
	memset(sentence, 'x', 255);
	sentence[255] = '\0';
	(void)snprintf(text, sizeof(text), "closed = \"%s\"", sentence);
	load_text(text, &policy);
	assert_string_equal(policy.closed, sentence);
	ctsh_policy_free(&policy);
}

/* -- who may write the files ------------------------------------------------
 */

static void without_a_file_it_is_refused(void **state)
{
	(void)state;
	refuses("/run/nonesuch/ctsh.conf", true, "open /run/nonesuch: ENOENT");
	refuses("/run/nonesuch/ctsh.conf", false,
	        "/run/nonesuch/ctsh.conf: ENOENT");
}

static void only_what_root_alone_can_write_is_trusted(void **state)
{
	static const struct {
		mode_t file, dir;
		uid_t file_owner, dir_owner;
		const char *what; /* NULL: trusted */
	} cases[] = {
		{0644, 0755, 0, 0, NULL},
		{0600, 0700, 0, 0, NULL},
		{0444, 0555, 0, 0, NULL},
		{0664, 0755, 0, 0, FILE_PATH " is writable by others"},
		{0646, 0755, 0, 0, FILE_PATH " is writable by others"},
		{0666, 0755, 0, 0, FILE_PATH " is writable by others"},
		{0620, 0755, 0, 0, FILE_PATH " is writable by others"},
		{0602, 0755, 0, 0, FILE_PATH " is writable by others"},
		{0644, 0755, 1000, 0, FILE_PATH " is not owned by root"},
		{0444, 0755, 1000, 0, FILE_PATH " is not owned by root"},
		{0644, 0775, 0, 0, DIR_PATH " is writable by others"},
		{0644, 0757, 0, 0, DIR_PATH " is writable by others"},
		{0644, 01777, 0, 0, DIR_PATH " is writable by others"},
		{0644, 0755, 0, 1000, DIR_PATH " is not owned by root"},
		{0644, 0555, 0, 1000, DIR_PATH " is not owned by root"},
	};

	(void)state;
	put_text(FILE_PATH, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;

		assert_int_equal(chown(FILE_PATH, cases[i].file_owner, 0), 0);
		assert_int_equal(chmod(FILE_PATH, cases[i].file), 0);
		assert_int_equal(chown(DIR_PATH, cases[i].dir_owner, 0), 0);
		assert_int_equal(chmod(DIR_PATH, cases[i].dir), 0);
		if (cases[i].what) {
			refuses(FILE_PATH, true, cases[i].what);
		} else {
			load(FILE_PATH, true, &policy);
			ctsh_policy_free(&policy);
		}
		/* A draft is nobody's business but its author's. */
		load(FILE_PATH, false, &policy);
		ctsh_policy_free(&policy);
	}
	assert_int_equal(chown(FILE_PATH, 0, 0), 0);
	assert_int_equal(chown(DIR_PATH, 0, 0), 0);
	assert_int_equal(chmod(DIR_PATH, 0755), 0);
}

/* Somebody else can rename the file that root wrote there. */
static void a_sticky_directory_is_not_trusted(void **state)
{
	(void)state;
	assert_int_equal(mount("none", "/tmp", "tmpfs", MS_NOSUID, "mode=1777"),
	                 0);
	put_text("/tmp/ctsh.conf", "");
	refuses("/tmp/ctsh.conf", true, "/tmp is writable by others");
	assert_int_equal(mkdir("/tmp/mine", 0755), 0);
	put_text("/tmp/mine/ctsh.conf", "");
	refuses("/tmp/mine/ctsh.conf", true, "/tmp is writable by others");
	assert_int_equal(umount2("/tmp", MNT_DETACH), 0);
}

static void links_are_not_followed(void **state)
{
	(void)state;
	put_text(DIR_PATH "/real", "");
	(void)unlink(DIR_PATH "/link");
	assert_int_equal(symlink("real", DIR_PATH "/link"), 0);
	refuses(DIR_PATH "/link", true, DIR_PATH "/link is a symbolic link");

	assert_int_equal(symlink(DIR_PATH, "/run/linked"), 0);
	refuses("/run/linked/real", true, "/run/linked is a symbolic link");
	refuses(DIR_PATH "/../ctsh-test/real", true,
	        DIR_PATH "/../ctsh-test/real is not a plain absolute path");
	refuses("ctsh.conf", true, "ctsh.conf is not a plain absolute path");
}

static void only_regular_files_are_read(void **state)
{
	static const char fifo[] = DIR_PATH "/fifo";

	(void)state;
	assert_int_equal(mkfifo(fifo, 0644), 0);
	refuses(fifo, true, DIR_PATH "/fifo is not a regular file");
	refuses(fifo, false, DIR_PATH "/fifo: not a regular file");
	refuses(USERS_PATH, true, USERS_PATH " is not a regular file");
	refuses(USERS_PATH, false, USERS_PATH ": not a regular file");
	refuses("/dev/null", false, "/dev/null: not a regular file");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	static char text[256 * 1024 + 1];
	struct ctsh_policy policy;

	(void)state;
	memset(text, '\n', sizeof(text));
	put_bytes(FILE_PATH, text, sizeof(text));
	refuses(FILE_PATH, true, FILE_PATH ": larger than 256 KiB");
	put_bytes(FILE_PATH, text, sizeof(text) - 1);
	load(FILE_PATH, true, &policy);
	ctsh_policy_free(&policy);
}

/* -- users/NAME -------------------------------------------------------------
 */

static int load_own(const char *defaults, const char *name, const char *text,
                    struct ctsh_policy *policy, struct ctsh_error *err)
{
	char path[300];

	memset(err, 0, sizeof(*err));
	load_text(defaults, policy);
	(void)snprintf(path, sizeof(path), USERS_PATH "/%s", name);
	if (text)
		put_text(path, text);
	return ctsh_config_load_own(USERS_PATH, name, kinds, policy, err);
}

static void a_user_s_file_is_a_rule(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load_own("defaults { shell = /bin/ash  user = app }\n"
	                          "engine build { type = docker }",
	                          "alice",
	                          "# hers\ncontainer = \"build:%u-box\"\n"
	                          "user = same-uid\nset_env = {\"A=b\"}\n",
	                          &policy, &err),
	                 0);

	assert_string_equal(policy.own->title, USERS_PATH "/alice");
	assert_string_equal(policy.own->file, USERS_PATH "/alice");
	assert_int_equal(policy.own->line, 1);
	assert_int_equal(policy.own->match_count, 0);
	assert_string_equal(policy.own->container, "build:%u-box");
	assert_int_equal(policy.own->user, CTSH_USER_SAME_UID);
	assert_string_equal(policy.own->shell, "/bin/ash");
	is_list(policy.own->set_env, "A=b;");
	ctsh_policy_free(&policy);
}

static void the_next_user_s_file_replaces_the_last(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	assert_int_equal(load_own("", "alice", "deny = \"a\"", &policy, &err),
	                 0);
	put_text(USERS_PATH "/bob", "deny = \"b\"");
	assert_int_equal(
		ctsh_config_load_own(USERS_PATH, "bob", kinds, &policy, &err),
		0);
	assert_string_equal(policy.own->deny, "b");
	assert_int_equal(ctsh_config_load_own(USERS_PATH, "nobody", kinds,
	                                      &policy, &err),
	                 0);
	assert_null(policy.own);
	ctsh_policy_free(&policy);
}

static void no_file_means_no_rule(void **state)
{
	static const char *const names[] = {
		"nobody", "",   ".",   "..",       "../ctsh.conf", ".hidden",
		"a/b",    "-x", "a b", "DOM\\eve", "\xc3\xbc"};
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	(void)state;
	load_text("", &policy);
	put_text(USERS_PATH "/.hidden", "deny = \"\"");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(ctsh_config_load_own(USERS_PATH, names[i],
		                                      kinds, &policy, &err),
		                 0);
		assert_null(policy.own);
	}
	assert_int_equal(ctsh_config_load_own("/run/nonesuch", "alice", kinds,
	                                      &policy, &err),
	                 0);
	assert_null(policy.own);
	ctsh_policy_free(&policy);
}

static void a_bad_user_s_file_is_refused(void **state)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{"", ":1: a rule needs 'container' or 'deny'"},
		{"deny = \"\"\ncontainer = \"docker:x\"",
	         ":1: 'container' and 'deny' exclude each other"},
		{"deny = \"\"\n\nmatch = {\"*\"}",
	         ":3: 'match' is no key or section that may stand here"},
		{"deny = \"\"\nhost_shell = /bin/sh",
	         ":2: 'host_shell' is no key or section that may stand here"},
		{"deny = \"\"\nwaiting = 15",
	         ":2: 'waiting' is no key or section that may stand here"},
		{"rule a { deny = \"\" }",
	         ":1: '=' expected behind 'rule' (no sections in this file)"},
		{"deny = \"a\"\ndeny = \"b\"", ":2: repeated key 'deny'"},
		{"deny = \"a\" /*", ":1: comment is not closed"},
		{"container = \"docker:%x\"",
	         ":1: container: only %u, %U, %g and %% may follow a '%'"},
		{"\ncontainer = \"podmann:x\"",
	         ":2: container: unknown engine 'podmann'"},
		{"container = \"docker:x\"\nuser = \"0\"",
	         ":1: user: uid or gid 0 needs 'allow_root = true'"},
		{"deny = \"a\"\r\n", ":1: carriage return"},
		{"deny = a\nrecord = input",
	         ":2: record: 'input' is neither none nor output"},
		{"deny = a\nrecord_dir = \"log\"",
	         ":2: record_dir: 'log' is not an absolute path"},
		{"deny = a\nrecord_max = 0",
	         ":2: record_max: a recording needs a limit above 0"},
		{"deny = a\nrecord_max = 1048577",
	         ":2: record_max: '1048577' is not a number from 0 to 1048576"},
		{"deny = a\nrecord_max = 064",
	         ":2: record_max: '064' is not a number from 0 to 1048576"},
		{"deny = a\nrecord_full = rotate",
	         ":2: record_full: 'rotate' is neither end nor stop"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctsh_policy policy;
		struct ctsh_error err;
		char what[300];

		(void)snprintf(what, sizeof(what), USERS_PATH "/alice%s",
		               cases[i].what);
		assert_int_equal(
			load_own("", "alice", cases[i].text, &policy, &err),
			-1);
		assert_string_equal(err.what, what);
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_null(policy.own);
		ctsh_policy_free(&policy);
	}
}

/* Only ENOENT means that there is none. */
static void an_unsafe_user_s_file_is_refused(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	(void)unlink(USERS_PATH "/alice");
	assert_int_equal(symlink("nonesuch", USERS_PATH "/alice"), 0);
	assert_int_equal(load_own("", "alice", NULL, &policy, &err), -1);
	assert_string_equal(err.what, USERS_PATH "/alice is a symbolic link");
	ctsh_policy_free(&policy);
	assert_int_equal(unlink(USERS_PATH "/alice"), 0);

	put_text(USERS_PATH "/alice", "deny = \"\"");
	assert_int_equal(chmod(USERS_PATH "/alice", 0664), 0);
	assert_int_equal(load_own("", "alice", NULL, &policy, &err), -1);
	assert_string_equal(err.what,
	                    USERS_PATH "/alice is writable by others");
	ctsh_policy_free(&policy);
	assert_int_equal(unlink(USERS_PATH "/alice"), 0);

	assert_int_equal(chmod(USERS_PATH, 0775), 0);
	assert_int_equal(load_own("", "nobody", NULL, &policy, &err), -1);
	assert_string_equal(err.what, USERS_PATH " is writable by others");
	ctsh_policy_free(&policy);
	assert_int_equal(chmod(USERS_PATH, 0755), 0);
}

static void a_user_s_file_that_is_too_large_is_refused(void **state)
{
	static char text[64 * 1024 + 2];
	struct ctsh_policy policy;
	struct ctsh_error err;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	assert_int_equal(load_own("", "alice", text, &policy, &err), -1);
	assert_string_equal(err.what, USERS_PATH "/alice: larger than 64 KiB");
	ctsh_policy_free(&policy);
}

/* -- groups -----------------------------------------------------------------
 */

static void groups_get_their_gids(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	(void)state;
	load_text("rule a { match = {\"@students\", \"x\", \"@root\"} deny = "
	          "\"\" }\n"
	          "rule b { match = {\"@staff\", \"@students\"} deny = \"\" }",
	          &policy);

	assert_int_equal(
		ctsh_config_resolve(&policy, ctsh_now_ms() + 5000, &err), 0);

	assert_int_equal(policy.rules[0].matches[0].gid, 200);
	assert_int_equal(policy.rules[0].matches[2].gid, 0);
	assert_int_equal(policy.rules[1].matches[0].gid, 300);
	assert_int_equal(policy.rules[1].matches[1].gid, 200);
	ctsh_policy_free(&policy);
}

static void a_group_that_does_not_exist_refuses(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	(void)state;
	load_text("rule a { match = {\"@students\", \"@alumni\"} deny = \"\" }",
	          &policy);
	assert_int_equal(
		ctsh_config_resolve(&policy, ctsh_now_ms() + 5000, &err), -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_string_equal(err.what,
	                    FILE_PATH ":1: group alumni does not exist");
	ctsh_policy_free(&policy);
}

/* A deadline in the past would fail if anybody were asked. */
static void without_groups_nobody_is_asked(void **state)
{
	struct ctsh_policy policy;
	struct ctsh_error err = {0};

	(void)state;
	load_text("rule a { match = {\"x\", \"*\"} deny = \"\" }", &policy);
	assert_int_equal(ctsh_config_resolve(&policy, 0, &err), 0);
	ctsh_policy_free(&policy);
}

/* -- time -------------------------------------------------------------------
 */

/* It takes some 5 ms; a sanitizer and a busy machine may take their time. */
static void a_thousand_rules_are_read_quickly(void **state)
{
	static char text[256 * 1024];
	struct ctsh_policy policy;
	size_t used = 0;
	clock_t begin;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"rule r%u {\n\tmatch = {\"@g%u\", \"ci-%u-*\"}\n"
			"\tcontainer = \"docker:lab-%%u\"\n}\n",
			i, i, i);
	put_text(FILE_PATH, text);

	begin = clock();
	load(FILE_PATH, true, &policy);

	assert_true(clock() - begin < CLOCKS_PER_SEC / 2);
	assert_int_equal(policy.rule_count, 1000);
	assert_string_equal(policy.rules[999].title, "r999");
	assert_int_equal(policy.rules[999].line, 3997);
	ctsh_policy_free(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_bad_file_is_refused_with_its_line_and_reason),
		cmocka_unit_test(every_good_file_is_accepted),
		cmocka_unit_test(the_shipped_file_says_what_holds_without_it),
		cmocka_unit_test(the_shipped_file_has_every_key_of_defaults),
		cmocka_unit_test(nothing_is_printed),
		cmocka_unit_test(a_bad_file_does_not_spoil_the_next),
		cmocka_unit_test(an_empty_file_has_the_defaults),
		cmocka_unit_test(a_rule_has_the_file_s_defaults),
		cmocka_unit_test(a_rule_s_own_value_wins),
		cmocka_unit_test(engines_are_read),
		cmocka_unit_test(defaults_behind_a_rule_hold_for_it),
		cmocka_unit_test(every_form_of_match_is_read),
		cmocka_unit_test(every_form_of_user_is_read),
		cmocka_unit_test(an_empty_sentence_closes_nothing_but_denies),
		cmocka_unit_test(the_longest_sentence_fits),
		cmocka_unit_test(without_a_file_it_is_refused),
		cmocka_unit_test(only_what_root_alone_can_write_is_trusted),
		cmocka_unit_test(a_sticky_directory_is_not_trusted),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(a_file_that_is_too_large_is_refused),
		cmocka_unit_test(a_user_s_file_is_a_rule),
		cmocka_unit_test(the_next_user_s_file_replaces_the_last),
		cmocka_unit_test(no_file_means_no_rule),
		cmocka_unit_test(a_bad_user_s_file_is_refused),
		cmocka_unit_test(an_unsafe_user_s_file_is_refused),
		cmocka_unit_test(a_user_s_file_that_is_too_large_is_refused),
		cmocka_unit_test(groups_get_their_gids),
		cmocka_unit_test(a_group_that_does_not_exist_refuses),
		cmocka_unit_test(without_groups_nobody_is_asked),
		cmocka_unit_test(a_thousand_rules_are_read_quickly),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
