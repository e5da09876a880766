/* SPDX-License-Identifier: MIT */
#include "caps.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CAPABILITY_MAX 64

int ctsh_caps_hold(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{.permitted = (uint32_t)permitted,
	         .effective = (uint32_t)effective},
		{.permitted = (uint32_t)(permitted >> 32),
	         .effective = (uint32_t)(effective >> 32)},
	};

	return (int)syscall(SYS_capset, &header, data);
}

int ctsh_caps_set(uint64_t caps)
{
	return ctsh_caps_hold(caps, caps);
}

int ctsh_caps_bound(uint64_t keep)
{
	for (int cap = 0; cap < CAPABILITY_MAX; cap++) {
		if (keep >> cap & 1 ||
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno != EINVAL)
			return -1;
		break; /* the kernel knows no more */
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}
