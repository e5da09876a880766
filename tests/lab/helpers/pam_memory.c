/* SPDX-License-Identifier: MIT */
/*
 * pam_memory SERVICE USER INIT NAMESPACE... - opens a session again and again,
 * each time with another allocation that fails, until none is left that could.
 * In an open one the process shares those namespaces with the container's init,
 * and else with us.
 *
 * Prints "N allocations, M refused, L ended, K killed, ok", or what a session
 * without memory left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_appl.h>

/* For one session. */
#define SECONDS 20

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* Shared with what the module forks: those allocate, too. */
struct fault {
	int armed;
	unsigned count;
	unsigned fails;
	int said;   /* by pam_open_session()         */
	int inside; /* as far as the looker-on sees  */
};
static struct fault *fault;

static int is_refused(void)
{
	if (!fault || !fault->armed)
		return 0;
	if (__atomic_add_fetch(&fault->count, 1, __ATOMIC_SEQ_CST) !=
	    fault->fails)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return is_refused() ? NULL : __libc_realloc(old, size);
}

static int silent(int count, const struct pam_message **messages,
                  struct pam_response **responses, void *data)
{
	(void)messages;
	(void)data;
	*responses = __libc_calloc((size_t)count, sizeof(**responses));
	return PAM_SUCCESS;
}

/* -- a service, in a process of its own: what libraries do without memory is
 * theirs, and one that they end has no session either -------------------- */

/* Until it was looked at. */
static void pause_here(void)
{
	(void)kill(getpid(), SIGSTOP);
}

static void serve(char **argv, unsigned fails)
{
	static const struct pam_conv conversation = {silent, NULL};
	pam_handle_t *pamh = NULL;

	/* libc keeps the socket of the first line that is sent. */
	openlog("pam_memory", LOG_NDELAY, LOG_AUTHPRIV);
	/* As every service does.  The first question to the name service ends
	 * without memory in libc, by SIGSEGV. */
	if (!getpwnam(argv[2]) ||
	    pam_start(argv[1], argv[2], &conversation, &pamh) != PAM_SUCCESS)
		exit(2);
	pause_here();
	fault->fails = fails;
	fault->armed = 1;
	fault->said = pam_open_session(pamh, 0);
	fault->armed = 0;
	pause_here();
	if (fault->inside)
		(void)pam_close_session(pamh, 0);
	(void)pam_end(pamh, PAM_SUCCESS);
	pause_here();
	_exit(0);
}

/* -- who looks at it ------------------------------------------------------- */

static void fail(unsigned fails, const char *what)
{
	printf("allocation %u: said %d, %s\n", fails, fault->said, what);
	exit(1);
}

static int count_descriptors(pid_t pid)
{
	char path[64];
	int count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		exit(2);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static ino_t namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	if (stat(path, &st))
		exit(2);
	return st.st_ino;
}

/* Whether it has all those namespaces of the other's. */
static int is_with(pid_t pid, pid_t other, char **names)
{
	for (; *names; names++)
		if (namespace(pid, *names) != namespace(other, *names))
			return 0;
	return 1;
}

/* The status at its pause, or at its end. */
static int await_pause(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, WUNTRACED) != pid)
		exit(2);
	return status;
}

/* Only after it has paused, or it would not. */
static int next_pause(pid_t pid)
{
	(void)kill(pid, SIGCONT);
	return await_pause(pid);
}

/* The status at the end; what it said is in `fault`. */
static int look_on(pid_t pid, char **argv, unsigned fails)
{
	pid_t init = (pid_t)atoi(argv[3]);
	char **names = argv + 4;
	int all = names[1] != NULL;
	int status = await_pause(pid);
	int before, inside;

	if (!WIFSTOPPED(status))
		exit(2);
	before = count_descriptors(pid);
	status = next_pause(pid);
	if (!WIFSTOPPED(status))
		return status;
	inside = fault->inside = is_with(pid, init, names);
	if (!inside && !is_with(pid, getpid(), names))
		fail(fails, "on the way");
	/* What libpam itself cannot do afterwards, it calls by another name. */
	if ((fault->said == PAM_SUCCESS && !inside) ||
	    (fault->said == PAM_SESSION_ERR && inside))
		fail(fails, inside ? "inside" : "outside");
	status = next_pause(pid);
	if (!WIFSTOPPED(status))
		fail(fails, "ended by closing");
	if (!is_with(pid, all && inside ? init : getpid(), names))
		fail(fails, "moved by closing");
	if (count_descriptors(pid) != before)
		fail(fails, "descriptors are left");
	return next_pause(pid);
}

struct counts {
	unsigned refused, ended, killed;
};

static void try_apart(char **argv, unsigned fails, struct counts *counts)
{
	pid_t pid;
	int status;

	fault->count = fault->armed = 0;
	fault->said = -1;
	pid = fork();
	if (pid == 0)
		serve(argv, fails);
	if (pid < 0)
		exit(2);
	(void)alarm(SECONDS);
	status = look_on(pid, argv, fails);
	/* Nobody is left, either, when the time is up. */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	(void)alarm(0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		counts->killed++;
	else if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
	         (WIFEXITED(status) && WEXITSTATUS(status)))
		counts->ended++;
	else if (status)
		fail(fails, strsignal(WTERMSIG(status)));
	else if (fault->said != PAM_SUCCESS)
		counts->refused++;
}

int main(int argc, char **argv)
{
	struct counts counts = {0};
	unsigned fails = 1;

	if (argc < 5)
		return 2;
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* What a service that came to its end leaves is ours. */
	if (fault == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 2;
	(void)setvbuf(stdout, NULL, _IONBF, 0);
	do
		try_apart(argv, fails, &counts);
	while (fault->count >= fails++);
	if (fault->said != PAM_SUCCESS)
		fail(0, "without a failure");
	printf("%u allocations, %u refused, %u ended, %u killed, ok\n",
	       fails - 2, counts.refused, counts.ended, counts.killed);
	return 0;
}
