# SPDX-License-Identifier: MIT
"""The caller's own terminal: stalled, nested, without a size; and its modes
after every kind of end."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import termios
import time

import pytest

from lab import process, terminal

ODD = termios.IXANY | termios.INLCR


class LocalTerminal:
    """A login at a terminal of this machine's that outlives it."""

    def __init__(self, lab, user):
        self.master, self.slave = pty.openpty()
        modes = termios.tcgetattr(self.slave)
        modes[0] ^= ODD
        modes[6][termios.VINTR] = b"\x18"
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self.before = termios.tcgetattr(self.slave)
        self.ran = subprocess.Popen(
            lab.direct_argv(user, argv0="-ctsh"), stdin=self.slave,
            stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={"PATH": "/usr/bin:/bin", "TERM": "dumb"})
        self.wait_for(rb"[$#] (\x1b\[6n)?$")
        assert not self.cooked()

    def wait_for(self, pattern):
        seen = b""
        while not re.search(pattern, seen):
            assert select.select([self.master], [], [], 15)[0], seen
            seen += os.read(self.master, 4096)

    def type(self, text):
        os.write(self.master, text)

    def modes(self):
        return termios.tcgetattr(self.slave)

    def cooked(self):
        return bool(self.modes()[3] & termios.ICANON)

    def end(self):
        """Waits for it, as the process that is the supervisor ends."""
        process.wait_for(lambda: self.drain() or self.ran.poll() is not None,
                         what="the end of the session")
        return self.ran.returncode

    def drain(self):
        while select.select([self.master], [], [], 0)[0]:
            os.read(self.master, 4096)

    def watchdog(self):
        return one_watchdog(self.ran.pid)

    def shell(self):
        return next(pid for pid in process.children(self.ran.pid)
                    if pid != self.watchdog())

    def close(self):
        self.ran.kill()
        self.ran.wait(10)
        os.close(self.master)
        os.close(self.slave)


def one_watchdog(supervisor):
    dogs = [pid for pid in process.children(supervisor)
            if process.read(f"/proc/{pid}/comm") == "ctsh-watchdog\n"]
    assert len(dogs) == 1
    return dogs[0]


@pytest.fixture
def local(lab, crun_box):
    with contextlib.closing(LocalTerminal(lab, crun_box.user)) as opened:
        yield opened


def kill(pid, number):
    os.kill(pid, number)


