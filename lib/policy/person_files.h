/* SPDX-License-Identifier: MIT */
/*
 * person_files.h - the account from /etc/passwd itself, where that is what the
 * name service would say.
 *
 * Most hosts look into the files first.  Then there is no need for a child to
 * keep modules of the name service in: none is loaded.
 *
 * Privilege: root, on the host.
 * Trust:     /etc/nsswitch.conf, /etc/passwd and /etc/group are root's.
 */
#ifndef CTSH_PERSON_FILES_H
#define CTSH_PERSON_FILES_H

#include <stdbool.h>

#include "../model/person.h"

/*
 * Fills the account of `uid` as ctsh_person_load() does, with the memberships
 * unknown.  True if the files decide: nsswitch.conf(5) names them first for
 * users and for groups, without an action behind, and both have the entries,
 * the name leading back to the same uid.  False, and `*person` untouched, in
 * any other case, an error included: then the name service must be asked.
 */
bool ctsh_person_from_files(uid_t uid, struct ctsh_person *person);

#endif
