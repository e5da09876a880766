/* SPDX-License-Identifier: MIT */
#include "login_forward.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../lib/base/child.h"
#include "../lib/base/fdio.h"
#include "../lib/enter/sandbox.h"
#include "../lib/route/forward.h"

#define XAUTHORITY_MAX 65536

/* For its directory and its sockets: a file system inside that hangs is to
 * cost the session its agent and not more than this. */
#define PORTER_MS 2000

/* Four frames. */
#define PIPE_SIZE (4 * PIPE_BUF)

/* Pipes of one porter: order, answer, and two for each strand. */
enum { PIPE_ORDER, PIPE_ANSWER, PIPE_STRANDS };
#define PIPES (PIPE_STRANDS + 2 * CTSH_PORTER_SLOTS)

_Static_assert(PIPES <= CTSH_BAGGAGE_MAX, "baggage");

/* -- the plan ------------------------------------------------------------- */

struct cookie_query {
	const struct ctsh_login *login;
	const struct ctsh_forward *forward;
};

/* As the caller, and in a process of its own: the file is the caller's.  With
 * nothing open, since its path may go by /proc/self/fd. */
static int read_cookie(void *argument, int channel, void *answer, int *fd,
                       struct ctsh_error *err)
{
	const struct cookie_query *q = argument;
	ctsh_autofree char *text = NULL;
	size_t length;

	(void)fd;
	if (ctsh_close_but(&channel, 1))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "close_range");
	if (ctsh_become(q->login->invocation.uid, q->login->invocation.gid,
	                err))
		return -1;
	text = ctsh_read_file_at(AT_FDCWD, q->forward->xauthority,
	                         XAUTHORITY_MAX, &length);
	if (text)
		(void)ctsh_forward_cookie(text, length, q->forward->display,
		                          answer);
	return 0;
}

/* Without a cookie no X server lets anybody in. */
static int find_cookie(struct ctsh_login *l, struct ctsh_forward *f,
                       struct ctsh_error *err)
{
	struct cookie_query query = {.login = l, .forward = f};
	struct ctsh_child child = CTSH_CHILD_INIT;
	struct ctsh_porter_order found;

	if (!(f->order.wanted & 1U << CTSH_TARGET_X11))
		return 0;
	if (ctsh_child_start(&child, "reader of the X11 cookie", read_cookie,
	                     &query, sizeof(found), err) ||
	    ctsh_child_finish(&child, &found, NULL, l->deadline_ms, err))
		return -1;
	if (found.cookie_length == 0 ||
	    found.cookie_length > sizeof(found.cookie)) {
		f->order.wanted &= ~(1U << CTSH_TARGET_X11);
		return 0;
	}
	memcpy(f->order.cookie, found.cookie, sizeof(found.cookie));
	memcpy(f->order.cookie_name, found.cookie_name,
	       sizeof(found.cookie_name));
	f->order.cookie_length = found.cookie_length;
	return 0;
}

int ctsh_login_forward_plan(struct ctsh_login *l, struct ctsh_error *err)
{
	struct ctsh_forward *f = &l->forwarding.plan;
	uint64_t random;

	if (ctsh_forward_plan(l->route.rule, &l->route.person,
	                      l->invocation.caller, f, err) ||
	    find_cookie(l, f, err))
		return -1;
	if (!f->order.wanted)
		return 0;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "getrandom");
	ctsh_forward_places(&f->order, l->plan.uid, random);
	return 0;
}

/* -- the porter ----------------------------------------------------------- */

/* One that is entering, seen from us. */
struct entering {
	int answer;
	int theirs[PIPES];
	int program;
	struct ctsh_session_leader porter;
};

static void let_go(struct entering *e)
{
	ctsh_close_fd(&e->answer);
	ctsh_close_fd(&e->program);
	ctsh_close_fd(&e->porter.pidfd);
	for (int i = 0; i < PIPES; i++)
		ctsh_close_fd(&e->theirs[i]);
}

/* All are root's, and where root's have too many pages together the kernel
 * gives those of every other root without capabilities, a container's, two: so
 * no more than a few each. */
static int open_pipe(int *read_end, int *write_end, struct ctsh_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "pipe");
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	*read_end = ends[0];
	*write_end = ends[1];
	return 0;
}

static int open_pipes(struct ctsh_forwarding *f, struct entering *e,
                      struct ctsh_error *err)
{
	int *strands = &e->theirs[PIPE_STRANDS];

	if (open_pipe(&e->theirs[PIPE_ORDER], &f->order, err) ||
	    open_pipe(&e->answer, &e->theirs[PIPE_ANSWER], err))
		return -1;
	for (int i = 0; i < CTSH_PORTER_SLOTS; i++)
		if (open_pipe(&strands[2 * i], &f->out[i], err) ||
		    open_pipe(&f->in[i], &strands[2 * i + 1], err))
			return -1;
	return 0;
}

/* As who the shell will be, but in the root directory and without an
 * environment. */
