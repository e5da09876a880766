# SPDX-License-Identifier: MIT
"""LXC with a directory of its own."""

import contextlib
import glob
import os
import shutil

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


# Root needs no entry in /etc/subuid, but newuidmap insists on one.
WITHOUT_NEWUIDMAP = ("env", "PATH=/nonexistent")


@contextlib.contextmanager
def traces(directory):
    """Takes away what liblxc leaves of containers below that directory: its
    locks, and the group that it retires to when it takes one down."""
    own = f"/run/lxc/lock{directory}"
    pivots = glob.glob("/sys/fs/cgroup/*/lxc.pivot")
    try:
        yield
    finally:
        shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.removedirs(os.path.dirname(own))
        for path in glob.glob("/sys/fs/cgroup/*/lxc.pivot"):
            if path not in pivots:
                with contextlib.suppress(OSError):
                    os.rmdir(path)


class Lxc:
    def __init__(self, directory, cgroup, prefix):
        os.mkdir(directory)
        self.directory = directory
        self.cgroup = cgroup
        self.prefix = prefix

    def call(self, what, name, *argv, **more):
        return process.run([*self.prefix, *WITHOUT_NEWUIDMAP,
                            shutil.which(f"lxc-{what}"),
                            "-P", self.directory, "-n", name, *argv], **more)

    @contextlib.contextmanager
    def container(self, name, tree, *lines, **more):
        """`lines` of configuration; `more` is how lxc-start is started."""
        os.mkdir(f"{self.directory}/{name}")
        with open(f"{self.directory}/{name}/config", "w") as file:
            file.write(CONF.format(tree=tree, cgroup=self.cgroup, name=name))
            file.writelines(f"{line}\n" for line in lines)
        log = f"{self.directory}/{name}/log"
        started = self.call("start", name, "-l", "WARN", "-o", log, **more)
        assert started.status == 0, process.tail(log)
        try:
            yield engines.Container(self, name, "", tree)
        finally:
            self.call("stop", name, "--kill")
            engines.wait_for_no_cgroup(f"{self.cgroup}/lxc-{name}")
            shutil.rmtree(f"{self.directory}/{name}")

    def pid(self, name):
        return int(self.call("info", name, "-pH", check=True).out)

    def exec(self, name, *argv, **more):
        return self.call("attach", name, "--clear-env", "--", *argv, **more)
