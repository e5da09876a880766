# SPDX-License-Identifier: MIT
"""Containers that are not there yet: `wait` and `start`."""

import contextlib
import json
import os
import re
import shutil
import threading
import time
from concurrent import futures

import pytest

from lab import engines, machine, manager, pam, process


def keys(container, *more):
    return "\n".join([f'container = "{container.spec}"', *more, ""])


@contextlib.contextmanager
def after(seconds, action, *args):
    """Does that a while later, in the middle of the login."""
    failed = []

    def act():
        try:
            action(*args)
        except BaseException as why:  # told in the test's own thread
            failed.append(why)
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()
        assert not failed, failed


@pytest.fixture
def created(lab):
    """Made, and not started."""
    with lab.crun.container("created", lab.boxes["crun"].container.root,
                            start=False) as container:
        yield container


@pytest.fixture(scope="module")
def long_wait(lab):
    """Fifty logins of one user that wait beside the other tests, for longer
    than the twenty seconds of one that need not, and than one would be kept
    waiting for its turn."""
    user = lab.boxes["userns"].user
    with lab.crun.container("late", lab.boxes["crun"].container.root,
                            start=False) as container, \
            lab.config.own(user, keys(container, "wait = 60")), \
            futures.ThreadPoolExecutor(51) as pool:
        logins = [pool.submit(lab.direct, user, "-c", "hostname", timeout=50)
                  for _ in range(50)]
        start = pool.submit(lambda: time.sleep(22) or lab.crun.call(
            "start", "late", check=True))
        yield logins
        start.result()


# -- what comes is waited for ------------------------------------------------

def test_a_long_wait_begins(long_wait):
    assert not any(login.done() for login in long_wait)


def test_a_created_container_is_waited_for(lab, guest, created):
    with lab.config.own(guest, keys(created)), \
            after(1.0, lambda: lab.crun.call("start", "created", check=True)):
        result = lab.login(guest, "hostname")
    assert result.out == "inside\n", result.err
    assert 0.9 < result.seconds < 5


def test_a_restarting_docker_container_is_waited_for(lab, guest, tmp_path):
    """It fails until a file is there, and is started again ever later."""
    tmp_path.chmod(0o755)
    script = "test -e /flag/up && exec /bin/probe init; exit 1"
    with lab.docker.container(
            "flapping", "lab", "--restart", "always", "--volume",
            f"{tmp_path}:/flag", "--entrypoint", "/bin/sh", "lab",
            "-c", script) as container:
        process.wait_for(lambda: lab.docker.inspect(
            "flapping", "{{.State.Restarting}}") == "true", what="a restart")
        with lab.config.own(guest, keys(container)), \
                after(1.0, (tmp_path / "up").touch):
            result = lab.login(guest, "hostname")
    assert result.out == "inside\n", result.err


def test_a_wait_has_an_end(lab, guest, created, refusal):
    with lab.config.own(guest, keys(created, "wait = 2")):
        result = lab.direct(guest, "-c", "true")
    reason = refusal(result, guest, "E_ABSENT")
    assert reason == "container is created, not started; waited 2 s"
    assert 2 <= result.seconds < 4


# -- and nothing else is -----------------------------------------------------

def test_without_patience_it_is_refused_at_once(lab, guest, created, refusal):
    with lab.config.own(guest, keys(created, "wait = 0")):
        result = lab.direct(guest, "-c", "true")
    refusal(result, guest, "E_ABSENT")
    assert result.seconds < 1.5


def test_a_stopped_one_is_refused_at_once(lab, guest, refusal):
    with lab.docker.container("ended", "lab") as container, \
            lab.config.own(guest, keys(container)):
        lab.docker.call("kill", "ended", check=True)
        result = lab.direct(guest, "-c", "true")
    refusal(result, guest, "E_ABSENT")
    assert result.seconds < 1.5


