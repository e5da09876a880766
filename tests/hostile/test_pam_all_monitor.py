# SPDX-License-Identifier: MIT
"""join=all, and a process inside that reaches for the service.

What is in the container's PID namespace of it are its children, with a copy of
its memory until they have executed the user's shell; sshd's, which forwards,
never does.  The attackers are those of test_entry_attacker.py.  Only the root
of a container that has SYS_PTRACE and no user namespace may get hold of one,
which is the stated exception, and shows here that the others would.
"""

import base64
import contextlib
import os
import struct
import threading
from dataclasses import dataclass

import pytest

from lab import handmade, pam_all, process, rootfs, sshd
from lab.attackers import (DENIED, HELPFUL, Attacker, Rounds, attacking,
                           with_attack)

AT_ONCE = 4


@dataclass
class Besieged:
    attacker: Attacker
    visitor: pam_all.Visitor


# Capabilities more, and whether the attacker is the user.
KINDS = {
    "userns-root": (HELPFUL, False),
    "plain-root": ((), False),
    "same-uid": ((), True),
    "ptrace-root": (("CAP_SYS_PTRACE",), False),
}


@pytest.fixture(scope="module")
def program(lab):
    return rootfs.compile_helper("attack", f"{lab.base}/attack-all",
                                 "-static")


def besieged(lab, stack, program, kind):
    capabilities, same = KINDS[kind]
    user = pam_all.make_user(lab, stack, f"sieged{kind[:4]}")
    options = {"capabilities": ("CAP_AUDIT_WRITE", *capabilities)}
    if kind == "userns-root":
        options |= {"userns": 300000, "nnp": True}
    name = f"sieged-{kind}"
    tree = with_attack(lab, name, program, options.get("userns", 0))
    container = stack.enter_context(lab.crun.container(name, tree, **options))
    visitor = pam_all.Visitor("crun", user, container,
                              pam_all.shift_of(container.pid))
    pam_all.settle(visitor)
    stack.enter_context(lab.config.own(user, visitor.keys))
    ids = ("--user", f"{user.uid}:{user.gid}") if same else ()
    return Besieged(Attacker(kind, container, ids, kind == "ptrace-root"),
                    visitor)


@pytest.fixture(scope="module", params=KINDS)
def siege(request, lab, services, program):
    with contextlib.ExitStack() as stack:
        made = besieged(lab, stack, program, request.param)
        services.line("join=all", f"users={made.visitor.user.name}")
        yield made


@pytest.fixture(scope="module")
def server(lab, services, siege):
    with sshd.sshd(f"{lab.base}/ssh-{siege.attacker.kind}",
                   [siege.visitor.user.name], services.prefix, pam=True,
                   sftp="internal-sftp") as made:
        yield made


def secret_of(path):
    """Of an ed25519 key: the longest part of the secret without a zero."""
    text = "".join(process.read(path).splitlines()[1:-1])
    data = base64.b64decode(text)
    at = data.rindex(b"ssh-ed25519") + len(b"ssh-ed25519")
    size, = struct.unpack_from(">I", data, at)
    at += 4 + size
    size, = struct.unpack_from(">I", data, at)
    assert size == 64
    found = max(data[at + 4:at + 36].split(b"\0"), key=len)
    assert len(found) >= 8
    return found


# -- the attack ----------------------------------------------------------------

@contextlib.contextmanager
def again_and_again(attacker, comm, needles):
    """Rounds without a pause; yields what will hold their findings."""
    found, over = [], threading.Event()

    def go_on(rounds):
        while not over.is_set():
            rounds.visit()
    with Rounds(attacker, comm, needles) as rounds:
        thread = threading.Thread(target=go_on, args=(rounds,))
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join(10)
        found.append(rounds.end())


