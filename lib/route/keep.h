/* SPDX-License-Identifier: MIT */
/*
 * keep.h - that somebody stops a container which nobody uses any more.
 *
 * At the end of the last session none of ours has the power for it, and that
 * may be by any death; so a login, while it is root, sees to it that there is a
 * keeper: one `ctshctl stop-idle` for each such container, a service of the
 * host's service manager, which sleeps until the kernel says that the last
 * session has ended.  Without a service manager it is a process of its own that
 * is nobody's child.  It ends with the container.
 *
 * Privilege: root, on the host.
 * Trust:     the program is root's; pid and start are the kernel's.
 */
#ifndef CTSH_ROUTE_KEEP_H
#define CTSH_ROUTE_KEEP_H

#include <stdint.h>

#include "../base/error.h"
#include "../model/container.h"

/*
 * Of a pinned container, before it is proved: keeps it from being stopped, as
 * ctsh_use_take() does, while the descriptor is open that `*use` becomes, and
 * which is closed first if there is one.  0; or -1: E_ABSENT if it is being
 * stopped, E_GONE if it has been, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_keep_use(int *use, const struct ctsh_container *c,
                                  struct ctsh_error *err);

/*
 * Tells the keeper of a proved container, if there is one, that somebody has
 * come: its time begins anew.  0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_keep_ring(const struct ctsh_container *c,
                                   struct ctsh_error *err);

/*
 * The same, and makes one if there is none.  At most until the deadline.  0, or
 * -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_keep(const struct ctsh_container *c,
                              int64_t deadline_ms, struct ctsh_error *err);

#endif
