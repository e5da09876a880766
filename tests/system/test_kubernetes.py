# SPDX-License-Identifier: MIT
"""Containers of pods, by the names that kubelet gave them.

containerd is real and its pods are what its CRI plugin would make; CRI-O is a
directory laid out as its own around a real container.
"""

import os
import subprocess

import pytest

from lab import pods, process

ALICE = pods.Pod("lab", "alice-0")


@pytest.fixture(scope="module")
def tree(lab):
    return lab.tree("pods")


@pytest.fixture(scope="module")
def cri(lab, tree):
    return pods.Cri(lab, tree)


@pytest.fixture(scope="module")
def sandbox(cri):
    with cri.sandbox(ALICE) as made:
        yield made


@pytest.fixture(scope="module")
def app(cri, sandbox):
    with cri.container(ALICE, sandbox, "app") as made:
        yield made


@pytest.fixture(scope="module")
def crio(lab, tree):
    return pods.Crio(lab, tree)


@pytest.fixture
def lands(lab, guest):
    """Where a login of the guest comes to, over ssh: its PID namespace."""
    def check(spec):
        with lab.config.own(guest, f'container = "{spec}"\n'):
            result = lab.login(guest, "id -u; exec readlink "
                               "/proc/self/ns/pid")
        assert (result.status, result.err) == (0, ""), result
        uid, space = result.out.splitlines()
        assert int(uid) == lab.inner_uid("guest")
        return space
    return check


def space(container):
    return os.readlink(f"/proc/{container.pid}/ns/pid")


def test_the_only_container_of_a_pod(app, lands):
    assert lands("labkube:lab/alice-0") == space(app)


def test_a_container_by_its_name(lab, app, lands):
    assert lands("labkube:lab/alice-0/app") == space(app)
    line = lab.log.line("open", container="labkube:lab/alice-0/app")
    assert line["id"] == app.extra["id"][:12]
    assert int(line["pid"]) == app.pid


def test_it_shares_what_the_pod_shares(lab, guest, app, sandbox):
    with lab.config.own(guest, 'container = "labkube:lab/alice-0/app"\n'):
        result = lab.login(guest, "cd /proc/self/ns; for kind in net ipc uts "
                           "mnt; do readlink $kind; done")
    found = dict(zip(("net", "ipc", "uts", "mnt"), result.out.split()))
    pod = process.namespaces(sandbox.pid)
    assert {k: found[k] for k in ("net", "ipc", "uts")} == \
        {k: pod[k] for k in ("net", "ipc", "uts")}
    assert found["mnt"] == process.namespaces(app.pid)["mnt"] != pod["mnt"]


def test_a_name_expands_to_a_pod(lab, cri, guest):
    pod = pods.Pod("lab", f"{guest.name}-0")
    with cri.sandbox(pod) as sandbox, \
            cri.container(pod, sandbox, "app") as made, \
            lab.config.own(guest, 'container = "labkube:lab/%u-0"\n'):
        result = lab.login(guest, "exec readlink /proc/self/ns/pid")
        assert (result.out.strip(), result.err) == (space(made), "")


def test_of_two_containers_one_must_be_named(cri, sandbox, app, lands,
                                             attempt):
    with cri.container(ALICE, sandbox, "sidecar") as other:
        assert "name one" in attempt("labkube:lab/alice-0", "E_CONFIG")
        assert lands("labkube:lab/alice-0/app") == space(app)
        assert lands("labkube:lab/alice-0/sidecar") == space(other)


def test_a_pod_without_a_container_is_not_entered(cri, attempt):
    with cri.sandbox(pods.Pod("lab", "bob-0")):
        attempt("labkube:lab/bob-0", "E_ABSENT")
        attempt("labkube:lab/bob-0/POD", "E_CONFIG")


def test_a_container_that_is_started_is_waited_for(lab, cri, guest, sandbox):
    """By kubelet, in a pod that runs."""
    argv = lab.direct_argv(guest, "-c", "exec readlink /proc/self/ns/pid")
    keys = 'container = "labkube:lab/alice-0/late"\nwait = 15\n'
    with lab.config.own(guest, keys), subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True) as login:
        process.wait_for(lambda: process.cmdline(login.pid)[:1] ==
                         ["ctsh-session"], what="the login")
        with cri.container(ALICE, sandbox, "late") as late:
            out, _ = login.communicate(timeout=20)
            assert (out, login.returncode) == (f"{space(late)}\n", 0)


@pytest.mark.parametrize("name", ["alice-0", "lab/alice-1", "lab/alice",
                                  "other/alice-0", "lab/alice-0/ap"])
def test_only_the_exact_name(app, attempt, name):
    attempt(f"labkube:{name}", "E_ABSENT" if "/" in name else "E_CONFIG")


@pytest.mark.parametrize("name", ["lab/..", "lab/alice-0/../app", "LAB/alice-0",
                                  "lab/alice-0/app/x", "lab//app"])
def test_what_cannot_be_a_pod(attempt, name):
    assert "cannot name" in attempt(f"labkube:{name}", "E_CONFIG")


def test_a_paused_container(lab, app, attempt):
    with lab.containerd.paused(app.name):
        attempt("labkube:lab/alice-0/app", "E_PAUSED")


# -- CRI-O -------------------------------------------------------------------

def test_a_container_of_crio(crio, lands):
    with crio.container(ALICE, "app") as made:
        assert lands("labcrio:lab/alice-0") == space(made)
        assert lands("labcrio:lab/alice-0/app") == space(made)


def test_of_two_containers_of_crio_one_must_be_named(crio, lands, attempt):
    with crio.container(ALICE, "app") as made, \
            crio.container(ALICE, "sidecar"):
        attempt("labcrio:lab/alice-0", "E_CONFIG")
        assert lands("labcrio:lab/alice-0/app") == space(made)


def test_earlier_attempts_of_crio_do_not_matter(lab, crio, lands):
    """Their directories stay, with a pid that ended or is somebody else's."""
    with crio.container(ALICE, "app", "0") as first, \
            crio.container(ALICE, "app", "1") as second:
        lab.crun.call("kill", first.name, "KILL", check=True)
        process.wait_for(lambda: process.status(first.pid).get("State", "Z")
                         .startswith("Z"), what="its end")
        assert lands("labcrio:lab/alice-0") == space(second)
        pidfile = f"{crio.userdata(first.extra['id'])}/pidfile"
        with open(pidfile, "w") as file:
            file.write(str(os.getpid()))
        os.utime(pidfile, (1e9, 1e9))
        assert lands("labcrio:lab/alice-0") == space(second)
