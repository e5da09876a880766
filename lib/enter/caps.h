/* SPDX-License-Identifier: MIT */
/*
 * caps.h - the capability sets of this process, by system calls alone.
 *
 * By hand, since libcap-ng's way to apply opens files of /proc, which is the
 * container's below the barrier.
 *
 * Privilege: CAP_SETPCAP in the current user namespace for the bounding set.
 * Trust:     none; who calls proves the outcome.
 */
#ifndef CTSH_ENTER_CAPS_H
#define CTSH_ENTER_CAPS_H

#include <stdint.h>

#include "../base/clean.h"

/* Makes permitted and effective exactly `caps` (bits as in linux/capability.h)
 * and clears inheritable.  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_caps_set(uint64_t caps);

/* The same with another effective set, which is to be part of `permitted`. */
CTSH_MUST_CHECK int ctsh_caps_hold(uint64_t permitted, uint64_t effective);

/* Drops all but `keep` from the bounding set, and clears the ambient one.  What
 * is not held may be dropped, too.  0, or -1 with errno. */
CTSH_MUST_CHECK int ctsh_caps_bound(uint64_t keep);

#endif
