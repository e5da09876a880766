# SPDX-License-Identifier: MIT
"""The end of a session, however it comes: what on_disconnect promises."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time

import pytest

from lab import machine, process, sshd

KILL = 'container = "{spec}"\non_disconnect = "kill"\n'
HUP = 'container = "{spec}"\n'

# A daemon by the book: it forks twice, has a session of its own, ignores all
# that can be ignored, and no descriptor ties it to its login.
DAEMON = ("busybox setsid sh -c 'trap \"\" HUP INT QUIT TERM; "
          "(sleep {n}) & wait' </dev/null >/dev/null 2>&1 &")


def unified():
    """Where the unified hierarchy is mounted here."""
    for line in process.read("/proc/self/mounts").splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return path
    raise AssertionError("no cgroup2 here")


def groups(ref):
    """The directories of the session's group."""
    return [path for path, _, _ in os.walk(unified())
            if path.endswith(f"/ctsh-{ref}")]


class Session:
    """A login with a daemon, and a shell that waits beside it."""

    def __init__(self, lab, box, number, tty, options=(), server=None):
        self.lab = lab
        self.mark = lab.log.since()
        self.tty = tty
        # Another run on this machine is not to be taken for this one.
        self.number = f"{os.getpid()}{number}"
        self.daemon_number = f"{os.getpid()}{number + 1}"
        command = DAEMON.format(n=self.daemon_number) + \
            f" exec sleep {self.number}"
        self.client = subprocess.Popen(
            (server or lab.sshd).argv(
                box.user.name, command,
                options=[*options, *["RequestTTY=force"][:tty]]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.leader = process.find_one("sleep", self.number)
        self.daemon = process.find_one("sleep", self.daemon_number)
        self.supervisor = process.parent(self.leader)
        self.sshd = process.parent(self.supervisor)

    def opened(self):
        def there():
            return [line for line in self.mark() if line.startswith("open ")]
        return process.wait_for(there, what="an opening line")[0]

    def reference(self):
        return re.search(r"ref=(\w+)", self.opened()).group(1)

    def closed(self):
        return self.lab.log.login(self.mark, 8)[1]

    def close(self):
        self.client.kill()
        self.client.communicate(timeout=10)
        process.end_all("sleep", self.number)
        process.end_all("sleep", self.daemon_number)


@contextlib.contextmanager
def session(lab, box, number, tty, **more):
    it = Session(lab, box, number, tty, **more)
    try:
        yield it
    finally:
        it.close()


def client_killed(it):
    it.client.kill()


def sshd_killed(it):
    os.kill(it.sshd, signal.SIGKILL)


def supervisor_killed(it):
    os.kill(it.supervisor, signal.SIGKILL)


def shell_ended(it):
    os.kill(it.leader, signal.SIGTERM)


def hung_up(it):
    os.kill(it.supervisor, signal.SIGHUP)


ENDS = [client_killed, sshd_killed, supervisor_killed, shell_ended, hung_up]


@pytest.fixture(params=[False, True], ids=["command", "terminal"])
def tty(request):
    return request.param


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_kill_leaves_nothing(lab, box, tty, end):
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            session(lab, box, 4100, tty) as it:
        ref = it.reference()
        assert len(groups(ref)) == 1
        end(it)
        process.wait_for(lambda: not process.alive(it.daemon), 6,
                         "the daemon's end")
        assert it.closed()
        assert not process.alive(it.leader)
        process.wait_for(lambda: not groups(ref), 6, "no group")
    assert process.alive(box.init)


# With hup, what takes no notice of the hangup lives on, as on a plain host; and
# without a terminal, where nobody hangs up, the shell itself does.

@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_hup_leaves_what_ignores_the_hangup(lab, crun_box, tty, end):
    with session(lab, crun_box, 4110, tty) as it:
        ref = it.reference()
        end(it)
        if not tty and end in (client_killed, sshd_killed):
            # What it writes next would find no reader.
            process.wait_for(lambda: not process.alive(it.sshd), 6,
                             "the end of sshd's process")
            assert process.alive(it.leader)
        else:
            process.wait_for(lambda: not process.alive(it.leader), 6,
                             "the leader's end")
            assert it.closed()
        assert process.alive(it.daemon)
        assert groups(ref) == []


# -- the network ---------------------------------------------------------------

@pytest.fixture(scope="module")
def impatient(lab):
    """The same sshd, at another port, that asks whether its client is there."""
    port = machine.free_port()
    with process.daemon(
            [*lab.log_prefix, "/usr/sbin/sshd", "-D", "-e", "-p", str(port),
             "-f", f"{lab.sshd.directory}/sshd_config",
             "-o", "ClientAliveInterval=1", "-o", "ClientAliveCountMax=1",
             "-o", "PidFile=none"],
            f"{lab.sshd.directory}/impatient.log") as server:
        process.wait_for(lambda: sshd.listens(port, server), 20, "sshd")
        yield sshd.Sshd(lab.sshd.directory, port, lab.sshd.log)


def silent(lab, box, impatient, number, tty):
    """A session whose client does not answer any more."""
    return session(lab, box, number, tty, server=impatient, options=[
        f"HostKeyAlias=[127.0.0.1]:{lab.sshd.port}"])


def test_kill_when_the_network_is_gone(lab, crun_box, impatient, tty):
    box = crun_box
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            silent(lab, box, impatient, 4120, tty) as it:
        ref = it.reference()
        it.client.send_signal(signal.SIGSTOP)
        process.wait_for(lambda: not process.alive(it.daemon), 8,
                         "the daemon's end")
        assert it.closed() and not process.alive(it.leader)
        process.wait_for(lambda: not groups(ref), 6, "no group")


def test_hup_when_the_network_is_gone(lab, crun_box, impatient):
    with silent(lab, crun_box, impatient, 4130, True) as it:
        it.client.send_signal(signal.SIGSTOP)
        process.wait_for(lambda: not process.alive(it.leader), 8,
                         "the leader's end")
        assert it.closed() and process.alive(it.daemon)


def test_kill_one_of_two_sessions_over_one_connection(lab, crun_box, tmp_path):
    """Its end is no end of sshd's process."""
    box = crun_box
    master = ["ControlMaster=auto", f"ControlPath={tmp_path}/control",
              "ControlPersist=no"]
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            session(lab, box, 4140, False, options=master) as first, \
            session(lab, box, 4150, True, options=master) as second:
        assert first.sshd == second.sshd
        second.client.kill()
        process.wait_for(lambda: not process.alive(second.daemon), 6,
                         "the daemon's end")
        assert not process.alive(second.leader)
        assert process.alive(first.leader) and process.alive(first.daemon)


# -- the container -------------------------------------------------------------

def test_a_session_that_is_over_is_over_at_once(lab, box):
    """When ssh returns, nothing is left, and no time was lost."""
    command = DAEMON.format(n=4161) + " (sleep 4161 &); exit 3"
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)):
        result = lab.direct(box.user, "-c", command)
    assert result.status == 3
    assert process.find("sleep", "4161") == []
    assert result.seconds < 1


