/* SPDX-License-Identifier: MIT */
/*
 * passwd.h - the container's etc/passwd and etc/group, from text in memory to
 * values.
 *
 * Pure: linear time, no recursion, no allocation.  A line is taken as it
 * stands: no sign, blank, hexadecimal digit or missing field is mended
 * (CVE-2026-30892: an id that overflowed to 0).  Lines that begin with `+`,
 * `-` or `#` are nobody's.
 *
 * Privilege: none; runs in the powerless child of step 7.
 * Trust:     every byte is hostile.
 */
#ifndef CTSH_PASSWD_H
#define CTSH_PASSWD_H

#include <stddef.h>
#include <sys/types.h>

#include "../model/interior.h"

/* What a reader should accept of either file, in bytes. */
#define CTSH_PASSWD_MAX (1024 * 1024)

/* A line of etc/passwd that is longer is malformed. */
#define CTSH_PASSWD_LINE_MAX 4096

/*
 * Finds the account that `query` asks for and fills `account` and, if it is
 * CTSH_ACCOUNT_FOUND, `uid`, `gid`, `name`, `home` and `shell` of `*interior`;
 * else these are empty and the ids 4294967295, which nobody can be.
 *
 * The first line whose name (or, by_uid, whose uid) is the one asked for
 * decides.  It is CTSH_ACCOUNT_MALFORMED unless it has seven fields, two valid
 * ids, a name, and texts without control characters that fit; or if the query
 * asks for the empty name.
 */
void ctsh_passwd_find(const char *text, size_t length,
                      const struct ctsh_query *query,
                      struct ctsh_interior *interior);

/*
 * Fills `groups` and `group_count` of `*interior` with the gid of every group
 * that has `name` as a member, but not `gid`, the primary one.  Duplicates
 * stay.  A line that has not four fields, or no valid gid, or a NUL, counts
 * for nothing.  Of more than CTSH_GROUPS_MAX the count says one more than
 * that, and reading ends.
 */
void ctsh_group_collect(const char *text, size_t length, const char *name,
                        gid_t gid, struct ctsh_interior *interior);

#endif
