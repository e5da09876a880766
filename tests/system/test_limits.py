# SPDX-License-Identifier: MIT
"""idle_timeout, max_session, max_sessions."""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

from lab import logreader, process

END_IDLE = "Your session was idle for too long and has ended."
END_TIME = "Your session has reached its time limit and has ended."


def rule(box, *keys):
    return "\n".join([f'container = "{box.container.spec}"', *keys, ""])


@pytest.fixture
def ruled(lab, crun_box):
    """The crun box with these keys for its user."""
    @contextlib.contextmanager
    def make(*keys, box=crun_box):
        with lab.config.own(box.user, rule(box, *keys)):
            yield box
    return make


def closing(lab, mark):
    return logreader.parse(lab.log.login(mark, 10)[1])


def sentence(text, words):
    """That and nothing else was said; the reference."""
    match = re.fullmatch(rf"\s*ctsh: {re.escape(words)} \[(\w{{8}})\]\s*",
                         text)
    assert match, repr(text)
    return match.group(1)


# -- max_session ---------------------------------------------------------------

def test_a_command_ends_at_its_time(lab, box, ruled):
    mark = lab.log.since()
    with ruled("max_session = 1", box=box):
        result = lab.login(box.user, "echo on; exec sleep 4201")
    assert (result.status, result.out) == (124, "on\n"), result
    line = closing(lab, mark)
    assert sentence(result.err, END_TIME) == line["ref"]
    assert line["reason"] == "max_session"
    assert line["status"] == "signal:1"
    # Tenths are cut, and the limit began a moment earlier.
    assert 0.8 <= float(line["seconds"]) < 2.5
    assert process.find("sleep", "4201") == []


def test_so_does_a_terminal(lab, ruled):
    with ruled("max_session = 1") as box, lab.terminal(box.user) as opened:
        opened.prompt().type("stty -echo; echo in\n")
        opened.see(re.escape(f"\r\nctsh: {END_TIME} [") + r"\w{8}\]\r\n")
        assert opened.end() == 124


