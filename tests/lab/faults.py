# SPDX-License-Identifier: MIT
"""Logins with one fault in them, by tests/lab/helpers/inject.c."""

import concurrent.futures
import contextlib
import os
import queue
import re
import shutil
import subprocess
import termios
from dataclasses import dataclass, field, replace

from . import process, rootfs, users

HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"

# Seconds for one login with a fault; ctsh itself gives up after 20.
LIMIT = 30


def demand_machine():
    """Numbers of calls, and what libc makes of a function, are another's."""
    machine = os.uname().machine
    assert machine == "x86_64", \
        f"system calls were written down for x86_64, not for {machine}"


def numbers():
    """Name to number of every system call."""
    return {name: int(number) for name, number in re.findall(
        r"#define __NR_(\w+) (\d+)", process.read(HEADER))}


@dataclass(frozen=True)
class Call:
    """One system call of a recorded login."""

    role: str
    generation: int    # execves before it
    number: int
    nth: int           # of this number in this generation
    args: tuple
    memory: bytes      # what an argument points to, for some
    who: str = ""      # the process by what it is for


@dataclass(frozen=True)
class Fault:
    """HOW is `kill`, `nothing` (a success that is none) or an errno."""

    call: Call
    how: object

    def argv(self):
        how = f"-{self.how}" if isinstance(self.how, int) else self.how
        return [self.call.role, str(self.call.generation),
                str(self.call.number), str(self.call.nth), how]


# Instead of a fault: all calls are written down, or none.
EVERYTHING = Fault(Call("*", 0, 0, 0, (), b""), "record")
NOTHING = Fault(Call("none", 0, 0, 0, (), b""), "record")


@dataclass
class Outcome:
    """What became of a login, as its tracer saw it."""

    out: str = ""
    err: str = ""
    hit: bool = False                           # the fault happened
    calls: list = field(default_factory=list)
    born: list = field(default_factory=list)    # roles
    execs: list = field(default_factory=list)   # roles
    ends: dict = field(default_factory=dict)    # role to exit N, signal N
    left: list = field(default_factory=list)    # roles that had to be killed
    shell: dict = field(default_factory=dict)   # what it was at its start
    ms: int = 0                                 # until all had ended
    restored: bool = True                       # the caller's terminal

    @property
    def status(self):
        """Of the login process: as a shell counts, -N for signal N."""
        kind, number = self.ends["P"]
        return number if kind == "exit" else -number

    @property
    def shell_started(self):
        return "S" in self.execs


def parse(data):
    """The report of inject.c."""
    outcome, seen, at = Outcome(), {}, 0
    while at < len(data):
        end = data.index(b"\n", at)
        word, *rest = data[at:end].decode().split(" ")
        at = end + 1
        if word == "dump":
            size = max(int(rest[1]), 0)
            value = data[at:at + size] if int(rest[1]) >= 0 else None
            outcome.shell.setdefault(rest[0], value)
            at += size + 1
        elif word == "call":
            key = (rest[0], rest[1], rest[2])
            seen[key] = seen.get(key, 0) + 1
            outcome.calls.append(Call(
                rest[0], int(rest[1]), int(rest[2]), seen[key],
                tuple(int(arg, 16) for arg in rest[3:9]),
                bytes.fromhex("".join(rest[9:]))))
        elif word == "hit":
            outcome.hit = True
        elif word == "born":
            outcome.born.append(rest[0])
        elif word == "exec":
            outcome.execs.append(rest[0])
        elif word == "end":
            outcome.ends[rest[0]] = (rest[1], int(rest[2]))
        elif word == "left":
            outcome.left.append(rest[0])
        elif word == "over":
            outcome.ms = int(rest[1])
    who = purposes(outcome.born)
    outcome.calls = [replace(call, who=who[call.role])
                     for call in outcome.calls]
    return outcome


def purposes(born):
    """Role to purpose: the reader is forked last, the watchdog first, and in
    between whoever asks the name service, if anybody has to."""
    forked = [role for role in born if role.startswith("F")]
    who = {role: role for role in born}
    who.update({role: "NSS" for role in forked[1:-1]})
    who.update({role: "reader" for role in forked[-1:]})
    who.update({role: "watchdog" for role in forked[:1]})
    return who


