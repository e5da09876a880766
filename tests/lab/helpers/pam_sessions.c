/* SPDX-License-Identifier: MIT */
/*
 * pam_sessions SERVICE USER HANDLES TIMES EXPECTED [apart] - opens and closes
 * so many sessions one after the other with each of so many handles, of which
 * each has a process of its own if told so.  Opening must give EXPECTED.
 * Prints "ok", or what was said instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_appl.h>

static int silent(int count, const struct pam_message **messages,
                  struct pam_response **responses, void *data)
{
	(void)messages;
	(void)data;
	*responses = calloc((size_t)count, sizeof(**responses));
	return *responses ? PAM_SUCCESS : PAM_CONV_ERR;
}

/* 0: as expected. */
static int open_and_close(pam_handle_t *pamh, int expected)
{
	int opened = pam_open_session(pamh, 0);
	int closed = PAM_SUCCESS;

	if (opened == PAM_SUCCESS)
		closed = pam_close_session(pamh, 0);
	if (opened == expected && closed == PAM_SUCCESS)
		return 0;
	printf("opening said %d, closing %d\n", opened, closed);
	(void)fflush(stdout);
	return 1;
}

static int use_handle(char **argv)
{
	static const struct pam_conv conversation = {silent, NULL};
	pam_handle_t *pamh = NULL;
	int failed = 0;

	if (pam_start(argv[1], argv[2], &conversation, &pamh) != PAM_SUCCESS)
		return 1;
	for (int i = atoi(argv[4]); i > 0 && !failed; i--)
		failed = open_and_close(pamh, atoi(argv[5]));
	return pam_end(pamh, PAM_SUCCESS) != PAM_SUCCESS || failed;
}

static int use_apart(char **argv)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		exit(use_handle(argv));
	if (waitpid(pid, &status, 0) == pid && status == 0)
		return 0;
	printf("status %x\n", (unsigned)status);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	/* libc keeps the socket of the first line that is sent. */
	openlog("pam_sessions", LOG_NDELAY, LOG_AUTHPRIV);
	for (int i = atoi(argv[3]); i > 0; i--)
		if (argc > 6 ? use_apart(argv) : use_handle(argv))
			return 1;
	printf("ok\n");
	return 0;
}