def test_a_paused_one_is_refused_at_once(lab, guest, refusal):
    container = lab.boxes["docker"].container
    with lab.docker.paused("box"), lab.config.own(guest, keys(container)):
        result = lab.direct(guest, "-c", "true")
    refusal(result, guest, "E_PAUSED")
    assert result.seconds < 1.5


def test_explain_waits_for_nothing(lab, guest, created):
    with lab.config.own(guest, keys(created, "wait = 60")):
        result = lab.ctl("explain", guest.name)
    assert "waits:     a login waits for it, up to 60 s\n" in result.out
    assert "refused:   E_ABSENT: container is created, not started\n" \
        in result.out
    assert result.status == 1
    assert result.seconds < 1.5


# -- starting ----------------------------------------------------------------

ONDEMAND = 'start = "ondemand"'
STARTING = "ctsh: starting your container ...\r\n"


@contextlib.contextmanager
def stopped(lab, name, *options):
    with lab.docker.container(name, "lab", *options) as container:
        lab.docker.call("kill", name, check=True)
        yield container


def begun(lab, name):
    """When it was last started, to the nanosecond."""
    return lab.docker.inspect(name, "{{.State.StartedAt}}")


@pytest.fixture
def counted(lab, tmp_path):
    """A stopped container, and how often it has been started."""
    tmp_path.chmod(0o755)
    starts = tmp_path / "starts"
    script = "echo >>/count/starts; exec /bin/probe init"
    with lab.docker.container(
            "counted", "lab", "--volume", f"{tmp_path}:/count",
            "--entrypoint", "/bin/sh", "lab", "-c", script) as container:
        process.wait_for(starts.exists, what="the first start")
        lab.docker.call("kill", "counted", check=True)
        yield container, lambda: len(starts.read_text())


def test_a_stopped_container_is_started(lab, guest, counted):
    container, starts = counted
    with lab.config.own(guest, keys(container, ONDEMAND)):
        assert starts() == 1
        result = lab.login(guest, "hostname")
        again = lab.login(guest, "hostname")
        assert starts() == 2
    assert (result.out, result.err) == ("inside\n", "")
    assert again.out == "inside\n"


def test_a_container_that_never_ran_is_started(lab, guest):
    lab.docker.call("create", "--name", "unborn", "--network", "none",
                    "--hostname", "inside", "lab", check=True)
    try:
        with lab.config.own(guest, "\n".join(
                ['container = "labdocker:unborn"', ONDEMAND, ""])):
            result = lab.login(guest, "hostname")
    finally:
        lab.docker.call("rm", "--force", "unborn", timeout=60)
    assert (result.out, result.err) == ("inside\n", "")


def test_it_is_the_daemons_child(lab, guest):
    """Nothing of the login is in it: group, limits, priority, audit."""
    with stopped(lab, "orphan") as container, \
            lab.config.own(guest, keys(container, ONDEMAND)):
        argv = ["nice", "-n", "7", "prlimit", "--core=123:123",
                *lab.direct_argv(guest, "-c", "true")]
        result = process.run(argv)
        assert result.status == 0, result.err
        status = process.read(f"/proc/{container.pid}/status")
        stat = process.read(f"/proc/{container.pid}/stat")
        group = process.read(f"/proc/{container.pid}/cgroup")
        limits = process.read(f"/proc/{container.pid}/limits")
        login = process.read("/proc/self/loginuid")
        its = process.read(f"/proc/{container.pid}/loginuid")
    assert stat.rpartition(")")[2].split()[16] == "0"
    assert lab.docker.cgroup in group
    assert re.search(r"Max core file size +(?!123 )", limits)
    assert re.search(r"^SigBlk:\t0+$", status, re.M)
    assert its == login


def test_fifty_first_logins_start_it_once(lab, guest, counted):
    container, starts = counted
    with lab.config.own(guest, keys(container, ONDEMAND)), \
            futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(
            lambda _: lab.direct(guest, "-c", "hostname", timeout=40),
            range(50)))
        assert starts() == 2
    assert [r.out for r in results] == ["inside\n"] * 50, \
        [r.err for r in results if r.err]


