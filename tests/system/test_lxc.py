# SPDX-License-Identifier: MIT
"""Containers of LXC, found by their monitor; LXC 5 of Debian is what runs."""

import contextlib
import os
import signal

import pytest

from lab import lxc, process, variants

SECTIONS = """\
engine lablxc {{ type = "lxc"  root = "{root}" }}
engine lablonglxc {{ type = "lxc"  root = "{longer}" }}
"""


@pytest.fixture(scope="module")
def lxcs(lab):
    """One with the host's ids, one with a user namespace, and the section of
    the configuration by which rules name them."""
    shifted = lab.tree("lxc-userns", variants.USERNS_START)
    with contextlib.ExitStack() as stack:
        made = {
            "privileged": stack.enter_context(lab.lxc.container(
                "mbox", lab.tree("lxc-privileged"))),
            "unprivileged": stack.enter_context(lab.lxc.container(
                "mbox-u", shifted, *variants.lines("userns", ""))),
        }
        stack.enter_context(lab.config.extended(SECTIONS.format(
            root=lab.lxc.directory, longer=long_directory(lab))))
        yield made


def long_directory(lab):
    return f"{lab.base}/lxc-{'long' * 24}"


@pytest.fixture
def attempt(lab, lxcs, guest, refusal):
    """A login that must be refused with that code; gives the reason."""
    def check(container, code):
        with lab.config.own(guest, f'container = "{container}"\n'):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


@pytest.fixture(scope="module")
def tree(lab):
    return lab.tree("lxc-more")


@pytest.fixture
def third(lab, lxcs, tree):
    """One to be spoiled."""
    with lab.lxc.container("mbox-3", tree) as container:
        yield container


def monitor_of(container):
    return process.parent(container.pid)


@pytest.mark.parametrize("kind", ["privileged", "unprivileged"])
def test_a_login_lands_in_the_container_of_that_name(lab, lxcs, guest, kind):
    box = lxcs[kind]
    with lab.config.own(guest, f'container = "lablxc:{box.name}"\n'):
        result = lab.login(guest, "readlink /proc/self/ns/mnt; id -u")
    assert result.err == ""
    assert result.out == os.readlink(f"/proc/{box.pid}/ns/mnt") + \
        f"\n{lab.inner_uid('guest')}\n"


def test_the_standard_directory_needs_no_section(lab, lxcs, guest, attempt):
    assert attempt("lxc:mbox", "E_ABSENT") == \
        "no monitor at @/var/lib/lxc/mbox/command"


@pytest.mark.parametrize("name", ["mbo", "mbox-", "MBOX", "mbox.", "none"])
def test_only_the_exact_name_will_do(attempt, name):
    assert "no monitor at" in attempt(f"lablxc:{name}", "E_ABSENT")


@pytest.mark.parametrize("name", ["../mbox", "a/mbox", "-mbox", "mbox command"])
def test_what_is_no_name_is_not_asked_for(attempt, name):
    attempt(f"lablxc:{name}", "E_CONFIG")


def test_a_stopped_one_is_absent(lab, attempt, third):
    lab.lxc.call("stop", third.name, "--kill", check=True)
    assert "no monitor at" in attempt(f"lablxc:{third.name}", "E_ABSENT")


def test_a_frozen_one_is_paused(lab, attempt, third):
    lab.lxc.call("freeze", third.name, check=True)
    try:
        attempt(f"lablxc:{third.name}", "E_PAUSED")
    finally:
        lab.lxc.call("unfreeze", third.name, check=True)


def test_one_whose_monitor_is_stuck_is_no_answer(attempt, third):
    monitor = monitor_of(third)
    os.kill(monitor, signal.SIGSTOP)
    try:
        assert "answer of the monitor" in attempt(f"lablxc:{third.name}",
                                                  "E_ENGINE")
    finally:
        os.kill(monitor, signal.SIGCONT)


def test_one_whose_monitor_was_killed_is_absent(lab, attempt, third):
    init, monitor = third.pid, monitor_of(third)
    os.kill(monitor, signal.SIGKILL)
    try:
        assert "no monitor at" in attempt(f"lablxc:{third.name}", "E_ABSENT")
    finally:
        process.kill_if_there(init)


def test_a_name_too_long_for_a_socket_is_found_by_its_hash(lab, lxcs, guest,
                                                           tree):
    directory = long_directory(lab)
    engine = lxc.Lxc(directory, lab.tag, lab.engine_prefix)
    with lxc.traces(directory), engine.container("hashed", tree) as box:
        assert f"{directory}/" not in process.read("/proc/net/unix")
        with lab.config.own(guest, 'container = "lablonglxc:hashed"\n'):
            result = lab.direct(guest, "-c", "readlink /proc/self/ns/mnt")
        assert result.out == os.readlink(f"/proc/{box.pid}/ns/mnt") + "\n"


def test_one_that_is_to_have_no_filter_needs_none(lab, lxcs, guest, tree):
    with lab.lxc.container("mbox-4", tree, "lxc.seccomp.profile ="), \
            lab.config.own(guest, 'container = "lablxc:mbox-4"\n'):
        result = lab.direct(guest, "-c", "grep Seccomp: /proc/self/status")
    assert result.out == "Seccomp:\t0\n"
