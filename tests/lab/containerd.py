# SPDX-License-Identifier: MIT
"""Containers of containerd itself, made by its own client.

The daemon is the one that the laboratory's dockerd uses, so that docker's
containers can be seen in it too.
"""

import contextlib
import os
import shutil

from . import engines, process


class Containerd:
    def __init__(self, run, cgroup, section):
        self.run = run
        self.cgroup = cgroup
        self.section = section
        self.state = f"{run}/containerd"
        self.records = f"{run}/ctr-runc"

    def call(self, ns, *argv, **more):
        return process.run(["ctr", "--address", f"{self.run}/containerd.sock",
                            "--namespace", ns, *argv], **more)

    def bundle(self, ns, name):
        return f"{self.state}/io.containerd.runtime.v2.task/{ns}/{name}"

    @contextlib.contextmanager
    def container(self, ns, name, tree, *options, records=True):
        """A task; without `records` runc's are where its shim keeps them."""
        try:
            self.call(ns, "run", "--detach", "--null-io", "--rootfs",
                      "--cgroup", f"/{self.cgroup}/{name}",
                      *(["--runc-root", self.records] if records else []),
                      *options, tree, name, "/bin/probe", "init", check=True)
            yield engines.Container(self, f"{ns}/{name}",
                                    f"{self.section}:{ns}/{name}", tree,
                                    {"id": name})
        finally:
            self.remove(ns, name)

    def remove(self, ns, name):
        self.call(ns, "task", "kill", "--signal", "KILL", name)
        with contextlib.suppress(FileNotFoundError):
            process.wait_for(lambda: not process.alive(self.pid(
                f"{ns}/{name}")), what=f"the end of {name}")
        self.call(ns, "task", "rm", "--force", name)
        self.call(ns, "container", "rm", name)
        shutil.rmtree(f"{self.records}/{ns}/{name}", ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(f"/run/containerd/runc/{ns}")
        engines.wait_for_no_cgroup(f"{self.cgroup}/{name}")

    def pid(self, name):
        ns, name = name.split("/")
        return int(process.read(f"{self.bundle(ns, name)}/init.pid"))

    def exec(self, name, *argv, **more):
        ns, name = name.split("/")
        return self.call(ns, "task", "exec", "--exec-id", f"e{os.getpid()}",
                         name, *argv, **more)

    @contextlib.contextmanager
    def paused(self, name):
        ns, name = name.split("/")
        self.call(ns, "task", "pause", name, check=True)
        try:
            yield
        finally:
            self.call(ns, "task", "resume", name, check=True)
