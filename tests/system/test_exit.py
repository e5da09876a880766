# SPDX-License-Identifier: MIT
"""How a session ends: as on a plain host, seen through sshd."""

import concurrent.futures
import os
import re
import signal
import subprocess

import pytest

from lab import process

def outcome(result):
    return result.status, result.out, result.err


def exits(remote, user, numbers):
    """All through one connection."""
    with remote.connection(user) as shared, \
            concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: shared.run(f"exit {n}"), numbers))
    assert [outcome(result) for result in results] == \
        [(n, "", "") for n in numbers]


def test_every_exit_status_arrives(remote, crun_box):
    exits(remote, crun_box.user, range(256))


@pytest.mark.parametrize("kind", ["userns", "runc", "docker"])
def test_exit_statuses_arrive_whatever_the_engine(lab, remote, kind):
    exits(remote, lab.boxes[kind].user,
          [0, 1, 2, 63, 64, 124, 125, 126, 127, 128, 129, 137, 254, 255])


# --- signals --------------------------------------------------------------------

# Those that end a process that does nothing about them; 32 and 33 are libc's.
NO_END = {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP,
          signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH}
DEADLY = [n for n in range(1, 65) if n not in NO_END | {32, 33}]


def ends_by(number):
    """A shell may want to live; a child's death would be its status."""
    return f"kill -{number} $$; exit 99"


def plain_shell(lab, user, command, **more):
    """The host's own, without sshd."""
    return process.run(lab.direct_argv(user, "-c", command, argv0="sh",
                                       program="/bin/sh"), **more)


def test_every_deadly_signal_ends_ctsh_by_itself(lab, dash_inside):
    """So whoever waits for it sees what it would of a plain shell."""
    plain = {n: outcome(plain_shell(lab, lab.users["plain"], ends_by(n)))
             for n in DEADLY}
    assert plain == {n: (-n, "", "") for n in DEADLY}
    assert {n: outcome(lab.direct(dash_inside, "-c", ends_by(n)))
            for n in DEADLY} == plain


@pytest.mark.parametrize("kind", ["userns", "runc", "docker"])
def test_a_signal_ends_ctsh_whatever_the_engine(lab, kind):
    user = lab.boxes[kind].user
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV,
                   signal.SIGRTMAX):
        assert lab.direct(user, "-c", ends_by(number)).status == -number


def heard(remote, user, number):
    """What ssh was told about the end, and how it ended itself."""
    result = remote.run(user, ends_by(number), options=["-v"])
    return re.findall("rtype (exit-[a-z]*)", result.err), result.status


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV",
                                  "PIPE", "TERM", "USR1", "SYS"])
def test_sshd_reports_a_signal(lab, remote, dash_inside, name):
    number = int(signal.Signals[f"SIG{name}"])
    ours = heard(remote, dash_inside, number)
    assert ours == (["exit-signal"], 255)
    assert ours == heard(remote, lab.users["plain"], number)


def cores(directory):
    return [name for name in os.listdir(directory) if "core" in name]


def test_a_shell_that_dumps_core_leaves_none_on_the_host(lab, crun_box):
    """The supervisor ends by the same signal, in the caller's directory,
    where cores may be as large as they like."""
    command = "ulimit -c unlimited; exec " + " ".join(
        [lab.ctsh.shell, "-c", "'kill -ABRT $$'"])
    before = cores(crun_box.user.home)
    result = plain_shell(lab, crun_box.user, command,
                         cwd=crun_box.user.home)
    assert (result.status, result.out) == (-signal.SIGABRT, "")
    assert cores(crun_box.user.home) == before == []


# --- stopped and continued --------------------------------------------------------

def state(pid):
    return process.status(pid).get("State", "?")[0]


