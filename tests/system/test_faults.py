# SPDX-License-Identifier: MIT
"""Every system call of a login fails, or its process is killed there.

Each point is a real login by the setuid program, with one call made to fail
by tests/lab/helpers/inject.c.  What must come of it is said in the tables
below; what is in none of them is refused.
"""

import collections
import contextlib
import errno
import fcntl
import itertools
import os
import re
import threading

import pytest

from lab import contract, faults, laboratory, process, rootfs, users

MARK = "it-runs"

# Below the deadline of a login: nothing waits for what cannot come.
SLOW_MS = 15000
COMMAND = ("-c", f"echo {MARK}")
ERRORS = [errno.EPERM, errno.EAGAIN, errno.EINVAL, errno.ENOMEM,
          errno.ENOSYS, errno.EINTR]

# What cannot fail, or not so: it asks for what is always there, or the kernel
# answers a failure in another way (brk: with the old end).
CANNOT_FAIL = {
    "brk", "exit_group", "getegid", "geteuid", "getgid", "getpid", "getppid",
    "getresgid", "getresuid", "getuid", "restart_syscall", "set_robust_list",
    "umask",
}

# Errors that another call would have: EINVAL of rt_sigaction is for numbers
# that are no signal, and libc says so of two that it keeps.
NOT_SO = {("rt_sigaction", "EINVAL")}

# -- what goes on, in full confinement, and why ------------------------------

LANDS = {
    # (role, call, error): "*" is any
    ("*", "close", "*"): "close(2) has closed whatever it says",
    ("*", "prctl SET_DUMPABLE", "*"): "said again, and P looks for it",
    ("M", "keyctl", "ENOSYS"): "without keys there is none to leave behind",
    ("M", "prctl SCHED_CORE", "EINVAL"): "an older kernel",
    ("M", "setuid", "*"): "it is to fail: that is the proof",
    ("M", "setgid", "*"): "it is to fail: that is the proof",
    ("M", "seccomp", "*"): "prctl(2) is the other way",
}
ELSEWHERE = {
    ("S", "chdir", "*"): "the next directory of the plan is /",
    ("S", "getcwd", "*"): "the next directory of the plan is /",
}
NOT_STARTABLE = {
    ("S", "execve", "*"): "said as 126, like a shell says it",
}

# What may end either way, both of them safe: P and its helpers ask many
# things, and some have a second way to go.
MAY_LAND = {
    ("*", "read", "EINTR"): "again",
    ("*", "read pipe:[N]", "EAGAIN"): "somebody else read it: again",
    ("*", "write", "EINTR"): "again",
    ("*", "poll", "*"): "again; or only reaps what has ended",
    ("*", "recvmsg", "EINTR"): "again",
    ("*", "recvmsg", "EAGAIN"): "again",
    ("*", "sendmsg", "EINTR"): "again",
    ("*", "wait4", "EINTR"): "again",
    ("*", "waitid", "*"): "the child is init's in the end",
    ("*", "clock_nanosleep", "*"): "a shorter nap",
    ("*", "flock", "EAGAIN"): "the next slot",
    ("*", "flock", "EINTR"): "the next slot",
    ("P", "openat systemd", "*"): "a hierarchy of that name is mounted anew",
    ("P", "fstatfs systemd", "*"): "a hierarchy of that name is mounted anew",
    ("P", "prlimit64", "ENOSYS"): "musl, in the stub, asks the older call",
    ("*", "ioctl", "*"): "libconfuse asks whether a file is a terminal",
    ("*", "pidfd_send_signal", "*"): "the child has ended by itself",
    ("*", "getrandom", "*"): "a reference by PID; libc's own seeds",
    ("*", "socket", "*"): "no log daemon: the login goes on without",
    ("*", "connect", "*"): "no log daemon: the login goes on without",
    ("*", "openat urandom", "*"): "jansson seeds by time then",
    ("*", "read urandom", "*"): "jansson seeds by time then",
    ("*", "openat current", "EINVAL"): "no LSM that has labels",
    ("*", "newfstatat current", "EINVAL"): "no LSM that has labels",
    ("*", "read current", "EINVAL"): "no LSM that has labels",
    ("*", "openat N-N-N-N", "*"): "the filters are copied again",
    ("*", "newfstatat N-N-N-N", "*"): "the filters are copied again",
    ("*", "read N-N-N-N", "*"): "the filters are copied again",
    ("*", "prctl CAPBSET_DROP", "EINVAL"): "what is left is read back",
    ("*", "prctl CAPBSET_READ", "EINVAL"): "all were dropped one by one",
    ("*", "prctl SET_NAME", "*"): "for people who read ps",
    ("P", "prctl SET_TSC", "*"): "other machines have no such switch",
    ("*", "setuid", "*"): "it is to fail: that is the proof",
    ("*", "setgid", "*"): "it is to fail: that is the proof",
    ("*", "setresuid", "*"): "once it is to fail: that is the proof",
    ("*", "setresgid", "*"): "once it is to fail: that is the proof",
    ("*", "munmap", "*"): "a little more memory",
    ("*", "mmap", "*"): "malloc(3) has brk(2) too",
    ("*", "mkdir", "*"): "it is there",
    ("*", "mkdirat", "*"): "it is there",
    ("*", "rt_sigprocmask", "*"): "no signal means anything to the watchdog",
    ("reader", "read environ", "*"): "what ends the reading is its end",
    ("reader", "openat2 user", "*"): "no directory of one's own, then",
    ("watchdog", "newfstatat", "*"): "without a stderr the log must do",
}