def test_progress_is_shown_at_a_terminal(lab, guest):
    with stopped(lab, "visible") as container, \
            lab.config.own(guest, keys(container, ONDEMAND)):
        with lab.terminal(guest) as opened:
            opened.see("^" + re.escape(STARTING))
            assert opened.prompt().ask("hostname") == "inside"
        with lab.terminal(guest) as opened:
            opened.prompt()
            assert "starting" not in opened.child.before


def test_waiting_is_told_at_a_terminal(lab, guest, created):
    with lab.config.own(guest, keys(created)), lab.terminal(guest) as opened:
        opened.see(r"^ctsh: waiting for your container \.\.\.\r\n")
        lab.crun.call("start", "created", check=True)
        assert opened.prompt().ask("hostname") == "inside"


def test_a_stopped_terminal_holds_nobody_up(lab, guest):
    """Whoever types ^S first."""
    with stopped(lab, "silent") as container, \
            lab.config.own(guest, keys(container, ONDEMAND)), \
            lab.direct_terminal(guest) as opened:
        opened.type("\x13")
        process.wait_for(lambda: lab.docker.inspect(
            "silent", "{{.State.Running}}") == "true", what="a start")
        opened.type("\x11")
        assert opened.prompt().ask("hostname") == "inside"


def test_explain_starts_nothing(lab, guest):
    with stopped(lab, "untouched") as container, \
            lab.config.own(guest, keys(container, ONDEMAND)):
        before = begun(lab, "untouched")
        result = lab.ctl("explain", guest.name)
        assert begun(lab, "untouched") == before
    assert "starts:    a login would start it, and wait up to 15 s\n" \
        in result.out
    assert "refused:   E_ABSENT: container is stopped\n" in result.out


def test_the_module_starts_it_too(lab, guest, counted):
    """It comes before the shell, which otherwise had nothing to start."""
    container, starts = counted
    with pam.services(lab) as services, \
            lab.config.own(guest, keys(container, ONDEMAND)):
        services.line("join=net", f"users={guest.name}")
        result = services.tester(guest, "open_session", "close_session")
        services.line("join=net", "users=nobody")
        assert (result.status, result.err) == (0, "")
        assert starts() == 2


# -- and not starting --------------------------------------------------------

def test_one_that_may_not_be_started_stays_stopped(lab, guest, refusal):
    with stopped(lab, "forbidden") as container, \
            lab.config.own(guest, keys(container, 'start = "never"')):
        before = begun(lab, "forbidden")
        refusal(lab.direct(guest, "-c", "true"), guest, "E_ABSENT")
        assert begun(lab, "forbidden") == before


def test_a_paused_one_is_not_started(lab, guest, refusal):
    container = lab.boxes["docker"].container
    with lab.docker.paused("box"), \
            lab.config.own(guest, keys(container, ONDEMAND)):
        result = lab.direct(guest, "-c", "true")
    refusal(result, guest, "E_PAUSED")
    assert result.seconds < 1.5


def test_the_beginning_of_an_id_starts_nothing(lab, guest, refusal):
    """To the engine it would be a name."""
    with stopped(lab, "stranger") as container:
        short = container.extra["id"][:12]
        before = begun(lab, "stranger")
        with lab.config.own(guest, f'container = "labdocker:{short}"\n'
                            f"{ONDEMAND}\n"):
            reason = refusal(lab.direct(guest, "-c", "true"), guest,
                             "E_ABSENT")
        assert begun(lab, "stranger") == before
    assert reason.startswith(f"no {short}: the engine answers with stranger")


