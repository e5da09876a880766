/* SPDX-License-Identifier: MIT */
/*
 * hostile_caller.c - `hostile_caller BUILD PROGRAM DIRECTORY FIRST COUNT`:
 * calls ctsh in random ways, as the user, and checks what comes of each call.
 * FIRST is the seed of the first case, FIRST + 1 that of the next; a case
 * depends on nothing else and can be repeated alone.  BUILD is "sanitized",
 * which spares the limits that the sanitizer itself does not live in, or
 * "plain".
 *
 * Allowed is: the command's own status and output, exactly; or our status and
 * one well-formed line on stderr, nothing on stdout; or death by a signal that
 * the caller itself had made pending or timed.  Which one follows from the
 * setup.  Nobody may be left afterwards.
 */
#include "hostile_case.h"
#include "hostile_spoil.h"

/* --- one case ----------------------------------------------------------------
 */

static void make_case(uint64_t seed)
{
	memset(&s, 0, offsetof(struct setup, end));
	heaped = 0;
	state = seed;
	(void)next();
	s.unprivileged = percent(3);
	make_call();
	s.filtered = s.unprivileged && percent(40);
	s.low = !sanitized && percent(70);
	s.session = percent(50);
	s.controlling = s.session && percent(60);
	s.background = percent(20);
	s.children = percent(10);
	s.pending = percent(4) ? 1 + (int)below(64) : 0;
	if (s.pending == SIGKILL || s.pending == SIGSTOP)
		s.pending = SIGTERM;
	s.timer = percent(4) ? (int)below(3) : -1;
	s.directory = percent(80) ? 0 : (int)below(4);
	open_ends();
	/* Who may not read a terminal cannot be told to end by it. */
	if (s.call == LOGIN)
		s.background = false;
	s.expected = LANDS;
	if (s.call == NEITHER || is_refused())
		s.expected = E_USAGE;
	if (s.unprivileged)
		s.expected = E_SYSTEM;
}

static void collect(struct end *e, int fd)
{
	ssize_t n;

	while (e->length < sizeof(e->text) - 1 &&
	       (n = read(fd, e->text + e->length,
	                 sizeof(e->text) - 1 - e->length)) > 0)
		e->length += (size_t)n;
	e->text[e->length] = '\0';
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the terminal showed is kept in the end that it is. */
static struct end *terminal_end(void)
{
	for (int place = 2; place >= 0; place--)
		if (s.end[place].kind == TERMINAL)
			return &s.end[place];
	return NULL;
}

static void collect_streams(void)
{
	for (int place = 1; place < 3; place++) {
		struct end *e = &s.end[place];

		if (e->kind == PIPE || e->kind == SOCKET || e->kind == FIFO)
			collect(e, e->ours);
	}
	if (terminal_end())
		collect(terminal_end(), s.master);
}

static void collect_all(void)
{
	collect_streams();
	for (int place = 1; place < 3; place++) {
		struct end *e = &s.end[place];

		if (e->kind == REGULAR || e->kind == APPENDED ||
		    e->kind == MEMFD) {
			lseek(e->ours, 0, SEEK_SET);
			collect(e, e->ours);
		}
	}
}

/* A login at a terminal is told again and again: keys that come while the
 * modes change are lost. */
static void type(void)
{
	if (s.call != LOGIN)
		return;
	if (s.end[0].kind == TERMINAL)
		(void)!write(s.master, s.script, strlen(s.script));
	if (s.end[0].kind == MASTER)
		(void)!write(s.end[0].ours, s.script, strlen(s.script));
}

/* Waits for the end; false when time is up or it stopped. */
static bool wait_for_end(pid_t pid, int *status)
{
	int pidfd = must((int)syscall(SYS_pidfd_open, pid, 0));
	int64_t start = now_ms(), typed = 0;
	bool ended = false;

	while (!ended && now_ms() - start < CASE_MS) {
		struct pollfd event = {.fd = pidfd, .events = POLLIN};

		if (now_ms() - typed > 200) {
			type();
			typed = now_ms();
		}
		poll(&event, 1, 20);
		collect_streams();
		ended = waitpid(pid, status, WNOHANG | WUNTRACED) == pid &&
		        !WIFSTOPPED(*status);
	}
	close(pidfd);
	return ended;
}

/* Whoever is left comes to us: we are the subreaper.  How many had to be
 * waited for in vain. */
static int wait_for_others(void)
{
	int64_t start = now_ms();

	while (now_ms() - start < REAP_MS) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return 0;
		if (pid == 0)
			usleep(500);
	}
	return 1;
}

static const struct {
	const char *name;
	const char *sentence;
} codes[] = {
	{"E_USAGE", "Unsupported options."},
	{"E_SYSTEM", "Something failed on this machine."},
	{"E_SHELL", "Your shell /bin/sh could not be started."},
	{"E_UNSAFE", "Your container cannot be entered safely."},
};