# While the filters are copied.
COPY_LANDS = {
    ("P", "ptrace", "EPERM"): "somebody else may trace it: again, for a while",
}

# The stub's first: where a sentence might go is not known to be open yet.
SILENT = {
    ("P", "prctl SET_DUMPABLE", "*"), ("P", "fcntl", "*"),
    ("P", "close_range", "*"),
}


def label(call, names):
    """What a table calls it."""
    name = names[call.number]
    if name == "prctl":
        return f"prctl {contract.PRCTL.get(call.args[0], call.args[0])}"
    path = call.memory.split(b"\0")[0].decode("utf-8", "replace")
    if name in ("openat", "openat2", "read", "newfstatat", "flock",
                "fstatfs", "mkdirat"):
        return f"{name} {re.sub('[0-9]+', 'N', os.path.basename(path))}"
    return name


def allowed(table, role, what, error):
    """Whether a table has it; a key without a path stands for all paths."""
    return any((r, w, e) in table
               for r in (role, "*")
               for w in (what, what.split(" ")[0], "*")
               for e in (error, "*"))


class Field:
    """What the tests of this file share."""

    def __init__(self, lab, stack):
        faults.demand_machine()
        self.lab = lab
        self.names = {n: name for name, n in faults.numbers().items()}
        self.program = program = f"{lab.base}/inject"
        rootfs.compile_helper("inject", program)
        self.teams = {
            "crun": stack.enter_context(faults.workers(
                lab, program, 8, "fault", f"{lab.base}/trees/faults", 2500)),
            "userns": stack.enter_context(faults.workers(
                lab, program, 8, "shift", f"{lab.base}/trees/shifts", 2500,
                userns=laboratory.USERNS_START, nnp=True))}
        self.recorded = {}
        self.references = []
        self.missed = 0
        self.lock = threading.Lock()

    def record(self, kind, login=faults.Injector.inject, fresh=False):
        """All calls of a login, in the order in which they were made."""
        key = kind, login, fresh
        if key not in self.recorded:
            worker = self.teams[kind][0]
            worker.normal(login, *COMMAND)
            if fresh:
                worker.forget_filters()
            outcome = login(worker.injector, faults.EVERYTHING, *COMMAND)
            assert outcome.out == f"{MARK}\n", outcome
            assert outcome.born[-2:] == ["M", "S"], outcome.born
            self.recorded[key] = outcome.calls
        return self.recorded[key]

    def calls(self, kind, role, generation, **more):
        """Those of one process in one program, without the loader's."""
        found = [call for call in self.record(kind, **more)
                 if (call.who, call.generation) == (role, generation)]
        if generation:
            first = next(i for i, call in enumerate(found)
                         if label(call, self.names) == "prctl SET_DUMPABLE")
            found = found[first:]
        return [call for call in found
                if self.names[call.number] not in CANNOT_FAIL]

    def label(self, call):
        return label(call, self.names)

    def account_files(self, calls):
        """Those that look the account up without the name service."""
        names = [self.label(call) for call in calls]
        first = names.index("openat nsswitch.conf")
        last = max(i for i, name in enumerate(names) if name == "lseek")
        return set(calls[first:last + 3])

    def name_of(self, call):
        return self.names[call.number]

    def after_go(self, kind, **more):
        """Whether a call comes when S may execute the shell: after the
        message to it, which is the last before S goes on."""
        order = self.record(kind, **more)
        waits = next(i for i, call in enumerate(order) if call.role == "S"
                     and self.names[call.number] == "read")
        goes_on = next(i for i, call in enumerate(order) if i > waits
                       and call.role == "S")
        go = max(i for i, call in enumerate(order) if i < goes_on
                 and call.role == "P"
                 and self.names[call.number] == "sendmsg")
        late = {call for call in order[go + 1:] if call.role != "S"}
        # The watchdog's answer about S is what P waits for.
        watchdog = [call for call in order if call.who == "watchdog"]
        answers = [i for i, call in enumerate(watchdog)
                   if self.names[call.number] == "write"]
        return late.union(watchdog[answers[1] + 1:]).__contains__

    # -- judging -------------------------------------------------------------

    def verdict(self, worker, outcome, login):
        """One word for what became of it, or a sentence if that is bad."""
        if outcome.left:
            return f"left behind: {outcome.left}"
        dirt = worker.dirt()
        if dirt:
            return f"left behind: {dirt}"
        if outcome.ms > SLOW_MS:
            return f"took {outcome.ms} ms"
        if not outcome.restored:
            return "the terminal has other modes than before"
        if outcome.shell_started and outcome.status == 0:
            return self.verdict_landed(worker, outcome, login)
        if outcome.out not in ("", f"{MARK}\n"):
            return f"unexpected output {outcome.out!r}"
        said = re.fullmatch(r"ctsh: [^\n]+ \[E_[A-Z]+ ([0-9a-f]{8})\]\n",
                            outcome.err)
        if said:
            with self.lock:
                self.references.append(said.group(1))
        elif outcome.err:
            return f"says {outcome.err!r}"
        word = {125: "refused", 126: "not startable", -9: "killed"}.get(
            outcome.status, f"status {outcome.status}")
        if outcome.status in (125, 126) and not said:
            word = "silent"
        return f"late {word}" if outcome.shell_started else word

    def verdict_landed(self, worker, outcome, login):
        if outcome.out != f"{MARK}\n" or outcome.err:
            return f"landed, but {outcome.out!r} {outcome.err!r}"
        found = faults.confinement(outcome)
        usual = worker.normal(login, *COMMAND)
        other = {name for name in usual if found.get(name) != usual[name]}
        if not other:
            return "landed"
        if other == {"cwd"} and found["cwd"] == b"/":
            return "elsewhere"
        return "landed with another " + ", ".join(
            f"{name} ({found.get(name)!r})" for name in sorted(other))

    def try_all(self, kind, points, judge, before=lambda worker: None,
                login=faults.Injector.inject):
        """Every point; asserts that judge(fault, verdict) finds none."""
        def one(worker, fault):
            before(worker)
            outcome = login(worker.injector, fault, *COMMAND)
            word = self.verdict(worker, outcome, login)
            if not outcome.hit or \
                    self.label(outcome.calls[0]) != self.label(fault.call):
                # Files of the host have grown since they were looked at, or
                # it had to wait more often.
                word = "not reached"
                with self.lock:
                    self.missed += 1
                return None
            return judge(fault, word) and (
                f"{fault.call.role} {self.label(fault.call)} "
                f"#{fault.call.nth} {show(fault.how)}: {word} "
                f"({outcome.ends.get('P')}, {outcome.ms} ms)")
        for worker in self.teams[kind]:
            worker.normal(login, *COMMAND)
        self.missed = 0
        wrong = faults.spread(self.teams[kind], points, one)
        wrong = [line for line in wrong if line]
        assert not wrong, f"{len(wrong)} of {len(points)}:\n" + \
            "\n".join(wrong[:60])
        # Or what vanished would be judged by nobody.
        assert self.missed * 10 <= len(points), self.missed
        return len(points) - self.missed


