/* SPDX-License-Identifier: MIT */
/*
 * pam_memory SERVICE USER - opens a session again and again, each time with
 * another allocation that fails, until none is left that could.
 *
 * Prints "N allocations, M refused, L ended, ok", or what a session without
 * memory left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_appl.h>

#define REFUSED 77
#define ENDED 78

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* Shared with what the module forks: those allocate, too. */
struct fault {
	int armed;
	unsigned count;
	unsigned fails;
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

static ino_t network(void)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		exit(2);
	return st.st_ino;
}

static int count_descriptors(void)
{
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* Whether the session was opened; ends if it was and was not. */
static int try_once(char **argv, unsigned fails)
{
	static const struct pam_conv conversation = {silent, NULL};
	ino_t host = network();
	int before, rc;
	pam_handle_t *pamh = NULL;

	/* libc keeps the socket of the first line that is sent. */
	openlog("pam_memory", LOG_NDELAY, LOG_AUTHPRIV);
	before = count_descriptors();
	if (pam_start(argv[1], argv[2], &conversation, &pamh) != PAM_SUCCESS)
		exit(2);
	*fault = (struct fault){.armed = 1, .fails = fails};
	rc = pam_open_session(pamh, 0);
	fault->armed = 0;
	/* What libpam itself cannot do afterwards, it calls by another name. */
	if ((rc == PAM_SUCCESS && network() == host) ||
	    (rc == PAM_SESSION_ERR && network() != host)) {
		printf("allocation %u: said %d, network %s\n", fails, rc,
		       network() == host ? "the host's" : "another");
		exit(1);
	}
	if (network() != host)
		(void)pam_close_session(pamh, 0);
	(void)pam_end(pamh, PAM_SUCCESS);
	if (network() != host || count_descriptors() != before) {
		printf("allocation %u: something is left\n", fails);
		exit(1);
	}
	return rc == PAM_SUCCESS;
}

/*
 * In a process of its own: what libraries do without memory is theirs, and one
 * that they end there has no session either.
 */
static int try_apart(char **argv, unsigned fails)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(try_once(argv, fails) ? 0 : REFUSED);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
		return ENDED;
	if (!WIFEXITED(status)) {
		printf("allocation %u: status %d\n", fails, status);
		exit(1);
	}
	if (WEXITSTATUS(status) == 1)
		exit(1);
	return WEXITSTATUS(status) == REFUSED ? REFUSED
	       : WEXITSTATUS(status)          ? ENDED
	                                      : 0;
}

int main(int argc, char **argv)
{
	unsigned fails = 1, refused = 0, ended = 0;
	int said;

	if (argc != 3)
		return 2;
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fault == MAP_FAILED)
		return 2;
	(void)setvbuf(stdout, NULL, _IONBF, 0);
	do {
		said = try_apart(argv, fails);
		refused += said == REFUSED;
		ended += said == ENDED;
	} while (fault->count >= fails++);
	printf("%u allocations, %u refused, %u ended, ok\n", fails - 2, refused,
	       ended);
	return 0;
}
