# SPDX-License-Identifier: MIT
"""systemd-nspawn, without a machined: there is no systemd as PID 1 here."""

import contextlib
import os

from . import engines, process

# In groups of its own, of those hierarchies that a test freezes or names.
IN_GROUP = """
group=$1
shift
for root in /sys/fs/cgroup/freezer /sys/fs/cgroup/systemd; do
    [ -d $root ] || root=/sys/fs/cgroup
    mkdir -p "$root/$group"
    echo $$ >"$root/$group/cgroup.procs"
done
exec "$@"
"""


class Nspawn:
    def __init__(self, directory, cgroup, prefix):
        os.mkdir(directory)
        self.directory = directory
        self.cgroup = cgroup
        self.prefix = prefix
        self.running = {}

    @staticmethod
    def unit(name):
        """What machined calls it."""
        escaped = name.replace("-", "\\x2d")
        return f"machine-{escaped}.scope"

    def group(self, name):
        return f"{self.cgroup}/{self.unit(name)}"

    def argv(self, name, tree, *options):
        return ["systemd-nspawn", "--quiet", f"--machine={name}", "-D", tree,
                "--register=no", "--keep-unit", "--private-network",
                "--hostname=inside", *options, "/bin/probe", "init"]

    @contextlib.contextmanager
    def container(self, name, tree, *options):
        for needed in ("usr", "etc"):
            os.makedirs(f"{tree}/{needed}", exist_ok=True)
        log = f"{self.directory}/{name}.log"
        try:
            with process.daemon(
                    ["sh", "-c", IN_GROUP, "sh", self.group(name),
                     *self.prefix, *self.argv(name, tree, *options)],
                    log) as monitor:
                self.running[name] = monitor.pid
                process.wait_for(lambda: self.is_up(name),
                                 what=f"a machine: {process.tail(log)}")
                yield engines.Container(self, name, f"nspawn:{name}", tree)
        finally:
            engines.wait_for_no_cgroup(self.group(name))

    def inits(self, name):
        own = os.readlink("/proc/self/ns/pid")
        found = []
        for pid in process.children(self.running[name]):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/ns/pid") != own:
                    found.append(pid)
        return found

    def is_up(self, name):
        return any(process.cmdline(pid) == ["/bin/probe", "init"]
                   for pid in self.inits(name))

    def pid(self, name):
        pid, = self.inits(name)
        return pid

    def exec(self, name, *argv, **more):
        return process.run(["nsenter", "-a", "-t", str(self.pid(name)), "--",
                            *argv], **more)