def test_one_that_dies_at_once_is_refused(lab, guest, refusal):
    with lab.docker.container("mortal", "lab", "--entrypoint", "/bin/true") \
            as container, lab.config.own(guest, keys(container, ONDEMAND)):
        process.wait_for(lambda: lab.docker.inspect(
            "mortal", "{{.State.Running}}") == "false", what="its end")
        result = lab.direct(guest, "-c", "true")
    reason = refusal(result, guest, "E_ABSENT")
    assert reason.startswith("was started; ")
    assert result.seconds < 8


def test_one_that_cannot_be_started_is_tried_once_for_all(lab, guest,
                                                          refusal):
    """Not by each of those who wait for it."""
    lab.docker.call("create", "--name", "broken", "--network", "none",
                    "--entrypoint", "/nowhere", "lab", check=True)
    try:
        with lab.config.own(guest, "\n".join(
                ['container = "labdocker:broken"', ONDEMAND, ""])), \
                futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(
                lambda _: lab.direct(guest, "-c", "true"), range(8)))
            reasons = [refusal(r, guest, "E_ABSENT") for r in results]
            later = refusal(lab.direct(guest, "-c", "true"), guest,
                            "E_ABSENT")
    finally:
        lab.docker.call("rm", "--force", "broken", timeout=60)
    tried = [r for r in reasons if "/nowhere" in r]
    shared = "another login has tried to start it"
    assert tried and len(tried) + reasons.count(shared) == 8
    assert reasons.count(shared) >= 4
    assert "/nowhere" in later
    assert max(r.seconds for r in results) < 10


# -- by the service manager --------------------------------------------------

@pytest.fixture
def managed(lab):
    """A login where something stands in for systemd."""
    with manager.manager(lab) as own:
        def attempt(user, *args, **how):
            own.service(**how)
            return own.login(user, *args)
        yield attempt


@pytest.fixture
def lxc(lab):
    """One that has ended, and its rule."""
    tree = lab.boxes["crun"].container.root
    with lab.lxc.container("ondemand", tree):
        lab.lxc.call("stop", "ondemand", "--kill", check=True)
        with lab.config.extended('engine lablxc {{ type = "lxc" root = "{}" '
                                 '}}\n'.format(lab.lxc.directory)):
            yield f'container = "lablxc:ondemand"\n{ONDEMAND}\n'


def test_lxc_is_started(lab, guest, lxc, managed):
    with lab.config.own(guest, lxc):
        result = managed(guest, "-c", "readlink /proc/self/ns/pid")
        assert result.status == 0, result.err
        pid = lab.lxc.pid("ondemand")
        assert result.out.strip() == os.readlink(f"/proc/{pid}/ns/pid")


def test_lxc_says_why_it_cannot(lab, guest, lxc, managed, refusal):
    config = f"{lab.lxc.directory}/ondemand/config"
    with open(config, "a") as file:
        file.write("lxc.rootfs.path = /nowhere\n")
    with lab.config.own(guest, lxc):
        reason = refusal(managed(guest, "-c", "true"), guest, "E_ABSENT")
    assert reason.startswith("/usr/bin/lxc-start: lxc-start ondemand ")
    assert "/nowhere" in reason


def test_a_configuration_of_lxc_that_others_may_write(lab, guest, lxc,
                                                      managed, refusal):
    os.chmod(f"{lab.lxc.directory}/ondemand/config", 0o666)
    with lab.config.own(guest, lxc):
        reason = refusal(managed(guest, "-c", "true"), guest, "E_CONFIG")
    assert "config" in reason


def test_podman_is_started(lab, guest, managed):
    head = lab.podman.head
    conf = head[head.index("env") + 1]
    with lab.podman.container("ondemand", lab.tree("sleeper")):
        lab.podman.call("kill", "ondemand", check=True)
        with lab.config.extended(
                f'engine labpodman {{ type = "podman" '
                f'root = "{lab.podman.root}" '
                f'runroot = "{lab.podman.run_root}" }}\n'), lab.config.own(
                guest, f'container = "labpodman:ondemand"\n{ONDEMAND}\n'):
            result = managed(guest, "-c", "hostname", path="/usr/sbin:/usr/bin",
                             more=conf)
    assert (result.out, result.err) == ("inside\n", "")


