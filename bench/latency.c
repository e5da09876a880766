/* SPDX-License-Identifier: MIT */
/*
 * latency ROUNDS NAME UID GID COMMAND [ARG...] [';' NAME ...]... - how long
 * each command takes from fork to wait, as that user, in microseconds.
 *
 * The commands take turns in every round, so that whatever else the machine
 * does hits all of them alike: only ratios within one run mean anything.  The
 * user is changed in the child, since a program in between that does it
 * would be measured as well.
 *
 * Prints "NAME MEDIAN SMALLEST" for each.  A command that fails even once ends
 * the run with 1: a refusal is faster than a login.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CANDIDATES_MAX 16
#define ROUNDS_MAX 100000
#define WARM_UP 5

struct candidate {
	const char *name;
	uid_t uid;
	gid_t gid;
	char **argv;
	double *us;
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void become_and_run(const struct candidate *c)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		_exit(120);
	if (c->uid != 0 &&
	    (setgroups(1, &c->gid) || setresgid(c->gid, c->gid, c->gid) ||
	     setresuid(c->uid, c->uid, c->uid)))
		_exit(121);
	execvp(c->argv[0], c->argv);
	_exit(122);
}

/* The time in microseconds, or a negative number if it failed. */
static double measure(const struct candidate *c)
{
	double begin = now_us();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		become_and_run(c);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("latency");
		return -1;
	}
	if (status != 0) {
		(void)fprintf(stderr, "latency: %s: wait status %#x\n", c->name,
		              (unsigned)status);
		return -1;
	}
	return now_us() - begin;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static long parse_number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 0 || n > max) {
		(void)fprintf(stderr, "latency: not a number: %s\n", text);
		exit(2);
	}
	return n;
}

/* Cuts the words at each ";" into candidates.  Their count. */
static size_t parse(char **words, long rounds, struct candidate *all)
{
	size_t count = 0;

	while (*words) {
		struct candidate *c = &all[count++];

		if (count > CANDIDATES_MAX || !words[1] || !words[2] ||
		    !words[3]) {
			(void)fprintf(stderr,
			              "latency: NAME UID GID COMMAND\n");
			exit(2);
		}
		c->name = words[0];
		c->uid = (uid_t)parse_number(words[1], 0x7fffffff);
		c->gid = (gid_t)parse_number(words[2], 0x7fffffff);
		c->argv = words + 3;
		c->us = calloc((size_t)rounds, sizeof(*c->us));
		if (!c->us)
			exit(2);
		for (words += 3; *words && strcmp(*words, ";") != 0; words++)
			;
		if (*words)
			*words++ = NULL;
	}
	return count;
}

static int run(struct candidate *all, size_t count, long rounds)
{
	for (long round = -WARM_UP; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			double us = measure(&all[i]);

			if (us < 0)
				return -1;
			if (round >= 0)
				all[i].us[round] = us;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct candidate all[CANDIDATES_MAX + 1] = {0};
	long rounds = argc > 1 ? parse_number(argv[1], ROUNDS_MAX) : 0;
	size_t count;

	if (rounds < 1 || argc < 6) {
		(void)fprintf(
			stderr,
			"usage: latency ROUNDS NAME UID GID COMMAND...\n");
		return 2;
	}
	count = parse(argv + 2, rounds, all);
	if (run(all, count, rounds))
		return 1;
	for (size_t i = 0; i < count; i++) {
		qsort(all[i].us, (size_t)rounds, sizeof(double), compare);
		(void)printf("%s %.0f %.0f\n", all[i].name,
		             all[i].us[rounds / 2], all[i].us[0]);
	}
	return 0;
}