def test_what_forks_as_fast_as_it_can_ends_too(lab, box):
    """Up to the container's limit of processes, and from there on."""
    command = ("trap '' HUP TERM; busybox setsid sh -c 'while :; do "
               "sleep 4163 & done' </dev/null >/dev/null 2>&1 & "
               "busybox usleep 300000; exit 3")
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)):
        assert lab.direct(box.user, "-c", command).status == 3
        assert process.find("sleep", "4163") == []
        assert lab.direct(box.user, "-c", "echo in").out == "in\n"


def test_kill_when_the_caller_has_gone_before_the_session_began(lab, crun_box):
    """A slow login outlives who asked for it; its session does not."""
    box = crun_box
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            lab.config.own(box.user, KILL.format(spec=box.container.spec)))
        assert lab.direct(box.user, "-c", "true").status == 0
        slots = [stack.enter_context(open(
            f"{lab.ctsh.run}/slots/{box.user.uid}.{number}", "ab",
            opener=lambda path, flags: os.open(path, flags, 0o600)))
            for number in range(8)]
        for slot in slots:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark = lab.log.since()
        argv = lab.direct_argv(box.user, "-c", "exec sleep 4168")
        caller = stack.enter_context(subprocess.Popen(
            ["sh", "-c", '"$@" & wait', "sh", *argv],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))
        process.wait_for(
            lambda: [pid for pid in process.descendants(caller.pid)
                     if process.status(pid)["Name"] == "ctsh-session"],
            what="a login under way")
        time.sleep(0.3)
        caller.kill()
        caller.wait(5)
        slots[0].close()
        assert " status=signal:1 " in lab.log.login(mark, 8)[1] + " "
        assert process.find("sleep", "4168") == []


