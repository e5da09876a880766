# SPDX-License-Identifier: MIT
"""Machines of systemd-nspawn.

Without a machined the real thing runs here; the files of machined are in the
exact layout of its versions, about machines that really run.
"""

import contextlib
import os
import re
import subprocess
import time

import pytest

from lab import process, variants

MACHINES = "/run/systemd/machines"

# As machined 252 writes it.
FILE = """\
# This is private data. Do not parse.
NAME={name}
SCOPE={unit}
SERVICE=systemd-nspawn
ROOT={root}
ID=b5ae8f5b7d8a4a0cbbf2d3c7f6a2e9d1
LEADER={pid}
CLASS=container
REALTIME=1763917000000000
MONOTONIC=1000000
"""


@pytest.fixture(scope="module")
def spawned(lab):
    """One with the host's ids, one with a user namespace."""
    name = f"{lab.tag}m"
    start = variants.USERNS_START
    with contextlib.ExitStack() as stack:
        yield {
            "plain": stack.enter_context(lab.nspawn.container(
                name, lab.tree("nspawn"))),
            "userns": stack.enter_context(lab.nspawn.container(
                f"{name}-u", lab.tree("nspawn-u", start),
                f"--private-users={start}:65536")),
        }


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login that must be refused with that code; gives the reason."""
    def check(name, code):
        with lab.config.own(guest, f'container = "nspawn:{name}"\n'):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


@contextlib.contextmanager
def registered(name, text):
    """As if machined had written that."""
    made = not os.path.isdir(MACHINES)
    os.makedirs(MACHINES, exist_ok=True)
    path = f"{MACHINES}/{name}"
    with open(path, "w") as file:
        file.write(text)
    try:
        yield path
    finally:
        os.unlink(path)
        if made:
            os.rmdir(MACHINES)


def file_of(lab, box, **more):
    values = {"name": box.name, "root": box.root, "pid": box.pid,
              "unit": lab.nspawn.unit(box.name).replace("\\", "\\\\")}
    return FILE.format(**{**values, **more})


def lands_in(lab, guest, box):
    with lab.config.own(guest, f'container = "{box.spec}"\n'):
        result = lab.login(guest, "readlink /proc/self/ns/mnt; id -u")
    assert result.err == ""
    assert result.out == os.readlink(f"/proc/{box.pid}/ns/mnt") + \
        f"\n{lab.inner_uid('guest')}\n"


# -- without machined --------------------------------------------------------

@pytest.mark.parametrize("kind", ["plain", "userns"])
def test_a_login_lands_in_the_machine_of_that_name(lab, spawned, guest, kind):
    lands_in(lab, guest, spawned[kind])


def test_its_filters_come_along(lab, spawned, guest):
    box = spawned["plain"]
    with lab.config.own(guest, f'container = "{box.spec}"\n'):
        result = lab.direct(guest, "-c",
                            "grep Seccomp_filters /proc/self/status")
    assert result.out.split()[1] == \
        process.status(box.pid)["Seccomp_filters"]


def test_only_the_exact_name_will_do(spawned, attempt):
    name = spawned["plain"].name
    for other in (name[:-1], f"{name}x", name.upper()):
        assert attempt(other, "E_ABSENT") == \
            f"no systemd-nspawn runs with -M {other}"


def test_one_that_ended_is_absent_and_a_frozen_one_paused(lab, attempt):
    name = f"{lab.tag}m-3"
    root = "/sys/fs/cgroup/freezer"
    file, on, off = "freezer.state", "FROZEN", "THAWED"
    if not os.path.isdir(root):
        root, file, on, off = "/sys/fs/cgroup", "cgroup.freeze", "1", "0"
    with lab.nspawn.container(name, lab.tree("nspawn-3")):
        path = f"{root}/{lab.nspawn.group(name)}/{file}"
        with open(path, "w") as state:
            state.write(on)
        try:
            attempt(name, "E_PAUSED")
        finally:
            with open(path, "w") as state:
                state.write(off)
    assert "no systemd-nspawn runs" in attempt(name, "E_ABSENT")


# -- with machined -----------------------------------------------------------

@pytest.mark.parametrize("kind", ["plain", "userns"])
def test_what_machined_wrote_is_found(lab, spawned, guest, kind):
    box = spawned[kind]
    with registered(box.name, file_of(lab, box)):
        lands_in(lab, guest, box)


def test_a_later_machined_writes_more(lab, spawned, guest):
    box = spawned["plain"]
    text = file_of(lab, box).replace(
        "SCOPE=", "UID=0\nSCOPE=") + "LEADER_PIDFDID=4711\nNETIF=\"1 2\"\n"
    with registered(box.name, text):
        lands_in(lab, guest, box)


def test_newer_versions_put_quotes_around_escapes(lab, spawned, guest):
    box = spawned["userns"]
    escaped = "\\\\x2du.scope"
    text = file_of(lab, box)
    assert escaped in text
    quoted = re.sub("SCOPE=(.*)", r'SCOPE="\1"', text)
    with registered(box.name, quoted):
        lands_in(lab, guest, box)


def test_a_leader_in_another_unit_is_refused(lab, spawned, attempt):
    box = spawned["plain"]
    text = file_of(lab, box, unit="machine-other.scope")
    with registered(box.name, text):
        assert "does not name container machine-other.scope" in \
            attempt(box.name, "E_UNSAFE")


def test_a_leader_younger_than_the_file_is_refused(lab, spawned, attempt):
    """The file outlived its machine, and the number came round."""
    box = spawned["plain"]
    with registered(box.name, file_of(lab, box)) as path:
        long_ago = time.time() - 3600
        os.utime(path, (long_ago, long_ago))
        assert "younger than the file" in attempt(box.name, "E_UNSAFE")


def test_a_leader_that_ended_is_absent(lab, spawned, attempt):
    ended = subprocess.Popen(["true"])
    ended.wait()
    box = spawned["plain"]
    with registered(box.name, file_of(lab, box, pid=ended.pid)):
        attempt(box.name, "E_ABSENT")


@pytest.mark.parametrize("pid", [os.getpid(), 2])
def test_a_leader_on_the_host_is_refused(lab, spawned, attempt, pid):
    box = spawned["plain"]
    with registered(box.name, file_of(lab, box, pid=pid)):
        attempt(box.name, "E_UNSAFE")


def test_machines_of_users_are_refused(lab, spawned, attempt):
    box = spawned["plain"]
    text = file_of(lab, box).replace("SCOPE=", "UID=1000\nSCOPE=")
    with registered(box.name, text):
        assert attempt(box.name, "E_UNSAFE") == \
            f"machine {box.name} belongs to uid 1000"


def test_a_file_that_is_not_roots_is_refused(lab, spawned, attempt):
    box = spawned["plain"]
    with registered(box.name, file_of(lab, box)) as path:
        os.chown(path, 1000, 0)
        attempt(box.name, "E_UNSAFE")
