/* SPDX-License-Identifier: MIT */
/* A configuration as a draft: nothing is demanded of its owner.  For the tests
 * of single keys. */
#ifndef DRAFT_H
#define DRAFT_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/base/fdio.h"
#include "../../lib/policy/config.h"

static char draft_path[64];

static inline int draft_load(const char *text, size_t length,
                             const struct ctsh_engine_kind *kinds,
                             struct ctsh_policy *policy, struct ctsh_error *err)
{
	int fd = open(draft_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	              0600);

	assert_true(fd >= 0);
	assert_int_equal(ctsh_write_all(fd, text, length), 0);
	(void)close(fd);
	return ctsh_config_load(draft_path, false, kinds, policy, err);
}

static inline int draft_make(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(draft_path, sizeof(draft_path),
	               "/tmp/ctsh-draft-XXXXXX");
	fd = mkstemp(draft_path);
	return fd < 0 ? -1 : close(fd);
}

static inline int draft_remove(void **state)
{
	(void)state;
	return unlink(draft_path);
}

#endif
