# SPDX-License-Identifier: MIT
"""Containers whose first process, filters or limits are against us."""

import contextlib
import fcntl
import os
import signal
import termios

import pytest

from lab import process
from lab.hostile import (  # noqa: F401  (siege is a fixture)
    Case, Either, Lands, Refused, set_file, set_frozen, set_full,
    siege)

LANDS = (Lands(), Lands())
ENDED = Refused("E_GONE", "the entering process was ended")
NEVER_BEGAN = Refused("E_GONE", "the shell was ended before it began")
UNBORN = Refused("E_UNSAFE", "the shell was not born inside")
TRACED = Refused("E_UNSAFE", "copy the filters: the init is traced by "
                 "somebody else: EPERM")
FULL = Refused("E_SYSTEM", "fork inside (pids limit?): EAGAIN")
FROZEN = Refused("E_PAUSED", "its cgroup is frozen")


# -- filters that fake results -----------------------------------------------

def fakes(privs, action, calls):
    """An init that adds a filter of its own to the engine's.  Without
    no_new_privs it needs SYS_ADMIN for that, which the engine gave it."""
    def alter(config):
        config["process"]["args"] = ["/bin/imp", "fake", privs, action, calls]
        if privs == "plain":
            for kind in config["process"]["capabilities"].values():
                kind.append("CAP_SYS_ADMIN")
    return alter


def has_two_filters(ground):
    return process.status(ground.init)["Seccomp_filters"] == "2"


def fake(name, calls, *outcomes, privs="nnp", action="zero"):
    return Case(f"filter-{privs}-{name}", *outcomes,
                alter=fakes(privs, action, calls), settled=has_two_filters)


IDS = "setuid,setgid,setresuid,setresgid,setgroups"

FILTERS = [
    # "It worked", says the filter, and nothing happened.
    fake("ids", IDS, *LANDS),
    fake("capset", "capset", *LANDS),
    fake("prctl", "prctl,seccomp", *LANDS),
    fake("all-that-drops", f"{IDS},capset,prctl,seccomp", *LANDS),
    fake("setsid", "setsid", Lands(leads=False),
         Refused("E_SYSTEM", "controlling terminal: EPERM")),
    fake("ioctl", "ioctl", Lands()),
    fake("chdir", "chdir", Lands(cwd="/")),
    fake("umask", "umask", Lands()),
    fake("rt-sigaction", "rt_sigaction", Lands()),
    fake("close", "close", Lands()),
    fake("exit", "exit_group", Lands()),
    fake("getcwd", "getcwd", Refused("E_UNSAFE", "change directory: EINVAL")),
    fake("execve", "execve", Refused("E_SHELL", "execute the shell: EINVAL")),
    fake("clone", "clone", UNBORN, UNBORN),
    fake("write", "write", ENDED),
    # It goes on without waiting for us to have looked at it, and so ends.
    fake("read", "read", Either([Refused("E_GONE"), Refused("E_UNSAFE")])),
    # Loaded by who had SYS_ADMIN, so that ours are loaded with it, too.
    fake("ids", IDS, *LANDS, privs="plain"),
    fake("prctl", "prctl,seccomp", *LANDS, privs="plain"),
    fake("capset", "capset",
         *[Refused("E_UNSAFE", "after entry: capabilities are left")] * 2,
         privs="plain"),
    fake("all-that-drops", f"{IDS},capset,prctl,seccomp",
         Refused("E_UNSAFE", "after entry: capabilities are left"),
         privs="plain"),
    fake("clone", "clone", UNBORN, privs="plain"),
    # And other ways of making a call fail.
    fake("kill-clone", "clone", ENDED, action="kill"),
    fake("kill-write", "write", ENDED, action="kill"),
    fake("trap-setsid", "setsid", NEVER_BEGAN, action="trap"),
    fake("notify-clone", "clone",
         Refused("E_SYSTEM", "fork inside (pids limit?): ENOSYS"),
         action="notify"),
    fake("notify-execve", "execve",
         Refused("E_SHELL", "execute the shell: ENOSYS"), action="notify"),
]


