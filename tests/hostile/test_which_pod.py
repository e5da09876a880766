# SPDX-License-Identifier: MIT
"""The pod that was named or none, whatever other pods say of themselves."""

import contextlib
import os

import pytest

from lab import pods

ALICE = pods.Pod("lab", "alice-1")
MALLORY = pods.Pod("evil", "mallory", "66666666-504f-4f1c-80f3-4137bfbec5e4")

AS_ALICE = {"sandbox_name": ALICE.name, "sandbox_namespace": ALICE.ns}


@pytest.fixture(scope="module")
def tree(lab):
    return lab.tree("which-pod")


@pytest.fixture(scope="module")
def cri(lab, tree):
    return pods.Cri(lab, tree)


@pytest.fixture(scope="module")
def crio(lab, tree):
    return pods.Crio(lab, tree)


@pytest.fixture
def lands(lab, guest):
    def check(spec):
        with lab.config.own(guest, f'container = "{spec}"\n'):
            result = lab.direct(guest, "-c", "exec readlink "
                                "/proc/self/ns/pid")
        assert (result.status, result.err) == (0, ""), result
        return result.out.strip()
    return check


def space(container):
    return os.readlink(f"/proc/{container.pid}/ns/pid")


@contextlib.contextmanager
def mallory(cri, sandbox_notes, container_notes):
    """A pod of mallory's whose annotations were passed on, and came last."""
    with cri.sandbox(MALLORY, **sandbox_notes) as sandbox, \
            cri.container(MALLORY, sandbox, "app", **container_notes):
        yield


def test_a_container_that_claims_another_pod(cri, attempt):
    """An engine that writes over its own annotations of the sandbox only."""
    with mallory(cri, {}, AS_ALICE):
        attempt("labkube:lab/alice-1", "E_UNSAFE")
        attempt("labkube:lab/alice-1/app", "E_UNSAFE")


def test_a_whole_pod_that_claims_to_be_another(cri, attempt, lands):
    with mallory(cri, AS_ALICE, AS_ALICE):
        attempt("labkube:lab/alice-1", "E_UNSAFE")
        with cri.sandbox(ALICE) as sandbox, \
                cri.container(ALICE, sandbox, "app") as app:
            assert lands("labkube:lab/alice-1") == space(app)


def test_a_container_that_claims_another_sandbox(cri, attempt, lands):
    """That it is in alice's pod is what containerd always writes itself; if it
    did not, there would be two containers of one name."""
    with cri.sandbox(ALICE) as sandbox, \
            cri.container(ALICE, sandbox, "app") as app, \
            mallory(cri, {}, {**AS_ALICE, "sandbox_id": sandbox.extra["id"],
                              "container_name": "other"}):
        assert lands("labkube:lab/alice-1/app") == space(app)
        attempt("labkube:lab/alice-1", "E_CONFIG")


def test_annotations_of_other_engines_are_not_read(cri, attempt):
    with cri.sandbox(MALLORY) as sandbox, \
            cri.container(MALLORY, sandbox, "app", **{
                "x": f'"{ALICE.name}"', "-o.pod.name": ALICE.name,
                "pod-annotations": f"{ALICE.ns}/{ALICE.name}"}):
        attempt("labkube:lab/alice-1", "E_ABSENT")


def test_two_running_pods_of_one_name(cri, attempt):
    later = pods.Pod(ALICE.ns, ALICE.name,
                     "99999999-504f-4f1c-80f3-4137bfbec5e4")
    with cri.sandbox(ALICE) as first, cri.sandbox(later, "1") as second, \
            cri.container(ALICE, first, "app"), \
            cri.container(later, second, "app"):
        assert "two pods" in attempt("labkube:lab/alice-1/app", "E_UNSAFE")


def test_a_pod_that_claims_another_in_crio(crio, attempt, lands):
    """Annotations of the pod come before CRI-O's own names."""
    notes = {"io.kubernetes.pod.name": ALICE.name,
             "io.kubernetes.pod.namespace": ALICE.ns}
    with crio.container(MALLORY, "app", **notes):
        attempt("labcrio:lab/alice-1", "E_UNSAFE")
        with crio.container(ALICE, "app") as app:
            assert lands("labcrio:lab/alice-1") == space(app)


def test_a_sandbox_of_crio_that_claims_to_be_a_container(crio, attempt, lands):
    """There the pod's annotations come last, but for its names and "POD"."""
    with crio.container(ALICE, "POD"):
        attempt("labcrio:lab/alice-1", "E_UNSAFE")
        with crio.container(ALICE, "app") as app:
            assert lands("labcrio:lab/alice-1") == space(app)


def test_a_container_of_podman_that_claims_a_pod(crio, attempt):
    """`podman kube play` writes some of the same annotations."""
    with crio.container(ALICE, "app", **{"io.container.manager": "libpod"}):
        attempt("labcrio:lab/alice-1", "E_UNSAFE")


@pytest.mark.parametrize("whose", ["another container", "the host"])
def test_a_pidfile_of_another_process(lab, crio, attempt, whose):
    other = lab.boxes["runc"].init if whose == "another container" else \
        os.getpid()
    with crio.container(ALICE, "app") as app:
        with open(f"{crio.userdata(app.extra['id'])}/pidfile", "w") as file:
            file.write(str(other))
        attempt("labcrio:lab/alice-1", "E_UNSAFE")


def test_a_directory_that_others_may_write(crio, attempt):
    with crio.container(ALICE, "app") as app:
        os.chmod(crio.userdata(app.extra["id"]), 0o777)
        attempt("labcrio:lab/alice-1", "E_UNSAFE")


def test_a_link_to_the_directory_of_another_container(crio, attempt):
    with crio.container(MALLORY, "app") as app:
        link = f"{crio.storage}/{pods.full_id('link')}"
        os.symlink(f"{crio.storage}/{app.extra['id']}", link)
        try:
            attempt("labcrio:lab/alice-1", "E_ABSENT")
        finally:
            os.unlink(link)
