/* SPDX-License-Identifier: MIT */
/*
 * pam_host SERVICE USER MODULE TIMES - a login service that looks at what a
 * module does to it.  Prints "ok", or the line in which something was not as
 * before.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_appl.h>

#define EXPECT(condition)                                              \
	do {                                                           \
		if (!(condition)) {                                    \
			printf("line %d: " #condition "\n", __LINE__); \
			exit(1);                                       \
		}                                                      \
	} while (0)

/* All that a module could have changed in its caller. */
struct state {
	sigset_t mask;
	struct sigaction actions[NSIG];
	mode_t umask;
	char cwd[4096];
	char fds[1024]; /* which of them are open */
	ino_t network;
};

static void look(struct state *state)
{
	struct stat st;

	memset(state, 0, sizeof(*state));
	(void)sigprocmask(SIG_SETMASK, NULL, &state->mask);
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, NULL, &state->actions[i]);
	state->umask = umask(0);
	(void)umask(state->umask);
	(void)!getcwd(state->cwd, sizeof(state->cwd));
	for (int fd = 0; fd < 1024; fd++)
		state->fds[fd] = fcntl(fd, F_GETFD) >= 0;
	EXPECT(stat("/proc/self/ns/net", &st) == 0);
	state->network = st.st_ino;
}

static void expect_same(const struct state *a, const struct state *b, int line)
{
	const char *what = NULL;

	if (memcmp(&a->mask, &b->mask, sizeof(a->mask)))
		what = "mask";
	else if (a->umask != b->umask)
		what = "umask";
	else if (strcmp(a->cwd, b->cwd) != 0)
		what = "directory";
	else if (memcmp(a->fds, b->fds, sizeof(a->fds)))
		what = "descriptors";
	else if (a->network != b->network)
		what = "network";
	for (int i = 1; i < NSIG; i++)
		if (a->actions[i].sa_handler != b->actions[i].sa_handler ||
		    a->actions[i].sa_flags != b->actions[i].sa_flags) {
			printf("line %d: signal %d: %p %x, %p %x\n", line, i,
			       (void *)a->actions[i].sa_handler,
			       (unsigned)a->actions[i].sa_flags,
			       (void *)b->actions[i].sa_handler,
			       (unsigned)b->actions[i].sa_flags);
			exit(1);
		}
	if (!what)
		return;
	printf("line %d: another %s\n", line, what);
	exit(1);
}

static int silent(int count, const struct pam_message **messages,
                  struct pam_response **responses, void *data)
{
	(void)messages;
	(void)data;
	*responses = calloc((size_t)count, sizeof(**responses));
	return *responses ? PAM_SUCCESS : PAM_CONV_ERR;
}

static pam_handle_t *begin(char **argv)
{
	static const struct pam_conv conversation = {silent, NULL};
	pam_handle_t *pamh = NULL;

	EXPECT(pam_start(argv[1], argv[2], &conversation, &pamh) ==
	       PAM_SUCCESS);
	return pamh;
}

static void reap_all(int signal)
{
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Open and close: everything as it was, under whatever handler for children. */
static void there_and_back(char **argv, void (*handler)(int))
{
	static struct state before, between, after;
	pam_handle_t *pamh;

	(void)signal(SIGCHLD, handler);
	pamh = begin(argv);
	look(&before);
	EXPECT(pam_open_session(pamh, 0) == PAM_SUCCESS);
	look(&between);
	EXPECT(between.network != before.network);
	EXPECT(pam_close_session(pamh, 0) == PAM_SUCCESS);
	EXPECT(pam_end(pamh, PAM_SUCCESS) == PAM_SUCCESS);
	look(&after);
	expect_same(&before, &after, __LINE__);
	/* But for the way back, between was as before. */
	between.network = before.network;
	memcpy(between.fds, before.fds, sizeof(before.fds));
	expect_same(&before, &between, __LINE__);
	(void)signal(SIGCHLD, SIG_DFL);
}

/* As a service does that forks for the user and closes in the parent; or the
 * other way round. */
static void closed_by_a_child(char **argv)
{
	static struct state before, after;
	pam_handle_t *pamh = begin(argv);
	int status = -1;
	pid_t pid;

	look(&before);
	EXPECT(pam_open_session(pamh, 0) == PAM_SUCCESS);
	pid = fork();
	if (pid == 0) {
		EXPECT(pam_close_session(pamh, 0) == PAM_SUCCESS);
		look(&after);
		EXPECT(after.network == before.network);
		(void)pam_end(pamh, PAM_SUCCESS | PAM_DATA_SILENT);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(pam_close_session(pamh, 0) == PAM_SUCCESS);
	EXPECT(pam_end(pamh, PAM_SUCCESS) == PAM_SUCCESS);
	look(&after);
	expect_same(&before, &after, __LINE__);
}

/* A service that closed all it did not know must not have another file of its
 * own taken for the way back, nor closed. */
static void with_the_way_back_closed(char **argv)
{
	pam_handle_t *pamh = begin(argv);
	static struct state before, open;
	int fd = -1;

	look(&before);
	EXPECT(pam_open_session(pamh, 0) == PAM_SUCCESS);
	look(&open);
	for (int i = 0; i < 1024; i++)
		if (open.fds[i] && !before.fds[i] && fd < 0)
			fd = i;
	EXPECT(fd >= 0 && dup2(STDIN_FILENO, fd) == fd);
	EXPECT(pam_close_session(pamh, 0) != PAM_SUCCESS);
	EXPECT(pam_end(pamh, PAM_SUCCESS) == PAM_SUCCESS);
	EXPECT(fcntl(fd, F_GETFD) >= 0);
	_exit(0);
}

static void *wait_for_ever(void *unused)
{
	(void)pause();
	return unused;
}

static void with_a_thread(char **argv)
{
	pam_handle_t *pamh = begin(argv);
	static struct state before, after;
	pthread_t thread;

	look(&before);
	EXPECT(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	EXPECT(pam_open_session(pamh, 0) == PAM_SESSION_ERR);
	look(&after);
	expect_same(&before, &after, __LINE__);
	_exit(0);
}

static void in_a_process_of_its_own(void (*what)(char **), char **argv)
{
	int status = -1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		what(argv);
		_exit(1);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	/* libc keeps the socket of the first line that is sent. */
	openlog("pam_host", LOG_NDELAY, LOG_AUTHPRIV);
	for (int i = 0; i < 1000; i++) {
		void *module = dlopen(argv[3], RTLD_NOW | RTLD_LOCAL);

		EXPECT(module && dlsym(module, "pam_sm_open_session"));
		EXPECT(dlclose(module) == 0);
	}
	for (int i = atoi(argv[4]); i > 0; i--)
		there_and_back(argv, SIG_DFL);
	there_and_back(argv, SIG_IGN);
	there_and_back(argv, reap_all);
	closed_by_a_child(argv);
	in_a_process_of_its_own(with_the_way_back_closed, argv);
	in_a_process_of_its_own(with_a_thread, argv);
	printf("ok\n");
	return 0;
}
