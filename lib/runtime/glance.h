/* SPDX-License-Identifier: MIT */
/*
 * glance.h - whether a bundle is worth opening.
 *
 * A node has hundreds of them, and all but one or two are somebody else's.  A
 * glance is three system calls for each and believes nothing: a bundle that may
 * be meant is opened afterwards with every check, see bundle.h.
 *
 * Privilege: root, on the host.
 * Trust:     what is seen decides only who is not meant.
 */
#ifndef CTSH_RUNTIME_GLANCE_H
#define CTSH_RUNTIME_GLANCE_H

#include <stdbool.h>

/*
 * Whether `word` may stand in the file "ID/SUB/config.json" (SUB may be NULL)
 * below `above`.  False only if it does not, or there is no such file; where
 * that cannot be said, true.  `*text` is NULL at first and used again by the
 * next one; then it is the caller's to free.
 */
bool ctsh_glance(char **text, int above, const char *id, const char *sub,
                 const char *word);

#endif
