/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - what stands behind pam_ctsh.so in a line of pam.d.
 *
 * Privilege: none; pure.
 * Trust:     the administrator's words, which may be wrong.
 */
#ifndef CTSH_PAM_ARGUMENTS_H
#define CTSH_PAM_ARGUMENTS_H

#include <stdbool.h>

#include "../lib/base/error.h"

struct ctsh_pam_arguments {
	const char *users; /* NAME,@GROUP,...; borrowed, not looked at yet */
	bool all;          /* join=all, and not join=net */
	bool debug;
};

/* `join=all|net users=... [debug]`, in any order, each once.  0; or -1 with
 * E_CONFIG and a reason that says what to write. */
CTSH_MUST_CHECK int ctsh_pam_arguments(int argc, const char **argv,
                                       struct ctsh_pam_arguments *arguments,
                                       struct ctsh_error *err);

#endif
