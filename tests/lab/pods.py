# SPDX-License-Identifier: MIT
"""Pods as kubelet's engines leave them on a node, without a kubelet.

With containerd they are real tasks in the namespace k8s.io, with the
annotations that its CRI plugin writes.  CRI-O's are made by crun, and its
directories by hand after tests/data/engines/crio.
"""

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass

from . import engines, install, process

NS = "k8s.io"
SAMPLE = f"{install.SOURCE}/tests/data/engines/crio/1.28/" \
         "config-container.json"


@dataclass
class Pod:
    ns: str
    name: str
    uid: str = "44e4b37f-504f-4f1c-80f3-4137bfbec5e4"

    @property
    def logs(self):
        return f"/var/log/pods/{self.ns}_{self.name}_{self.uid}"


def full_id(*words):
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


class Cri:
    """containerd as kubelet uses it."""

    def __init__(self, lab, tree):
        self.lab = lab
        self.tree = tree

    def task(self, identity, notes, *options):
        more = [f"--annotation=io.kubernetes.cri.{key}={value}"
                for key, value in notes.items()]
        return self.lab.containerd.container(NS, identity, self.tree, *more,
                                             *options)

    @contextlib.contextmanager
    def sandbox(self, pod, attempt="0", **notes):
        """The pod's own container; `notes` are other annotations than
        kubelet's, with _ for -."""
        identity = full_id(self.lab.tag, pod.ns, pod.name, attempt)
        with self.task(identity, {
                "container-type": "sandbox", "sandbox-id": identity,
                "sandbox-name": pod.name, "sandbox-namespace": pod.ns,
                "sandbox-uid": pod.uid, "sandbox-log-directory": pod.logs,
                **dashed(notes)}) as made:
            yield made

    @contextlib.contextmanager
    def container(self, pod, sandbox, name, attempt="0", **notes):
        """One in the sandbox's namespaces."""
        identity = full_id(sandbox.name, name, attempt)
        spaces = [f"--with-ns={kind}:/proc/{sandbox.pid}/ns/{file}"
                  for kind, file in (("network", "net"), ("ipc", "ipc"),
                                     ("uts", "uts"))]
        with self.task(identity, {
                "container-type": "container", "container-name": name,
                "image-name": "registry.example/lab:1",
                "sandbox-id": sandbox.extra["id"], "sandbox-name": pod.name,
                "sandbox-namespace": pod.ns, "sandbox-uid": pod.uid,
                **dashed(notes)}, *spaces, "--seccomp") as made:
            yield made


def dashed(notes):
    return {key.replace("_", "-"): value for key, value in notes.items()}


class Crio:
    def __init__(self, lab, tree):
        self.lab = lab
        self.tree = tree
        self.storage = f"{lab.run}/crio/overlay-containers"

    def userdata(self, identity):
        return f"{self.storage}/{identity}/userdata"

    @contextlib.contextmanager
    def container(self, pod, name, attempt="0", **notes):
        identity = full_id(self.lab.tag, "crio", pod.ns, pod.name, name,
                           attempt)
        group = f"{self.lab.tag}/crio-{identity}"

        def change(config):
            config["linux"]["cgroupsPath"] = f"/{group}"
            config["annotations"] = {**annotations(pod, name, identity,
                                                   attempt), **notes}
        with self.lab.crun.container(identity, self.tree, change=change) \
                as made:
            try:
                self.write(identity, made.pid)
                yield engines.Container(
                    self.lab.crun, identity,
                    f"labcrio:{pod.ns}/{pod.name}/{name}", self.tree,
                    {"id": identity})
            finally:
                shutil.rmtree(f"{self.storage}/{identity}")

    def write(self, identity, pid):
        directory = self.userdata(identity)
        os.makedirs(directory, mode=0o700)
        shutil.copy(f"{self.lab.base}/bundles/crun-{identity}/config.json",
                    directory)
        with open(f"{directory}/pidfile", "w") as file:
            file.write(str(pid))


def annotations(pod, name, identity, attempt):
    """What CRI-O writes, of this container."""
    return {**json.loads(process.read(SAMPLE))["annotations"],
            "io.kubernetes.cri-o.ContainerID": identity,
            "io.kubernetes.cri-o.SandboxID": full_id(pod.ns, pod.name),
            "io.kubernetes.cri-o.Name":
                f"k8s_{name}_{pod.name}_{pod.ns}_{pod.uid}_{attempt}",
            "io.kubernetes.pod.name": pod.name,
            "io.kubernetes.pod.namespace": pod.ns,
            "io.kubernetes.pod.uid": pod.uid,
            "io.kubernetes.container.name": name}
