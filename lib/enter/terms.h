/* SPDX-License-Identifier: MIT */
/*
 * terms.h - on which terms a container may be entered: values, no rule.
 *
 * Privilege: none.
 * Trust:     made from a checked rule.
 */
#ifndef CTSH_TERMS_H
#define CTSH_TERMS_H

#include <stdbool.h>
#include <sys/types.h>

struct ctsh_terms {
	unsigned share;        /* CLONE_NEW* it may share with the host   */
	uid_t owner;           /* who must own its user namespace         */
	bool allow_no_seccomp; /* its filter may be missing where the
	                          engine names one                        */
	bool allow_no_lsm;     /* its LSM label need not be applied       */
};

#endif
