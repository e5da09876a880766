# SPDX-License-Identifier: MIT
"""An own LXD.  Its containers have a user namespace."""

import contextlib
import os

from . import engines, lxc, process

METADATA = """\
architecture: {machine}
creation_date: 1700000000
properties:
  description: laboratory
"""


class Lxd:
    def __init__(self, directory, tag):
        self.tag = tag
        self.env = {"PATH": os.environ["PATH"], "LXD_DIR": f"{directory}/lxd",
                    "HOME": directory, "LXD_CONF": f"{directory}/client"}
        self.directory = directory
        self.root = f"{directory}/lxd"

    def call(self, *argv, **more):
        return process.run(["lxc", *argv], env=self.env, **more)

    def load(self, image, tree):
        """The unified format: metadata.yaml and rootfs/ in one archive."""
        archive = f"{self.directory}/image.tar"
        with open(f"{self.directory}/metadata.yaml", "w") as file:
            file.write(METADATA.format(machine=os.uname().machine))
        process.run(["tar", "-C", self.directory, "-cf", archive,
                     "metadata.yaml"], check=True)
        process.run(["tar", "-C", tree, "--transform", "s,^\\.,rootfs,",
                     "-rf", archive, "."], check=True)
        self.call("image", "import", archive, "--alias", image, check=True)
        os.unlink(archive)

    @contextlib.contextmanager
    def container(self, name, image, *settings, lines=()):
        """`settings` KEY=VALUE of LXD's, `lines` of LXC's below it.  The name
        is a cgroup's at the root of every hierarchy: tagged."""
        full = f"{self.tag}-{name}"
        raw = "\n".join(["lxc.init.cmd = /bin/probe init", *lines])
        more = [word for setting in (f"raw.lxc={raw}", *settings)
                for word in ("--config", setting)]
        self.call("init", image, full, *more, check=True, timeout=60)
        try:
            started = self.call("start", full, timeout=60)
            assert started.status == 0, started.err + self.call(
                "info", full, "--show-log").out
            yield engines.Container(self, full, "")
        finally:
            self.call("delete", "--force", full, timeout=60)

    def pid(self, name):
        lines = self.call("info", name, check=True).out.splitlines()
        pid, = [line.split()[1] for line in lines if line.startswith("PID:")]
        return int(pid)

    def exec(self, name, *argv, **more):
        return self.call("exec", "--force-noninteractive", name, "--", *argv,
                         **more)


@contextlib.contextmanager
def lxd(directory, tag, prefix):
    os.makedirs(f"{directory}/lxd")
    engine = Lxd(directory, tag)
    log = f"{directory}/lxd.log"
    with lxc.traces(directory), process.daemon(
            [*prefix, "lxd", "--group", "root"], log, patience=30,
            env=engine.env):
        process.run(["lxd", "waitready", "--timeout", "30"], timeout=40,
                    env=engine.env, check=True)
        engine.call("storage", "create", "lab", "dir", check=True)
        engine.call("profile", "device", "add", "default", "root", "disk",
                    "path=/", "pool=lab", check=True)
        try:
            yield engine
        finally:
            process.run(["lxd", "shutdown", "--timeout", "20"], timeout=30,
                        env=engine.env)
