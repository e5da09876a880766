/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "channels.h"
#include "presence.h"
#include "signals.h"

enum {
	POLL_LEADER,
	POLL_SIGNALS,
	POLL_WATCHDOG,
	POLL_CALLER,
	POLL_CHANNELS,
};
#define POLL_FORWARD (POLL_CHANNELS + CTSH_CHANNELS_POLLS)
#define POLLS (POLL_FORWARD + CTSH_FORWARD_POLLS)

/* For a reader that is slow, once a limit has ended the session. */
#define ENDING_MS 500

struct loop {
	struct ctsh_supervision *s;
	int signals;
	bool had_terminal;
	struct ctsh_presence presence;
	int voice; /* the channel whose caller's side is told things */
	struct ctsh_channels channels;
	struct pollfd polls[POLLS];
};

static int make_raw(struct loop *l, struct ctsh_error *err)
{
	if (!l->had_terminal || l->s->terminal.fd < 0)
		return 0;
	if (ctsh_terminal_raw(&l->s->terminal, err) < 0)
		return -1;
	ctsh_signals_forget_keys();
	ctsh_terminal_resize(&l->s->terminal, l->s->master);
	return 0;
}

/* What passed belongs to the container alone: while we held it too, nobody
 * would see the end of file.  The very last to be done, since a descriptor
 * opened later would get their numbers. */
static void release_passed(struct loop *l)
{
	const struct ctsh_descriptors *d = &l->s->descriptors;
	bool one_output = ctsh_descriptors_one_output(d);

	l->voice = l->had_terminal ? CTSH_TTY_OUT
	           : one_output    ? CTSH_RELAY_1
	                           : CTSH_RELAY_2;
	/* Its bytes leave through 1. */
	if (one_output)
		(void)close(STDERR_FILENO);
	for (int fd = 0; fd < 3; fd++)
		if (d->passage[fd] == CTSH_PASS)
			(void)close(fd);
}

/* The calls beside those of any session, in the one table `more`. */
static int allow_forwarding(const struct loop *l, int *more, size_t *count,
                            struct ctsh_error *err)
{
	const int *calls;

	if (!l->s->forwarding)
		return 0;
	if (ctsh_forward_begin(l->s->forwarding, err) ||
	    ctsh_forward_confine(l->s->forwarding, err))
		return -1;
	calls = ctsh_forward_calls(count);
	memcpy(more, calls, *count * sizeof(*more));
	return 0;
}

static int allow(struct loop *l, struct ctsh_error *err)
{
	int more[CTSH_CALLS_MORE_MAX];
	size_t count = 0;

	if (allow_forwarding(l, more, &count, err))
		return -1;
	if (l->s->record) {
		ctsh_record_listen(l->s->record, &l->channels);
		if (ctsh_record_confine(err))
			return -1;
		more[count++] = SYS_fallocate;
	}
	return ctsh_calls_confine(more, count, err);
}

static int prepare(struct loop *l, struct ctsh_error *err)
{
	l->had_terminal = l->s->master >= 0;
	/* Until they are connected, a failure can still be told on stderr. */
	if (ctsh_signals_open(&l->signals, l->had_terminal, err) < 0 ||
	    make_raw(l, err) < 0 ||
	    ctsh_channels_connect(&l->channels, &l->s->descriptors,
	                          l->s->master, l->s->relay, err) < 0)
		return -1;
	if (ctsh_limits_any(&l->s->limits))
		ctsh_limits_speak_on(&l->s->limits,
		                     l->had_terminal
		                             ? l->channels.one[CTSH_TTY_OUT].to
		                             : STDERR_FILENO,
		                     l->had_terminal);
	if (l->s->kill_at_end)
		ctsh_presence_open(&l->presence, l->s->caller);
	if (ctsh_limits_stir(&l->s->limits, err) < 0)
		return -1;
	release_passed(l);
	return allow(l, err);
}

static void close_master(struct loop *l)
{
	ctsh_channel_end(&l->channels.one[CTSH_TTY_IN]);
	ctsh_channel_end(&l->channels.one[CTSH_TTY_OUT]);
	ctsh_close_fd(&l->s->master);
}

static int signal_leader(const struct loop *l, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, l->s->leader_pidfd, signal,
	                    NULL, 0);
}

/* By the watchdog, who may. */
static void end_early(struct loop *l, enum ctsh_ending ending)
{
	if (ending == CTSH_ENDING_NONE || l->s->ending)
		return;
	l->s->ending = ending;
	ctsh_watchdog_end(l->s->watchdog, ending);
}

