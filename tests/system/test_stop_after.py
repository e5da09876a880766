# SPDX-License-Identifier: MIT
"""stop_after: a container is stopped when nobody uses it any more."""

import contextlib
import os
import re
import signal
import subprocess
import time
from concurrent import futures

import pytest

from lab import machine, pam, process

ONDEMAND = 'start = "ondemand"'

# A first process that ends when it is told to.
POLITE = "trap 'exit 0' TERM; while :; do sleep 4300 & wait; done"

# One that takes its time for that.
SLOW = "trap 'sleep 1.5; exit 0' TERM; while :; do sleep 4300 & wait; done"


def keys(spec, *more):
    return "\n".join([f'container = "{spec}"', *more, ""])


def log_of(lab, pid, event, timeout=8, **fields):
    """Waits for the one line of that container's keeper."""
    return lab.log.line(event, timeout, pid=str(pid), **fields)


def entry(lab, pid):
    """The name of its file in the registry, by the kernel's word."""
    start = process.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]
    return f"{lab.ctsh.run}/uses/{pid}-{start}.use"


def keepers(lab, pid=None):
    """Of this installation, and of that container."""
    return [one for one in process.pids()
            if process.cmdline(one)[:2] == [lab.ctsh.ctl, "stop-idle"]
            and (pid is None
                 or process.cmdline(one)[-1].startswith(f"{pid}-"))
            and process.alive(one)]


def stays(pid, seconds):
    """For so long it runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.alive(pid)
        time.sleep(0.05)


def stops(pid, since, after, slack=2.5):
    """That long after that moment, and not earlier."""
    process.wait_for(lambda: not process.alive(pid), after + slack,
                     f"the end of {pid}")
    passed = time.monotonic() - since
    assert after - 0.1 <= passed < after + slack


@contextlib.contextmanager
def session(lab, user, number, argv=None):
    """One in the background; its first process as the host counts."""
    with subprocess.Popen(argv or lab.direct_argv(
            user, "-c", f"exec sleep {number}"), stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL) as ran:
        try:
            yield process.find_one("sleep", str(number))
        finally:
            ran.kill()
            process.end_all("sleep", str(number))


@contextlib.contextmanager
def docker_box(lab, name, script=POLITE, *options):
    with lab.docker.container(name, "lab", *options, "--entrypoint",
                              "/bin/sh", "lab", "-c", script) as container:
        yield container


@pytest.fixture
def polite(lab):
    with docker_box(lab, "polite") as container:
        yield container


@pytest.fixture(autouse=True)
def no_keeper_left(lab):
    """They end with their containers."""
    yield
    process.wait_for(lambda: not keepers(lab), what="no keeper")


# -- each engine -------------------------------------------------------------

def oci(engine):
    def change(config):
        config["process"]["args"] = ["/bin/sh", "-c", POLITE]
    return engine.container("polite", engine.tree, change=change)


@pytest.fixture(params=["crun", "runc", "docker"])
def engine(request, lab):
    """Those that need no command."""
    kind = request.param
    if kind == "docker":
        with docker_box(lab, "polite") as container:
            yield container
        return
    oci_engine = getattr(lab, kind)
    oci_engine.tree = lab.boxes[kind].container.root
    with oci(oci_engine) as container:
        yield container


def test_it_is_stopped_so_long_after_the_last_session(lab, guest, engine):
    pid = engine.pid
    with lab.config.own(guest, keys(engine.spec, "stop_after = 1")):
        with session(lab, guest, 4301):
            assert lab.login(guest, "hostname").out == "inside\n"
            stays(pid, 1.4)
        ended = time.monotonic()
        stays(pid, 0.8)
        stops(pid, ended, 1)
        line = log_of(lab, pid, "stopped")
    assert line["user"] == guest.name
    assert line["container"] == engine.spec
    assert line["unused"] == "1"
    process.wait_for(lambda: not [
        name for name in os.listdir(f"{lab.ctsh.run}/uses")
        if name.startswith(f"{pid}-")], what="no file of it")


# By commands: for podman the settings of the laboratory come with them, and
# systemd is tests/vm's.
MANAGER = """#!/bin/sh
case "$*" in *Restart=on-abnormal*) background=1 ;; esac
while [ "$1" != -- ]; do shift; done
shift
echo "$*" >>{calls}
if [ "$background" ]; then
    setsid "$@" </dev/null >/dev/null 2>&1 &
    exit 0