# -- an init that is traced, stopped, at its limits ---------------------------

@contextlib.contextmanager
def traced_from_outside(ground):
    with ground.imp("trace", str(ground.init)):
        yield


@contextlib.contextmanager
def traced_from_inside(ground):
    ground.start("--cap", "CAP_SYS_PTRACE", ground.container.name,
                 "/bin/imp", "trace", "1")
    process.wait_for(
        lambda: process.status(ground.init)["TracerPid"] != "0",
        what="a tracer")
    yield


def ptrace_allowed(config):
    for kind in config["process"]["capabilities"].values():
        kind.append("CAP_SYS_PTRACE")


@contextlib.contextmanager
def stopped(ground):
    os.kill(ground.init, signal.SIGSTOP)
    process.wait_for(
        lambda: process.status(ground.init)["State"].startswith("T"),
        what="a stopped init")
    yield
    assert process.status(ground.init)["State"].startswith("T")
    os.kill(ground.init, signal.SIGCONT)


@contextlib.contextmanager
def no_more_processes(ground):
    set_file(f"{ground.group('pids')}/pids.max", "1")
    yield


@contextlib.contextmanager
def frozen(ground):
    set_frozen(ground, True)
    try:
        yield
    finally:
        set_frozen(ground, False)


STATES = [
    Case("traced-from-outside", TRACED, TRACED, haunt=traced_from_outside),
    Case("traced-from-inside", TRACED, TRACED, haunt=traced_from_inside,
         alter=ptrace_allowed),
    Case("stopped", *LANDS, haunt=stopped),
    Case("no-more-processes", FULL, FULL, haunt=no_more_processes),
    Case("frozen", FROZEN, FROZEN, haunt=frozen),
]

CASES = FILTERS + STATES


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inits(siege, case):  # noqa: F811
    siege.run(case)


def test_a_tracer_that_comes_after_the_first_login(siege):  # noqa: F811
    """The filters are known by then, and nothing else needs the init."""
    case = Case("traced-later")
    with siege.ground(case) as ground:
        keys = siege.keys(case, ground)
        with siege.lab.config.own(siege.user, keys):
            siege.as_command(ground, Lands())
            with ground.imp("trace", str(ground.init)):
                before = siege.traces(ground)
                siege.as_command(ground, Lands())
                siege.at_terminal(ground, Lands())
                siege.nothing_is_left(ground, before)


def test_memory_that_is_used_up(siege):  # noqa: F811
    """The kernel makes room by ending the largest process of the group, and
    the login goes on; nobody outside of the group pays."""
    case = Case("memory")
    with siege.ground(case) as ground:
        hog = set_full(ground)
        with siege.lab.config.own(siege.user, siege.keys(case, ground)):
            result = siege.lab.direct(siege.user, "-c",
                                      "exec probe hog 8")
        assert (result.status, result.out) == (0, "had it all\n")
        process.wait_for(lambda: not process.alive(hog), what="no hog")
        assert process.alive(ground.init)


def test_a_faked_setsid_leaves_the_callers_terminal(siege):  # noqa: F811
    """The caller's terminal is none of the three descriptors, but /dev/tty
    inside would still be it: for whoever could type there, TIOCSTI."""
    case = fake("tty", "setsid")
    with siege.ground(case) as ground:
        with siege.lab.config.own(siege.user, siege.keys(case, ground)):
            master, slave = os.openpty()
            try:
                result = process.run(
                    siege.lab.direct_argv(siege.user, "-c",
                                          "echo typed >/dev/tty"),
                    preexec_fn=lambda: take_terminal(slave),
                    env={"PATH": "/usr/bin:/bin"})
                os.close(slave)
                os.set_blocking(master, False)
                with pytest.raises(OSError):
                    seen = os.read(master, 100)
                    raise AssertionError(f"the terminal shows {seen}")
            finally:
                os.close(master)
        assert (result.status, result.out) == (1, "")
        assert "/dev/tty" in result.err


def take_terminal(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
