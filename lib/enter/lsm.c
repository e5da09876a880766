/* SPDX-License-Identifier: MIT */
#include "lsm.h"

#include <errno.h>
#include <string.h>

#include "../base/fdio.h"

#define LABEL_MAX 4096

/* `current` shows one module; with several of them the others have a directory
 * of their own (Linux 5.8). */
static const char *const attributes[] = {
	"attr/current",
	"attr/apparmor/current",
	"attr/smack/current",
};

static int check(int proc, const char *attribute, struct ctsh_error *err)
{
	ctsh_autofree char *label = NULL;

	label = ctsh_read_file_at(proc, attribute, LABEL_MAX, NULL);
	/* EINVAL: no such module is active; ENOENT: not built in. */
	if (!label)
		return errno == EINVAL || errno == ENOENT
		               ? 0
		               : ctsh_fail(err, CTSH_E_SYSTEM, errno, "read %s",
		                           attribute);
	label[strcspn(label, "\n")] = '\0';
	if (!label[0] || strcmp(label, "unconfined") == 0)
		return 0;
	return ctsh_fail(
		err, CTSH_E_UNSAFE, 0,
		"its init has the security label '%s', which cannot be "
		"applied",
		label);
}

int ctsh_lsm_refuse_label(int proc, struct ctsh_error *err)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (check(proc, attributes[i], err))
			return -1;
	return 0;
}