/* The caller is gone.  Returns once the session knows it. */
static void hang_up(struct loop *l, int signal)
{
	ctsh_channels_hang_up(&l->channels);
	if (l->had_terminal)
		close_master(l);
	else if (!l->s->kill_at_end && signal_leader(l, SIGHUP) < 0 &&
	         errno == EPERM)
		ctsh_end_by_signal(signal);
	if (l->s->kill_at_end)
		end_early(l, CTSH_ENDING_HANGUP);
}

static void keep_limits(struct loop *l)
{
	int64_t now;

	if (l->s->ending || !ctsh_limits_any(&l->s->limits))
		return;
	now = ctsh_limits_now();
	if (ctsh_channels_moved(&l->channels))
		ctsh_limits_touch(&l->s->limits, now);
	end_early(l, ctsh_limits_keep(&l->s->limits, now));
}

static int time_left(const struct loop *l)
{
	if (l->s->ending || !ctsh_limits_any(&l->s->limits))
		return -1;
	return ctsh_limits_timeout(&l->s->limits, ctsh_limits_now());
}

static void resize(struct loop *l)
{
	ctsh_terminal_resize(&l->s->terminal, l->s->master);
	if (l->s->record)
		ctsh_record_resize(l->s->record, l->s->master);
}

/* Whether the session goes on, for all that its recording says. */
static int check_record(struct loop *l, struct ctsh_error *err)
{
	bool ends = false;

	if (!l->s->record)
		return 0;
	if (!ctsh_record_ended(l->s->record, l->channels.one[l->voice].to,
	                       l->had_terminal, &ends, err) ||
	    !ends)
		return 0;
	l->s->told = true;
	return -1;
}

/* After a stop: the shell that we were stopped for has set its own modes. */
static void resume(struct loop *l)
{
	struct ctsh_error ignored;

	if (l->s->terminal.raw && ctsh_terminal_is_ours(&l->s->terminal))
		(void)!ctsh_terminal_raw(&l->s->terminal, &ignored);
	resize(l);
}

/* Answers what has come; the signal if one has that ends us, else 0. */
static int take_signals(struct loop *l)
{
	struct signalfd_siginfo info;
	int end = 0;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			resize(l);
		else if (info.ssi_signo == SIGCONT)
			resume(l);
		else
			end = (int)info.ssi_signo;
	}
	return end;
}

/* `timeout_ms` -1: until something happens or a limit is to be looked at. */
static int wait_for_events(struct loop *l, int timeout_ms)
{
	nfds_t polls = POLL_FORWARD;
	int count;

	l->polls[POLL_SIGNALS] =
		(struct pollfd){.fd = l->signals, .events = POLLIN};
	l->polls[POLL_CALLER] =
		(struct pollfd){.fd = l->presence.parent, .events = POLLIN};
	ctsh_channels_poll(&l->channels, &l->polls[POLL_CHANNELS]);
	if (l->s->forwarding) {
		ctsh_forward_poll(l->s->forwarding, &l->polls[POLL_FORWARD]);
		polls = POLLS;
	}
	do
		count = poll(l->polls, polls,
		             timeout_ms < 0 ? time_left(l) : timeout_ms);
	while (count < 0 && errno == EINTR);
	return count;
}

/* One direction of the terminal is over: because the caller's side hung up, or
 * because in the container nobody has the pty open any more? */
static void judge_terminal(struct loop *l)
{
	const struct ctsh_channel *in = &l->channels.one[CTSH_TTY_IN];
	const struct ctsh_channel *out = &l->channels.one[CTSH_TTY_OUT];
	struct pollfd tty = {.fd = l->s->terminal.fd};

	if (l->s->master < 0 || (in->from >= 0 && out->from >= 0))
		return;
	if (poll(&tty, 1, 0) == 1 && tty.revents & (POLLHUP | POLLERR)) {
		hang_up(l, SIGHUP);
		return;
	}
	/* Nothing of what is typed could be delivered. */
	if (out->from < 0)
		ctsh_channel_end(&l->channels.one[CTSH_TTY_IN]);
}

