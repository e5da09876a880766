# SPDX-License-Identifier: MIT
"""podman with directories of its own; no image, only a tree."""

import contextlib
import glob
import os
import shutil

from . import engines, process, users

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


OWN_CONF = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"

[containers]
default_ulimits = ["nofile=512:1024", "nproc=1000:1000"]
netns = "none"
"""

RANGE = 65536


class Rootless:
    """A user's own podman, in the places where it usually is."""

    def __init__(self, user, prefix):
        self.user = user
        self.run = f"/run/user/{user.uid}"
        self.start = subordinate(user)
        self.head = [*prefix, "setpriv", "--reuid", str(user.uid), "--regid",
                     str(user.gid), "--init-groups", "env", "-i",
                     f"HOME={user.home}", f"XDG_RUNTIME_DIR={self.run}",
                     "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "podman"]

    @contextlib.contextmanager
    def prepared(self):
        """The run directory that logind makes elsewhere, and the settings."""
        conf = f"{self.user.home}/.config"
        os.makedirs(f"{conf}/containers")
        with open(f"{conf}/containers/containers.conf", "w") as file:
            file.write(OWN_CONF)
        os.makedirs(os.path.dirname(self.run), exist_ok=True)
        os.mkdir(self.run, 0o700)
        os.chown(self.run, self.user.uid, self.user.gid)
        for path in (conf, f"{conf}/containers"):
            os.chown(path, self.user.uid, self.user.gid)
        try:
            yield self
        finally:
            # podman's own keeper of the user namespace, too.
            process.wait_for(lambda: not users.of_uid(self.user.uid)
                             or users.kill_all(self.user.uid),
                             what="no process of the owner")
            shutil.rmtree(self.run)
            shutil.rmtree(conf)
            shutil.rmtree(f"{self.user.home}/.local", ignore_errors=True)

    def give(self, tree):
        """A userland as this user's user namespace has it."""
        for path, dirs, files in os.walk(tree):
            for name in [path] + [os.path.join(path, n)
                                  for n in dirs + files]:
                info = os.lstat(name)
                os.lchown(name, self.outside(info.st_uid, self.user.uid),
                          self.outside(info.st_gid, self.user.gid))
                if not os.path.islink(name):
                    os.chmod(name, info.st_mode & 0o7777)

    def outside(self, inside, root):
        return self.start + inside - 1 if inside else root

    def call(self, *argv, **more):
        return process.run([*self.head, *argv], cwd="/", **more)

    @contextlib.contextmanager
    def container(self, name, tree, *options):
        try:
            self.call("run", "--detach", "--name", name, "--hostname",
                      "inside", *options, "--rootfs", tree, "/bin/probe",
                      "init", check=True, timeout=60)
            yield engines.Container(self, name, f"podman:{name}", tree)
        finally:
            self.call("rm", "--force", "--ignore", "--time", "0", name,
                      timeout=60)

    def pid(self, name):
        return int(self.call("inspect", "--format", "{{.State.Pid}}", name,
                             check=True).out)

    def files(self, below):
        """The one directory in the store that fits."""
        root = f"{self.user.home}/.local/share/containers/storage"
        found = glob.glob(below.format(root=root, home=self.user.home,
                                       run=f"{self.run}/containers"))
        assert len(found) == 1, found
        return found[0]


def subordinate(user):
    """The first of the ids that the user may give to containers."""
    for kind in ("uid", "gid"):
        if not starts(user, kind):
            free = max([100000, *(int(line.split(":")[1]) +
                                  int(line.split(":")[2]) for line in
                                  process.read(f"/etc/sub{kind}")
                                  .splitlines())])
            process.run(["usermod", f"--add-sub{kind}s",
                         f"{free}-{free + RANGE - 1}", user.name], check=True)
    (start,), (other,) = starts(user, "uid"), starts(user, "gid")
    assert start == other, (start, other)
    return start


def starts(user, kind):
    return [int(line.split(":")[1])
            for line in process.read(f"/etc/sub{kind}").splitlines()
            if line.startswith(f"{user.name}:")]
