# SPDX-License-Identifier: MIT
"""Many at once."""

import contextlib
import fcntl
import os
import subprocess
import threading

import pytest

from lab import process


def all_at_once(lab, logins):
    """(status, out, err) of each: (user, command)."""
    running = [subprocess.Popen(lab.sshd.argv(user.name, command),
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
               for user, command in logins]
    ended = [(*one.communicate(timeout=60), one.returncode)
             for one in running]
    return [(status, out.decode(), err.decode())
            for out, err, status in ended]


def test_40_logins_of_one_user_all_land(lab, box):
    command = "exec readlink /proc/self/ns/pid"
    expected = os.readlink(f"/proc/{box.init}/ns/pid") + "\n"
    results = all_at_once(lab, [(box.user, command)] * 40)
    assert results == [(0, expected, "")] * 40


def test_40_logins_of_several_users_all_land(lab):
    boxes = list(lab.boxes.values())
    command = "exec readlink /proc/self/ns/pid"
    results = all_at_once(lab, [(box.user, command) for box in boxes] * 10)
    expected = [os.readlink(f"/proc/{box.init}/ns/pid") + "\n"
                for box in boxes]
    assert [out for _, out, _ in results] == expected * 10
    assert [status for status, _, _ in results] == [0] * 40


@pytest.mark.parametrize("round", range(3))
def test_40_first_logins_all_land(lab, guest, round):
    """Nobody has copied this init's filter yet: they all want to."""
    with lab.crun.container(f"fresh-{round}",
                            lab.boxes["crun"].container.root) as fresh, \
            lab.config.own(guest, f'container = "{fresh.spec}"\n'):
        running = [subprocess.Popen(
            lab.direct_argv(guest, "-c", "exec readlink /proc/self/ns/pid"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) for _ in range(40)]
        results = [one.communicate(timeout=60) for one in running]
        expected = os.readlink(f"/proc/{fresh.pid}/ns/pid") + "\n"
        assert results == [(expected.encode(), b"")] * 40


def test_20_sessions_of_one_user_stay_side_by_side(lab, crun_box):
    """The limit is on logins under way, not on sessions."""
    with contextlib.ExitStack() as stack:
        running = []
        for number in range(20):
            running.append(stack.enter_context(subprocess.Popen(
                lab.direct_argv(crun_box.user, "-c", "read line; exit 3"),
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)))
        process.wait_for(lambda: len(process.find(
            "sh", "-c", "read line; exit 3")) == 20, what="20 sessions")
        for one in running:
            one.stdin.close()
        assert [one.wait(10) for one in running] == [3] * 20


@contextlib.contextmanager
def held(lab, user, names):
    """Locks of the registry, as if so many logins were under way."""
    directory = f"{lab.ctsh.run}/slots"
    assert os.path.isdir(directory)
    with contextlib.ExitStack() as stack:
        files = []
        for name in names:
            path = f"{directory}/{user.uid}.{name}"
            file = stack.enter_context(open(path, "ab"))
            os.chmod(path, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files.append(file)
        yield files


WORKING = [str(number) for number in range(8)]
WAITING = [f"w{number}" for number in range(64)]


def test_too_many_logins_under_way_are_refused(lab, crun_box, refusal):
    with held(lab, crun_box.user, WORKING + WAITING):
        refusal(lab.direct(crun_box.user, "-c", "id"), crun_box.user,
                "E_LIMIT", known=False)


def test_one_more_login_waits_for_its_turn(lab, crun_box):
    with held(lab, crun_box.user, WORKING) as files:
        threading.Timer(0.5, files[3].close).start()
        result = lab.direct(crun_box.user, "-c", "hostname")
    assert result.out == "inside\n"
    assert result.seconds > 0.4


def test_one_users_logins_do_not_hold_up_another(lab):
    busy, other = lab.boxes["crun"].user, lab.boxes["runc"].user
    with held(lab, busy, WORKING + WAITING):
        result = lab.direct(other, "-c", "hostname")
    assert result.out == "inside\n"
