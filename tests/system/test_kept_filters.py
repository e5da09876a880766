# SPDX-License-Identifier: MIT
"""The kept copy of an init's seccomp filters is never another one's."""

import contextlib
import errno
import glob
import os
import signal
import subprocess

import pytest

from lab import handmade, process

COUNT = "grep Seccomp_filters /proc/self/status"
MKDIR = "mkdir /tmp/made && rmdir /tmp/made && echo made"


def filters(pid):
    return int(process.status(pid)["Seccomp_filters"])


@pytest.fixture(scope="module")
def strange_root(lab):
    return handmade.strange_tree(lab, "strange")


@pytest.fixture(scope="module")
def plain_root(lab):
    return lab.tree("handmade")


@contextlib.contextmanager
def strange(lab, guest, root, name):
    """A container whose init adds filters when told, and the guest's."""
    with lab.crun.container(name, root, nnp=True) as it, \
            lab.config.own(guest, f'container = "{it.spec}"\n'):
        assert filters(it.pid) == 1
        yield it


@pytest.fixture
def growing(lab, guest, strange_root):
    with strange(lab, guest, strange_root, "growing") as it:
        yield it


def add_filter(init):
    before = filters(init)
    os.kill(init, signal.SIGUSR1)
    process.wait_for(lambda: filters(init) == before + 1, 5, "one more filter")


def session_filters(result):
    assert (result.status, result.err) == (0, ""), result
    name, _, number = result.out.partition(":")
    assert name == "Seccomp_filters"
    return int(number)


# -- an init that adds filters -----------------------------------------------

def test_a_filter_added_between_two_logins_is_in_the_next(lab, guest,
                                                          growing):
    init = growing.pid
    assert lab.direct(guest, "-c", MKDIR).out == "made\n"
    assert session_filters(lab.direct(guest, "-c", COUNT)) == 1
    first = handmade.copies_of(lab, init)
    assert len(first) == 1

    add_filter(init)
    result = lab.direct(guest, "-c", MKDIR)
    assert "No anode" in result.err and result.out == "", result
    assert session_filters(lab.direct(guest, "-c", COUNT)) == 2

    second = handmade.copies_of(lab, init) - first
    assert [name.split("-")[2] for name in second] == ["2"]


def test_while_nothing_changes_the_init_is_copied_once(lab, guest, growing):
    """No login but the first stops it."""
    lab.direct(guest, "-c", "true")
    name, = handmade.copies_of(lab, growing.pid)
    path = f"{lab.ctsh.run}/filters/{name}"
    before = os.stat(path)
    for _ in range(3):
        assert session_filters(lab.direct(guest, "-c", COUNT)) == 1
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == \
        (after.st_ino, after.st_mtime_ns)


def test_a_thread_that_takes_the_first_ones_place_brings_its_own_filters(
        lab, guest, growing):
    """Same PID, same start time, as many filters: but others."""
    init = growing.pid
    start = process.read(f"/proc/{init}/stat").rpartition(")")[2].split()[19]
    os.kill(init, signal.SIGHUP)
    process.wait_for(lambda: filters(init) == 2, 5, "one more filter")
    assert "No anode" in lab.direct(guest, "-c", MKDIR).err
    os.kill(init, signal.SIGINT)
    process.wait_for(lambda: process.status(init)["Threads"] == "1" and
                     process.cmdline(init) == ["/bin/probe", "init"], 5,
                     "the change of places")
    assert filters(init) == 2
    assert process.read(f"/proc/{init}/stat").rpartition(")")[2].split()[
        19] == start
    assert "Invalid slot" in lab.direct(guest, "-c", MKDIR).err