class Injector:
    """Logins of one user, one after the other."""

    def __init__(self, lab, program, user, scratch):
        self.lab = lab
        self.program = program
        self.user = user
        self.report = scratch

    def argv(self, *args):
        return [*self.lab.log_prefix, self.program, self.report, str(LIMIT),
                str(self.user.uid), str(self.user.gid), *args]

    def inject(self, fault, *args, terminal=None):
        """A login; `args` are those of ctsh."""
        argv = self.argv(*fault.argv(), self.lab.ctsh.shell, "ctsh", *args)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal) \
            if terminal is not None else {
                "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE}
        ran = subprocess.run(argv, timeout=LIMIT + 10,
                             env={"PATH": "/usr/bin:/bin", "TERM": "dumb"},
                             check=False, **streams)
        with open(self.report, "rb") as file:
            outcome = parse(file.read())
        assert ran.returncode == 0, (ran, outcome)
        if terminal is None:
            outcome.out = process.text(ran.stdout)
            outcome.err = process.text(ran.stderr)
        return outcome


def at_terminal(injector, fault, *args):
    """A login on a terminal of the caller's; what it shows counts as
    output, or if that is a sentence of ours as an error."""
    master, slave = os.openpty()
    try:
        termios.tcsetwinsize(slave, (24, 80))
        before = termios.tcgetattr(slave)
        outcome = injector.inject(fault, *args, terminal=slave)
        outcome.restored = termios.tcgetattr(slave) == before
        os.set_blocking(master, False)
        shown = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 4096):
                shown += chunk
    finally:
        os.close(master)
        os.close(slave)
    text = shown.decode().replace("\r\n", "\n")
    cut = text.find("ctsh: ")
    outcome.out, outcome.err = (text, "") if cut < 0 else \
        (text[:cut], text[cut:])
    return outcome


# -- who logs in -------------------------------------------------------------

STATUS = ("Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp",
          "Seccomp_filters", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
          "SigBlk", "SigIgn", "SigCgt", "Cpus_allowed", "Mems_allowed")


def confinement(outcome):
    """What the shell was at its start, without what differs by chance."""
    if not outcome.shell:
        return None
    found = dict(outcome.shell)
    status = dict(line.split(":", 1) for line in
                  found.pop("status").decode().splitlines())
    found.update({name: status[name].strip() for name in STATUS})
    words = found.pop("stat").decode().rpartition(") ")[2].split()
    found["priority"] = (words[15:17], words[37:39])
    for name in [name for name in found if name.startswith("fd/")]:
        found[name] = re.sub(rb"\d+", b"N", found[name] or b"")
    return found


class Worker:
    """A user, their own container, and logins from one into the other."""

    def __init__(self, lab, program, user, container):
        self.lab = lab
        self.user = user
        self.container = container
        self.init = container.pid
        self.injector = Injector(lab, program, user,
                                 f"{lab.run}/{user.name}.report")
        self.baseline = {}

    def normal(self, login, *args):
        """The confinement of a login without a fault, the second: the first
        one may have things to do that the others have not."""
        key = login, args
        if key not in self.baseline:
            for _ in range(2):
                outcome = login(self.injector, NOTHING, *args)
                assert outcome.status == 0, outcome
            self.baseline[key] = confinement(outcome)
        return self.baseline[key]

    def forget_filters(self):
        """The next login copies them from the init again."""
        directory = f"{self.lab.ctsh.run}/filters"
        for name in os.listdir(directory):
            if name.startswith(f"{self.init}-"):
                os.unlink(f"{directory}/{name}")

    def slots(self):
        """The files of those that this user's logins took."""
        directory = f"{self.lab.ctsh.run}/slots"
        return [f"{directory}/{name}" for name in os.listdir(directory)
                if name.startswith(f"{self.user.uid}.")]

    def dirt(self):
        """What a login has left behind, in words."""
        found = []
        status = process.status(self.init)
        if status["TracerPid"] != "0" or status["State"][0] not in "SR":
            found.append(f"the init: {status['State']}, traced by "
                         f"{status['TracerPid']}")
        ptys = os.listdir(f"/proc/{self.init}/root/dev/pts")
        if ptys != ["ptmx"]:
            found.append(f"terminals: {ptys}")
        return found


@contextlib.contextmanager
def workers(lab, program, count, kind, tree, first_id, **options):
    """So many, with containers of crun that share the userland `tree`."""
    with contextlib.ExitStack() as stack:
        made = []
        accounts = []
        for index, uid in enumerate(users.free_ids(count)):
            name = f"{lab.tag}{kind}{index}"
            made.append(stack.enter_context(users.user(
                name, uid, lab.users["guest"].gid,
                f"{lab.base}/home/{kind}{index}", lab.ctsh.shell)))
            accounts.append((name, first_id + index, first_id + index,
                             "/bin/sh"))
        lab.log.users |= {user.name for user in made}
        lab.log.users |= {f"#{user.uid}" for user in made}
        stack.callback(shutil.rmtree, tree)
        rootfs.make(tree, accounts, lab.probe)
        if options.get("userns"):
            rootfs.shift(tree, options["userns"])
        result = []
        for index, user in enumerate(made):
            box = stack.enter_context(lab.crun.container(
                f"{kind}{index}", tree, **options))
            stack.enter_context(lab.config.own(
                user, f'container = "{box.spec}"\n'))
            result.append(Worker(lab, program, user, box))
        yield result


def spread(team, jobs, function):
    """function(worker, job) for all jobs, a worker doing one at a time."""
    idle = queue.SimpleQueue()
    for worker in team:
        idle.put(worker)

    def do(job):
        worker = idle.get()
        try:
            return function(worker, job)
        finally:
            idle.put(worker)
    with concurrent.futures.ThreadPoolExecutor(len(team)) as pool:
        return list(pool.map(do, jobs))