@pytest.mark.parametrize("engine", ["crun", "runc"])
def test_without_a_service_manager_they_are_not_started(lab, guest, refusal,
                                                        engine):
    """Here tests/vm has a systemd; where this machine runs one, a view of it
    without."""
    prefix = lab.log_prefix
    bundle = f"{lab.base}/ondemand-{engine}"
    engines.bundle(bundle, "/nowhere", f"/{lab.tag}/ondemand")
    try:
        with lab.config.own(
                guest, f'container = "lab{engine}:ondemand"\n{ONDEMAND}\n'
                f'bundle = "{bundle}"\n'):
            with machine.view(["mkdir", "-p", "/run/systemd"],
                              ["mount", "-t", "tmpfs", "none",
                               "/run/systemd"], inside=prefix) as without:
                argv = lab.direct_argv(guest, "-c", "true")[len(prefix):]
                result = process.run([*without, *argv])
    finally:
        shutil.rmtree(bundle)
    reason = refusal(result, guest, "E_CONFIG")
    assert re.fullmatch(r"systemd does not run here, and /usr/s?bin/"
                        f"{engine} may not be started by a login", reason)


# -- an engine that fails ----------------------------------------------------

def answer(status, body):
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n" \
        f"{body}".encode()


@pytest.fixture
def fake(lab, guest, refusal):
    """A stopped container, and that answer when it is to be started."""
    def attempt(posted, *more):
        described = lab.docker.call("inspect", "box", check=True).out
        content = json.loads(described)[0]
        content["State"].update(Running=False, Status="exited", Pid=0)
        script = {"GET": answer("200 OK", json.dumps(content)).decode(),
                  "POST": None if posted is None
                  else posted.decode("latin-1")}
        with lab.fake_engine("script", json.dumps(script).encode()) as path, \
                lab.config.extended(f'engine fake {{ type = "docker" '
                                    f'socket = "{path}" }}\n'), \
                lab.config.own(guest, "\n".join(
                    ['container = "fake:box"', ONDEMAND, *more, ""])):
            result = lab.direct(guest, "-c", "true")
        return result, lambda code: refusal(result, guest, code)
    return attempt


def test_the_engines_own_words_are_logged_and_not_shown(fake):
    words = "no space left on device: \x1b[2J\"\n\u00e9 forged=1"
    result, refused = fake(answer("500 Internal Server Error",
                                  json.dumps({"message": words})))
    reason = refused("E_ABSENT")
    assert reason == "HTTP status 500: no space left on device: " \
        "?[2J\\x22??? forged=1"
    assert "space" not in result.err


def test_a_start_that_takes_too_long_is_refused_in_time(fake):
    result, refused = fake(None, "wait = 2")
    assert "ETIMEDOUT" in refused("E_ABSENT")
    assert 1.9 < result.seconds < 4


@pytest.mark.parametrize("posted", [
    b"", b"hello\n", b"HTTP/1.0 204 No", b"HTTP/1.0 204 No\r\n\x00\r\n\r\n",
    b"HTTP/1.0 302 Found\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_an_engine_that_talks_garbage_when_it_is_to_start(fake, posted):
    _, refused = fake(posted)
    refused("E_ENGINE")


def test_an_engine_that_only_says_that_it_started(fake):
    _, refused = fake(b"HTTP/1.0 204 No Content\r\n\r\n")
    assert refused("E_ABSENT") == "was started; container is stopped"


# -- at last -----------------------------------------------------------------

def test_a_long_wait_moves_the_end_of_the_login(long_wait):
    results = [login.result(40) for login in long_wait]
    assert [r.out for r in results] == ["inside\n"] * 50, \
        [r.err for r in results if r.err]
    assert min(r.seconds for r in results) > 21