# Where a login waits, and what the log says when a filter comes then.
MOMENTS = {
    # Its count was read, its filters are about to be copied.
    "before_the_copy": ("ptrace", "the init added a filter meanwhile"),
    # They are copied; nobody has been sent inside.
    "before_the_entry": ("clone3", "the init changed its seccomp filters"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_filter_added_during_a_login_refuses_it(lab, guest, growing, refusal,
                                                  moment):
    call, reason = MOMENTS[moment]
    init = growing.pid
    argv = ["strace", "-f", "-o", "/dev/null", f"--trace={call}",
            f"--inject={call}:delay_enter=600000:when=1",
            *lab.direct_argv(guest, "-c", "echo in")]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as login:
        process.wait_for(lambda: is_there(lab, moment, init), 10, moment)
        add_filter(init)
        assert login.poll() is None
        out, err = (process.text(one) for one in login.communicate(timeout=15))
    ended = process.Result(login.returncode, out, err, 0)
    assert reason in refusal(ended, guest, "E_UNSAFE")
    # And the next one is as good as any.
    assert session_filters(lab.direct(guest, "-c", COUNT)) == 2


def is_there(lab, moment, init):
    """Whether that login has come so far."""
    if moment == "before_the_entry":
        return handmade.copies_of(lab, init)
    return glob.glob(f"{lab.ctsh.run}/filters/{init}-*.lock")


def test_logins_while_the_init_adds_filters_have_them_or_are_refused(
        lab, guest, growing):
    init = growing.pid
    lab.direct(guest, "-c", "true")
    os.kill(init, signal.SIGUSR2)
    outcomes = []
    while filters(init) < 201:
        before = filters(init)
        result = lab.direct(guest, "-c", COUNT)
        after = filters(init)
        if result.status == 125:
            assert "[E_UNSAFE " in result.err, result
            outcomes.append("refused")
        else:
            assert before <= session_filters(result) <= after
            outcomes.append("landed")
    assert "refused" in outcomes, outcomes
    assert session_filters(lab.direct(guest, "-c", COUNT)) == 201


# -- a recycled PID ----------------------------------------------------------

def test_a_copy_is_not_used_for_another_process_with_that_pid(
        lab, guest, plain_root):
    """Truly recycled: same number, same count of filters, another filter."""
    answers = []
    with handmade.handmade(lab, plain_root, errno.ENOANO) as first:
        pid = first.pid
        answers.append(attempt(lab, guest, pid))
        old, = handmade.copies_of(lab, pid)
        assert old.startswith(f"{pid}-{first.start}-1-")
        first.end()
    with handmade.handmade(lab, plain_root, errno.EBADSLT, pid) as second:
        # The copy still lies there when the login comes.
        assert handmade.copies_of(lab, pid) == {old}
        answers.append(attempt(lab, guest, pid))
        new, = handmade.copies_of(lab, pid)
        assert new.startswith(f"{pid}-{second.start}-1-")
        assert filters(pid) == 1
    assert answers == ["mkdir: can't create directory '/tmp/made': No anode\n",
                       "mkdir: can't create directory '/tmp/made': "
                       "Invalid slot\n"]


def attempt(lab, guest, pid):
    """What mkdir says in the container of that init."""
    with handmade.pidfile(lab, pid) as path, \
            lab.config.own(guest, f'container = "pidfile:{path}"\n'):
        result = lab.direct(guest, "-c", MKDIR)
    assert (result.status, result.out) == (1, ""), result
    return result.err


@pytest.mark.parametrize("what", ["cut", "padded", "empty", "more", "fewer",
                                  "link"])
def test_a_damaged_copy_is_made_anew(lab, guest, growing, what):
    """By a crash, a full disk: only root writes there."""
    init = growing.pid
    lab.direct(guest, "-c", "true")
    name, = handmade.copies_of(lab, init)
    path = f"{lab.ctsh.run}/filters/{name}"
    good = damage(path, what)
    result = lab.direct(guest, "-c", "unshare -U true")
    assert result.status == 1 and "not permitted" in result.err, result
    with open(path, "rb") as file:
        assert file.read() == good


def damage(path, what):
    """Spoils the file; what was in it."""
    with open(path, "rb") as file:
        good = file.read()
    os.unlink(path)
    if what == "link":
        os.rename(write(f"{path}.elsewhere", good), f"{path}.x")
        os.symlink(f"{path}.x", path)
    else:
        write(path, {"cut": good[:-1], "padded": good + b"\0" * 8,
                     "empty": b"", "more": good[:8] + b"\2" + good[9:],
                     "fewer": good[:8] + b"\0" + good[9:]}[what])
    return good


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o600)
    return path


# -- a login service with a filter of its own --------------------------------

def filtered(lab, guest, command):
    """As the shell of a service that root put under a filter."""
    return process.run([handmade.tool(lab, "filtered"),
                        *lab.direct_argv(guest, "-c", command)])


def test_under_a_filtered_service_the_first_login_is_refused(lab, guest,
                                                             growing, refusal):
    """The kernel gives filters only to a process that has none."""
    reason = refusal(filtered(lab, guest, "echo in"), guest, "E_UNSAFE")
    assert "has a seccomp filter of its own" in reason
    assert "is the login service filtered?" in reason
    assert handmade.copies_of(lab, growing.pid) == set()


def test_under_a_filtered_service_a_kept_copy_is_enough(lab, guest, growing):
    """The session then has the service's filter beside the init's."""
    init = growing.pid
    lab.direct(guest, "-c", "true")
    assert session_filters(filtered(lab, guest, COUNT)) == filters(init) + 1
    result = filtered(lab, guest, "unshare -U true")
    assert result.status == 1 and "not permitted" in result.err, result


def test_under_a_filtered_service_a_stale_copy_is_not_enough(
        lab, guest, growing, refusal):
    lab.direct(guest, "-c", "true")
    add_filter(growing.pid)
    reason = refusal(filtered(lab, guest, "echo in"), guest, "E_UNSAFE")
    assert "is the login service filtered?" in reason


def test_a_container_without_filters_needs_no_copy(lab, guest, plain_root):
    with handmade.handmade(lab, plain_root) as bare, \
            handmade.pidfile(lab, bare.pid) as path, \
            lab.config.own(guest, f'container = "pidfile:{path}"\n'):
        assert filtered(lab, guest, MKDIR).out == "made\n"
        assert handmade.copies_of(lab, bare.pid) == set()
