/* SPDX-License-Identifier: MIT */
/*
 * person.h - who is asking: one snapshot of a host account, as a value.
 *
 * Filled by lib/policy/person*.c from the real uid and from nothing else.
 * Fixed size and without pointers, so that a child process can hand it over.
 *
 * Privilege: none.
 * Trust:     what the host's account files or its NSS said; every string is
 *            terminated.
 */
#ifndef CTSH_MODEL_PERSON_H
#define CTSH_MODEL_PERSON_H

#include <sys/types.h>

#define CTSH_NAME_MAX 256
#define CTSH_HOST_GROUPS_MAX 1024
#define CTSH_HOST_HOME_MAX 512

struct ctsh_person {
	uid_t uid;
	gid_t gid;                     /* primary group                    */
	char name[CTSH_NAME_MAX];      /* maps back to `uid`               */
	char group[CTSH_NAME_MAX];     /* name of `gid`, or "" if it has none */
	char home[CTSH_HOST_HOME_MAX]; /* absolute, or "": it has none that
	                                  could be used                */
	unsigned group_count;          /* 0: memberships are not known     */
	gid_t groups[CTSH_HOST_GROUPS_MAX]; /* all memberships, `gid` among them
	                                     */
};

#endif
