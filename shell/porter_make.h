/* SPDX-License-Identifier: MIT */
/*
 * porter_make.h - the sockets and files that the porter makes and removes.
 *
 * Privilege: none; runs in ctsh-porter.
 * Trust:     every path is the container's.  What somebody else put in place of
 *            ours is left alone.
 */
#ifndef CTSH_PORTER_MAKE_H
#define CTSH_PORTER_MAKE_H

#include <sys/types.h>

#include "../lib/model/forward.h"

struct ctsh_porter_made {
	int listener[CTSH_TARGETS]; /* or -1                          */
	int place;                  /* of order.directory; or -1      */
	struct {
		dev_t dev;
		ino_t ino;
	} path[CTSH_PORTER_PATHS]; /* which are ours                 */
};

/* Makes what is ordered, as far as it can be made. */
void ctsh_porter_make(const struct ctsh_porter_order *order,
                      struct ctsh_porter_made *made,
                      struct ctsh_porter_answer *answer);

void ctsh_porter_remove(const struct ctsh_porter_order *order,
                        struct ctsh_porter_made *made);

#endif