fi
exec setsid --wait {prefix} env PATH=/usr/sbin:/usr/bin {more} "$@" </dev/null
"""


@pytest.fixture
def managed(lab):
    """Where something stands in for systemd: a login there, and what it was
    asked for."""
    program, calls = f"{lab.run}/systemd-run", f"{lab.run}/calls"

    def attempt(user, *args, more=""):
        with open(program, "w") as file:
            file.write(MANAGER.format(prefix=" ".join(lab.engine_prefix),
                                      more=more, calls=calls))
        argv = lab.direct_argv(user, *args)[len(lab.log_prefix):]
        return process.run([*view, *argv], timeout=40)
    attempt.calls = lambda: process.read(calls).splitlines()
    for path in (program, calls):
        with open(path, "w") as file:
            os.fchmod(file.fileno(), 0o755)
    with machine.view(["mkdir", "-p", "/run/systemd"],
                      ["mount", "-t", "tmpfs", "none", "/run/systemd"],
                      ["mkdir", "/run/systemd/system"],
                      ["mount", "--bind", program, "/usr/bin/systemd-run"],
                      inside=lab.log_prefix) as view:
        yield attempt
    os.unlink(program)
    os.unlink(calls)


def test_podman_stops_and_starts_it(lab, guest, managed):
    head = lab.podman.head
    conf = head[head.index("env") + 1]
    with lab.podman.container(
            "unused", lab.tree("unused"), "--stop-signal", "KILL"), \
            lab.config.extended(f'engine labpodman {{ type = "podman" '
                                f'root = "{lab.podman.root}" '
                                f'runroot = "{lab.podman.run_root}" }}\n'), \
            lab.config.own(guest, keys("labpodman:unused", "stop_after = 1",
                                       ONDEMAND)):
        for _ in range(2):
            result = managed(guest, "-c", "hostname", more=conf)
            ended = time.monotonic()
            assert (result.out, result.err) == ("inside\n", "")
            pid = lab.podman.pid("unused")
            stops(pid, ended, 1, 4)
            log_of(lab, pid, "stopped")
    stop = [call for call in managed.calls() if " stop " in call]
    assert len(stop) == 2 and stop[0].startswith("/usr/bin/podman --root ")


def test_lxc_stops_and_starts_it(lab, guest, managed):
    tree = lab.boxes["crun"].container.root
    with lab.lxc.container("unused", tree, "lxc.signal.halt = SIGKILL"), \
            lab.config.extended(f'engine lablxc {{ type = "lxc" '
                                f'root = "{lab.lxc.directory}" }}\n'), \
            lab.config.own(guest, keys("lablxc:unused", "stop_after = 1",
                                       ONDEMAND)):
        for _ in range(2):
            result = managed(guest, "-c", "readlink /proc/self/ns/pid")
            ended = time.monotonic()
            assert result.status == 0, result.err
            pid = lab.lxc.pid("unused")
            stops(pid, ended, 1, 4)
            log_of(lab, pid, "stopped")
    keep = [call for call in managed.calls() if "stop-idle" in call]
    assert len(keep) == 2 and keep[0].startswith(f"{lab.ctsh.ctl} stop-idle ")


# -- and what comes after ----------------------------------------------------

def test_the_next_login_starts_it_and_it_is_stopped_again(lab, guest, polite):
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1", ONDEMAND)):
        seen = set()
        for _ in range(2):
            assert lab.direct(guest, "-c", "hostname").out == "inside\n"
            pid = polite.pid
            stops(pid, time.monotonic(), 1)
            seen.add(pid)
        assert len(seen) == 2


def about_to_be_stopped(lab, guest, box):
    """After a login, and its time; its init, which has not ended yet."""
    assert lab.direct(guest, "-c", "true").status == 0
    init = box.pid
    time.sleep(1.4)
    assert process.alive(init)
    return init


def test_a_login_while_it_is_being_stopped_lands_in_the_next(lab, guest,
                                                             refusal):
    with docker_box(lab, "slow", SLOW) as slow:
        with lab.config.own(guest, keys(slow.spec, "stop_after = 1",
                                        ONDEMAND)):
            first = about_to_be_stopped(lab, guest, slow)
            result = lab.direct(guest, "-c", "hostname")
            assert (result.out, result.err) == ("inside\n", "")
            assert result.seconds > 0.5
            assert not process.alive(first)
            second = slow.pid
        # Its keeper asks for the rule of now.
        with lab.config.own(guest, keys(slow.spec, "stop_after = 1")):
            time.sleep(1.4)
            assert process.alive(second)
            reason = refusal(lab.direct(guest, "-c", "hostname"), guest,
                             "E_ABSENT")
            assert reason == "it is being stopped, unused"
            process.wait_for(lambda: not process.alive(second), 6, "its end")
            log_of(lab, second, "stopped")


def test_the_module_does_not_join_what_is_being_stopped(lab, guest):
    """Its network would be gone when the login shell comes."""
    with docker_box(lab, "slow", SLOW) as slow, pam.services(lab) as services:
        services.line("join=net", f"users={guest.name}")
        with lab.config.own(guest, keys(slow.spec, "stop_after = 1",
                                        ONDEMAND)):
            first = about_to_be_stopped(lab, guest, slow)
            result = services.tester(guest, "open_session", "close_session")
            assert (result.status, result.err) == (0, "")
            assert not process.alive(first) and process.alive(slow.pid)
        services.line("join=net", "users=nobody")


def test_logins_at_its_last_moment_land_or_are_refused(lab, guest, polite):
    """Whatever they meet, it is the container or a sentence."""
    ends = []
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1", ONDEMAND)):
        for wait in (0.95, 1.0, 1.03, 1.06):
            assert lab.direct(guest, "-c", "true").status == 0
            time.sleep(wait)
            with futures.ThreadPoolExecutor(3) as pool:
                ends += list(pool.map(lambda _: lab.direct(
                    guest, "-c", "hostname"), range(3)))
        process.wait_for(lambda: not keepers(lab), 6, "its end")
    landed = [one for one in ends if one.out == "inside\n"]
    others = [one for one in ends if one not in landed]
    assert all(one.status == 0 and one.err == "" for one in landed)
    assert all(re.fullmatch(r"ctsh: .* \[E_(GONE|ABSENT) \w{8}\]\n", one.err)
               for one in others), [one.err for one in others]
    assert len(landed) >= len(ends) - 3


def test_many_first_logins_have_one_keeper(lab, guest, polite):
    pid = polite.pid
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")), \
            futures.ThreadPoolExecutor(20) as pool:
        with session(lab, guest, 4307):
            results = list(pool.map(lambda _: lab.direct(
                guest, "-c", "true", timeout=30), range(20)))
            assert {one.status for one in results} == {0}
            process.wait_for(lambda: len(keepers(lab, pid)) == 1, 8,
                             "one keeper")
        stops(pid, time.monotonic(), 1)
        log_of(lab, pid, "stopped")


# -- the end of a session, however it comes ----------------------------------

def pair(leader):
    """The supervisor and the watchdog."""
    supervisor = process.parent(leader)
    watchdog, = [one for one in process.children(supervisor)
                 if process.status(one)["Uid"].startswith("0")]
    return supervisor, watchdog


def test_a_killed_session_has_ended(lab, guest, polite):
    """Whoever of it was killed, and none a moment too early."""
    pid = polite.pid
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")), \
            session(lab, guest, 4302) as first, \
            session(lab, guest, 4305) as second, \
            session(lab, guest, 4306) as third:
        pairs = [pair(leader) for leader in (first, second, third)]
        os.kill(pairs[0][0], signal.SIGKILL)
        os.kill(pairs[1][1], signal.SIGKILL)
        # Without a watchdog the supervisor gives up; it may not end the shell.
        process.wait_for(lambda: not process.alive(first)
                         and not process.alive(pairs[1][0]), what="two ends")
        stays(pid, 1.4)
        for one in reversed(pairs[2]):
            os.kill(one, signal.SIGKILL)
        stops(pid, time.monotonic(), 1)


def test_a_killed_keeper_has_a_successor_at_the_next_login(lab, guest,
                                                           polite):
    pid = polite.pid
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        with session(lab, guest, 4303):
            keeper, = process.wait_for(lambda: keepers(lab, pid), 5, "keeper")
            os.kill(keeper, signal.SIGKILL)
            process.wait_for(lambda: not process.alive(keeper), what="end")
        stays(pid, 1.6)
        assert lab.direct(guest, "-c", "true").status == 0
        stops(pid, time.monotonic(), 1)


def test_a_login_that_lands_nowhere_counts(lab, guest, refusal):
    """It may have been what started the container."""
    with docker_box(lab, "started") as container, lab.config.own(
            guest, keys(container.spec, "stop_after = 1", ONDEMAND,
                        'user = "nobody-there"')):
        lab.docker.call("kill", "started", check=True)
        result = lab.direct(guest, "-c", "true")
        ended = time.monotonic()
        refusal(result, guest, "E_IDENTITY")
        stops(container.pid, ended, 1)


def test_the_longest_time_of_those_who_used_it_holds(lab, guest, polite):
    pid, other = polite.pid, lab.users["crun"]
    with lab.config.own(guest, keys(polite.spec, "stop_after = 2")), \
            lab.config.own(other, keys(polite.spec, "stop_after = 1")):
        assert lab.direct(guest, "-c", "true").status == 0
        assert lab.direct(other, "-c", "true").status == 0
        ended = time.monotonic()
        stays(pid, 1.7)
        stops(pid, ended, 2)


# -- what does not get it stopped --------------------------------------------

def test_a_rule_that_wants_it_no_longer_is_obeyed(lab, guest, polite):
    pid = polite.pid
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        assert lab.direct(guest, "-c", "true").status == 0
    with lab.config.own(guest, keys(polite.spec)):
        line = log_of(lab, pid, "unstopped", code="E_CONFIG")
        assert line["reason"] == f"uid {guest.uid} has no stop_after any more"
        process.wait_for(lambda: not keepers(lab), what="no keeper")
    assert process.alive(pid)
    # Without any rule it might come to have one again.
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        assert lab.direct(guest, "-c", "true").status == 0
    log_of(lab, pid, "unstopped", code="E_DENIED")
    assert len(keepers(lab, pid)) == 1 and process.alive(pid)


def test_a_paused_one_is_let_be(lab, guest, polite):
    pid = polite.pid
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        assert lab.direct(guest, "-c", "true").status == 0
        with lab.docker.paused("polite"):
            assert log_of(lab, pid, "unstopped")["code"] == "E_PAUSED"
            assert process.alive(pid)


def test_without_the_key_there_is_nothing_of_it(lab, guest, polite):
    with lab.config.own(guest, keys(polite.spec)), \
            session(lab, guest, 4304):
        assert not keepers(lab)
        assert not os.path.exists(entry(lab, polite.pid))


# -- what the user can do about it --------------------------------------------

def test_the_keeper_is_not_the_users(lab, guest, polite):
    """Limits, priority and the like of who came first are not its."""
    argv = ["nice", "-n", "7", "prlimit", "--core=0", "--nofile=64:",
            *lab.direct_argv(guest, "-c", "true")]
    with lab.config.own(guest, keys(polite.spec, "stop_after = 2")):
        assert process.run(argv).status == 0
        pid, = process.wait_for(lambda: keepers(lab), 5, "a keeper")
        status = process.status(pid)
        stat = process.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        limits = process.read(f"/proc/{pid}/limits")
        files = sorted(os.readlink(f"/proc/{pid}/fd/{fd}")
                       for fd in os.listdir(f"/proc/{pid}/fd"))
    assert status["Uid"].split() == ["0"] * 4
    assert status["Groups"] in ("", "0")
    assert stat[16] == "0" and stat[4] == "0"
    assert not re.search(r"Max open files +64 ", limits)
    # Its entry, its place, the init and the directory; a timer.
    assert [name for name in files if "/home" in name or "pipe" in name] == []
    assert process.read(f"/proc/{pid}/environ") in (
        "", "PATH=/usr/sbin:/usr/bin:/sbin:/bin\0LC_ALL=C\0")


def test_a_user_cannot_ask_for_it(lab, guest, polite):
    name = os.path.basename(entry(lab, polite.pid)).removesuffix(".use")
    result = lab.run_as(guest, lab.ctsh.ctl, "stop-idle", name)
    assert (result.status, result.err) == (
        2, "ctshctl: stop-idle must be run as root\n")
    assert lab.run_as(guest, "ls", f"{lab.ctsh.run}/uses").status != 0


def test_another_ones_container_is_not_stopped_by_a_forged_entry(lab, guest,
                                                                 polite):
    """Whose rule is asked stands there; it leads to that user's alone."""
    victim = lab.boxes["crun"]
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        path = entry(lab, victim.init)
        with open(path, "wb") as file:
            file.write(guest.uid.to_bytes(4, "little")
                       + (1).to_bytes(4, "little"))
        os.chmod(path, 0o600)
        keeper = subprocess.Popen([*lab.log_prefix, lab.ctsh.ctl, "stop-idle",
                                   os.path.basename(path)
                                   .removesuffix(".use")])
        try:
            line = log_of(lab, victim.init, "unstopped")
            assert line["reason"] == f"the rule leads to pid {polite.pid}"
            assert process.alive(victim.init) and process.alive(polite.pid)
        finally:
            keeper.kill()
            keeper.wait()
            os.unlink(path)
            os.unlink(path.replace(".use", ".bell"))


