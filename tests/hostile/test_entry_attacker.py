# SPDX-License-Identifier: MIT
"""A process inside that reaches for whoever comes in.

Three attackers: the root of a container with a user namespace, given every
capability that helps; the root of a container without one, with SYS_PTRACE;
and a process with the very ids of the session.  They try everything that
tests/lab/helpers/attack.c knows on every process that appears, from its first
instruction on.

What has executed the container's shell is a process of the container like any
other.  Before that,

- the first and the third must not succeed in anything but sending signals;
- the second has SYS_PTRACE where our programs come from, which no process can
  hide from, so it succeeds in most.  It must find nothing that it did not have:
  no capability, no descriptor but the session's own and the way to tell that
  the entry failed, nobody on the host at the other end of one, no terminal or
  session of the host's, no root or directory but its own, no memory that is
  shared, nothing in memory that is not the session's, and no program of ours
  that it could write to.
"""

import contextlib
import hashlib
import os
import re
import struct
import subprocess
import threading
from dataclasses import dataclass

import pytest

from lab import process, rootfs
from lab.attackers import (DENIED, HELPFUL, Attacker, Rounds, attacking,
                           with_attack)

LOGINS = 1000
AT_ONCE = 3

# Of another user's rule, of the engines, and of the caller.
TOKEN = "7b1e0c55d1f34c6a"
HIDDEN = "93fe2a77c0a84d15"


@dataclass
class Tools:
    attack: str     # for the inside
    stepper: str    # stops a login, on the host


@pytest.fixture(scope="module")
def tools(lab):
    made = Tools(f"{lab.base}/attack", f"{lab.base}/stepper")
    rootfs.compile_helper("attack", made.attack, "-static")
    rootfs.compile_helper("stepper", made.stepper)
    return made


KINDS = ("userns-root", "ptrace-root", "same-uid")


@pytest.fixture(scope="module", params=KINDS)
def attacker(request, lab, tools):
    kind = request.param
    options, ids = {}, ()
    if kind == "userns-root":
        options = {"userns": 300000, "nnp": True, "capabilities": HELPFUL}
    elif kind == "ptrace-root":
        options = {"capabilities": ("CAP_SYS_PTRACE",)}
    else:
        uid = lab.inner_uid("guest")
        ids = ("--user", f"{uid}:{uid}")
    directory = with_attack(lab, kind, tools.attack,
                            options.get("userns", 0))
    user = lab.users["guest"]
    with lab.crun.container(kind, directory, **options) as container, \
            lab.config.own(user, f'container = "{container.spec}"\n'), \
            lab.config.extended(OTHERS.format(
                user=lab.users["stranger"].name, token=TOKEN,
                spec=container.spec)):
        yield Attacker(kind, container, ids, kind == "ptrace-root")


OTHERS = """
rule others {{
    match     = {{"{user}"}}
    container = "{spec}"
    set_env   = {{"TOKEN={token}"}}
}}
"""


def needles(lab):
    """NAME=TEXT of what must not be found in the memory of who enters."""
    return [f"another-rule={TOKEN}",
            f"another-user={lab.users['stranger'].name}",
            f"caller={HIDDEN}",
            f"engine={lab.run}/docker.sock",
            f"configuration={lab.ctsh.etc}",
            "break-glass=host_shell"]