def show(how):
    return errno.errorcode[how] if isinstance(how, int) else how


def with_errors(calls, name_of):
    """Each kind of call with every error, where it comes last; before that
    with one of them in turn."""
    last = {name_of(call): call for call in calls}
    turn = itertools.cycle(ERRORS)
    points = []
    for call in calls:
        kind = name_of(call)
        every = call == last[kind]
        points += [faults.Fault(call, error)
                   for error in (ERRORS if every else [next(turn)])
                   if (kind, show(error)) not in NOT_SO]
    return points


@pytest.fixture(scope="module")
def field(lab):
    with contextlib.ExitStack() as stack:
        made = Field(lab, stack)
        yield made


def held_by_host_alone(worker):
    """The capabilities that have to be dropped."""
    own, init = (int(process.status(pid)["CapBnd"], 16)
                 for pid in ("self", worker.init))
    return own & ~init


def expected(field, kind, fault):
    """The words that are right for a point."""
    role, what = fault.call.who, field.label(fault.call)
    error = show(fault.how)
    if (role, what, error) == ("M", "prctl CAPBSET_DROP", "EINVAL") and \
            not held_by_host_alone(field.teams[kind][0]) >> fault.call.args[1]:
        # That there are no more is as good as the truth then.
        return {"landed"}
    if allowed(ELSEWHERE, role, what, error):
        return {"elsewhere"}
    if allowed(NOT_STARTABLE, role, what, error):
        return {"not startable"}
    if allowed(LANDS, role, what, error):
        return {"landed"}
    return {"refused"}