@pytest.mark.parametrize("key", ["1-1", "2-1", "0-0", "x", "-", "9-9-9",
                                 "4294967298-1", "../1-1"])
def test_a_key_that_names_no_container(lab, key):
    """Number 1 is nobody's; one that is gone, or another by now, is done."""
    result = lab.ctl("stop-idle", key)
    assert result.status == (0 if key == "2-1" else 2), result


def test_an_entry_that_makes_no_sense_refuses_the_login(lab, guest, polite,
                                                        refusal):
    path = entry(lab, polite.pid)
    with lab.config.own(guest, keys(polite.spec, "stop_after = 1")):
        assert lab.direct(guest, "-c", "true").status == 0
        process.wait_for(lambda: not keepers(lab), 6, "its end")
        lab.docker.call("start", "polite", check=True)
        for make in (os.mkdir, lambda p: os.symlink("/etc/passwd", p)):
            path = entry(lab, polite.pid)
            make(path)
            try:
                refusal(lab.direct(guest, "-c", "true"), guest, "E_SYSTEM")
            finally:
                (os.rmdir if os.path.isdir(path) else os.unlink)(path)


def test_explain_tells_of_it(lab, guest, polite):
    with lab.config.own(guest, keys(polite.spec, "stop_after = 90")):
        out = lab.ctl("explain", guest.name).out
        assert "stops:     after 90 s without a session\n" in out
        assert not os.path.exists(entry(lab, polite.pid))
    with lab.config.own(guest, keys(polite.spec)):
        assert "stops:" not in lab.ctl("explain", guest.name).out
