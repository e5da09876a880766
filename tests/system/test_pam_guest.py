# SPDX-License-Identifier: MIT
"""The PAM module in somebody else's process: it leaves no trace."""

import contextlib
import json
import os

import pytest

from lab import install, process

WITNESS = f"{install.SOURCE}/tests/lab/pam_witness.py"

SUCCESS, SESSION_ERR = 0, 14


@pytest.fixture
def here(lab, services):
    yield services.line
    services.line("join=net", "users=nobody")


@pytest.fixture
def witness(lab, services):
    """Everything about its process before and after; it says nothing but
    that."""
    def run(user, *steps, prefix=(), env=None):
        result = services.run(*prefix, "/usr/bin/python3", WITNESS, user,
                              lab.ctsh.pam, *steps, timeout=60, env=env)
        assert result.err == "", result
        found = json.loads(result.out)
        return found["said"], found["changed"]
    return run


NOTHING = {"open": [], "close": [], "end": []}

# Who is ignored or refused sees no difference between them.
JOINS = ("net", "all")


@pytest.fixture(params=JOINS)
def join(request):
    return f"join={request.param}"


# -- nothing of the caller is changed ------------------------------------------

@contextlib.contextmanager
def somebody_else(lab, user, here, join):
    here(join, "users=nobody")
    yield user.name


@contextlib.contextmanager
def the_superuser(lab, user, here, join):
    here(join, f"users={user.name},root")
    yield "root"


@contextlib.contextmanager
def break_glass(lab, user, here, join):
    here(join, f"users={user.name}")
    with lab.config.break_glass(f"{user.name}\n"):
        yield user.name


@contextlib.contextmanager
def with_debug(lab, user, here, join):
    here(join, "users=nobody", "debug")
    yield user.name


@pytest.mark.parametrize("who", [somebody_else, the_superuser, break_glass,
                                 with_debug], ids=lambda who: who.__name__)
def test_who_is_ignored_finds_everything_as_it_was(lab, here, witness,
                                                   crun_box, who, join):
    with who(lab, crun_box.user, here, join) as name:
        said, changed = witness(name, "open", "close")
    # pam_permit stands before it, and IGNORE counts for nothing.
    assert (said, changed) == ([SUCCESS, SUCCESS], NOTHING)


@contextlib.contextmanager
def wrong_line(lab, user, here, join):
    here(join)
    yield user.name


@contextlib.contextmanager
def no_rule(lab, user, here, join):
    guest = lab.users["guest"]
    here(join, f"users={guest.name}")
    yield guest.name


@contextlib.contextmanager
def no_container(lab, user, here, join):
    here(join, f"users={user.name}")
    with lab.config.own(user, 'container = "labcrun:nosuch"\n'):
        yield user.name


@contextlib.contextmanager
def paused(lab, user, here, join):
    here(join, f"users={user.name}")
    with lab.crun.paused(lab.boxes["crun"].container.name):
        yield user.name


@contextlib.contextmanager
def nobody(lab, user, here, join):
    here(join, "users=nobody")
    yield "no-such-user-here"


@pytest.mark.parametrize("why", [wrong_line, no_rule, no_container, paused,
                                 nobody], ids=lambda why: why.__name__)
def test_who_is_refused_finds_everything_as_it_was(lab, here, witness,
                                                   crun_box, why, join):
    with why(lab, crun_box.user, here, join) as name:
        said, changed = witness(name, "open")
    assert (said, changed) == ([SESSION_ERR], {"open": [], "end": []})


JOINED = {"open": ["descriptors", "namespaces"], "close": [], "end": []}


def test_a_session_changes_the_namespace_and_keeps_the_way_back(
        lab, here, witness, box):
    here("join=net", f"users={box.user.name}")
    said, changed = witness(box.user.name, "open", "close")
    assert (said, changed) == ([SUCCESS, SUCCESS], JOINED)


def test_a_handle_that_is_ended_without_closing_keeps_no_descriptor(
        lab, here, witness, crun_box):
    here("join=net", f"users={crun_box.user.name}")
    said, changed = witness(crun_box.user.name, "open")
    assert (said, changed) == ([SUCCESS], {
        "open": ["descriptors", "namespaces"], "end": ["namespaces"]})


def test_the_callers_environment_is_not_looked_at(lab, here, witness,
                                                  crun_box):
    """What would make libc read files of somebody's choice, or say things."""
    here("join=net", f"users={crun_box.user.name}")
    trap = f"{lab.base}/home/trap"
    said, changed = witness(
        crun_box.user.name, "open", "close",
        env={**os.environ, "TZ": f":{trap}", "LC_ALL": "de_DE.UTF-8",
             "LOCPATH": trap, "HOSTALIASES": trap, "NLSPATH": trap,
             "CTSH_CONFDIR": trap, "CONFUSE_DEBUG": "1"},
        prefix=["strace", "-f", "-qq", "-e", "trace=openat,open,openat2",
                "-e", "signal=none", "-o", f"{trap}.strace"])
    assert (said, changed) == ([SUCCESS, SUCCESS], JOINED)
    opened = process.read(f"{trap}.strace")
    # Python's own reading of LOCPATH, before the module is there.
    after = opened[opened.index("pam_ctsh.so"):]
    assert "/home/trap" not in after, [
        line for line in after.splitlines() if "/home/trap" in line]


# -- loaded and unloaded -------------------------------------------------------

def test_loaded_a_thousand_times_it_costs_nothing(witness, crun_box):
    """No memory, no descriptor, no library that stays."""
    said, changed = witness(crun_box.user.name, "load")
    assert changed == {"end": []}
    assert said[0] < 4096