# -- errors ------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["crun", "userns"])
@pytest.mark.parametrize("role", ["M", "S"])
def test_no_call_of_the_entering_processes_may_fail(field, role, kind):
    points = with_errors(field.calls(kind, role, 0), field.label)

    def judge(fault, word):
        return word not in expected(field, kind, fault)
    assert field.try_all(kind, points, judge) > 60


def judge_helpers(field, kind):
    late = field.after_go(kind)
    files = field.account_files(field.calls(kind, "P", 2))

    def judge(fault, word):
        role, what = fault.call.who, field.label(fault.call)
        right = {"refused"}
        if fault.call.generation == 1 and \
                allowed(SILENT, role, what, show(fault.how)):
            right = {"silent", "refused"}
        if late(fault.call):
            right |= {"late refused", "late silent", "landed", "silent"}
            # The watchdog ends a session that it can no longer watch.
            right |= {"late status -1"} if role == "watchdog" else set()
        if allowed(MAY_LAND, role, what, show(fault.how)) or \
                allowed(LANDS, role, what, show(fault.how)):
            right |= {"landed"}
        if fault.call in files:
            # Then the name service is asked.
            right |= {"landed"}
        return word not in right
    return judge


@pytest.mark.parametrize("role, generation, least", [
    ("P", 1, 100), ("P", 2, 500), ("watchdog", 0, 100), ("reader", 0, 100)],
    ids=["stub", "session", "watchdog", "reader"])
def test_no_call_of_the_others_may_fail(field, role, generation, least):
    # The session looks at so many files that the name of a call must do.
    points = with_errors(
        field.calls("crun", role, generation), field.name_of
        if (role, generation) == ("P", 2) else field.label)
    count = field.try_all("crun", points, judge_helpers(field, "crun"))
    assert count > least


# -- killed ------------------------------------------------------------------

def judge_kills(field, kind):
    late = field.after_go(kind)

    def judge(fault, word):
        right = {"killed"} if fault.call.role == "P" else {"refused"}
        if late(fault.call):
            right = {f"late {one}" for one in right} | right | {
                "landed", "late silent"}
        return word not in right
    return judge