ENDS = {
    "exit": (lambda t: t.type(b"exit 3\r"), 3),
    "end of input": (lambda t: t.type(b"\x04"), 0),
    "shell killed": (lambda t: kill(t.shell(), signal.SIGKILL),
                     -signal.SIGKILL),
    "shell killed by itself": (lambda t: t.type(b"kill -TERM $$; kill -HUP "
                                                b"$$\r"), -signal.SIGHUP),
    "watchdog killed": (lambda t: kill(t.watchdog(), signal.SIGKILL), 125),
    "supervisor told to end": (lambda t: kill(t.ran.pid, signal.SIGTERM),
                               -signal.SIGHUP),
    "supervisor hung up": (lambda t: kill(t.ran.pid, signal.SIGHUP),
                           -signal.SIGHUP),
    "supervisor interrupted": (lambda t: kill(t.ran.pid, signal.SIGINT),
                               -signal.SIGHUP),
    "supervisor aborted": (lambda t: kill(t.ran.pid, signal.SIGQUIT),
                           -signal.SIGHUP),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_terminal_has_its_modes_back_after(local, how):
    do, status = ENDS[how]
    do(local)
    assert local.end() == status
    assert local.modes() == local.before


def test_it_has_them_back_when_the_container_ends(lab, guest):
    with lab.crun.container("victim", lab.tree("victim")) as victim, \
            lab.config.own(guest, f'container = "{victim.spec}"\n'), \
            contextlib.closing(LocalTerminal(lab, guest)) as opened:
        kill(victim.pid, signal.SIGKILL)
        assert opened.end() == -signal.SIGKILL
        assert opened.modes() == opened.before


def test_what_even_a_killed_supervisor_leaves_the_next_prompt_mends(
        lab, crun_box):
    """Nobody is left who could: the watchdog holds no terminal.  The shell
    that ctsh was started from looks after a job that was killed."""
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
        host.type("exec sleep 1302\r")
        sleeper = process.find_one("sleep", "1302")
        kill(process.parent(sleeper), signal.SIGKILL)
        host.see("Killed")
        host.prompt()
        assert host.ask("stty -g") == before
        process.wait_for(lambda: not process.alive(sleeper),
                         what="the watchdog's bite")


def test_a_killed_supervisor_ends_the_connection(lab, crun_box):
    """Over ssh the terminal on the host dies with the session, and the one at
    the client's side is the client's."""
    with lab.terminal(crun_box.user) as opened:
        opened.prompt()
        opened.type("exec sleep 1303\r")
        sleeper = process.find_one("sleep", "1303")
        kill(process.parent(sleeper), signal.SIGKILL)
        assert opened.end() == 255
    process.wait_for(lambda: not process.alive(sleeper),
                     what="the watchdog's bite")


# -- odd clients ---------------------------------------------------------------

def test_a_window_without_a_size_gets_one_later(lab, houses):
    command = ("stty size; trap 'stty size' WINCH; echo ready; "
               "while sleep 0.05; do :; done")
    with lab.terminal(houses.house("docker").user, command,
                      size=(0, 0)) as opened:
        opened.see("0 0\r\nready")
        opened.child.setwinsize(31, 101)
        opened.see("31 101")
        opened.child.setwinsize(0, 0)
        opened.see("0 0")


def memory_kb(pid):
    return int(process.status(pid)["VmRSS"].split()[0])


def cpu_ticks(pid):
    fields = process.read(f"/proc/{pid}/stat").rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_client_that_stands_still_costs_nothing(lab, houses):
    """Nor is anything lost when it goes on."""
    with lab.terminal(houses.house("docker").user,
                      "exec seq 1 504000") as opened:
        writer = process.find_one("seq", "1", "504000")
        kill(opened.child.pid, signal.SIGSTOP)
        supervisor = process.parent(writer)
        ours = [supervisor, one_watchdog(supervisor)]
        process.wait_for(lambda: stands_still(writer), what="a full line")
        before = [memory_kb(pid) for pid in ours]
        time.sleep(2)
        assert [memory_kb(pid) for pid in ours] == before
        assert stands_still(writer)
        kill(opened.child.pid, signal.SIGCONT)
        opened.child.maxread = 65536
        numbers = opened.child.read().split()
    assert numbers == [str(n) for n in range(1, 504001)]


def stands_still(pid):
    before = cpu_ticks(pid)
    time.sleep(0.3)
    return cpu_ticks(pid) == before and \
        process.status(pid)["State"][0] == "S"


def test_a_login_within_a_login_has_the_outer_size_and_keys(lab, crun_box):
    """By a second ssh from a terminal of the host's: two sshds and us."""
    plain = lab.users["plain"]
    key = f"{plain.home}/key"
    process.run(["install", "-m", "600", "-o", plain.name,
                 f"{lab.sshd.directory}/key", key], check=True)
    inner = [key if word.endswith("/key") else word for word in
             lab.sshd.argv(crun_box.user.name,
                           options=["RequestTTY=force"])]
    with lab.terminal(plain, shlex.join(inner), size=(37, 107)) as opened:
        opened.prompt()
        assert opened.ask("stty size; hostname") == "37 107\ninside"
        opened.child.setwinsize(38, 108)
        process.wait_for(lambda: opened.ask("stty size") == "38 108",
                         what="the new size")
        opened.type("sleep 1305\r")
        process.find_one("sleep", "1305")
        opened.type("\x03")
        opened.prompt()
        assert opened.ask("echo $?") == "130"
        opened.type("exit 8\r")
        assert opened.end() == 8