def log_in_often(come, times):
    """What was not as it should be."""
    wrong = []

    def some():
        for _ in range(times // AT_ONCE):
            result = come()
            if (result.status, result.out) != (0, "in\n"):
                wrong.append(result)
    threads = [threading.Thread(target=some) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


# One that may override permissions can count descriptors.
COUNTS = {"plain-root": {"fd": {"ok"}}}

# What of a process that is ending is no process any more.
GONE = {"ESRCH", "ENOENT"}
MEMORY = ("seize", "attach", "vm-read", "vm-write", "mem", "thread-mem",
          "environ", "auxv", "pagemap", "search")


def check(siege, found, least, harmless=()):
    """Those who may not see through got nothing, and did try."""
    assert found.times("seize") >= least, found.count
    if siege.attacker.sees_through:
        assert "ok" in found.errors("seize"), found.count
        return
    counts = COUNTS.get(siege.attacker.kind, {})
    got = {way: found.errors(way) for way in found.ways
           if not found.errors(way) <= counts.get(way, DENIED)}
    assert got == {}
    got = {way: found.errors(way, "ending") for way in MEMORY
           if not found.errors(way, "ending") <= DENIED | GONE}
    assert got == {}
    assert {what for what in found.seen
            if not what.startswith("status ")} <= {*harmless}


class Watch:
    """Looks from the host at every process of the service inside: whether its
    files are root's, so that it is not dumpable."""

    def __init__(self, visitor, comm="sshd"):
        self.comm = f"{comm}\n"
        self.inside = os.readlink(f"/proc/{visitor.init}/ns/mnt")
        self.over = threading.Event()
        self.seen = {"monitor": 0, "child": 0}
        self.dumpable = []
        self.thread = threading.Thread(target=self.watch)

    def look(self, pid):
        place = f"/proc/{pid}"
        if process.read(f"{place}/comm") != self.comm \
                or os.readlink(f"{place}/ns/mnt") != self.inside:
            return
        owner = os.stat(f"{place}/environ").st_uid
        status = process.status(pid)
        if process.read(f"{place}/comm") != self.comm or not status:
            return
        born = len(status["NSpid"].split()) > 1
        self.seen["child" if born else "monitor"] += 1
        if owner != 0:
            self.dumpable.append(status)

    def watch(self):
        while not self.over.is_set():
            for pid in process.pids():
                with contextlib.suppress(OSError, KeyError):
                    self.look(pid)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(10)


LOGINS = {"userns-root": 80, "plain-root": 40, "same-uid": 40,
          "ptrace-root": 8}


def test_nothing_is_to_be_had_of_sshd(services, siege, server):
    """One attacker stops what appears at its birth, the other one comes again
    until it is gone."""
    needles = (b"host-key=" + secret_of(f"{server.directory}/host_key"),)
    name, times = siege.visitor.user.name, LOGINS[siege.attacker.kind]
    with Watch(siege.visitor) as watch, \
            attacking(siege.attacker, "sshd", needles) as first, \
            again_and_again(siege.attacker, "sshd", needles) as then:
        wrong = log_in_often(lambda: process.run(
            server.argv(name, "echo in"), timeout=40), times)
    assert wrong == [] and watch.dumpable == []
    assert watch.seen["monitor"] >= times and watch.seen["child"] >= 5
    check(siege, first[0], 1 if siege.attacker.kind == "same-uid" else 5)
    check(siege, then[0], 5)


def by_su(services, name, shim):
    return services.run("env", f"LD_PRELOAD={shim}", "su", name, "-c",
                        "echo in")


def by_login(services, name, shim):
    with pam_all.at_a_terminal([*services.prefix, "env",
                                f"LD_PRELOAD={shim}", "login", "-f",
                                name]) as screen:
        screen.prompt()
        out = screen.ask("echo in")
        screen.type("exit\n")
        screen.end()
    return process.Result(0, f"{out}\n", "", 0)


# It is called at a terminal of the host's, and hands that on.
OWN = {by_login: ("terminal of a session outside",)}


def test_nothing_is_to_be_had_of_others(lab, services, siege):
    """They are not stopped: that would stop su itself, as it always does."""
    name, shim = siege.visitor.user.name, handmade.tool(
        lab, "linger", "-shared", "-fPIC")
    ways = {"su": by_su}
    if not siege.visitor.shift:
        ways["login"] = by_login
    for comm, come in ways.items():
        with Watch(siege.visitor, comm) as watch, \
                again_and_again(siege.attacker, comm, ()) as found:
            wrong = log_in_often(lambda: come(services, name, shim), 20)
        assert wrong == [] and watch.dumpable == []
        assert min(watch.seen.values()) >= 5
        check(siege, found[0], 5, OWN.get(come, ()))