/* Exactly one line that says this, or any of them for NULL. */
static bool is_line(const char *text, const char *code)
{
	char line[200], reference[9], rest[4];

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (code && strcmp(code, codes[i].name) != 0)
			continue;
		snprintf(line, sizeof(line), "ctsh: %s [%s ", codes[i].sentence,
		         codes[i].name);
		if (strncmp(text, line, strlen(line)) != 0)
			continue;
		text += strlen(line);
		return sscanf(text, "%8[0-9a-f]%3[]\r\n]", reference, rest) ==
		               2 &&
		       strlen(reference) == 8 &&
		       (strcmp(text + 8, "]\n") == 0 ||
		        strcmp(text + 8, "]\r\n") == 0);
	}
	return false;
}

/* Its terminal is somebody else's, and nobody could bring it back to the
 * foreground: the kernel lets it change no modes.  By then the command runs. */
static bool is_out_of_reach(void)
{
	return s.background && s.controlling && terminal_end();
}

/* What was said behind the loader's own complaints of LD_PRELOAD and its kin,
 * which come before anything of ours and may be cut by RLIMIT_FSIZE. */
static const char *said(const struct end *e)
{
	const char *line = NULL, *found = e->text;

	if (!s.noisy && !is_out_of_reach())
		return e->text;
	while ((found = strstr(found, "ctsh: ")))
		line = found++;
	return line ? line : "";
}

static bool can_be_seen(const struct end *e)
{
	return e->kind == PIPE || e->kind == REGULAR || e->kind == APPENDED ||
	       e->kind == SOCKET || e->kind == MEMFD || e->kind == FIFO;
}

/* By RLIMIT_FSIZE, which stays as it is where nothing was cleaned. */
static bool is_cut(const char *text)
{
	size_t length = strlen(text);

	return (s.low || s.unprivileged) && !strchr(text, '\n') &&
	       strncmp(text, "ctsh: ", length < 6 ? length : 6) == 0;
}

/* A terminal may have echoed what was typed and is looked at for landings
 * only as far as it may not show a line of ours. */
static bool is_refusal(const char *code, bool maybe_silent)
{
	const struct end *err = &s.end[2], *out = &s.end[1];

	if (err->kind == SAME)
		err = out;
	else if (can_be_seen(out) && out->length > 0 && !is_out_of_reach())
		return false;
	if (maybe_silent && !strstr(err->text, "ctsh: "))
		return true;
	if (can_be_seen(err))
		return is_line(said(err), code) || is_cut(said(err));
	if (err->kind == TERMINAL) {
		const char *line = strstr(terminal_end()->text, "ctsh: ");

		return line && is_line(line, code);
	}
	return true;
}

static bool is_silent(void)
{
	const struct end *out = &s.end[1], *err = &s.end[2];

	if (err->kind == SAME)
		return !can_be_seen(out) || !*said(out);
	return (!can_be_seen(out) || out->length == 0) &&
	       (!can_be_seen(err) || !*said(err));
}

static bool is_end_of(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool has_landed(int status)
{
	const struct end *out = &s.end[1], *err = &s.end[2];

	if (s.signal ? !WIFSIGNALED(status) || WTERMSIG(status) != s.signal
	             : !WIFEXITED(status) || WEXITSTATUS(status) != s.status)
		return false;
	if (s.call == LOGIN) /* may have a prompt */
		return !can_be_seen(err) || !strstr(err->text, "ctsh: ");
	if (can_be_seen(err) && *said(err) &&
	    strcmp(said(err), "sh: write error: Broken pipe\n") != 0)
		return false;
	if (!can_be_seen(out))
		return true;
	if (err->kind == SAME)
		return is_end_of(out->text, s.exact ? s.out : "") &&
		       !strstr(out->text, "ctsh: ");
	return strcmp(out->text, s.exact ? s.out : "") == 0;
}

enum verdict {
	LANDED,
	USAGE,
	SYSTEM,
	OTHER_REFUSAL,
	DIED,
	LOADER,
	NO_EXEC,
	BAD,
	VERDICTS
};
static const char *const verdict_names[VERDICTS] = {"landed", "usage", "system",
                                                    "other",  "died",  "loader",
                                                    "noexec", "bad"};

/* Of what it had pending or timed before, as any program might. */
static bool may_die_of(int sig)
{
	return sig == s.pending ||
	       (s.timer >= 0 && sig == timer_signals[s.timer]) ||
	       /* Of the loader's complaints, before our first instruction. */
	       ((s.noisy || s.low || s.unprivileged) &&
	        (sig == SIGXFSZ || sig == SIGPIPE));
}

static enum verdict judge(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (s.expected == LANDS && has_landed(status))
		return LANDED;
	if (code == 125 && s.expected == E_USAGE &&
	    is_refusal("E_USAGE", false))
		return USAGE;
	if (code == 125 && s.expected == E_SYSTEM &&
	    is_refusal("E_SYSTEM", s.filtered))
		return SYSTEM;
	if (code == 125 && s.expected == LANDS && is_out_of_reach() &&
	    is_refusal("E_SYSTEM", false))
		return OTHER_REFUSAL;
	if (WIFSIGNALED(status) && may_die_of(WTERMSIG(status)) && is_silent())
		return DIED;
	if (s.traced && code == 5 && is_silent())
		return LOADER;
	/* More of LD_AUDIT than it takes. */
	if (s.noisy && code == 127 && is_silent())
		return LOADER;
	if (s.low && WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return DIED;
	if (s.low) {
		if (code >= 125 && code <= 127 && is_refusal(NULL, false))
			return OTHER_REFUSAL;
		/* Before our first instruction. */
		if (code == 127 &&
		    (s.end[2].kind == SAME || s.end[1].length == 0))
			return LOADER;
		if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV ||
		                            WTERMSIG(status) == SIGKILL))
			return LOADER;
	}
	return BAD;
}

