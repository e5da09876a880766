/* SPDX-License-Identifier: MIT */
/*
 * network.h - the one namespace that a process may join and leave again.
 *
 * Privilege: root on the host; CAP_SYS_ADMIN over the networks concerned.
 * Trust:     the container is proved.  What the process connects to afterwards
 *            is answered from there, abstract sockets included.
 */
#ifndef CTSH_ENTER_NETWORK_H
#define CTSH_ENTER_NETWORK_H

#include "../base/error.h"
#include "../model/container.h"

/*
 * Joins the network namespace of pid 1 if ours is another one: a PAM module may
 * have moved the login service's child into a container's network, and then
 * abstract sockets and the network's name services would be answered from
 * there.  `*previous` becomes a descriptor of the network left, owned by the
 * caller, or -1 if there was nothing to leave.  0, or -1 with E_SYSTEM;
 * whichever, ctsh_network_back() goes back.
 */
CTSH_MUST_CHECK int ctsh_network_host(int *previous, struct ctsh_error *err);

/*
 * Joins the container's, if it has one of its own, and proves that we are in
 * it.  `*previous` is as ctsh_network_host() left it: if it is -1, it becomes a
 * descriptor of the network left.  0, or -1 with E_SYSTEM (in a process with
 * threads above all) or E_UNSAFE; whichever, ctsh_network_back() goes back.
 */
CTSH_MUST_CHECK int ctsh_network_join(const struct ctsh_container *c,
                                      int *previous, struct ctsh_error *err);

/* Goes back to the network that was left, if one was, and lets go of it: who is
 * sent to the host was perhaps kept in it on purpose.  0, or -1 with E_SYSTEM:
 * also if `*previous` is no namespace any more, and then it is not closed. */
CTSH_MUST_CHECK int ctsh_network_back(int *previous, struct ctsh_error *err);

/* Lets go of the way back, and stays.  Closes nothing but a namespace. */
void ctsh_network_forget(int *previous);

#endif