@pytest.mark.parametrize("kind", ["crun", "docker"])
def test_a_paused_session_ends_when_it_goes_on(lab, kind):
    """The line in the log does not wait so long."""
    box = lab.boxes[kind]
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            session(lab, box, 4170, False) as it:
        ref = it.reference()
        with box.container.engine.paused(box.container.name):
            it.client.kill()
            assert it.closed()
            assert len(groups(ref)) == 1
        process.wait_for(lambda: not process.alive(it.daemon), 6,
                         "the daemon's end")
        process.wait_for(lambda: not groups(ref), 6, "no group")


@pytest.mark.parametrize("engine", ["crun", "runc"])
def test_a_container_stops_with_such_sessions_in_it(lab, guest, engine):
    oci = getattr(lab, engine)
    with oci.container("stops", lab.boxes[engine].container.root) as it, \
            lab.config.own(guest, KILL.format(spec=it.spec)):
        ran = subprocess.Popen(
            lab.direct_argv(guest, "-c", "exec sleep 4180"),
            stdin=subprocess.DEVNULL)
        process.find_one("sleep", "4180")
        oci.call("kill", "stops", "KILL", check=True)
        assert ran.wait(10) == -signal.SIGKILL


def test_a_group_that_another_removed_first_ends_the_watchdog(lab, crun_box):
    """As an engine does, or root of a container that may write there."""
    box = crun_box
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            session(lab, box, 4185, False) as it:
        group, = groups(it.reference())
        watchdog, = [pid for pid in process.children(it.supervisor)
                     if process.status(pid)["Uid"].startswith("0")]
        os.kill(watchdog, signal.SIGSTOP)
        try:
            with open(f"{group}/cgroup.kill", "w", encoding="ascii") as kill:
                kill.write("1")
            process.wait_for(lambda: "populated 0" in process.read(
                f"{group}/cgroup.events"), 6, "an empty group")
            os.rmdir(group)
        finally:
            os.kill(watchdog, signal.SIGCONT)
        assert " status=signal:9" in it.closed()
        process.wait_for(lambda: not process.alive(watchdog), 3,
                         "the watchdog's end")


def test_without_a_unified_hierarchy_there_is_no_login(lab, crun_box, refusal):
    box = crun_box
    hidden = ["unshare", "-m", "--propagation", "private", "sh", "-c",
              f'umount {unified()} && exec "$@"', "--"]
    argv = lab.direct_argv(box.user, "-c", "id")
    argv[len(lab.log_prefix):len(lab.log_prefix)] = hidden
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)):
        result = process.run(argv)
        assert refusal(result, box.user, "E_SYSTEM") == \
            "no mount of the unified cgroup hierarchy"


def test_the_watchdog_of_such_a_session_has_no_more_power(lab, crun_box):
    box = crun_box
    with lab.config.own(box.user, KILL.format(spec=box.container.spec)), \
            session(lab, box, 4190, False) as it:
        watchdog, = [pid for pid in process.children(it.supervisor)
                     if process.status(pid)["Uid"].startswith("0")]
        status = process.status(watchdog)
        assert (status["CapPrm"], status["CapBnd"], status["Seccomp"]) == \
            (f"{1 << 5:016x}", f"{1 << 5:016x}", "2")


def test_hup_leaves_a_tmux_that_the_next_login_finds(lab, house):
    """As on a plain host."""
    with lab.terminal(house.user) as opened:
        opened.see(r"\$ ")
        opened.type("tmux -L lives new-session -s kept\r")
        opened.see(r"\[kept\]")
        opened.type("echo is-''here; stty -echo\r")
        opened.see("is-here")
    found = lab.login(house.user, "tmux -L lives ls && "
                      "tmux -L lives capture-pane -p -t kept && "
                      "tmux -L lives kill-server")
    assert found.status == 0, found
    assert found.out.startswith("kept: 1 windows"), found
    assert "\nis-here\n" in found.out