static int enter(struct ctsh_login *l, struct entering *e,
                 const struct ctsh_entry *like, struct ctsh_error *err)
{
	static char top[] = "/";
	static char name[] = "ctsh-porter";
	static char *argv[] = {name, NULL};
	static char *nothing[] = {NULL, NULL};
	struct ctsh_plan plan = l->plan;
	struct ctsh_entry entry = *like;

	plan.directories[0] = top;
	plan.directory_count = 1;
	memset(plan.shells, 0, sizeof(plan.shells));
	plan.shell_count = 0;
	plan.program = argv;
	plan.env = nothing;
	plan.umask = 077;
	entry.plan = &plan;
	entry.terminal = -1;
	for (int fd = 0; fd < 3; fd++)
		entry.stdio[fd] = e->theirs[PIPE_ORDER];
	memcpy(entry.baggage, e->theirs, sizeof(e->theirs));
	entry.baggage_count = PIPES;
	entry.program = e->program;
	entry.group = NULL;
	return ctsh_enter(&entry, &e->porter, err);
}

/* While we hold the other end, too: a pipe that nobody reads would end us by
 * SIGPIPE.  It fits into an empty one. */
static int give_order(const struct ctsh_forwarding *f, struct ctsh_error *err)
{
	const struct ctsh_porter_order *order = &f->plan.order;

	if (write(f->order, order, sizeof(*order)) != sizeof(*order))
		return ctsh_fail(err, CTSH_E_SYSTEM, errno, "the porter");
	return 0;
}

/* What it made; all zero if it did not say so in time. */
static void hear_answer(const struct ctsh_forwarding *f,
                        const struct entering *e,
                        struct ctsh_porter_answer *answer)
{
	if (ctsh_wait_fd(e->answer, POLLIN, ctsh_now_ms() + PORTER_MS) != 1 ||
	    read(e->answer, answer, sizeof(*answer)) != sizeof(*answer))
		*answer = (struct ctsh_porter_answer){.listening = 0};
	ctsh_forward_believe(&f->plan.order, answer);
}

static int set_variable(struct ctsh_login *l, const char *name,
                        const char *value, struct ctsh_error *err)
{
	return ctsh_forward_set(&l->plan.env, name, value, err);
}

static int tell_shell(struct ctsh_login *l,
                      const struct ctsh_porter_answer *answer,
                      struct ctsh_error *err)
{
	const char *directory =
		l->forwarding.plan.order.directory[answer->place];
	char value[CTSH_PORTER_PATH];

	(void)snprintf(value, sizeof(value), "%s/" CTSH_PORTER_AGENT_NAME,
	               directory);
	if (answer->listening & 1U << CTSH_TARGET_AGENT &&
	    set_variable(l, "SSH_AUTH_SOCK", value, err))
		return -1;
	if (!(answer->listening & 1U << CTSH_TARGET_X11))
		return 0;
	(void)snprintf(value, sizeof(value), "%s/" CTSH_PORTER_XAUTHORITY_NAME,
	               directory);
	if (set_variable(l, "XAUTHORITY", value, err))
		return -1;
	/* By its address: not every container can resolve "localhost". */
	(void)snprintf(value, sizeof(value), "127.0.0.1:%u.0", answer->display);
	return set_variable(l, "DISPLAY", value, err);
}

static int begin(struct ctsh_login *l, struct entering *e,
                 const struct ctsh_entry *like, struct ctsh_error *err)
{
	struct ctsh_forwarding *f = &l->forwarding;
	struct ctsh_porter_answer answer;

	if (open_pipes(f, e, err))
		return -1;
	e->program = ctsh_program_open(CTSH_PORTER_PROGRAM, err);
	if (e->program < 0 || enter(l, e, like, err) || give_order(f, err))
		return -1;
	/* So that its end is the end of the pipes. */
	for (int i = 0; i < PIPES; i++)
		ctsh_close_fd(&e->theirs[i]);
	hear_answer(f, e, &answer);
	f->listening = answer.listening;
	f->uid = l->invocation.uid;
	return f->listening ? tell_shell(l, &answer, err) : 0;
}

/* A proof that failed refuses.  All else costs the session its agent alone: a
 * container that cannot be entered at all will refuse the shell, too. */
static bool is_fatal(const struct ctsh_error *err)
{
	return err->code == CTSH_E_UNSAFE;
}

int ctsh_login_forward_enter(struct ctsh_login *l,
                             const struct ctsh_entry *like,
                             struct ctsh_error *err)
{
	struct ctsh_forwarding *f = &l->forwarding;
	struct entering e = {.answer = -1, .program = -1};
	int rc;

	if (!f->plan.order.wanted)
		return 0;
	ctsh_forward_init(f);
	e.porter.pidfd = -1;
	for (int i = 0; i < PIPES; i++)
		e.theirs[i] = -1;
	rc = begin(l, &e, like, err);
	let_go(&e);
	if (rc)
		ctsh_report_log(&l->report, "unforwarded", "reason=\"%s\"",
		                err->what);
	if (!f->listening)
		ctsh_forward_end(f);
	return rc && is_fatal(err) ? -1 : 0;
}
