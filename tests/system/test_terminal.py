# SPDX-License-Identifier: MIT
"""What somebody at a terminal sees."""

import hashlib
import os
import re

import pytest

from lab import process, terminal


@pytest.fixture
def screen(lab, box):
    """A login at a terminal that waits at its prompt."""
    with lab.terminal(box.user) as opened:
        yield opened.prompt()


@pytest.fixture
def crun_screen(lab, crun_box):
    with lab.terminal(crun_box.user) as opened:
        yield opened.prompt()


def test_tty_names_a_terminal(screen):
    assert re.fullmatch(r"/dev/pts/\d+", screen.ask("tty"))


def test_the_terminal_is_of_the_containers_own_devpts(screen, box):
    screen.type("sleep 1101\r")
    sleeper = process.find_one("sleep", "1101")
    terminals = os.stat(f"/proc/{box.init}/root/dev/pts")
    for fd in (0, 1, 2):
        assert os.stat(f"/proc/{sleeper}/fd/{fd}").st_dev == \
            terminals.st_dev != os.stat("/dev/pts").st_dev


def test_the_terminal_is_the_users(screen, box):
    owner = screen.ask("stat -c '%u %a' $(tty)")
    assert owner == f"{box.uid} 620"


def test_the_terminal_is_the_controlling_one(screen):
    assert screen.ask("echo through >/dev/tty") == "through"


def test_a_command_at_a_terminal_knows_the_window_size_at_once(lab, box):
    with lab.terminal(box.user, "stty size", size=(33, 111)) as opened:
        opened.see(r"^33 111\r\n")
        assert opened.end() == 0


def test_a_new_window_size_arrives(screen):
    assert screen.ask("stty size") == "50 200"
    screen.child.setwinsize(33, 150)
    process.wait_for(lambda: screen.ask("stty size") == "33 150",
                     what="a new window size")


def test_a_new_window_size_is_signalled(lab, crun_box):
    with lab.terminal(crun_box.user, "trap 'echo changed' WINCH; echo ready; "
                      "while :; do sleep 0.1; done") as opened:
        opened.see("ready")
        opened.child.setwinsize(34, 140)
        opened.see("changed")


def test_control_c_interrupts_the_foreground_command(screen):
    screen.type("sleep 1102\r")
    process.find_one("sleep", "1102")
    screen.type("\x03")
    screen.prompt()
    assert screen.ask("echo $?") == "130"
    assert process.find("sleep", "1102") == []


def test_control_backslash_quits_the_foreground_command(screen):
    screen.type("sleep 1105\r")
    process.find_one("sleep", "1105")
    screen.type("\x1c")
    screen.prompt()
    assert screen.ask("echo $?") == "131"


def test_control_d_ends_the_login(screen):
    screen.type("\x04")
    assert screen.end() == 0


def test_exit_gives_its_status(screen):
    screen.type("exit 7\r")
    assert screen.end() == 7


def test_control_z_stops_the_foreground_job_and_fg_goes_on(crun_screen):
    crun_screen.type("sleep 1103\r")
    sleeper = process.find_one("sleep", "1103")
    crun_screen.type("\x1a")
    crun_screen.prompt()
    assert process.status(sleeper)["State"].startswith("T")
    crun_screen.type("fg\r")
    process.wait_for(lambda: process.status(sleeper)["State"][0] == "S",
                     what="the job to go on")
    crun_screen.type("\x03")
    crun_screen.prompt()
    assert process.find("sleep", "1103") == []


def test_the_shell_is_an_interactive_login_shell(screen):
    assert screen.ask("echo $0 $-").startswith("-sh ")
    assert "i" in screen.ask("echo $-")


def test_much_output_arrives_whole(lab, box):
    with lab.terminal(box.user, "seq 1 60000") as opened:
        opened.child.maxread = 65536
        output = opened.child.read()
        assert output.split() == [str(n) for n in range(1, 60001)]


def test_pasted_input_arrives_whole(crun_screen):
    crun_screen.type("stty -echo; echo rea''dy; sha256sum\r")
    crun_screen.see("ready\r\n")
    lines = "".join(f"{n:060d}\n" for n in range(2000))
    for start in range(0, len(lines), 1000):
        crun_screen.type(lines[start:start + 1000])
    crun_screen.type("\x04")
    crun_screen.see(hashlib.sha256(lines.encode()).hexdigest())


def test_a_hangup_of_the_line_ends_the_shell(lab, box):
    with lab.terminal(box.user) as opened:
        opened.prompt()
        opened.type("sleep 1104\r")
        process.find_one("sleep", "1104")
    process.wait_for(lambda: not process.find("sleep", "1104"),
                     what="the session to end")


def test_the_callers_terminal_gets_its_modes_back(lab, crun_box):
    user = crun_box.user
    shell = [*lab.log_prefix, "setpriv", "--reuid", str(user.uid), "--regid",
             str(user.gid), "--init-groups", "--", "bash", "--norc",
             "--noprofile"]
    with terminal.Terminal(shell, env={"PATH": "/usr/bin:/bin",
                                       "TERM": "xterm"}) as host:
        host.prompt()
        before = host.ask("stty -g")
        host.type(f"{lab.ctsh.shell}\r")
        host.prompt()
        assert host.ask("hostname") == "inside"
        host.type("exit\r")
        host.prompt()
        assert host.ask("stty -g") == before
