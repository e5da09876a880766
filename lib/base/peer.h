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

struct ucred;

/* Who listened when the socket was made, as the kernel keeps it.  That process
 * may be gone since.  0, or -1 with E_SYSTEM. */
CTSH_MUST_CHECK int ctsh_peer_of(int sock, struct ucred *who,
                                 struct ctsh_error *err);

/*
 * The same check of who sent a message, for a daemon whose socket was made by
 * a process that has ended: `who` is what the kernel put beside the message
 * (SCM_CREDENTIALS, SO_PASSCRED having been set before the connection was).
 * Root of a container may name another process there, but none outside its own
 * PID namespace.  `pidfd`, borrowed, is the kernel's too (SCM_PIDFD); -1 before
 * Linux 6.5, where the number must do.  0 or -1, as before.
 */
CTSH_MUST_CHECK int ctsh_peer_check_sender(int pidfd, const struct ucred *who,
                                           uid_t owner, struct ctsh_error *err);

#endif
