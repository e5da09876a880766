# SPDX-License-Identifier: MIT
"""Containers that are not there yet: `wait`."""

import contextlib
import threading
import time

import pytest

from lab import process


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


# -- what comes is waited for ------------------------------------------------

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


@pytest.mark.limit(60)
def test_a_wait_moves_the_end_of_the_login(lab, guest, created):
    """Twenty seconds are for a login that need not wait."""
    with lab.config.own(guest, keys(created, "wait = 60")), \
            after(22, lambda: lab.crun.call("start", "created", check=True)):
        result = lab.direct(guest, "-c", "hostname", timeout=40)
    assert result.out == "inside\n", result.err
    assert result.seconds > 21


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
