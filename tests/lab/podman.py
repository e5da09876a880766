# SPDX-License-Identifier: MIT
"""podman with directories of its own; no image, only a tree."""

import contextlib
import os

from . import engines, process

CONF = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "crun"

[network]
network_config_dir = "{directory}/net"
"""


class Podman:
    def __init__(self, directory, run, cgroup, prefix):
        os.mkdir(directory)
        self.cgroup = cgroup
        self.root = f"{directory}/root"
        self.run_root = f"{run}/podman"
        with open(f"{directory}/containers.conf", "w") as file:
            file.write(CONF.format(directory=directory))
        self.head = [*prefix, "env",
                     f"CONTAINERS_CONF={directory}/containers.conf",
                     "podman", "--root", self.root,
                     "--runroot", self.run_root,
                     "--tmpdir", f"{directory}/tmp",
                     "--storage-driver", "vfs"]

    def call(self, *argv, **more):
        return process.run([*self.head, *argv], **more)

    def group(self, name):
        """Its own, since conmon's lies beside the container's."""
        return f"{self.cgroup}/podman-{name}"

    @contextlib.contextmanager
    def container(self, name, tree, *options, verb=("run", "--detach"),
                  cgroup=True, **more):
        """`more` is how podman itself is started."""
        group = ["--pids-limit", str(engines.PIDS),
                 "--cgroup-parent", f"/{self.group(name)}"]
        try:
            self.call(*verb, "--network", "none", "--name", name,
                      "--hostname", "inside", "--ulimit", "nofile=512:1024",
                      "--ulimit", "nproc=1000:1000",
                      *(group if cgroup else []), *options,
                      "--rootfs", tree, "/bin/probe", "init",
                      check=True, timeout=60, **more)
            yield engines.Container(self, name, "", tree)
        finally:
            self.call("rm", "--force", "--ignore", "--time", "0", name,
                      timeout=60)
            engines.wait_for_no_cgroup(self.group(name))

    def made(self, name, tree):
        """Not started."""
        return self.container(name, tree, verb=("create",))

    def pid(self, name):
        return int(self.call("inspect", "--format", "{{.State.Pid}}", name,
                             check=True).out)

    def exec(self, name, *argv, **more):
        return self.call("exec", name, *argv, **more)
