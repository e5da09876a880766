/* SPDX-License-Identifier: MIT */
/*
 * person.h - who somebody is, by the host's name service (names.h).
 *
 * Lookups run in a child process, so that modules of the name service, their
 * threads and their descriptors never live in a process that goes on; but for
 * what the files alone decide (person_files.h).
 *
 * Privilege: root, on the host, before anything of a container is touched:
 *            after a change of root, libc would load the container's modules.
 * Trust:     the host's name service is believed.
 */
#ifndef CTSH_PERSON_H
#define CTSH_PERSON_H

#include <stdint.h>

#include "../base/error.h"
#include "../model/person.h"
#include "names.h"

/*
 * The account of `uid`: its name, which maps back to the same uid, and its
 * primary group.  Memberships are left unknown (`group_count` 0): to find them
 * costs more than all the rest of a lookup, and few configurations ask.
 *
 * 0, or -1 with E_DENIED if there is no such account, or it does not map back;
 * E_SYSTEM if the name service failed or was late.
 */
CTSH_MUST_CHECK int ctsh_person_load(uid_t uid, struct ctsh_person *person,
                                     int64_t deadline_ms,
                                     struct ctsh_error *err);

/* Fills in all memberships of a loaded person, if they are not known yet.
 * 0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_person_memberships(struct ctsh_person *person,
                                            int64_t deadline_ms,
                                            struct ctsh_error *err);

/* The uid of a name, for administrators' tools.  0, or -1 with E_USAGE if
 * there is no such account. */
CTSH_MUST_CHECK int ctsh_person_uid(const char *name, uid_t *uid,
                                    int64_t deadline_ms,
                                    struct ctsh_error *err);

/*
 * Resolves `count` group names to gids, in one child; CTSH_NO_GROUP for a group
 * that does not exist.  An outage of the group backend looks like fewer groups,
 * so whoever asks must refuse when a group that a file names is not found.
 * 0, or -1 with E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_person_groups(const char *const *names, size_t count,
                                       gid_t *gids, int64_t deadline_ms,
                                       struct ctsh_error *err);

#endif