@pytest.mark.parametrize("kind, role, generation", [
    ("crun", "M", 0), ("userns", "M", 0), ("crun", "S", 0),
    ("userns", "S", 0), ("crun", "P", 1), ("crun", "P", 2),
    ("crun", "watchdog", 0), ("crun", "reader", 0)])
def test_killed_anywhere_nothing_goes_on(field, kind, role, generation):
    points = [faults.Fault(call, "kill")
              for call in field.calls(kind, role, generation)]
    assert field.try_all(kind, points, judge_kills(field, kind)) > 20


# -- somebody has to ask the name service ------------------------------------

def asking_names(injector, fault, *args):
    """The same login, but while a group of the host decides something."""
    return injector.inject(fault, *args)


@pytest.mark.parametrize("how", ["errors", "kill"])
def test_a_name_service_that_fails_refuses_or_answers(field, lab, how):
    with lab.config.break_glass(f"@{lab.crew}\n"):
        calls = field.calls("crun", "NSS", 0, login=asking_names)
        assert len(calls) > 20
        points = [faults.Fault(call, "kill") for call in calls] \
            if how == "kill" else with_errors(calls, field.label)

        def judge(_, word):
            return word not in (
                {"refused", "landed"} if how == "errors" else {"refused"})
        field.try_all("crun", points, judge, login=asking_names)


# -- at a terminal -----------------------------------------------------------

def test_no_call_for_a_terminal_may_fail(field):
    """Those that a login without one does not make."""
    points = []
    for role, generation in (("P", 2), ("reader", 0), ("S", 0)):
        known = {field.label(call) for call in
                 field.calls("crun", role, generation)} - {"ioctl"}
        more = [call for call in field.calls(
            "crun", role, generation, login=faults.at_terminal)
                if field.label(call) not in known]
        assert more, role
        points += with_errors(more, field.label)
    late = field.after_go("crun", login=faults.at_terminal)

    def judge(fault, word):
        role, what = fault.call.who, field.label(fault.call)
        right = {"refused"}
        if allowed(MAY_LAND, role, what, show(fault.how)):
            right |= {"landed"}
        if late(fault.call):
            right |= {"late refused", "landed", "landed, but '' ''"}
            if what == "ioctl":
                # It was the one that gives them back.
                right |= {"the terminal has other modes than before"}
        return word not in right
    assert field.try_all("crun", points, judge, login=faults.at_terminal) > 20


# -- the init is touched -----------------------------------------------------

def copying(field):
    """The calls around the copying of the filters."""
    # How often it has to wait for the stop is chance.
    calls = [call for call in field.calls("crun", "P", 2, fresh=True)
             if field.name_of(call) != "clock_nanosleep" and
             (field.name_of(call) != "wait4" or call.nth == 1)]
    traced = [i for i, call in enumerate(calls)
              if field.name_of(call) == "ptrace"]
    return calls[traced[0] - 25:traced[-1] + 1], calls[traced[-1] + 1:][:40]


@pytest.mark.parametrize("how", ["errors", "kill"])
def test_the_init_goes_on_whatever_fails_while_it_is_traced(field, how):
    calls, keeping = copying(field)
    points = [faults.Fault(call, "kill") for call in calls + keeping] \
        if how == "kill" else with_errors(calls + keeping, field.name_of)

    def judge(fault, word):
        right = {"killed"} if how == "kill" else {"refused"}
        role, what = fault.call.who, field.label(fault.call)
        if how == "errors" and any(
                allowed(table, role, what, show(fault.how))
                for table in (LANDS, MAY_LAND, COPY_LANDS)):
            right = {"refused", "landed"}
        if how == "errors" and fault.call in keeping:
            # The copy is made; the next login makes another one.
            right = {"refused", "landed"}
        return word not in right
    assert field.try_all("crun", points, judge,
                         before=faults.Worker.forget_filters) > 40


# -- a success that is none --------------------------------------------------