def test_a_stopped_supervisor_does_not_lengthen_it(lab, ruled):
    """The user may do that to a process of theirs; not to the watchdog."""
    mark = lab.log.since()
    with ruled("max_session = 1") as box, subprocess.Popen(
            lab.sshd.argv(box.user.name, "exec sleep 4202"),
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        supervisor = process.parent(process.find_one("sleep", "4202"))
        os.kill(supervisor, signal.SIGSTOP)
        line = closing(lab, mark)
        assert client.wait(5) == 255
    assert (line["status"], line["reason"]) == ("lost", "max_session")
    assert not process.alive(supervisor)
    assert process.find("sleep", "4202") == []


def test_what_ignores_the_hangup_ends_with_its_time(lab, ruled):
    mark = lab.log.since()
    with ruled("max_session = 1") as box:
        result = lab.login(box.user, "trap '' HUP; exec sleep 4203")
    assert result.status == 124
    assert closing(lab, mark)["status"] == "signal:9"


def test_a_storm_of_signals_changes_nothing(lab, ruled):
    with ruled("max_session = 1") as box, subprocess.Popen(
            lab.sshd.argv(box.user.name, "exec sleep 4204"),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
        supervisor = process.parent(process.find_one("sleep", "4204"))
        start = time.monotonic()
        while client.poll() is None and time.monotonic() < start + 10:
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGCONT)
                os.kill(supervisor, signal.SIGWINCH)
                os.kill(supervisor, signal.SIGALRM)
        assert client.wait(1) == 124
        assert time.monotonic() - start < 4
        sentence(client.stderr.read().decode(), END_TIME)


# -- idle_timeout --------------------------------------------------------------

def test_a_silent_command_ends(lab, box, ruled):
    mark = lab.log.since()
    with ruled("idle_timeout = 1", box=box):
        result = lab.login(box.user, "echo on; exec sleep 4211")
    assert (result.status, result.out) == (124, "on\n"), result
    line = closing(lab, mark)
    assert sentence(result.err, END_IDLE) == line["ref"]
    assert (line["reason"], line["status"]) == ("idle", "signal:1")


def test_a_silent_terminal_ends(lab, ruled):
    with ruled("idle_timeout = 2") as box, lab.terminal(box.user) as opened:
        opened.prompt()
        opened.see(re.escape(f"\r\nctsh: {END_IDLE} [") + r"\w{8}\]\r\n")
        assert opened.end() == 124


def test_output_keeps_a_session(lab, ruled):
    with ruled("idle_timeout = 1"):
        box = lab.boxes["crun"]
        result = lab.login(box.user, "for i in 1 2 3 4 5 6; do sleep 0.4; "
                           "echo $i; done")
    assert (result.status, result.out) == (0, "1\n2\n3\n4\n5\n6\n"), result
    assert result.err == ""


def test_typing_keeps_a_session(lab, ruled):
    with ruled("idle_timeout = 1") as box, subprocess.Popen(
            lab.sshd.argv(box.user.name, "cat >/dev/null; exit 3"),
            stdin=subprocess.PIPE) as client:
        for _ in range(6):
            time.sleep(0.4)
            client.stdin.write(b"x")
            client.stdin.flush()
        client.stdin.close()
        assert client.wait(5) == 3


def test_a_client_that_takes_nothing_is_idle(lab, ruled):
    """Its terminal is full; what writes to it waits."""
    with ruled("idle_timeout = 2") as box:
        master, slave = os.openpty()
        try:
            ran = subprocess.Popen(
                lab.direct_argv(box.user, "-c", "exec busybox yes 4212"),
                stdin=slave, stdout=slave, stderr=slave,
                start_new_session=True)
            process.find_one("yes", "4212")
            # A write may wait until it is stirred up.
            process.wait_for(lambda: not process.find("yes", "4212"), 15,
                             "the end of yes")
            process.wait_for(lambda: ran.poll() is not None, 10, "the end")
        finally:
            os.close(slave)
            os.close(master)


def test_streams_of_an_idle_limited_session_are_whole(lab, ruled):
    data = os.urandom(3 << 20)
    with ruled("idle_timeout = 20") as box:
        ran = subprocess.run(lab.sshd.argv(
            box.user.name, "cat; echo err >&2; exit 5"), input=data,
            capture_output=True, timeout=30)
    assert ran.stdout == data
    assert (ran.returncode, ran.stderr) == (5, b"err\n")


# -- warnings ------------------------------------------------------------------

WARNINGS = {
    "idle_timeout": "Your session is idle and ends in one minute.",
    "max_session": "Your session reaches its time limit in one minute.",
}


@pytest.mark.parametrize("key", WARNINGS)
def test_a_terminal_is_warned_a_minute_before(lab, ruled, key):
    with ruled(f"{key} = 62") as box, lab.terminal(box.user) as opened:
        opened.prompt()
        start = time.monotonic()
        opened.see(re.escape(f"\r\nctsh: {WARNINGS[key]} [") + r"\w{8}\]\r\n",
                   timeout=6)
        assert time.monotonic() - start > 0.9
        assert opened.ask("echo goes on") == "goes on"


def test_a_command_is_not_warned(lab, ruled):
    with ruled("idle_timeout = 61", "max_session = 61") as box:
        result = lab.login(box.user, "sleep 1.5; echo end")
    assert (result.status, result.out, result.err) == (0, "end\n", "")


# -- max_sessions --------------------------------------------------------------

@contextlib.contextmanager
def sleeper(lab, user, number):
    with subprocess.Popen(lab.direct_argv(user, "-c", f"exec sleep {number}"),
                          stdin=subprocess.DEVNULL) as ran:
        try:
            yield process.find_one("sleep", str(number))
        finally:
            ran.kill()
            process.end_all("sleep", str(number))


def test_one_more_session_is_refused(lab, ruled, refusal):
    with ruled("max_sessions = 2") as box:
        with sleeper(lab, box.user, 4221), sleeper(lab, box.user, 4222):
            reason = refusal(lab.login(box.user, "echo in"), box.user,
                             "E_LIMIT")
            assert reason == f"uid {box.user.uid} has 2 sessions"
        assert lab.login(box.user, "echo in").out == "in\n"


def test_of_many_at_once_exactly_so_many_land(lab, ruled):
    with ruled("max_sessions = 3") as box:
        running = [subprocess.Popen(
            lab.direct_argv(box.user, "-c", "echo in; read line"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) for _ in range(20)]
        process.wait_for(lambda: sum(one.poll() is not None
                                     for one in running) == 17, 30,
                         "17 refusals")
        landed = [one for one in running if one.poll() is None]
        for one in landed:
            one.stdin.close()
        assert [one.stdout.read() for one in landed] == [b"in\n"] * 3
        assert all(one.wait(10) == 1 for one in landed)
        refused = [one for one in running if one not in landed]
        assert {one.wait() for one in refused} == {125}
        assert all(b"[E_LIMIT " in one.stderr.read() for one in refused)
        for one in running:
            one.stdout.close()
            one.stderr.close()
            if not one.stdin.closed:
                one.stdin.close()


def test_sessions_in_a_row_find_their_seat_free(lab, ruled):
    with ruled("max_sessions = 1") as box:
        for _ in range(10):
            assert lab.direct(box.user, "-c", "echo in").out == "in\n"


@pytest.mark.parametrize("whom", ["supervisor", "watchdog", "leader", "all"])
def test_nothing_is_stale_after_a_kill(lab, ruled, whom):
    with ruled("max_sessions = 1") as box:
        with sleeper(lab, box.user, 4223) as leader:
            supervisor = process.parent(leader)
            watchdog, = [pid for pid in process.children(supervisor)
                         if process.status(pid)["Uid"].startswith("0")]
            pids = {"supervisor": supervisor, "watchdog": watchdog,
                    "leader": leader}
            for pid in pids.values() if whom == "all" else [pids[whom]]:
                os.kill(pid, signal.SIGKILL)
            process.wait_for(lambda: not process.alive(watchdog), 6,
                             "the watchdog's end")
            assert lab.direct(box.user, "-c", "echo in").out == "in\n"


def test_one_users_sessions_are_not_anothers(lab, ruled):
    with ruled("max_sessions = 1") as box, sleeper(lab, box.user, 4224):
        other = lab.boxes["runc"]
        with ruled("max_sessions = 1", box=other):
            assert lab.direct(other.user, "-c", "echo in").out == "in\n"


def test_a_seat_is_given_back_by_a_refused_login(lab, ruled):
    with ruled("max_sessions = 1", 'user = "nobody-there"') as box:
        for _ in range(2):
            assert "[E_IDENTITY " in lab.direct(box.user, "-c", "id").err


@pytest.mark.parametrize("key", ["max_session", "idle_timeout"])
def test_a_session_below_its_limits_is_as_any_other(lab, ruled, key):
    mark = lab.log.since()
    with ruled(f"{key} = 30") as box:
        result = lab.login(box.user, "echo out; echo err >&2; exit 7")
    assert (result.status, result.out, result.err) == (7, "out\n", "err\n")
    line = closing(lab, mark)
    assert line["status"] == "7" and "reason" not in line


def test_explain_tells_of_limits(lab, ruled):
    with ruled('on_disconnect = "kill"', "max_sessions = 2") as box:
        out = lab.ctl("explain", box.user.name).out
    assert ("limits:    on_disconnect=kill idle_timeout=0 max_session=0 "
            "max_sessions=2\n") in out
    assert "limits:" not in lab.ctl("explain", box.user.name).out
