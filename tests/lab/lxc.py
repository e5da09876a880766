# SPDX-License-Identifier: MIT
"""LXC with a directory of its own."""

import contextlib
import os

from . import engines, process

CONF = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.arch = linux64
lxc.uts.name = inside
lxc.rootfs.path = dir:{tree}
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.init.cmd = /bin/probe init
lxc.environment = PATH=/usr/sbin:/usr/bin:/sbin:/bin
lxc.prlimit.nofile = 512:1024
lxc.cgroup.dir = {cgroup}/lxc-{name}
"""


class Lxc:
    def __init__(self, directory, cgroup, prefix):
        os.mkdir(directory)
        self.directory = directory
        self.cgroup = cgroup
        self.prefix = prefix

    def call(self, what, name, *argv, **more):
        return process.run([*self.prefix, f"lxc-{what}", "-P", self.directory,
                            "-n", name, *argv], **more)

    @contextlib.contextmanager
    def container(self, name, tree, *lines, **more):
        """`lines` of configuration; `more` is how lxc-start is started."""
        os.mkdir(f"{self.directory}/{name}")
        with open(f"{self.directory}/{name}/config", "w") as file:
            file.write(CONF.format(tree=tree, cgroup=self.cgroup, name=name))
            file.writelines(f"{line}\n" for line in lines)
        log = f"{self.directory}/{name}/log"
        started = self.call("start", name, "-l", "INFO", "-o", log, **more)
        assert started.status == 0, process.tail(log)
        try:
            yield engines.Container(self, name, "", tree)
        finally:
            self.call("stop", name, "--kill")
            with contextlib.suppress(OSError):
                os.removedirs(f"/run/lxc/lock/{self.directory}")

    def pid(self, name):
        return int(self.call("info", name, "-pH", check=True).out)

    def exec(self, name, *argv, **more):
        return self.call("attach", name, "--clear-env", "--", *argv, **more)
