# SPDX-License-Identifier: MIT
"""Tests against real engines and a real sshd.  They need root:

    /usr/bin/python3 -m pytest tests/system tests/hostile
"""

import contextlib
import os
import re
import signal

import pytest

from lab import debian, laboratory, pam
from lab import remote as remote_sshd

# It checks for many tests, and a failure is to say what it saw.
pytest.register_assert_rewrite("lab.hostile")

TEST_LIMIT = 90     # seconds, for one test
SETUP_LIMIT = 400   # the first one builds everything


class TooLong(BaseException):
    """Not an Exception: no test may catch it by accident."""


def pytest_configure(config):
    # Finalizers run on SIGTERM as they do on ^C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        raise pytest.UsageError("these tests need root")
    os.umask(0o022)
    config.addinivalue_line("markers", "limit(seconds): for this one test")


def pytest_collection_modifyitems(items):
    # What is left behind can only be said at the end.
    items.sort(key=lambda item: "test_leftovers" in item.nodeid)


@contextlib.contextmanager
def limit(seconds):
    def late(*_):
        raise TooLong(f"no end after {seconds} s")
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup():
    with limit(SETUP_LIMIT):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("limit")
    with limit(marker.args[0] if marker else TEST_LIMIT):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    the_lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and the_lab is not None:
        report.sections.extend(the_lab.report())


@pytest.fixture(scope="session")
def lab():
    with contextlib.ExitStack() as stack:
        yield laboratory.Lab(stack)


@pytest.fixture(scope="module")
def services(lab):
    """A pam.d of their own, whose line for the module can be changed."""
    with pam.services(lab) as made:
        yield made


@pytest.fixture(params=laboratory.BOXES)
def box(request, lab):
    """One container of each engine in turn."""
    return lab.boxes[request.param]


@pytest.fixture(scope="session")
def houses(lab):
    return debian.Houses(lab)


@pytest.fixture(params=debian.KINDS)
def house(request, houses):
    """One container with a real userland of each engine in turn."""
    return houses.house(request.param)


@pytest.fixture(scope="session")
def remote(lab):
    """An sshd of its own, for tools that start ssh themselves."""
    with remote_sshd.remote(lab, "remote") as server:
        yield server


@pytest.fixture
def crun_box(lab):
    """For what does not depend on the engine."""
    return lab.boxes["crun"]


@pytest.fixture
def guest(lab):
    """A user without a rule of the standard configuration."""
    return lab.users["guest"]


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login of the guest there must be refused with that code; gives the
    reason."""
    def check(spec, code):
        keys = f'container = "{spec}"\nwait = 0\n'
        with lab.config.own(guest, keys):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


@pytest.fixture
def dash_inside(lab, guest, houses):
    """A login to the very shell that the plain user has on the host."""
    house = houses.house("crun")
    with lab.config.own(guest, f'container = "{house.container.spec}"\n'
                        f'user = "{house.user.name}"\nshell = "/bin/sh"\n'):
        yield guest


SENTENCES = {
    "E_USAGE": "Unsupported options.",
    "E_CONFIG": "Your login is not set up correctly.",
    "E_DENIED": "You may not log in here.",
    "E_ABSENT": "Your container is not running.",
    "E_PAUSED": "Your container is paused.",
    "E_GONE": "Your container stopped during login.",
    "E_ENGINE": "The container service does not answer.",
    "E_UNSAFE": "Your container cannot be entered safely.",
    "E_IDENTITY": "You have no account in your container.",
    "E_LIMIT": "You have too many sessions.",
    "E_SYSTEM": "Something failed on this machine.",
}


@pytest.fixture
def refusal(lab):
    """Checks that a login was refused with this code, in every detail, and
    gives the reason in the log.  `sentence` stands in for the code's own."""
    def check(result, user, code, sentence=None, known=True):
        expected = rf"ctsh: {re.escape(sentence or SENTENCES[code])} " \
                   rf"\[{code} ([0-9a-f]{{8}})\]\n"
        match = re.fullmatch(expected, result.err)
        assert match, f"{result.err!r}; logged: {lab.log.ours()[-1:]}"
        assert result.out == ""
        assert result.status == 125
        line = lab.log.line("refused", ref=match.group(1))
        assert line["code"] == code
        assert line["user"] == (user.name if known else f"#{user.uid}")
        return line["reason"]
    return check
