# SPDX-License-Identifier: MIT
"""Hostile containers: how they are made, entered and looked over.

A case prepares a fresh tree, spoils it while it is in use or haunts the
container, and says what a login
as a command, and one at a terminal, must come to.  Whatever that is, nothing
may be left afterwards, and no evil code may have run with anybody's power but
the user's own."""

import contextlib
import fcntl
import os
import re
import shutil
import struct
import subprocess
import time
from dataclasses import dataclass, field

import pytest

from . import laboratory, machine, process, rootfs, users

GROUP = 7001  # the one of etc/group that everybody is in
PRIMARY = -1  # stands for the account's own
INITS = (["/bin/probe"], ["/bin/imp"])

# -- outcomes ----------------------------------------------------------------


@dataclass(frozen=True)
class Lands:
    """A session with exactly these ids, as the container counts; None: those
    of the account in the untouched files."""

    uid: int = None
    gid: int = None
    groups: tuple = None
    leads: bool = True  # its own session
    cwd: str = None


@dataclass(frozen=True)
class Refused:
    """The code for the user and the whole reason in the log; None where it
    depends on who is faster."""

    code: str
    reason: str = None


class Either(tuple):
    """Outcomes between which a race decides that the container set up."""


@dataclass(frozen=True)
class Says:
    """The session runs; what its first program makes of it."""

    status: int
    out: str = ""
    err: str = ""
    asked: str = "echo in; exit 7"


@dataclass(frozen=True)
class Case:
    name: str
    command: object = Lands()
    terminal: object = None  # None: that login is not tried
    spoil: object = None     # of the tree, once it runs: engines fall
                             # into some of these traps themselves
    prepare: object = None   # of the tree, before the start
    haunt: object = None     # of the ground, a context while it is entered
    alter: object = None     # of the OCI configuration
    settled: object = None   # of the ground: whether the init is ready
    options: dict = field(default_factory=dict)
    keys: str = ""
    marks: int = 0           # how often evil code ran as the user
    seconds: float = 5

    def __str__(self):
        return self.name


# -- marks -------------------------------------------------------------------

MARK = struct.Struct("<3I3II I 3Q 32s".replace(" ", ""))
NAMES = ("ruid", "euid", "suid", "rgid", "egid", "sgid", "groups",
         "no_new_privs", "effective", "permitted", "inheritable",
         "pid_namespace")


def read_marks(path):
    """What evil code left there, one dictionary each."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return []
    marks = [dict(zip(NAMES, values)) for values in MARK.iter_unpack(content)]
    for mark in marks:
        mark["pid_namespace"] = mark["pid_namespace"].rstrip(b"\0").decode()
    return marks


# -- the ground --------------------------------------------------------------


class Tree:
    """The root directory of a container, seen from the host."""

    def __init__(self, siege, directory):
        self.siege = siege
        self.directory = directory
        self.user = siege.user

    def path(self, name):
        return f"{self.directory}/{name}"

    def remove(self, name):
        path = self.path(name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)

    def put(self, name, content, mode=0o644):
        """A file of its own: nothing is written through a link."""
        self.remove(name)
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        os.chmod(path, mode)

    def copy(self, name, source, mode=0o755):
        self.remove(name)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        shutil.copy(source, self.path(name))
        os.chmod(self.path(name), mode)

    def link(self, name, target):
        self.remove(name)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.symlink(target, self.path(name))

    def node(self, name, kind, device=0):
        self.remove(name)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.mknod(self.path(name), kind | 0o666, device)
        os.chmod(self.path(name), 0o666)

    def account(self, *, name=None, uid=None, gid=None, home=None,
                shell="/bin/sh"):
        """A line of etc/passwd for the user."""
        home = f"/home/{self.user.name}" if home is None else home
        uid = self.siege.uid if uid is None else uid
        gid = self.siege.uid if gid is None else gid
        name = self.user.name if name is None else name
        return f"{name}:x:{uid}:{gid}::{home}:{shell}\n"


class Ground:
    """One running hostile container."""

    def __init__(self, siege, tree, container):
        self.siege = siege
        self.lab = siege.lab
        self.tree = tree
        self.container = container
        self.init = container.pid

    def inside(self, *argv, also=()):
        """A program of the container's in its mounts, and in the namespaces
        that nsenter's options add, but else the host's root."""
        return process.run(["nsenter", f"--mount=/proc/{self.init}/ns/mnt",
                            *also, "--", *argv], check=True)

    def seen(self, name):
        """The path by which the host reaches a file of the container's."""
        return f"/proc/{self.init}/root/{name}"

    def group(self, controller):
        """The directory of the container's cgroup."""
        for line in process.cgroups(self.init):
            number, names, path = line.split(":", 2)
            if controller in names.split(","):
                return f"/sys/fs/cgroup/{names}{path}"
            if number == "0" and not os.path.isdir(
                    f"/sys/fs/cgroup/{controller}"):
                return f"/sys/fs/cgroup{path}"
        raise LookupError(controller)

    def start(self, *argv):
        """A process of the container's own that goes on."""
        log = f"{self.lab.base}/started"
        # Not /dev/null: crun gives what it gets to the container's root.
        with open(log, "wb") as sink, open(log, "rb") as nothing:
            subprocess.run(
                [*self.lab.engine_prefix, "crun", "--root",
                 self.lab.crun.state, "exec", "--detach", *argv],
                stdin=nothing, stdout=sink, stderr=sink, check=True,
                timeout=20)

    @contextlib.contextmanager
    def imp(self, *argv):
        """A helper outside that says when it is ready and goes on."""
        ran = subprocess.Popen(
            [self.siege.imp, *argv], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, preexec_fn=process.die_with_parent)
        try:
            assert ran.stdout.readline() == b"ready\n"
            yield
        finally:
            ran.kill()
            ran.wait(10)
            ran.stdout.close()