def our_name(lab, user):
    """What ctsh-session is called in /proc: before Linux 6.14, the number of
    the descriptor that it was executed by."""
    with subprocess.Popen(lab.direct_argv(user, "-c", "echo in; read line"),
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as login:
        assert login.stdout.readline() == b"in\n"
        name = process.read(f"/proc/{login.pid}/comm").strip()
        login.stdin.close()
    return name


def log_in(lab, user, times):
    """So many logins, one after the other, without a process of Python's for
    each."""
    loop = (f'for i in $(seq {times}); do '
            f'[ "$({lab.ctsh.shell} -c "echo in")" = in ] || exit 1; done')
    return lab.run_as(user, "env", f"HIDDEN={HIDDEN}", "sh", "-c", loop,
                      timeout=80)


def many_logins(lab, user, times):
    results = []
    threads = [threading.Thread(target=lambda: results.append(
        log_in(lab, user, times // AT_ONCE + 1))) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def sha(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# -- what counts as success ----------------------------------------------------

# Those of attack.c, for whom SYS_PTRACE opens everything; and why the others
# stay closed: capabilities of the host's that nobody asked for, a program that
# is executed from a mount that nobody can write to.
OPEN = {"seize", "attach", "getfd", "vm-read", "vm-write", "mem",
        "thread-mem", "environ", "auxv", "maps", "pagemap", "syscall", "io",
        "fd", "fd-entry", "root", "cwd", "exe", "exe-read", "ns", "search"}
CLOSED = {"map-files": {"EPERM"}, "setns": {"EPERM"},
          "exe-write": {"ETXTBSY", "EROFS"}, "exe-truncate": {"EROFS"}}


def descriptors(*kinds):
    """The session's own, and the two pipes of the entry."""
    return {f"descriptor {fd} {kind}"
            for fd, kind in enumerate(
                kinds if len(kinds) > 3 else [*kinds, "pipe", "pipe"])}



def powerless(attacker, uid):
    """What /proc/PID/status must say from the first instruction on."""
    init = process.status(attacker.container.pid)
    return {f"status {line}" for line in (
        "Uid: " + " ".join([str(uid)] * 4),
        *(f"{name}: {'0' * 16}" for name in
          ("CapInh", "CapPrm", "CapEff", "CapAmb")),
        f"CapBnd: {init['CapBnd']}", f"NoNewPrivs: {init['NoNewPrivs']}",
        f"Seccomp: {init['Seccomp']}")}


def check(lab, attacker, found, *kinds):
    """That it got nothing; each way was tried in vain, or led to nothing."""
    uid = lab.inner_uid("guest")
    seen = powerless(attacker, uid)
    assert found.ways == OPEN | set(CLOSED)
    if attacker.sees_through:
        assert {way: found.errors(way) for way in OPEN} == \
            {way: {"ok"} for way in OPEN}
        for way, errors in CLOSED.items():
            assert found.errors(way) <= errors, way
        seen |= descriptors(*kinds) | {"registers", "root ours", "cwd ours"}
    else:
        for way in found.ways:
            assert found.errors(way) <= DENIED, way
    # The last step before the execve.
    assert found.seen - {f"cwd /home/{lab.users['guest'].name}"} == seen


# -- the tests -----------------------------------------------------------------

def test_nothing_is_to_be_had_in_1000_logins(lab, attacker):
    user = lab.users["guest"]
    program = sha(lab.ctsh.session)
    with attacking(attacker, our_name(lab, user), needles(lab)) as findings:
        results = many_logins(lab, user, LOGINS)
    assert [(one.status, one.out, one.err) for one in results] == \
        [(0, "", "")] * AT_ONCE
    found = findings[0]
    check(lab, attacker, found, "pipe", "pipe", "pipe")
    # The attackers were there in time.
    assert found.times("search") >= LOGINS / 10
    assert sha(lab.ctsh.session) == program


class Stepper:
    """A login that stands still behind each system call of who enters."""

    def __init__(self, lab, stepper, user, terminal, command="exit 5"):
        self.calls = {"M": [], "S": []}
        self.pid = {}
        self.running = subprocess.Popen(
            [stepper, *(["-t"] if terminal else []), "/usr/bin/env",
             f"HIDDEN={HIDDEN}", *lab.direct_argv(user, "-c", command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running.poll() is None:
            self.running.kill()
        self.running.communicate(timeout=10)

    def stops(self):
        """Yields (role, call) at each stop, and goes on after that."""
        for line in self.running.stdout:
            word, *rest = line.split()
            if word == "born":
                self.pid[rest[0]] = int(rest[1])
            elif word == "stop":
                role, call = rest[:2]
                self.calls[role].append(call)
                yield role, call
                self.running.stdin.write("\n")
                self.running.stdin.flush()
            else:
                self.calls["M" if rest == ["M"] else "S"].append(line.strip())


def in_order(wanted, calls):
    """Whether `wanted` are among `calls` in this order."""
    rest = iter(calls)
    return all(call in rest for call in wanted)


M_DOES = ["birth", "setsid", "keyctl", "setgroups", "setns", "chroot",
          "close_range", "prctl", "setgroups", "setresgid", "setresuid",
          "capset", "seccomp", "write", "read", "clone", "write", "gone M"]
S_DOES = ["birth", "read", "setsid", "chdir", "exec S", "end 5"]


def session_of(pid):
    """Process group, session and terminal, as the host sees them."""
    fields = process.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[2:5]


@pytest.mark.parametrize("terminal", [False, True],
                         ids=["command", "terminal"])
def test_nothing_is_to_be_had_at_any_step(lab, attacker, tools, terminal):
    """M is not even there for whom is inside; S is, from its birth on."""
    user = lab.users["guest"]
    comm = our_name(lab, user)
    met = {"M": [], "S": []}
    with Rounds(attacker, comm, needles(lab)) as visitor, \
            Stepper(lab, tools.stepper, user, terminal) as login:
        for role, call in login.stops():
            met["S" if "S" in login.pid else "M"].append(visitor.visit())
            if (role, call) == ("S", "birth"):
                group, session, tty = session_of(login.pid["S"])
                m = str(login.pid["M"])
                assert (group, session, tty) == (m, m, "0")
        found = visitor.end()
        _, err = login.running.communicate(timeout=10)
    assert (login.running.returncode, err) == (0, "")
    assert in_order(M_DOES, login.calls["M"]), login.calls
    assert in_order(S_DOES, login.calls["S"]), login.calls
    assert ("ioctl" in login.calls["S"]) == terminal
    # Nobody before the birth of S, and from then on S at each stop.
    assert set(met["M"]) == {0} and set(met["S"]) == {1}, met
    check(lab, attacker, found,
          *(["terminal"] * 3 if terminal else ["null", "pipe", "pipe"]))


SFTP = "/usr/lib/openssh/sftp-server"


def test_nothing_is_to_be_had_where_our_sftp_server_is_lent(lab, attacker,
                                                            tools):
    """One descriptor more: the file that is executed, from a mount of its
    own."""
    user = lab.users["guest"]
    program = f"{lab.base}/libexec/ctsh/ctsh-sftp-server"
    before = sha(program)
    with Rounds(attacker, our_name(lab, user),
                needles(lab)) as visitor, \
            Stepper(lab, tools.stepper, user, False, SFTP) as login:
        for _ in login.stops():
            visitor.visit()
        found = visitor.end()
        _, err = login.running.communicate(timeout=10)
    assert (login.running.returncode, err) == (0, "")
    assert login.calls["S"][-1] == "end 0"
    check(lab, attacker, found, "null", "pipe", "pipe", "pipe", "pipe",
          "file")
    assert sha(program) == before


# -- what it can do ------------------------------------------------------------

STARTED = 3   # lib/enter/stage.h


def tell(login, data):
    """Writes to P as if M or S did."""
    with open(f"/proc/{login.pid['S']}/fd/3", "wb", 0) as pipe:
        pipe.write(data)


def talk_nonsense(login, _):
    tell(login, b"xyz")


def name_the_init(login, attacker):
    tell(login, struct.pack("=Ii", STARTED, attacker.container.pid))


def name_m(login, _):
    tell(login, struct.pack("=Ii", STARTED, login.pid["M"]))


def name_the_watchdog(login, _):
    """A child of P's, too."""
    other, = set(process.children(process.parent(login.pid["S"]))) - \
        set(login.pid.values())
    tell(login, struct.pack("=Ii", STARTED, other))


def name_nobody(login, _):
    tell(login, struct.pack("=Ii", STARTED, -1))


def stop_up_the_way_back(login, _):
    """P's go finds no room, and must not wait for it."""
    pipe = os.open(f"/proc/{login.pid['S']}/fd/4", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 4096)
    os.close(pipe)


SPOILERS = {
    talk_nonsense: ("E_UNSAFE", "malformed message while entering"),
    name_the_init: ("E_UNSAFE", "the shell is not our child"),
    name_the_watchdog: ("E_UNSAFE", "after entry: another pid namespace than "
                                    r"the init\x27s"),
    name_m: ("E_UNSAFE", "the shell was not born inside"),
    name_nobody: ("E_UNSAFE", "the shell was not born inside"),
    stop_up_the_way_back: ("E_GONE", "the entering process was ended: EAGAIN"),
}


@pytest.mark.parametrize("attacker", ["ptrace-root"], indirect=True)
@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_who_takes_s_over_can_only_end_the_login(lab, attacker, tools, spoil):
    """It has both pipes; each end can be opened by way of the other one."""
    user = lab.users["guest"]
    with Stepper(lab, tools.stepper, user, False) as login:
        for step in login.stops():
            if step == ("S", "birth"):
                spoil(login, attacker)
        _, err = login.running.communicate(timeout=10)
    code, reason = SPOILERS[spoil]
    match = re.fullmatch(rf"ctsh: .* \[{code} ([0-9a-f]{{8}})\]\n", err)
    assert match, err
    assert lab.log.line("refused", ref=match.group(1))["reason"] == reason
    assert login.calls["S"][-1] == "end 125"
    assert not process.alive(login.pid["S"])
    assert process.alive(attacker.container.pid)
