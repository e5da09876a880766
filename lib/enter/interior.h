/* SPDX-License-Identifier: MIT */
/*
 * interior.h - step 7: look inside the container through a powerless child.
 *
 * The child takes the init's ids without a capability, opens what it needs
 * below the container's root, closes everything else, allows itself read,
 * write and exit, and only then parses.
 *
 * Privilege: root, on the host; the child gives it all up before its first
 *            look.
 * Trust:     the answer is hostile, see model/interior.h.
 */
#ifndef CTSH_ENTER_INTERIOR_H
#define CTSH_ENTER_INTERIOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/child.h"
#include "../base/error.h"
#include "../model/container.h"
#include "../model/interior.h"

/*
 * Starts the child for a pinned container, which need not be proved yet: the
 * child has no power over what it looks at, and what it says is used when the
 * proof holds.  0, with `*reader` to be given to ctsh_interior_finish() or
 * ctsh_child_end(); or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_interior_start(struct ctsh_child *reader,
                                        const struct ctsh_container *c,
                                        const struct ctsh_query *query,
                                        struct ctsh_error *err);

/*
 * Fills `*interior`.  With `want_terminal`, which must be what the query said,
 * `*terminal` becomes a ptmx of the container's own devpts (checked: devpts,
 * inode 2, 5:2, not the host's), owned by the caller; else -1.  To be called
 * when the container is proved.
 *
 * 0; or -1: E_UNSAFE without such a devpts, E_SYSTEM if the child failed or
 * was late (a FUSE mount that never answers).  The child is gone either way.
 */
CTSH_MUST_CHECK int ctsh_interior_finish(struct ctsh_child *reader,
                                         bool want_terminal,
                                         struct ctsh_interior *interior,
                                         int *terminal, int64_t deadline_ms,
                                         struct ctsh_error *err);

/* Which /dev/pts/N of its devpts the terminal is, by the kernel's word.  0, or
 * -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_terminal_number(int ptmx, unsigned *number,
                                         struct ctsh_error *err);

/*
 * Unlocks the terminal, opens its other end without looking at any path, and
 * gives it to `uid` as the host counts.  The descriptor, owned by the caller;
 * or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_terminal_peer(int ptmx, uid_t uid,
                                       struct ctsh_error *err);

#endif