@dataclass
class Traces:
    """All that a login could leave behind."""

    inside: set
    descriptors: list
    terminals: list
    mounts: list
    mounts_inside: str
    cgroups: list
    alive: bool


def in_pid_namespace(init):
    own = os.readlink(f"/proc/{init}/ns/pid")
    found = set()
    for pid in process.pids():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/pid") == own \
                    and process.alive(pid):
                found.add(pid)
    return found


def terminals(init):
    """What is in the container's /dev/pts, which it may have moved."""
    root = f"/proc/{init}/root"
    path = f"{root}/dev/pts"
    with contextlib.suppress(OSError):
        if os.path.islink(path):
            path = root + os.readlink(path)
        if os.stat(path).st_dev == os.stat("/dev/pts").st_dev:
            return []  # the host's, where others come and go
        return sorted(os.listdir(path))
    return []


class Siege:
    """Everything that the cases of a file share."""

    def __init__(self, lab, refusal):
        self.lab = lab
        self.refusal = refusal
        self.user = lab.users["guest"]
        self.uid = lab.inner_uid("guest")
        self.host_marks = f"{lab.base}/marks"
        self.imp = f"{lab.base}/imp"
        self.evil = f"{lab.base}/evil.so"
        self.loader = f"{lab.base}/evil-loader"
        self.session = os.stat(lab.ctsh.session)
        if not os.path.exists(self.imp):
            self.make_tools()

    def make_tools(self):
        os.mkdir(self.host_marks)
        os.chmod(self.host_marks, 0o1777)
        rootfs.compile_helper("imp", self.imp, "-static")
        bare = (f'-DHOST_MARKS="{self.host_marks}"', "-nostdlib",
                "-ffreestanding", "-fno-stack-protector")
        rootfs.compile_helper("marker", self.evil, *bare, "-shared", "-fPIC")
        rootfs.compile_helper("marker", self.loader, *bare, "-static-pie",
                              "-DLOADER")

    # -- one case ------------------------------------------------------------

    @contextlib.contextmanager
    def tree(self, case):
        """A fresh userland, prepared."""
        directory = f"{self.lab.base}/trees/hostile-{case.name}"
        rootfs.make(directory, self.lab.accounts(), self.lab.probe)
        try:
            tree = Tree(self, directory)
            tree.copy("bin/imp", self.imp)
            os.mkdir(tree.path("marks"))
            os.chmod(tree.path("marks"), 0o1777)
            if case.prepare:
                case.prepare(tree)
            if "userns" in case.options:
                rootfs.shift(directory, case.options["userns"])
            yield tree
        finally:
            shutil.rmtree(directory)

    @contextlib.contextmanager
    def ground(self, case):
        """The container of a case, running and haunted."""
        with contextlib.ExitStack() as stack:
            tree = stack.enter_context(self.tree(case))
            container = stack.enter_context(self.lab.crun.container(
                f"hostile-{case.name}", tree.directory, change=case.alter,
                **case.options))
            ground = Ground(self, tree, container)
            # The engine may be a moment longer in what it starts.
            process.wait_for(
                lambda: process.cmdline(ground.init)[:1] in INITS
                and (not case.settled or case.settled(ground)),
                what="an init")
            if case.spoil:
                case.spoil(tree)
                if "userns" in case.options:
                    rootfs.shift(tree.directory, case.options["userns"])
            if case.haunt:
                stack.enter_context(case.haunt(ground))
            yield ground

    def keys(self, case, ground):
        return f'container = "{ground.container.spec}"\n{case.keys}'

    def run(self, case):
        """All that is to be said about a case."""
        with self.ground(case) as ground:
            self.log_in(case, ground)

    def log_in(self, case, ground):
        before = self.traces(ground)
        with self.lab.config.own(self.user, self.keys(case, ground)):
            self.enter(case, ground, self.as_command, case.command)
            if case.terminal is not None:
                self.enter(case, ground, self.at_terminal, case.terminal)
        self.nothing_is_left(ground, before)
        self.judge_marks(ground, case.marks)

    def enter(self, case, ground, way, outcome):
        start = time.monotonic()
        way(ground, outcome)
        took = time.monotonic() - start
        assert took < case.seconds, f"{way.__name__} took {took:.1f} s"

    # -- as a command --------------------------------------------------------

    def as_command(self, ground, outcome):
        if isinstance(outcome, Lands):
            self.land(ground, outcome)
            return
        asked = getattr(outcome, "asked", "echo in; exit 7")
        self.judge(ground, self.lab.direct(self.user, "-c", asked), outcome)

    def judge(self, ground, result, outcome):
        if isinstance(outcome, Either):
            code = re.search(r"\[(E_[A-Z]+) ", result.err)
            assert code, result
            outcome, = (one for one in outcome if one.code == code.group(1))
        if isinstance(outcome, Refused):
            self.judge_refusal(ground, result, outcome)
        else:
            assert (result.status, result.out, result.err) == \
                (outcome.status, outcome.out, outcome.err)

    def judge_refusal(self, ground, result, outcome):
        wanted = (outcome.reason or "").format(user=self.user.name,
                                               init=ground.init)
        if outcome.code == "E_SHELL":
            reason = self.shell_refusal(result, outcome)
        else:
            reason = self.refusal(result, self.user, outcome.code)
        assert outcome.reason is None or unescaped(reason) == wanted

    def shell_refusal(self, result, outcome):
        """The one code whose status is the shell's own: 126, or 127 for a
        shell that is not there."""
        absent = "ENOENT" in outcome.reason
        what = "was not found" if absent else "could not be started"
        match = re.fullmatch(rf"ctsh: Your shell /[!-~]+ {what}\. "
                             r"\[E_SHELL ([0-9a-f]{8})\]\n", result.err)
        assert match, result
        assert result.out == ""
        assert result.status == (127 if absent else 126)
        line = self.lab.log.line("refused", ref=match.group(1))
        assert line["code"] == "E_SHELL"
        return line["reason"]

    def land(self, ground, outcome):
        """A session that waits while it is looked at from the host."""
        ran = subprocess.Popen(
            self.lab.direct_argv(self.user, "-c",
                                 "echo in; read line; exit 7"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "TERM": "dumb"})
        try:
            out = ran.stdout.readline()
            if out == b"in\n":
                self.inspect(ground, ran.pid, outcome)
                assert sorted(os.listdir(
                    f"/proc/{self.leader(ground, ran.pid)}/fd")) == \
                    ["0", "1", "2"]
            rest, err = ran.communicate(b"\n", timeout=30)
        finally:
            ran.kill()
            ran.wait(10)
        assert (ran.returncode, out + rest, err) == (7, b"in\n", b""), \
            self.lab.log.ours()[-1:]

    # -- at a terminal -------------------------------------------------------

    def at_terminal(self, ground, outcome):
        with self.lab.direct_terminal(self.user) as opened:
            if isinstance(outcome, Lands):
                opened.prompt()
                self.inspect(ground, opened.child.pid, outcome)
                opened.type("exit 7\r")
                assert opened.end() == 7
                return
            out = opened.child.read().replace("\r\n", "\n")
            status = opened.end()
        if isinstance(outcome, Refused):
            self.judge_refusal(ground, process.Result(status, "", out, 0),
                               outcome)
        else:
            assert (status, out) == (outcome.status, outcome.out)

    # -- what the host sees --------------------------------------------------

    def leader(self, ground, supervisor):
        """The session's first process, which is the supervisor's child."""
        found = in_pid_namespace(ground.init) \
            & set(process.children(supervisor))
        assert len(found) == 1, found
        return found.pop()

    def inspect(self, ground, supervisor, outcome):
        pid = self.leader(ground, supervisor)
        init = process.status(ground.init)
        have = process.status(pid)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert have[name] == "0" * 16, name
        for name in ("CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters"):
            assert have[name] == init[name], name
        self.inspect_ids(ground, have, outcome)
        assert process.namespaces(pid) == process.namespaces(ground.init)
        assert process.cgroups(pid) == process.cgroups(ground.init)
        assert os.path.samestat(os.stat(f"/proc/{pid}/root"),
                                os.stat(f"/proc/{ground.init}/root"))
        assert (os.getsid(pid) == pid) == outcome.leads
        assert os.getsid(pid) != os.getsid(supervisor)
        if outcome.cwd is not None:
            assert os.path.samestat(
                os.stat(f"/proc/{pid}/cwd"),
                os.stat(ground.seen(outcome.cwd)))

    def inspect_ids(self, ground, have, outcome):
        shift = outside(ground.init)
        uid = (self.uid if outcome.uid is None else outcome.uid) + shift
        gid = (self.uid if outcome.gid is None else outcome.gid) + shift
        groups = (self.uid, GROUP) if outcome.groups is None \
            else [self.uid if one == PRIMARY else one
                  for one in outcome.groups]
        assert have["Uid"].split() == [str(uid)] * 4
        assert have["Gid"].split() == [str(gid)] * 4
        assert sorted(int(one) for one in have["Groups"].split()) == \
            sorted(one + shift for one in groups)

    # -- nothing is left -----------------------------------------------------

    def traces(self, ground):
        init = ground.init
        alive = process.alive(init)
        return Traces(
            inside=in_pid_namespace(init),
            descriptors=sorted(os.listdir(f"/proc/{init}/fd")),
            terminals=terminals(init), mounts=machine.mounts(),
            mounts_inside=process.read(f"/proc/{init}/mountinfo"),
            cgroups=[path for path in machine.cgroup_dirs()
                     if f"/{self.lab.tag}/" in path + "/"], alive=alive)

    def ours(self):
        """Processes of the session program, whosever they are."""
        found = []
        for pid in process.pids():
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/exe"),
                                    self.session):
                    found.append(pid)
        return found

    def nothing_is_left(self, ground, before):
        process.wait_for(lambda: not self.ours(), 5, "no process of ctsh")
        process.wait_for(lambda: not users.of_uid(self.user.uid), 5,
                         "no process of the user")
        with contextlib.suppress(process.Late):
            process.wait_for(lambda: self.traces(ground) == before, 3,
                             "the state before")
        assert self.traces(ground) == before
        self.no_lock_is_held()

    def no_lock_is_held(self):
        for path, _, files in os.walk(self.lab.ctsh.run):
            for name in files:
                assert not name.endswith(".new")
                with open(os.path.join(path, name), "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def judge_marks(self, ground, count):
        """Evil code may run as what the user is inside, and as nothing
        more."""
        assert read_marks(f"{self.host_marks}/mark") == []
        marks = read_marks(ground.tree.path("marks/mark"))
        shape = {name: self.uid for name in
                 ("ruid", "euid", "suid", "rgid", "egid", "sgid")}
        shape |= {"effective": 0, "permitted": 0, "inheritable": 0,
                  "groups": 2, "no_new_privs":
                  int(process.status(ground.init)["NoNewPrivs"]),
                  "pid_namespace": os.readlink(
                      f"/proc/{ground.init}/ns/pid")}
        assert marks == [shape] * count


def set_file(path, content):
    with open(path, "w") as file:
        file.write(content)


def set_frozen(ground, yes):
    group = ground.group("freezer")
    if os.path.exists(f"{group}/freezer.state"):
        set_file(f"{group}/freezer.state", "FROZEN" if yes else "THAWED")
    else:
        set_file(f"{group}/cgroup.freeze", str(int(yes)))


def set_full(ground, kill=True):
    """A process of the container's has all memory that it may have; its
    PID.  If the kernel may not kill, others wait for memory."""
    ground.start(ground.container.name, "/bin/imp", "hold", "58")
    group = ground.group("memory")
    old = os.path.exists(f"{group}/memory.limit_in_bytes")
    hog, = process.wait_for(
        lambda: [pid for pid in in_pid_namespace(ground.init)
                 if process.cmdline(pid)[1:2] == ["hold"] and
                 int(process.status(pid)["VmRSS"].split()[0]) > 57 << 10],
        what="a hog")
    if old:
        set_file(f"{group}/memory.swappiness", "0")
        set_file(f"{group}/memory.oom_control", str(int(not kill)))
        # What is only cached would be room.
        set_file(f"{group}/memory.force_empty", "0")
    usage = f"{group}/memory.{'usage_in_bytes' if old else 'current'}"
    set_file(f"{group}/memory.{'limit_in_bytes' if old else 'max'}",
             process.read(usage).strip())
    return hog


def unescaped(text):
    """What stands in a quoted field of the log."""
    return re.sub(r"\\x([0-9a-f]{2})",
                  lambda match: chr(int(match.group(1), 16)), text)


def outside(pid):
    """What is to be added to an id inside for the host's count of it."""
    inside, beyond, _ = process.read(f"/proc/{pid}/uid_map").split()[:3]
    return int(beyond) - int(inside)


@pytest.fixture
def siege(lab, refusal):
    return Siege(lab, refusal)


USERNS = {"userns": laboratory.USERNS_START, "nnp": True}
