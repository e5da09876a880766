/* SPDX-License-Identifier: MIT */
/*
 * interior.h - what a powerless child saw inside the container, once.
 *
 * Fixed size and without pointers: it crosses a pipe from a process that has
 * read hostile bytes.
 *
 * Privilege: none.
 * Trust:     hostile, like all that the container says about itself.  The
 *            receiver has terminated every string and bounded every count;
 *            what the values mean is for lib/route/plan.c to judge.
 */
#ifndef CTSH_MODEL_INTERIOR_H
#define CTSH_MODEL_INTERIOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CTSH_GROUPS_MAX 1024
#define CTSH_PATH_MAX 1024
#define CTSH_ENVIRON_MAX 32768
/* C.UTF-8, and one each for LANG, LC_ALL and the twelve categories. */
#define CTSH_LOCALES_MAX 15
#define CTSH_LOCALE_MAX 64

/* Names of locales; letters, digits and "_.@:-" only. */
struct ctsh_locales {
	unsigned count;
	char name[CTSH_LOCALES_MAX][CTSH_LOCALE_MAX];
};

/* Whom to look for; a value made from the rule and the person. */
struct ctsh_query {
	bool by_uid; /* look for `uid`, else for `name`              */
	uid_t uid;   /* as the container counts                      */
	char name[256];
	bool want_groups;
	bool want_environ;
	bool want_terminal;
	bool want_sftp;
	struct ctsh_locales locales; /* which of these there are        */
	char shell[CTSH_PATH_MAX];   /* from the rule, or ""              */
};

enum ctsh_account {
	CTSH_ACCOUNT_FOUND,
	CTSH_ACCOUNT_MISSING,   /* no such line, or no passwd file      */
	CTSH_ACCOUNT_MALFORMED, /* the line or the file is unusable     */
};

enum ctsh_shell_choice {
	CTSH_SHELL_ASKED, /* the rule's, or else the passwd entry's     */
	CTSH_SHELL_BASH,  /* /bin/bash                                  */
	CTSH_SHELL_SH,    /* /bin/sh                                    */
	CTSH_SHELL_CHOICES,
};

struct ctsh_interior {
	enum ctsh_account account;
	uid_t uid; /* as the container counts               */
	gid_t gid;
	char name[256];
	char home[CTSH_PATH_MAX];
	char shell[CTSH_PATH_MAX];
	unsigned group_count; /* over CTSH_GROUPS_MAX: too many        */
	gid_t groups[CTSH_GROUPS_MAX]; /* supplementary, from etc/group */
	uint32_t locales;      /* bit N: there is the Nth of those asked for */
	unsigned run_user;     /* not 0: there is a directory /run/user      */
	uint32_t sftp_servers; /* bit N: ctsh_sftp_place(N) is there         */
	unsigned environ_length;
	char environ[CTSH_ENVIRON_MAX]; /* NAME=value\0 NAME=value\0    */
};

#endif
