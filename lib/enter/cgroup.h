/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h - the init's control groups: find them, join them.
 *
 * Limits and device rules hold for whoever is in the group, so the entering
 * process is put into the init's own group of every hierarchy, unified or not,
 * from the host, while it works; before it has a child it must be there.
 *
 * Privilege: root, on the host.
 * Trust:     the kernel's /proc/PID/cgroup and our own mount table.  A
 *            container root can choose names below its own group.
 */
#ifndef CTSH_ENTER_CGROUP_H
#define CTSH_ENTER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "../base/error.h"
#include "../base/proc.h"
#include "../model/container.h"

/*
 * Opens the groups of c->proc that differ from our own, into c->cgroup2,
 * c->cgroup1 and c->cgroup_text.  0; or -1: E_PAUSED if it is frozen, E_GONE if
 * the group is gone, E_UNSAFE if a hierarchy that it is in is not to be had
 * here, E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_cgroup_open(struct ctsh_container *c,
                                     struct ctsh_error *err);

/*
 * Opens the group that /proc/PID/cgroup text names in the unified hierarchy,
 * our own or not.  An O_PATH descriptor that the caller owns; or -1 with
 * E_GONE, or with E_SYSTEM if that hierarchy is not to be had here.
 */
CTSH_MUST_CHECK int ctsh_cgroup_open_unified(const char *text,
                                             struct ctsh_error *err);

/*
 * The root of a hierarchy that no mount here shows, on a mount of its own that
 * is nowhere; the caller owns it.  Or -1 with E_UNSAFE: it has controllers, or
 * there is none of that name.
 */
CTSH_MUST_CHECK int ctsh_cgroup_mount_named(const struct ctsh_proc_cgroup *line,
                                            struct ctsh_error *err);

/* Moves the process into the groups of the v1 hierarchies (the unified one is
 * joined by clone3).  0, or -1 with E_SYSTEM or E_GONE. */
CTSH_MUST_CHECK int ctsh_cgroup_join(const struct ctsh_container *c, pid_t pid,
                                     struct ctsh_error *err);

/*
 * Whether a component of a path in /proc/PID/cgroup text is that ID: alone, or
 * as PREFIX-ID.scope, where PREFIX has letters and '-' only ("docker",
 * "cri-containerd").  Never a part of a component: 2a02 is not 2a02f1.
 */
bool ctsh_cgroup_names(const char *text, const char *id);

#endif