static int run(struct loop *l, struct ctsh_error *err)
{
	l->polls[POLL_LEADER] =
		(struct pollfd){.fd = l->s->leader_pidfd, .events = POLLIN};
	/* For the hangup alone, which needs no asking. */
	l->polls[POLL_WATCHDOG] = (struct pollfd){.fd = l->s->watchdog};
	for (;;) {
		if (wait_for_events(l, -1) < 0)
			return ctsh_fail(err, CTSH_E_SYSTEM, errno, "poll");
		ctsh_channels_move(&l->channels, &l->polls[POLL_CHANNELS]);
		if (l->s->forwarding)
			ctsh_forward_move(l->s->forwarding,
			                  &l->polls[POLL_FORWARD]);
		keep_limits(l);
		if (check_record(l, err) < 0)
			return -1;
		if (l->polls[POLL_LEADER].revents)
			return 0;
		if (l->polls[POLL_SIGNALS].revents) {
			int end = take_signals(l);

			if (end)
				hang_up(l, end);
		}
		/* No session goes on without the process that can end it. */
		if (l->polls[POLL_WATCHDOG].revents)
			return ctsh_fail(err, CTSH_E_SYSTEM, 0,
			                 "the watchdog is gone");
		judge_terminal(l);
		if (ctsh_presence_gone(&l->presence, &l->polls[POLL_CALLER]))
			hang_up(l, SIGHUP);
	}
}

/* With the leader: a caller that is slow to read must not keep the porter, and
 * so a container that is being stopped. */
static void end_forwarding(struct loop *l)
{
	if (l->s->forwarding)
		ctsh_forward_end(l->s->forwarding);
	l->s->forwarding = NULL;
}

/*
 * Delivers what the leader had written when it ended.  A slow caller may take
 * as long as it likes, unless it hangs up.  Polling a pty first moves what is
 * still on its way in the kernel, so "nothing to read" means that nothing is
 * left.
 */
static int drain(struct loop *l, struct ctsh_error *err)
{
	end_forwarding(l);
	ctsh_channels_leader_ended(&l->channels);
	l->polls[POLL_LEADER].fd = -1;
	/* Nothing is left that it could end; one that is gone would wake us
	 * for ever. */
	l->polls[POLL_WATCHDOG].fd = -1;
	ctsh_presence_close(&l->presence);
	for (;;) {
		bool pending = ctsh_channels_pending(&l->channels);
		int patience = !pending ? 0 : l->s->ending ? ENDING_MS : -1;
		int count = wait_for_events(l, patience);

		if (count < 0 || (count == 0 && patience >= 0))
			return 0;
		if (l->polls[POLL_SIGNALS].revents && take_signals(l))
			return 0;
		ctsh_channels_move(&l->channels, &l->polls[POLL_CHANNELS]);
		keep_limits(l);
		if (check_record(l, err) < 0)
			return -1;
	}
}

/* A supervisor that was stopped sees only now why its leader ended. */
static void say_why(struct loop *l)
{
	const struct ctsh_limits *limits = &l->s->limits;

	if (limits->session_ms > 0 && !l->s->ending &&
	    ctsh_limits_now() - limits->begun_ms >= limits->session_ms)
		l->s->ending = CTSH_ENDING_MAX_SESSION;
	if (l->s->ending > CTSH_ENDING_HANGUP)
		ctsh_limits_say(limits, l->s->ending == CTSH_ENDING_IDLE
		                                ? CTSH_DUE_END_IDLE
		                                : CTSH_DUE_END_SESSION);
}

static int reap(pid_t leader, int *status, struct ctsh_error *err)
{
	pid_t pid;

	do
		pid = waitpid(leader, status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid != leader)
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "wait");
	return 0;
}

static void clean_up(struct loop *l)
{
	ctsh_terminal_restore(&l->s->terminal);
	end_forwarding(l);
	close_master(l);
	ctsh_channels_close(&l->channels);
	for (int i = 0; i < 3; i++)
		ctsh_close_fd(&l->s->relay[i]);
	ctsh_close_fd(&l->signals);
	ctsh_close_fd(&l->s->limits.voice);
}

int ctsh_supervise(struct ctsh_supervision *s, int *status,
                   struct ctsh_error *err)
{
	struct loop l = {.s = s, .signals = -1, .presence = CTSH_PRESENCE_INIT};
	int result;

	ctsh_channels_init(&l.channels);
	result = prepare(&l, err);
	if (result == 0)
		result = run(&l, err);
	if (result == 0)
		result = drain(&l, err);
	say_why(&l);
	if (result < 0)
		(void)signal_leader(&l, SIGHUP);
	if (s->record)
		ctsh_record_close(s->record);
	clean_up(&l);
	return result == 0 ? reap(s->leader, status, err) : -1;
}
