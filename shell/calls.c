/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <string.h>
#include <sys/syscall.h>

#include "../lib/enter/sandbox.h"

/* Everything that a plain session calls to its end. */
static const int plain[] = {
	SYS_read,  /* terminal, pty, pipes, signalfd */
	SYS_write, /* the same; report_refused() */
#ifdef SYS_poll
	SYS_poll, /* the loop */
#endif
#ifdef SYS_ppoll
	SYS_ppoll, /* poll(3) where there is no SYS_poll */
#endif
#ifdef SYS_ppoll_time64
	SYS_ppoll_time64, /* the same on 32 bits */
#endif
	SYS_restart_syscall, /* poll after a stop or a suspended host */
	SYS_recvfrom,        /* a caller's socket, without waiting */
	SYS_sendto,          /* the same; the watchdog */
	SYS_shutdown,        /* half-close of a caller's socket */
	SYS_ioctl,           /* modes, window size, FIONREAD */
	SYS_close,           /* the pty, pipes */
	SYS_getpgid,         /* are we in the foreground */
#ifdef SYS_wait4
	SYS_wait4, /* the leader's status */
#endif
	SYS_waitid,            /* the same on newer architectures */
	SYS_pidfd_send_signal, /* hangup to the leader */
	SYS_rt_sigaction,      /* to die of a signal */
	SYS_rt_sigprocmask,    /* the same */
	SYS_rt_sigreturn,      /* the return of any handler */
	SYS_kill,              /* ourselves, like the leader */
	SYS_tgkill,            /* raise(3), abort(3) */
	SYS_getpid,            /* whom to kill */
	SYS_gettid,            /* the same */
	SYS_prlimit64,         /* no core of ours */
#ifdef SYS_setrlimit
	SYS_setrlimit, /* the same */
#endif
#ifdef SYS_clock_gettime
	SYS_clock_gettime, /* time, where the vDSO cannot tell */
#endif
#ifdef SYS_clock_gettime64
	SYS_clock_gettime64, /* the same on 32 bits */
#endif
	SYS_munmap,     /* buffers given back */
	SYS_brk,        /* free(3) of the caller's */
	SYS_exit,       /* the end */
	SYS_exit_group, /* the end */
};

int ctsh_calls_confine(const int *more, size_t count, struct ctsh_error *err)
{
	enum { PLAIN = sizeof(plain) / sizeof(*plain) };
	int all[PLAIN + CTSH_CALLS_MORE_MAX];

	if (count > CTSH_CALLS_MORE_MAX)
		return ctsh_fail(err, CTSH_E_SYSTEM, 0, "too many calls");
	memcpy(all, plain, sizeof(plain));
	if (count)
		memcpy(all + PLAIN, more, count * sizeof(*more));
	return ctsh_allow_only(all, PLAIN + count, err);
}
