# SPDX-License-Identifier: MIT
"""The PAM module under valgrind's memcheck: no error and nothing lost, in the
service, in what the module forks, and in a process that is in the container.

valgrind of Debian 12 does not know pidfd_open, pidfd_send_signal, openat2 and
seccomp: lab/valgrind.py has the first three made outside; the module loads the
container's filters by prctl then.  A session costs 0.1 to 0.5 s, so there are
fewer here than the thousand of test_pam.py.  One error in any of them ends with
another status, and what is said by any process at all fails the test."""

import re

import pytest

from lab import pam_all, rootfs
from lab.valgrind import OPENAT2, PIDFD_OPEN, valgrind

SUCCESS, SESSION_ERR = "0", "14"


@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "memcheck", ("crun",)) as made:
        yield made["crun"]


@pytest.fixture(scope="module")
def program(lab):
    return rootfs.compile_helper("pam_sessions", f"{lab.base}/pam_sessions",
                                 "-g", "-Wl,--no-as-needed", "-lpam")


@pytest.fixture
def memcheck(lab, services, visitor, program, request):
    """HANDLES times TIMES sessions, each with that end; how many calls were
    made for them outside, by number."""
    def run(join, handles, times, expected, *apart, preload=()):
        services.line(f"join={join}", f"users={visitor.user.name}")
        name = re.sub(r"\W", "-", request.node.name)
        with valgrind(lab, name, preload) as checked:
            result = services.run(
                *checked.prefix, program, "ctsh-test", visitor.user.name,
                str(handles), str(times), expected, *apart, timeout=200)
            said = checked.said()
        assert (result.status, result.out, said) == (0, "ok\n", {}), \
            (result, said)
        return checked.broker.calls
    return run


@pytest.mark.limit(240)
def test_sessions_of_one_handle(lab, memcheck):
    calls = memcheck("net", 1, 200, SUCCESS, preload=[lab.ctsh.pam])
    assert calls[PIDFD_OPEN] >= 200 and calls[OPENAT2] >= 200


@pytest.mark.limit(240)
def test_a_handle_for_each_session(memcheck):
    """So the module is loaded and unloaded each time."""
    assert memcheck("net", 12, 1, SUCCESS)[PIDFD_OPEN] >= 12


@pytest.mark.limit(240)
def test_sessions_in_the_container(lab, memcheck):
    """From where there is no way back: each takes a process."""
    calls = memcheck("all", 12, 1, SUCCESS, "apart",
                     preload=[lab.ctsh.pam, "libgcc_s.so.1"])
    # That of the init and that of the service itself.
    assert calls[PIDFD_OPEN] >= 24


ABSENT = 'container = "labcrun:nosuch"\nwait = 0\n'
BAD = "container = \n"
FOR_A_SHELL = 'container = "labcrun:memcheck"\nrecord = "output"\n'


@pytest.mark.limit(240)
@pytest.mark.parametrize("join, keys", [
    ("net", ABSENT), ("net", BAD), ("all", ABSENT), ("all", FOR_A_SHELL)],
    ids=["net-absent", "net-bad", "all-absent", "all-key"])
def test_sessions_that_are_refused(lab, memcheck, visitor, join, keys):
    with lab.config.own(visitor.user, keys):
        memcheck(join, 1, 8, SESSION_ERR, preload=[lab.ctsh.pam])
    with open(f"{lab.config.directory}/users/{visitor.user.name}",
              "w") as file:
        file.write(visitor.keys)


@pytest.mark.limit(240)
def test_a_session_refused_on_the_way_in(memcheck, lab, visitor):
    """Late: there is a container, and no account in it."""
    path = visitor.inside("etc/passwd")
    with open(path) as file:
        before = file.read()
    try:
        with open(path, "w") as file:
            file.write("root:x:0:0::/:/bin/sh\n")
        memcheck("all", 1, 8, SESSION_ERR, preload=[lab.ctsh.pam])
    finally:
        with open(path, "w") as file:
            file.write(before)
