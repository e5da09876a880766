# SPDX-License-Identifier: MIT
"""Containers in which a file system, memory or a freezer never answers.

A login takes 20 seconds at most, so these all hang at the same time; a second
is for ending what hung and one for a busy machine."""

import contextlib
import fcntl
import os
import re
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest

from lab import process, users
from lab.hostile import (
    Case, Refused, Siege, in_pid_namespace, set_frozen, set_full)

ENDED_BY_THE_KERNEL = (-signal.SIGKILL, -signal.SIGBUS, -signal.SIGSEGV)
DEADLINE = 20
LATEST = 24

NO_ANSWER = Refused("E_SYSTEM",
                    "reader of the container: no answer in time")
TOO_LONG = Refused("E_SYSTEM", "the shell did not start: ETIMEDOUT")

# What is mute in the two kinds of container: a file system that nobody
# serves, and one whose server takes each request and keeps it; then who waits
# cannot even be killed.
SILENT, GREEDY = "silent", "greedy"


@dataclass(frozen=True)
class Hang:
    name: str
    how: str
    where: str          # which container
    outcome: object
    home: str = "/"
    shell: str = "/bin/sh"
    terminal: bool = False

    def __str__(self):
        return f"{self.how}-{self.name}"


CASES = [hang for how in (SILENT, GREEDY) for hang in (
    Hang("etc", how, "etc", NO_ANSWER),
    Hang("etc-at-a-terminal", how, "etc", NO_ANSWER, terminal=True),
    Hang("home", how, "files", TOO_LONG, home="/mute"),
    Hang("below-home", how, "files", TOO_LONG, home="/mute/home/x"),
    Hang("shell", how, "files", TOO_LONG, shell="/mute/sh"),
    Hang("dev", how, "files", NO_ANSWER, terminal=True),
)] + [Hang("then-frozen", SILENT, "frozen", TOO_LONG, home="/mute")]

# Only the older memory controller can keep its killer from killing.
OOM_CONTROL = "/sys/fs/cgroup/memory/memory.oom_control"
FULL = Hang("no-memory", SILENT, "full", None)
if os.path.exists(OOM_CONTROL):
    CASES.append(FULL)


@dataclass
class Login:
    """One that was started with the others."""

    hang: Hang
    user: object
    ran: object
    out: str
    start: float
    took: float = None

    def result(self):
        out = process.read(f"{self.out}.out").replace("\r\n", "\n")
        err = process.read(f"{self.out}.err")
        if self.hang.terminal:
            out, err = "", out
        return process.Result(self.ran.returncode, out, err, self.took)


class Hangs:
    """All containers, all logins, and what came of them."""

    def __init__(self, lab, stack):
        self.lab = lab
        self.stack = stack
        self.siege = Siege(lab, None)
        self.users = self.make_users()
        self.servers = {SILENT: [], GREEDY: []}
        self.grounds = {}
        self.residents = set()  # that belong in a container
        self.make_grounds()
        self.logins = {hang: self.start(hang) for hang in CASES}
        self.freeze_one()
        self.wait()
        self.left = self.siege.ours()

    def make_grounds(self):
        for how in (SILENT, GREEDY):
            self.ground(how, "files", "/mute", "/dev")
            self.ground(how, "etc", "/etc")
        self.ground(SILENT, "frozen", "/mute")
        if os.path.exists(OOM_CONTROL):
            self.residents.add(set_full(self.ground(SILENT, "full"),
                                        kill=False))

    def freeze_one(self):
        """Once its shell is on its way to the home directory."""
        ground = self.grounds[SILENT, "frozen"]
        process.wait_for(lambda: len(in_pid_namespace(ground.init)) > 1,
                         what="a login inside")
        set_frozen(ground, True)

    def make_users(self):
        # The last ones: others take the first.
        ids = users.free_ids(1000)[-len(CASES):]
        gid = self.lab.users["guest"].gid
        made = {}
        for number, (hang, uid) in enumerate(zip(CASES, ids)):
            name = f"{self.lab.tag}h{number}"
            made[str(hang)] = self.stack.enter_context(users.user(
                name, uid, gid, f"{self.lab.base}/home/{name}",
                self.lab.ctsh.shell))
            self.lab.log.users.add(name)
        return made

    def ground(self, how, where, *paths):
        def prepare(tree):
            os.makedirs(tree.path("mute"))
            lines = [tree.account(name=self.users[str(hang)].name,
                                  home=hang.home, shell=hang.shell)
                     for hang in CASES]
            tree.put("etc/passwd", "".join(lines))
        ground = self.stack.enter_context(self.siege.ground(
            Case(f"mute-{how}-{where}", prepare=prepare)))
        self.grounds[how, where] = ground
        for path in paths:
            self.mount(how, where, path)
        return ground

    def mount(self, how, where, path):
        server = contextlib.ExitStack()
        server.enter_context(self.grounds[how, where].imp(
            "fuse", how, str(self.grounds[how, where].init), path))
        self.servers[how].append(server)
        self.stack.push(server)

    def start(self, hang):
        user = self.users[str(hang)]
        spec = self.grounds[hang.how, hang.where].container.spec
        self.stack.enter_context(self.lab.config.own(
            user, f'container = "{spec}"\n'))
        out = f"{self.lab.base}/hang-{hang}"
        argv = self.lab.direct_argv(user, "-c", "echo in")
        if hang.terminal:
            argv = ["script", "-qec", shlex.join(argv), "/dev/null"]
        with open(f"{out}.out", "wb") as output, \
                open(f"{out}.err", "wb") as errors:
            ran = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=errors,
                                   env={"PATH": "/usr/bin:/bin",
                                        "SHELL": "/bin/sh"})
        return Login(hang, user, ran, out, time.monotonic())

    def wait(self):
        """Notes when each ends."""
        until = time.monotonic() + 40
        while time.monotonic() < until:
            for login in self.logins.values():
                if login.took is None and login.ran.poll() is not None:
                    login.took = time.monotonic() - login.start
            if all(login.took for login in self.logins.values()):
                return
            time.sleep(0.05)

    def release(self, how):
        """The servers end, and with them all that waits for an answer."""
        for server in self.servers[how]:
            server.close()