def stop_and_go(lab, user, word):
    """A session whose shell stops itself: how it ends when continued.  A
    session that ended at the stop would have no process to be found."""
    command = f"kill -STOP $$; echo on; exit 9; : {word}"
    running = subprocess.Popen(
        lab.sshd.argv(user.name, command), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        stopped = process.wait_for(
            lambda: [pid for pid in process.find("-c", command)
                     if state(pid) == "T"], what="a stopped shell")
        assert running.poll() is None
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        out, err = running.communicate(timeout=20)
        return len(stopped), running.returncode, out, err
    finally:
        running.kill()
        running.wait(10)


def test_a_shell_that_stops_itself_goes_on_when_continued(lab, box):
    ours = stop_and_go(lab, box.user, "ours")
    assert ours == stop_and_go(lab, lab.users["plain"], "plain")
    assert ours == (1, 9, b"on\n", b"")


def test_control_z_at_a_terminal_stops_the_job_alone(lab, house):
    with lab.terminal(house.user) as terminal:
        terminal.prompt()
        terminal.child.sendline("sleep 1000; echo over")
        process.wait_for(
            lambda: process.find("sleep", "1000"), what="the job")
        terminal.type("\x1a")
        terminal.see("Stopped")
        terminal.child.sendline("kill -KILL %1; exec sh -c 'exit 11'")
        assert terminal.end() == 11


# --- processes that stay ------------------------------------------------------------

def of_ours(user):
    """Supervisors and whatever else of a login runs with the user's id."""
    return [pid for pid in process.pids()
            if process.status(pid).get("Uid", "").split()[:1] ==
            [str(user.uid)] and "ctsh" in process.status(pid).get("Name", "")]


def open_session(lab, user, command, *options):
    return subprocess.Popen(
        lab.sshd.argv(user.name, command, options=options),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)


def left_behind(lab, user, seconds):
    """With a background child that holds the pipes: whether ssh waits after
    the shell's end, and how it ends once the child does."""
    running = open_session(lab, user,
                           f"sleep {seconds} & echo started; exit 4")
    try:
        assert running.stdout.readline() == b"started\n"
        sleeper = process.find_one("sleep", str(seconds))
        process.wait_for(lambda: not of_ours(user),
                         what="the end of what is ours")
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.3)
        os.kill(sleeper, signal.SIGKILL)
        out, err = running.communicate(timeout=20)
        return running.returncode, out, err
    finally:
        running.kill()
        running.wait(10)


def test_a_child_that_holds_the_pipes_holds_ssh_and_nothing_of_ours(lab, box):
    """sshd waits for the end of file, as on a plain host."""
    ours = left_behind(lab, box.user, 31001)
    assert ours == left_behind(lab, lab.users["plain"], 31002)
    assert ours == (4, b"", b"")


def test_a_child_without_the_pipes_does_not_hold_ssh(lab, box):
    result = lab.login(box.user, "sleep 31003 >/dev/null 2>&1 </dev/null & "
                       "echo started; exit 4", timeout=10)
    assert outcome(result) == (4, "started\n", "")
    os.kill(process.find_one("sleep", "31003"), signal.SIGKILL)


def at_a_terminal(lab, user, seconds):
    """The background child ignores the hangup."""
    result = lab.login(user, f"trap '' HUP; sleep {seconds} & "
                       "echo started; exit 4",
                       options=["RequestTTY=force"], timeout=10)
    os.kill(process.find_one("sleep", str(seconds)), signal.SIGKILL)
    return outcome(result)


def test_a_child_at_the_terminal_does_not_hold_ssh(lab, box):
    """A terminal ends with its session's leader, as on a plain host."""
    ours = at_a_terminal(lab, box.user, 31004)
    assert ours == at_a_terminal(lab, lab.users["plain"], 31005)
    assert ours == (4, "started\r\n", "")


def test_what_was_written_before_the_end_arrives(lab, box):
    """The last words of a shell that leaves a child behind: with and without
    a terminal."""
    command = ("trap '' HUP; sleep 31006 >/dev/null 2>&1 </dev/null & "
               "seq 1 20000; exit 4")
    expected = "".join(f"{i}\n" for i in range(1, 20001))
    for tty, end in (("no", "\n"), ("force", "\r\n")):
        result = lab.login(box.user, command,
                           options=[f"RequestTTY={tty}"])
        os.kill(process.find_one("sleep", "31006"), signal.SIGKILL)
        assert (result.status, result.err) == (4, "")
        assert result.out == expected.replace("\n", end)


# --- a shell that cannot be started ---------------------------------------------------

@pytest.mark.parametrize("shell, status, what", [
    ("/bin/none", 127, "was not found"),
    ("/etc/passwd", 126, "could not be started")])
def test_a_shell_that_cannot_be_started_is_named(lab, remote, guest, box,
                                                 shell, status, what):
    with lab.config.own(guest, f'container = "{box.container.spec}"\n'
                        f'shell = "{shell}"\n'):
        results = [remote.run(guest, "echo x"),
                   remote.run(guest, stdin=b"echo x\n", options=["-T"])]
    for result in results:
        assert (result.status, result.out) == (status, "")
        assert re.fullmatch(f"ctsh: Your shell {shell} {what}\\. "
                            "\\[E_SHELL [0-9a-f]{8}\\]\n", result.err)
