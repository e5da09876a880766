/* SPDX-License-Identifier: MIT */
/*
 * lsm.h - whether a security module confines the init.
 *
 * Until ctsh sets the label on entry itself, a labelled container is refused
 * unless the rule allows it to be entered without.
 *
 * Privilege: root, on the host.
 * Trust:     /proc/PID/attr of the host's /proc: the kernel's word.
 */
#ifndef CTSH_ENTER_LSM_H
#define CTSH_ENTER_LSM_H

#include <stdbool.h>

#include "../base/error.h"

/* 0 if no security module labels the process behind `proc` (O_PATH of its
 * /proc directory), or only as "unconfined".  -1: E_UNSAFE with the label,
 * E_SYSTEM if it cannot be read. */
CTSH_MUST_CHECK int ctsh_lsm_refuse_label(int proc, struct ctsh_error *err);

#endif
