/* SPDX-License-Identifier: MIT */
/*
 * service.h - have the host's service manager carry out an engine's command.
 *
 * A container that is our own child's child would keep what cannot be taken
 * off: the audit login uid, without CAP_AUDIT_CONTROL; and what is easily
 * forgotten: control group, limits, priority, session keyring, oom score.  As a
 * service of systemd's it is a child of its, and has nothing of the login.
 *
 * What another owner's engine is to do is done by a service with that owner's
 * ids and in that owner's slice: systemd takes root's power off before anything
 * of the owner's runs or is read.
 *
 * Privilege: root, on the host.
 * Trust:     the programs are root's; what they say is the engine's, and may
 *            be the container's.
 */
#ifndef CTSH_RUNTIME_SERVICE_H
#define CTSH_RUNTIME_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"

struct ctsh_owner;

#define CTSH_SERVICE_WORDS 16

/* One command. */
struct ctsh_service {
	const char *const *argv; /* an absolute path first; ends with NULL, at
	                            most CTSH_SERVICE_WORDS; nothing that a
	                            service manager would expand            */
	const char *log; /* what it has to say when it fails is there, a file
	                    of root's alone; or NULL: in the journal, if
	                    anywhere                                        */
	const struct ctsh_owner *owner; /* as whom, or NULL: root           */
};

/*
 * Carries it out as a service, until it has ended: what it leaves behind lives
 * on.  0 if it ended well; or -1: E_CONFIG where no systemd is the service
 * manager, E_ABSENT if the command failed or takes longer, with its own words;
 * or E_SYSTEM.
 */
CTSH_MUST_CHECK int ctsh_service_run(const struct ctsh_service *service,
                                     int64_t deadline_ms,
                                     struct ctsh_error *err);

/*
 * Has `unit`, which is installed, started by systemd itself, and waits for it.
 * As above.
 */
CTSH_MUST_CHECK int ctsh_service_start(const char *unit, int64_t deadline_ms,
                                       struct ctsh_error *err);

/*
 * Carries out a command that only asks a daemon, which does what is to be done,
 * and waits for its end; argv as above.  0 if it ended well; or -1 as above.
 */
CTSH_MUST_CHECK int ctsh_service_ask(const char *const *argv,
                                     int64_t deadline_ms,
                                     struct ctsh_error *err);

/* Whether there is nothing in it that a service manager would expand. */
bool ctsh_service_plain(const char *path);

/* The first of the paths, a list that ends with NULL, that can be executed, or
 * NULL. */
const char *ctsh_service_program(const char *const *paths);

/* systemd-run(1), or NULL. */
const char *ctsh_service_runner(void);

/* Whether a systemd is the service manager of this host. */
bool ctsh_service_manager(void);

#endif