@pytest.fixture(scope="module")
def hangs(lab):
    with contextlib.ExitStack() as stack:
        yield Hangs(lab, stack)


@pytest.mark.parametrize("hang", [one for one in CASES if one.outcome],
                         ids=str)
def test_a_login_ends_at_the_deadline(hangs, refusal, hang):
    login = hangs.logins[hang]
    assert login.took, "it hangs"
    assert DEADLINE - 1 < login.took < LATEST
    reason = refusal(login.result(), login.user, hang.outcome.code)
    assert reason == hang.outcome.reason


def test_without_memory_it_ends_one_way_or_the_other(hangs):
    """What asks for memory waits, is told that there is none, or is ended by
    the kernel; and a page that some other gave back may be enough."""
    if FULL not in CASES:
        pytest.skip("no memory.oom_control: the kernel would kill")
    login = hangs.logins[FULL]
    assert login.took and login.took < LATEST
    result = login.result()
    refused = re.fullmatch(
        r"ctsh: [^\n]* \[(E_SYSTEM|E_GONE|E_SHELL) [0-9a-f]{8}\]\n",
        result.err)
    if refused:
        assert (result.status, result.out) == (
            126 if "E_SHELL" in result.err else 125, "")
    elif result.status == 0:
        assert (result.out, result.err) == ("in\n", "")
    else:
        assert (result.out, result.err) == ("", "")
        assert result.status in ENDED_BY_THE_KERNEL


def test_a_login_that_needs_none_of_it_lands(hangs):
    """A command needs no /dev of the container's."""
    user = hangs.users["silent-dev"]
    result = hangs.lab.direct(user, "-c", "echo in")
    assert (result.status, result.out, result.err) == (0, "in\n", "")


def container_of(hangs, pid):
    """(how, where) of the container in which the process is, if it is."""
    for key, ground in hangs.grounds.items():
        if pid in in_pid_namespace(ground.init):
            return key
    return None


def test_only_what_cannot_be_killed_is_left(hangs):
    """Of each login that a greedy server or a freezer holds one process: a
    shell that was about to be, in its container, or the reader outside."""
    states = {pid: container_of(hangs, pid) for pid in hangs.left}
    inside = sorted(key for key in states.values() if key)
    assert inside == [(GREEDY, "files")] * 3 + [(SILENT, "frozen")]
    assert len(states) - len(inside) == 3
    for pid in states:
        have = process.status(pid)
        assert [have[name] for name in ("CapInh", "CapPrm", "CapEff")] == \
            ["0" * 16] * 3
        assert int(have["SigPnd"], 16) | int(have["ShdPnd"], 16)


def held(hangs, user):
    """How many slots of the user's are taken."""
    count = 0
    for name in os.listdir(f"{hangs.lab.ctsh.run}/slots"):
        if name.startswith(f"{user.uid}."):
            with open(f"{hangs.lab.ctsh.run}/slots/{name}", "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    count += 1
    return count


def test_a_reader_that_cannot_be_killed_keeps_its_slot(hangs):
    """So that a user can leave eight of them behind, and not any number: they
    are outside of the container's cgroup."""
    assert {str(hang): held(hangs, hangs.users[str(hang)])
            for hang in CASES} == {
        str(hang): int(str(hang) in ("greedy-etc", "greedy-dev",
                                     "greedy-etc-at-a-terminal"))
        for hang in CASES}


def test_nothing_is_left_when_the_server_ends(hangs):
    hangs.release(GREEDY)
    set_frozen(hangs.grounds[SILENT, "frozen"], False)
    process.wait_for(lambda: not hangs.siege.ours(), 10,
                     "no process of ctsh")
    for user in hangs.users.values():
        assert held(hangs, user) == 0
    for ground in hangs.grounds.values():
        assert in_pid_namespace(ground.init) - hangs.residents == \
            {ground.init}