# Whose effect nothing else brings about: the last of each.  What is in none
# of them may land, since nothing comes of it: the shell is compared with one
# that started without a fault.  keyctl is among those, though its effect is
# seen by nobody: it comes before any filter that could fake it.
NOTICED = {
    "crun": {"setns", "setgroups", "setresgid", "setresuid", "capset",
             "dup3", "close_range", "seccomp", "prctl SET_KEEPCAPS"},
    "userns": {"setns", "setgroups", "setresgid", "setresuid", "dup3",
               "close_range", "seccomp", "prctl SET_NO_NEW_PRIVS"},
}
NO_FILES, SET_LIMIT = 7, 2


def must_be_noticed(field, kind):
    calls = field.calls(kind, "M", 0)
    last = {field.label(call): call for call in calls}
    found = {last[what] for what in NOTICED[kind]}
    found |= {call for call in calls if field.label(call) == "prlimit64"
              and call.args[1] == NO_FILES and call.args[SET_LIMIT]}
    worker = field.teams[kind][0]
    found |= {call for call in calls
              if field.label(call) == "prctl CAPBSET_DROP"
              and held_by_host_alone(worker) >> call.args[1] & 1}
    return found


@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_a_faked_success_is_noticed_or_changes_nothing(field, kind):
    points = [faults.Fault(call, "nothing")
              for call in field.calls(kind, "M", 0)]
    critical = must_be_noticed(field, kind)
    assert len(critical) > 20

    def judge(fault, word):
        return word != "refused" and (fault.call in critical or
                                      word != "landed")
    assert field.try_all(kind, points, judge) > 60


# -- the init was chrooted ---------------------------------------------------

CHROOTED = """
set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
exec chroot "$0" /bin/probe init
"""


@contextlib.contextmanager
def chrooted(lab, tree):
    """A pidfile for an init that never left the host's tree behind: its root
    is not the root of its mount namespace."""
    pidfile = f"{lab.run}/chrooted.pid"
    with process.daemon(
            [*lab.engine_prefix, "unshare", "--mount", "--uts", "--ipc",
             "--net", "--pid", "--fork", "--kill-child", "sh", "-c",
             CHROOTED, tree], f"{lab.run}/chrooted.log", 0.1) as server:
        init = process.wait_for(
            lambda: next((pid for pid in process.children(server.pid)
                          if process.cmdline(pid) == ["/bin/probe", "init"]),
                         None), what="the init")
        with open(pidfile, "w") as file:
            file.write(f"{init}\n")
        yield pidfile
    os.unlink(pidfile)


@pytest.mark.parametrize("name", ["none", "fchdir", "chroot"])
def test_a_root_that_was_not_taken_is_noticed(field, lab, guest, name):
    injector = faults.Injector(lab, field.program, guest,
                               f"{lab.run}/guest.report")
    number = faults.numbers().get(name, -1)
    fault = faults.Fault(faults.Call("M", 0, number, 1, (), b""), "nothing")
    with chrooted(lab, f"{lab.base}/trees/crun") as pidfile, \
            lab.config.own(guest, f'container = "pidfile:{pidfile}"\n'):
        outcome = injector.inject(fault, *COMMAND)
    assert outcome.hit == (name != "none")
    assert outcome.shell_started == (name == "none"), outcome.err
    assert outcome.status == (0 if name == "none" else 125)
    assert ("E_UNSAFE" in outcome.err) == (name != "none")


# -- afterwards --------------------------------------------------------------

def test_every_refusal_is_in_the_log_once(field, lab):
    """Of all that were told to the user."""
    assert len(field.references) > 500
    lines = collections.defaultdict(list)

    def all_logged():
        lines.clear()
        for line in list(lab.log.lines):
            found = re.search(r": refused .* ref=([0-9a-f]{8})$", line)
            if found:
                lines[found.group(1)].append(line)
        return set(field.references) <= set(lines)
    process.wait_for(all_logged, 10, "the last of them")
    assert [lines[ref] for ref in field.references
            if len(lines[ref]) != 1] == []


def test_nothing_is_left_of_all_that(field, lab):
    for worker in [one for team in field.teams.values() for one in team]:
        assert worker.dirt() == []
        assert users.of_uid(worker.user.uid) == []
        for path in worker.slots():
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own = os.readlink(f"/proc/{worker.init}/ns/pid")
        assert [pid for pid in process.pids() if namespace(pid) == own] == \
            [worker.init]


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
