/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/base/fdio.h"
#include "../../lib/base/run.h"
#include "../../lib/runtime/runtime.h"
#include "../../lib/runtime/service.h"
#include "own_host.h"

static int run_for(const char *script, char *said, size_t size, int64_t ms,
                   int *status, struct ctsh_error *err)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};

	return ctsh_run(argv, said, size, ctsh_now_ms() + ms, status, err);
}

static void assert_says(const char *script, const char *expected)
{
	char said[1024];
	struct ctsh_error err;
	int status;

	assert_int_equal(
		run_for(script, said, sizeof(said), 5000, &status, &err), 0);
	assert_int_equal(status, 0);
	assert_string_equal(said, expected);
}

static void what_it_says_is_heard(void **state)
{
	(void)state;
	assert_says("echo one; echo two >&2", "one\ntwo\n");
	assert_says(":", "");
}

static void its_status_is_known(void **state)
{
	char said[16];
	struct ctsh_error err;
	int status;

	(void)state;
	assert_int_equal(
		run_for("exit 3", said, sizeof(said), 5000, &status, &err), 0);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(
		run_for("kill -9 $$", said, sizeof(said), 5000, &status, &err),
		0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void it_has_nothing_of_ours(void **state)
{
	int mine = dup(0);

	(void)state;
	assert_true(mine > 2);
	(void)setenv("HOSTILE", "1", 1);
	(void)signal(SIGTERM, SIG_IGN);
	assert_says("echo $HOSTILE$PATH $LC_ALL",
	            "/usr/sbin:/usr/bin:/sbin:/bin C\n");
	assert_says("pwd; readlink /proc/self/fd/0", "/\n/dev/null\n");
	/* The third is the list's own. */
	assert_says("ls /proc/self/fd", "0\n1\n2\n3\n");
	assert_says("grep SigIgn /proc/self/status",
	            "SigIgn:\t0000000000000000\n");
	assert_says("read a b c d e f g </proc/self/stat; "
	            "[ \"$f\" = $$ ] && echo leads",
	            "leads\n");
	(void)signal(SIGTERM, SIG_DFL);
	(void)close(mine);
}

static void what_does_not_fit_is_lost(void **state)
{
	char said[8];
	struct ctsh_error err;
	int status;

	(void)state;
	assert_int_equal(run_for("head -c 300000 /dev/zero | tr '\\0' x", said,
	                         sizeof(said), 5000, &status, &err),
	                 0);
	assert_string_equal(said, "xxxxxxx");
}

static void one_that_takes_too_long_is_killed(void **state)
{
	static const char *const scripts[] = {
		"exec sleep 60", "exec >/dev/null 2>&1; exec sleep 60",
		"while :; do echo x; done"};
	char said[8];
	struct ctsh_error err;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		int64_t began = ctsh_now_ms();

		assert_int_equal(run_for(scripts[i], said, sizeof(said), 200,
		                         &status, &err),
		                 -1);
		assert_int_equal(err.code, CTSH_E_SYSTEM);
		assert_int_equal(err.sys, ETIMEDOUT);
		assert_in_range(ctsh_now_ms() - began, 200, 1500);
	}
}

static void one_that_is_not_there_ends_at_once(void **state)
{
	const char *const argv[] = {"/nowhere/program", NULL};
	char said[8];
	struct ctsh_error err;
	int status;

	(void)state;
	assert_int_equal(ctsh_run(argv, said, sizeof(said),
	                          ctsh_now_ms() + 5000, &status, &err),
	                 0);
	assert_int_equal(WEXITSTATUS(status), 127);
}

/* -- the service manager ----------------------------------------------------
 */

#define LOG "/run/words"

static const char *const engine[] = {"/usr/bin/crun", "run", "box", NULL};

static int run_engine(const char *log, int64_t ms, struct ctsh_error *err)
{
	const struct ctsh_service service = {
		.argv = engine,
		.log = log,
	};

	return ctsh_service_run(&service, ctsh_now_ms() + ms, err);
}

/* In place of systemd's; it says what it was asked for. */
static void put_manager(const char *script)
{
	put_over("/usr/bin/systemd-run", script);
	assert_int_equal(chmod("/usr/bin/systemd-run", 0755), 0);
}

static void without_a_service_manager_nothing_is_started(void **state)
{
	struct ctsh_error err;

	(void)state;
	put_manager("#!/bin/sh\necho started >/run/started\n");
	assert_int_equal(run_engine(NULL, 5000, &err), -1);
	assert_int_equal(err.code, CTSH_E_CONFIG);
	assert_string_equal(err.what, "systemd does not run here, and "
	                              "/usr/bin/crun may not be started by a "
	                              "login");
	assert_int_equal(access("/run/started", F_OK), -1);
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
	assert_int_equal(mkdir("/run/systemd", 0755), 0);
	assert_int_equal(mkdir("/run/systemd/system", 0755), 0);
}

static void the_service_manager_is_told_how_long(void **state)
{
	struct ctsh_error err;
	char text[1024] = "", *rest;
	ctsh_autoclose int fd = -1;

	(void)state;
	put_manager("#!/bin/sh\necho \"$@\" >/run/asked\n");
	assert_int_equal(run_engine(LOG, 14500, &err), 0);
	fd = open("/run/asked", O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	/* A unit of its own, for the journal to name. */
	assert_memory_equal(text, "--quiet --collect --unit=ctsh-start-", 36);
	rest = strstr(text, ".service ");
	assert_non_null(rest);
	assert_string_equal(
		rest,
		".service --description=a container, for a login by "
		"ctsh --property=Type=oneshot --property=KillMode=process "
		"--property=TimeoutStartSec=15 --property=StandardInput=data "
		"--property=StandardInputData=Cg== -- /usr/bin/crun run box\n");
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

static int run_as(const struct ctsh_owner *owner, struct ctsh_error *err)
{
	const struct ctsh_service service = {.argv = engine, .owner = owner};

	return ctsh_service_run(&service, ctsh_now_ms() + 5000, err);
}

static void make_run_dir(const char *path, uid_t uid)
{
	(void)mkdir("/run/user", 0755);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, uid, uid), 0);
}

static void another_owners_has_their_ids_and_slice(void **state)
{
	static const struct ctsh_owner owner = {.uid = 4711, .gid = 4712};
	struct ctsh_error err;
	char text[1024] = "";
	ctsh_autoclose int fd = -1;

	(void)state;
	make_run_dir("/run/user/4711", 4711);
	put_manager("#!/bin/sh\necho \"$@\" >/run/asked-as\n");
	assert_int_equal(run_as(&owner, &err), 0);
	fd = open("/run/asked-as", O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text,
	                       " --uid=4711 --gid=4712 --slice=user-4711.slice "
	                       "--setenv=XDG_RUNTIME_DIR=/run/user/4711 -- "
	                       "/usr/bin/crun run box\n"));
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

/* Somebody else's, or a link, is none. */
static void without_a_run_directory_an_owners_is_not_started(void **state)
{
	static const struct ctsh_owner owners[] = {
		{.uid = 4713}, {.uid = 4714}, {.uid = 4715}};
	struct ctsh_error err;

	(void)state;
	make_run_dir("/run/user/4714", 4711);
	assert_int_equal(symlink("4711", "/run/user/4715"), 0);
	put_manager("#!/bin/sh\necho started >/run/started-as\n");
	for (size_t i = 0; i < 3; i++) {
		char what[96];

		(void)snprintf(what, sizeof(what),
		               "uid %u has no /run/user/%u: neither a session "
		               "nor lingering",
		               owners[i].uid, owners[i].uid);
		assert_int_equal(run_as(&owners[i], &err), -1);
		assert_int_equal(err.code, CTSH_E_CONFIG);
		assert_string_equal(err.what, what);
	}
	assert_int_equal(access("/run/started-as", F_OK), -1);
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

/* TimeoutStartSec=0 would be for ever. */
static void without_time_nothing_is_started(void **state)
{
	struct ctsh_error err;

	(void)state;
	put_manager("#!/bin/sh\necho started >/run/too-late\n");
	for (int ms = 0; ms >= -3000; ms -= 1000) {
		assert_int_equal(run_engine(NULL, ms, &err), -1);
		assert_int_equal(err.code, CTSH_E_ABSENT);
		assert_string_equal(err.what, "/usr/bin/crun: ETIMEDOUT");
	}
	assert_int_equal(access("/run/too-late", F_OK), -1);
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

static void assert_fails(const char *script, const char *what)
{
	struct ctsh_error err;

	(void)unlink(LOG);
	put_text(LOG, "of another time\n");
	put_manager(script);
	assert_int_equal(run_engine(LOG, 1000, &err), -1);
	assert_string_equal(err.what, what);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

static void the_last_words_are_the_engines(void **state)
{
	(void)state;
	assert_fails("#!/bin/sh\necho 'Job failed.'\nexit 1\n",
	             "/usr/bin/crun: Job failed.");
	assert_fails("#!/bin/sh\necho first >" LOG "\n"
	             "printf 'no space \\033[2J\\n' >>" LOG "\nexit 1\n",
	             "/usr/bin/crun: no space ?[2J");
	assert_fails("#!/bin/sh\nyes | head -c 100000 >" LOG "\n"
	             "echo end >>" LOG "\nexit 1\n",
	             "/usr/bin/crun: end");
	assert_fails("#!/bin/sh\nprintf 'well\\nERROR: why\\nadvice\\n' >" LOG
	             "\nexit 1\n",
	             "/usr/bin/crun: ERROR: why");
	/* What is there instead of a file does not hold anybody up. */
	assert_fails("#!/bin/sh\nrm -f " LOG "\nmkfifo " LOG "\nexit 1\n",
	             "/usr/bin/crun: ");
	assert_fails("#!/bin/sh\nexec sleep 60\n",
	             "/usr/bin/systemd-run: ETIMEDOUT");
}

/* A stand-in for the journal, which knows what that unit had to say. */
static void put_journal(const char *unit, const char *says)
{
	char script[512];

	(void)snprintf(script, sizeof(script),
	               "#!/bin/sh\n"
	               "case \"$*\" in\n"
	               "--sync) echo synced; : >/run/synced;;\n"
	               "*\" _SYSTEMD_UNIT=\"%s)\n"
	               "    rm /run/synced && printf '%s';;\n"
	               "*) echo \"$*\";;\n"
	               "esac\n",
	               unit, says);
	put_over("/usr/bin/journalctl", script);
	assert_int_equal(chmod("/usr/bin/journalctl", 0755), 0);
}

static void without_a_log_the_journal_has_the_words(void **state)
{
	struct ctsh_error err;

	(void)state;
	put_manager("#!/bin/sh\necho 'Job failed.'\nexit 1\n");
	put_journal("ctsh-start-*.service",
	            "Error: no space \\033[2J\\nbye\\n");
	assert_int_equal(run_engine(NULL, 1000, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "/usr/bin/crun: Error: no space ?[2J");
	assert_int_equal(umount("/usr/bin/journalctl"), 0);
	/* It has nothing, or is late. */
	put_journal("ctsh-start-*.service", "");
	assert_int_equal(run_engine(NULL, 1000, &err), -1);
	assert_string_equal(err.what, "/usr/bin/crun: Job failed.");
	assert_int_equal(umount("/usr/bin/journalctl"), 0);
	put_over("/usr/bin/journalctl", "#!/bin/sh\nexec sleep 60\n");
	assert_int_equal(chmod("/usr/bin/journalctl", 0755), 0);
	assert_int_equal(run_engine(NULL, 1000, &err), -1);
	assert_string_equal(err.what, "/usr/bin/crun: Job failed.");
	assert_int_equal(umount("/usr/bin/journalctl"), 0);
	assert_int_equal(umount("/usr/bin/systemd-run"), 0);
}

static void put_control(const char *script)
{
	put_over("/usr/bin/systemctl", script);
	assert_int_equal(chmod("/usr/bin/systemctl", 0755), 0);
}

static int start_unit(int64_t ms, struct ctsh_error *err)
{
	return ctsh_service_start("box@a.service", ctsh_now_ms() + ms, err);
}

static void a_unit_is_started(void **state)
{
	struct ctsh_error err;
	char text[256] = "";
	ctsh_autoclose int fd = -1;

	(void)state;
	put_control("#!/bin/sh\necho \"$@\" >/run/control\n");
	assert_int_equal(start_unit(5000, &err), 0);
	fd = open("/run/control", O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(
		text, "--quiet --no-ask-password start -- box@a.service\n");
	assert_int_equal(umount("/usr/bin/systemctl"), 0);
}

static void a_unit_that_does_not_start_says_why(void **state)
{
	struct ctsh_error err;

	(void)state;
	put_control("#!/bin/sh\necho 'Job failed.'\nexit 1\n");
	put_journal("box@a.service", "no such tree\\n");
	assert_int_equal(start_unit(5000, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "box@a.service: no such tree");
	assert_int_equal(umount("/usr/bin/journalctl"), 0);
	assert_int_equal(umount("/usr/bin/systemctl"), 0);
	put_control("#!/bin/sh\nexec sleep 60\n");
	assert_int_equal(start_unit(300, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_int_equal(err.sys, ETIMEDOUT);
	assert_int_equal(umount("/usr/bin/systemctl"), 0);
}

/* A program of the engine's own, which only asks. */
static void a_daemon_is_asked(void **state)
{
	const char *const good[] = {"/bin/sh", "-c", "exit 0", NULL};
	const char *const bad[] = {
		"/bin/sh", "-c",
		"echo first; echo 'task: already exists' >&2; exit 1", NULL};
	struct ctsh_error err;

	(void)state;
	assert_int_equal(ctsh_service_ask(good, ctsh_now_ms() + 5000, &err), 0);
	assert_int_equal(ctsh_service_ask(bad, ctsh_now_ms() + 5000, &err), -1);
	assert_int_equal(err.code, CTSH_E_ABSENT);
	assert_string_equal(err.what, "/bin/sh: task: already exists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says_is_heard),
		cmocka_unit_test(its_status_is_known),
		cmocka_unit_test(it_has_nothing_of_ours),
		cmocka_unit_test(what_does_not_fit_is_lost),
		cmocka_unit_test(one_that_takes_too_long_is_killed),
		cmocka_unit_test(one_that_is_not_there_ends_at_once),
		cmocka_unit_test(without_a_service_manager_nothing_is_started),
		cmocka_unit_test(the_service_manager_is_told_how_long),
		cmocka_unit_test(another_owners_has_their_ids_and_slice),
		cmocka_unit_test(
			without_a_run_directory_an_owners_is_not_started),
		cmocka_unit_test(without_time_nothing_is_started),
		cmocka_unit_test(the_last_words_are_the_engines),
		cmocka_unit_test(without_a_log_the_journal_has_the_words),
		cmocka_unit_test(a_unit_is_started),
		cmocka_unit_test(a_unit_that_does_not_start_says_why),
		cmocka_unit_test(a_daemon_is_asked),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, own_host, NULL);
}
