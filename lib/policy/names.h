/* SPDX-License-Identifier: MIT */
/*
 * names.h - the host's name service: who asks it, and in which process.
 *
 * A question is one block of memory, so that another program can answer it.
 * Two files answer: names.c itself, and names_program.c by becoming the program
 * ctsh-names, which is names.c.  Whoever links chooses.  ctsh-session takes the
 * program, and so never has a module of the name service in its memory; a
 * static one could not even load them.
 *
 * Privilege: root, on the host, before anything of a container is touched, and
 *            in a child that ends with its answer (base/child.h).
 * Trust:     the host's name service is believed.
 */
#ifndef CTSH_NAMES_H
#define CTSH_NAMES_H

#include <stddef.h>

#include "../base/error.h"
#include "../model/person.h"

/* The kernel's "no change", which no group can have. */
#define CTSH_NO_GROUP ((gid_t)-1)

/* Where ctsh-names finds its channel; the question is its standard input. */
#define CTSH_NAMES_CHANNEL 3

enum ctsh_names_what {
	CTSH_NAMES_PERSON,      /* of person.uid: a struct ctsh_person       */
	CTSH_NAMES_MEMBERSHIPS, /* of `person`: the same with all its groups */
	CTSH_NAMES_UID,         /* of the one name: a uid_t                  */
	CTSH_NAMES_GIDS,        /* of each name: a gid_t or CTSH_NO_GROUP    */
};

struct ctsh_names_question {
	enum ctsh_names_what what;
	size_t size;        /* of all this, the names included   */
	size_t answer_size; /* of what is expected               */
	size_t count;       /* of names                          */
	struct ctsh_person person;
	char names[]; /* one behind the other, each terminated */
};

/* Answers the question in `argument`: a ctsh_child_fn. */
CTSH_MUST_CHECK int ctsh_names_ask(void *argument, int channel, void *answer,
                                   int *fd, struct ctsh_error *err);

#endif
