/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <string.h>

/* clang-format off */
static const struct ctsh_runtime *const runtimes[] = {
	&ctsh_runtime_docker,
	&ctsh_runtime_crun,
	&ctsh_runtime_runc,
	&ctsh_runtime_pidfile,
	&ctsh_runtime_podman,
	&ctsh_runtime_containerd,
	&ctsh_runtime_kubernetes,
	&ctsh_runtime_lxc,
	&ctsh_runtime_lxd,
	&ctsh_runtime_incus,
	&ctsh_runtime_nspawn,
};
/* clang-format on */

#define RUNTIME_COUNT (sizeof(runtimes) / sizeof(runtimes[0]))

const struct ctsh_runtime *ctsh_runtime_at(unsigned index)
{
	return index < RUNTIME_COUNT ? runtimes[index] : NULL;
}

const struct ctsh_runtime *ctsh_runtime_find(const char *name)
{
	unsigned i;

	for (i = 0; i < RUNTIME_COUNT; i++)
		if (!strcmp(runtimes[i]->name, name))
			return runtimes[i];
	return NULL;
}
