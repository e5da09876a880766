/* SPDX-License-Identifier: MIT */
/*
 * preload.h - what a service would load by itself, once it is inside.
 *
 * In a process whose root is another one libc goes on to look for modules of
 * the name service, of charsets and messages by the same paths, where the
 * container keeps what it likes.
 *
 * Privilege: root, on the host.
 * Trust:     the host's nsswitch.conf and libraries.
 */
#ifndef CTSH_PAM_PRELOAD_H
#define CTSH_PAM_PRELOAD_H

#include "../lib/base/error.h"

/*
 * Loads each module that nsswitch.conf names, and strikes those out that cannot
 * be loaded: they would be looked for again.  What nsswitch.conf says is then
 * fixed, and nscd, whose socket has a path, is not asked.  Messages are no
 * longer translated.  Changes the whole process, for good.  What is not there
 * cannot be used either, and is no failure; that it could not be found out is.
 */
CTSH_MUST_CHECK int ctsh_pam_preload(struct ctsh_error *err);

#endif