static void close_case(void)
{
	for (int place = 0; place < 3; place++) {
		if (s.end[place].theirs >= 0)
			close(s.end[place].theirs);
		if (s.end[place].ours >= 0)
			close(s.end[place].ours);
	}
	if (s.master >= 0) {
		close(s.master);
		close(s.slave);
	}
	while (heaped > 0)
		free(heap[--heaped]);
}

static void print_text(const char *name, const struct end *e)
{
	printf("  %s (%s): \"", name, kind_names[e->kind]);
	for (size_t i = 0; i < e->length && i < 300; i++)
		printf(e->text[i] >= ' ' && e->text[i] <= '~' ? "%c"
		                                              : "\\x%02x",
		       (unsigned char)e->text[i]);
	printf("\"\n");
}

static void tell(uint64_t seed, int status, const char *what)
{
	printf("case %llu: %s; wait status %#x\n", (unsigned long long)seed,
	       what, (unsigned)status);
	printf("  call %d expected %d status %d signal %d unprivileged %d "
	       "filtered %d low %d session %d%d%d children %d cwd %d\n",
	       s.call, s.expected, s.status, s.signal, s.unprivileged,
	       s.filtered, s.low, s.session, s.controlling, s.background,
	       s.children, s.directory);
	print_text("in", &s.end[0]);
	print_text("out", &s.end[1]);
	print_text("err", &s.end[2]);
	fflush(stdout);
}

static enum verdict run_case(uint64_t seed)
{
	enum verdict verdict = BAD;
	int report[2], status = 0, failed = 0;
	const char *wrong = NULL;
	pid_t pid;

	make_case(seed);
	must(pipe2(report, O_CLOEXEC));
	pid = must(fork());
	if (pid == 0)
		become_caller(report[1], seed);
	close(report[1]);
	for (int place = 0; place < 3; place++) /* or no end of file is seen */
		if (s.end[place].kind != MEMFD && s.end[place].theirs >= 0) {
			close(s.end[place].theirs);
			s.end[place].theirs = -1;
		}
	if (!wait_for_end(pid, &status))
		wrong = "did not end";
	else if (read(report[0], &failed, sizeof(failed)) == sizeof(failed))
		verdict = failed == E2BIG ? NO_EXEC : BAD;
	else {
		collect_all();
		verdict = judge(status);
	}
	if (!wrong && verdict == BAD)
		wrong = failed ? strerror(failed) : "unexpected outcome";
	if (wrong)
		kill(pid, SIGKILL);
	if (wait_for_others() && !wrong)
		wrong = "a process is left";
	if (wrong) {
		tell(seed, status, wrong);
		verdict = BAD;
	}
	if (s.directory == 1 || s.directory == 2)
		rmdir(format("%s/cwd.%d", directory, (int)pid));
	close(report[0]);
	close_case();
	return verdict;
}

int main(int argc, char **argv)
{
	unsigned counts[VERDICTS] = {0};
	uint64_t first, count;

	if (argc != 6 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return 2;
	sanitized = strcmp(argv[1], "sanitized") == 0;
	program = argv[2];
	directory = argv[3];
	first = strtoull(argv[4], NULL, 10);
	count = strtoull(argv[5], NULL, 10);
	/* Whatever a stopped or half-dead case does with it. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	/* The ends are numbered above what they are moved to. */
	for (int fd = 3; fd < 10; fd++)
		dup2(0, fd);
	for (uint64_t i = 0; i < count && counts[BAD] < 20; i++)
		counts[run_case(first + i)]++;
	for (int i = 0; i < VERDICTS; i++)
		printf("%s=%u ", verdict_names[i], counts[i]);
	printf("\n");
	return counts[BAD] > 0;
}
