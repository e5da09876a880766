# SPDX-License-Identifier: MIT
"""The process of a login service, step by step, seen from outside: in the
container or on the host, wherever the session is closed, and if it is not."""

import os
import signal
import subprocess
import tempfile

import pytest

from lab import install, pam_all, process

STEPS = f"{install.SOURCE}/tests/lab/pam_steps.py"

SUCCESS, SESSION_ERR = 0, 14

# In a session; the namespace of PIDs is for children only.
JOINED = {"net": ("net",), "all": ("mnt", "uts", "ipc", "net", "cgroup")}

# Nobody but the kernel changes these.
KEPT = ("Umask", "Uid", "Gid", "Groups", "Threads", "SigBlk", "SigIgn",
        "SigCgt")


@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "steps", ("crun",)) as made:
        yield made["crun"]


@pytest.fixture(params=["net", "all"])
def join(request, services, visitor):
    services.line(f"join={request.param}", f"users={visitor.user.name}")
    yield request.param
    services.line("join=net", "users=nobody")


def look(pid):
    """What a module could change; where the process is, apart."""
    fds = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        fds[name] = os.readlink(f"/proc/{pid}/fd/{name}")
    status = process.status(pid)
    return {"descriptors": fds, "children": process.children(pid),
            **{key: status[key] for key in KEPT}}


def await_stop(pid):
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), status


class Seen:
    """After a step: what it said, where the process was, what was changed
    since the beginning, and whether the module was loaded."""

    def __init__(self, pid, said, first, module):
        self.said = said
        self.namespaces = process.namespaces(pid)
        now = look(pid)
        self.changed = sorted(key for key in now if now[key] != first[key])
        self.loaded = module in process.read(f"/proc/{pid}/maps")


@pytest.fixture
def steps(lab, services, visitor):
    """Carries them out; one Seen for each."""
    def run(*names):
        with tempfile.TemporaryFile("w+") as out:
            service = subprocess.Popen(
                [*services.prefix, "/usr/bin/python3", STEPS,
                 visitor.user.name, lab.ctsh.pam, *names], stdout=out,
                preexec_fn=process.die_with_parent)
            try:
                return list(watch(lab, service, out, names))
            finally:
                service.kill()
                service.wait(10)
    return run


def watch(lab, service, out, names):
    await_stop(service.pid)
    first = look(service.pid)
    for number, _ in enumerate(names):
        os.kill(service.pid, signal.SIGCONT)
        await_stop(service.pid)
        said = os.pread(out.fileno(), 1000, 0).split()
        yield Seen(service.pid, int(said[number]), first, lab.ctsh.pam)
    os.kill(service.pid, signal.SIGCONT)
    assert service.wait(10) == 0


def on_host(seen):
    # The mount namespace is that of the test's view.
    host = {key: value for key, value in process.namespaces("self").items()
            if key != "mnt"}
    return {key: seen.namespaces[key] for key in host} == host


def is_inside(seen, visitor, join):
    """There in what is joined, and in all else not."""
    there = process.namespaces(visitor.init)
    host = process.namespaces("self")
    return all(seen.namespaces[name] == there[name] != host[name]
               for name in JOINED[join]) and \
        all(seen.namespaces[name] == host[name]
            for name in ("pid", "user", "time"))


def said(seen):
    return [one.said for one in seen]


# In a session: the way back; and inside, the user's groups.
OPEN = {"net": ["descriptors"], "all": ["Gid", "Groups"]}

# And after it was closed, or the handle was ended.
CLOSED = {"net": [], "all": ["Gid", "Groups"]}


def changed(seen):
    return [one.changed for one in seen]


def is_after_close(seen, visitor, join):
    return is_inside(seen, visitor, join) if join == "all" else on_host(seen)


def test_open_close_end(steps, visitor, join):
    seen = steps("open", "close", "end")
    assert said(seen) == [SUCCESS] * 3
    assert is_inside(seen[0], visitor, join)
    assert changed(seen) == [OPEN[join], CLOSED[join], CLOSED[join]]
    assert all(is_after_close(one, visitor, join) for one in seen[1:])
    assert [one.loaded for one in seen] == [True, True, False]


def test_close_without_open(steps, join):
    seen = steps("close", "end")
    assert said(seen) == [SUCCESS] * 2
    assert changed(seen) == [[], []] and all(map(on_host, seen))


def test_open_without_close(steps, visitor, join):
    seen = steps("open", "end")
    assert said(seen) == [SUCCESS] * 2
    # What ends a handle ends no session.
    assert all(is_inside(one, visitor, join) for one in seen)
    assert changed(seen) == [OPEN[join], CLOSED[join]]


def test_close_in_another_process(steps, visitor, join):
    """As a service does that forks for the user; then in this one."""
    seen = steps("open", "close_in_child", "close", "close", "end")
    assert said(seen) == [SUCCESS] * 5
    assert all(is_inside(one, visitor, join) for one in seen[:2])
    assert all(is_after_close(one, visitor, join) for one in seen[2:])
    assert changed(seen) == [OPEN[join]] * 2 + [CLOSED[join]] * 3


def test_open_in_another_process(steps, join):
    """As sshd did it once; what was opened there is not closed here."""
    seen = steps("open_in_child", "close", "end")
    assert said(seen) == [SUCCESS] * 3
    assert changed(seen) == [[]] * 3 and all(map(on_host, seen))


def test_a_process_with_threads_stays_where_it_is(steps, join):
    """setns(2) would move one of them."""
    seen = steps("thread", "open", "end")
    assert said(seen) == [SUCCESS, SESSION_ERR, SUCCESS]
    assert all(map(on_host, seen))
    # Of libc's own signals it catches one more.
    assert changed(seen) == [["SigCgt", "Threads"]] * 3


def test_threads_during_a_session(steps, visitor, join):
    """Inside there are none: the children's PIDs are not the process's, and
    the kernel knows no thread with another.  On the host that which closes
    goes back."""
    seen = steps("open", "thread", "close", "end")
    assert said(seen) == [SUCCESS, int(join == "all"), SUCCESS, SUCCESS]
    assert is_after_close(seen[2], visitor, join)


def test_loaded_a_thousand_times_around_a_session(steps, visitor, join):
    """Before, during and after; during it is found by its name, inside."""
    seen = steps("load", "open", "load", "close", "end")
    assert said(seen) == [SUCCESS] * 5
    assert [one.loaded for one in seen] == [True] * 4 + [False]
    assert is_inside(seen[2], visitor, join)
    assert changed(seen[3:]) == [CLOSED[join]] * 2


@pytest.mark.parametrize("whose", ["become_root", "become_nobody"])
def test_another_user_with_the_same_handle(steps, visitor, join, whose):
    """Does not get the first one's container: out of it, or no session."""
    seen = steps("open", whose, "open", "end")
    assert is_inside(seen[0], visitor, join)
    if join == "all":
        assert said(seen) == [SUCCESS, SUCCESS, SESSION_ERR, SUCCESS]
        assert is_inside(seen[2], visitor, join)
    else:
        assert said(seen) == [SUCCESS] * 4
        assert on_host(seen[2])


def test_the_same_again(steps, visitor, join):
    seen = steps("open", "open", "close", "end")
    assert said(seen) == [SUCCESS] * 4
    assert all(is_inside(one, visitor, join) for one in seen[:2])
    assert changed(seen[:2]) == [OPEN[join]] * 2
