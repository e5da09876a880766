/* SPDX-License-Identifier: MIT */
#include "disposition.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int ctsh_disposition(int sig, void (*action)(int))
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} wanted = {.handler = action};

	return (int)syscall(SYS_rt_sigaction, sig, &wanted, NULL, 8);
}
