/* SPDX-License-Identifier: MIT */
/*
 * peer.h - connect to a daemon of the host and know who is behind the socket.
 *
 * A socket's name proves nothing: an unprivileged process can squat a free
 * one, and root of a container without a user namespace is uid 0 as well.  So
 * the path must be root's all the way, and the process that listens must have
 * the expected uid in our own user and pid namespace.
 *
 * Privilege: root, on the host.
 * Trust:     the path is the administrator's; who listens is hostile until
 *            checked; what it says stays hostile.
 */
#ifndef CTSH_PEER_H
#define CTSH_PEER_H

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/*
 * Connects to the stream socket at `path`, absolute and without a symbolic
 * link (/run/docker.sock: /var/run is one), and checks that root is behind it.
 *
 * A close-on-exec, non-blocking descriptor that the caller owns; or -1:
 *   E_ENGINE  there is no such socket, or nobody takes the connection until
 *             the deadline
 *   E_UNSAFE  a part of the path, the socket or its peer is not root's
 *   E_SYSTEM  a system call failed
 */
CTSH_MUST_CHECK int ctsh_peer_connect(const char *path, int64_t deadline_ms,
                                      struct ctsh_error *err);

/*
 * Checks who listens behind the connected unix socket `sock`: uid `owner`,
 * alive, in our own user and pid namespace.  Its mount namespace may be
 * another, as a daemon's often is.  With socket activation the kernel names
 * the service manager, who made the socket, and that is the right answer.
 *
 * 0; or -1 with E_UNSAFE, or E_SYSTEM if our own state cannot be read.
 */
CTSH_MUST_CHECK int ctsh_peer_check(int sock, uid_t owner,
                                    struct ctsh_error *err);

#endif
