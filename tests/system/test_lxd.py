# SPDX-License-Identifier: MIT
"""Instances of LXD, found by the monitor that LXC has for each.

LXD 5 of Debian is what runs.  Incus keeps its instances in the same way below
a directory of its own and is not to be had here: an engine section of its type
leads to LXD's.
"""

import contextlib
import os

import pytest

from lab import process

SECTIONS = """\
engine lablxd {{ type = "lxd"  root = "{root}" }}
engine labincus {{ type = "incus"  root = "{root}" }}
"""


@pytest.fixture(scope="module")
def lxds(lab):
    """One of the default project, one of the same name in another."""
    engine = lab.lxd
    engine.load("entered", lab.tree("lxd"))
    engine.call("project", "create", "team", "-c", "features.images=false",
                "-c", "features.profiles=false", check=True)
    with contextlib.ExitStack() as stack:
        stack.callback(engine.call, "project", "delete", "team")
        one = stack.enter_context(engine.container("ebox", "entered"))
        engine.call("init", "entered", one.name, "--project", "team",
                    "--config", "raw.lxc=lxc.init.cmd = /bin/probe init",
                    check=True, timeout=60)
        stack.callback(engine.call, "delete", "--force", "--project", "team",
                       one.name, timeout=60)
        engine.call("start", "--project", "team", one.name, check=True,
                    timeout=60)
        stack.enter_context(lab.config.extended(
            SECTIONS.format(root=engine.root)))
        yield one


@pytest.fixture
def attempt(lab, lxds, guest, refusal):
    """A login that must be refused with that code; gives the reason."""
    def check(container, code):
        with lab.config.own(guest, f'container = "{container}"\n'):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


def lands_in(lab, guest, container):
    with lab.config.own(guest, f'container = "{container}"\n'):
        result = lab.login(guest, "readlink /proc/self/ns/mnt")
    assert result.err == ""
    return result.out.strip()


def namespace(lab, name, project):
    out = lab.lxd.call("info", "--project", project, name, check=True).out
    pid, = [line.split()[1] for line in out.splitlines()
            if line.startswith("PID:")]
    return os.readlink(f"/proc/{pid}/ns/mnt")


@pytest.mark.parametrize("engine", ["lablxd", "labincus"])
def test_a_login_lands_in_the_instance_of_that_name(lab, lxds, guest, engine):
    default = namespace(lab, lxds.name, "default")
    for name in (lxds.name, f"default/{lxds.name}"):
        assert lands_in(lab, guest, f"{engine}:{name}") == default


def test_a_project_is_named_before_a_slash(lab, lxds, guest):
    there = namespace(lab, lxds.name, "team")
    assert there != namespace(lab, lxds.name, "default")
    assert lands_in(lab, guest, f"lablxd:team/{lxds.name}") == there


def test_the_daemons_own_name_for_it_leads_to_no_project(lxds, attempt):
    """A user called team_... is nobody's of that project."""
    attempt(f"lablxd:team_{lxds.name}", "E_CONFIG")


def test_only_the_exact_name_will_do(lxds, attempt):
    for name in (lxds.name[:-1], f"{lxds.name}x", f"other/{lxds.name}"):
        assert "no monitor at" in attempt(f"lablxd:{name}", "E_ABSENT")


def test_the_standard_directories(lxds, attempt):
    snap = "/var/snap/lxd/common/lxd"
    lxd = snap if os.path.isdir(snap) else "/var/lib/lxd"
    for engine, place in (("lxd", lxd),
                          ("incus", "/var/lib/incus")):
        assert attempt(f"{engine}:{lxds.name}", "E_ABSENT") == \
            f"no monitor at @{place}/containers/{lxds.name}/command"


def test_a_frozen_one_is_paused_and_a_stopped_one_absent(lab, lxds, attempt):
    with lab.lxd.container("espoiled", "entered") as box:
        lab.lxd.call("pause", box.name, check=True)
        attempt(f"lablxd:{box.name}", "E_PAUSED")
        lab.lxd.call("start", box.name, check=True)
        lab.lxd.call("stop", "--force", box.name, check=True, timeout=60)
        assert "no monitor at" in attempt(f"lablxd:{box.name}", "E_ABSENT")


def test_its_filter_comes_along(lab, lxds, guest):
    with lab.config.own(guest, f'container = "lablxd:{lxds.name}"\n'):
        result = lab.direct(guest, "-c",
                            "grep Seccomp_filters /proc/self/status")
    assert result.out.split()[1] == \
        process.status(lab.lxd.pid(lxds.name))["Seccomp_filters"]
