# SPDX-License-Identifier: MIT
"""Puts it all together: what a test gets as `lab`."""

import contextlib
import functools
import os
import shutil
import socket
import sys
from dataclasses import dataclass

from . import containerd, engines, install, logreader, lxc, lxd, machine
from . import nspawn, podman, process, rootfs, sshd, terminal, users

# Which container each kind of test runs against.
BOXES = ("crun", "userns", "runc", "docker")

# Who lives in containers with a real userland, see debian.py.
HOUSES = ("debcrun", "debdocker", "debpodman", "deblxc")

# Ids inside, so different from those outside that a mix-up shows.
INNER_UID = 2000
USERNS_START = 300000

CONF = """\
host_shell = "/bin/bash"

engine labcrun {{ type = "crun"  root = "{run}/crun" }}
engine labrunc {{ type = "runc"  root = "{run}/runc" }}
engine labdocker {{ type = "docker"  socket = "{run}/docker.sock" }}
engine labcontainerd {{ type = "containerd"  root = "{run}/containerd" }}
engine labkube {{ type = "kubernetes"  root = "{run}/containerd" }}
engine labcrio {{ type = "kubernetes"  runroot = "{run}/crio" }}

"""

RULE = """\
rule {title} {{
    match     = {{"{user}"}}
    container = "{spec}"
}}
"""


@dataclass
class Box:
    """A container and the user whose login leads there."""

    kind: str
    user: users.User
    uid: int               # inside
    container: engines.Container

    @property
    def init(self):
        return self.container.pid

    def exec(self, *argv, **more):
        return self.container.exec(*argv, **more)


class Config:
    """The files below the configuration directory."""

    def __init__(self, directory, standard):
        self.directory = directory
        self.file = f"{directory}/ctsh.conf"
        self.standard = standard
        os.makedirs(f"{directory}/users", mode=0o755, exist_ok=True)
        self._put(self.file, standard)
        self._put(f"{directory}/break_glass", "")

    def _put(self, path, content):
        """Whole or not at all: logins of other tests may be reading."""
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(f"{path}.new", mode) as file:
            file.write(content)
        os.chmod(f"{path}.new", 0o644)
        os.rename(f"{path}.new", path)

    @contextlib.contextmanager
    def replaced(self, content):
        """Another ctsh.conf for a while."""
        before = process.read(self.file)
        self._put(self.file, content)
        try:
            yield self.file
        finally:
            self._put(self.file, before)

    def extended(self, more):
        """ctsh.conf with more at its end."""
        return self.replaced(self.standard + more)

    @contextlib.contextmanager
    def own(self, user, keys):
        """The file users/NAME for a while."""
        path = f"{self.directory}/users/{user.name}"
        self._put(path, keys)
        try:
            yield path
        finally:
            os.unlink(path)

    @contextlib.contextmanager
    def break_glass(self, content):
        self._put(f"{self.directory}/break_glass", content)
        try:
            yield f"{self.directory}/break_glass"
        finally:
            self._put(f"{self.directory}/break_glass", "")


class Lab:
    def __init__(self, stack):
        self.stack = stack
        self.tag = f"ctsht{os.getpid()}"
        self.base = f"/opt/ctsh-check-{os.getpid()}"
        self.run = f"/run/ctsh-check-{os.getpid()}-lab"
        self.make_directories()
        self.ctsh = install.install(self.base,
                                    f"/run/ctsh-check-{os.getpid()}")
        self.helpers()
        self.log = logreader.Log(f"{self.run}/log")
        stack.callback(self.log.close)
        self.log_prefix = stack.enter_context(
            machine.log_view(self.log.path))
        self.engine_prefix = stack.enter_context(machine.engine_view())
        self.make_users()
        self.make_engines()
        self.make_boxes()
        self.config = Config(self.ctsh.etc, self.standard_conf())
        names = [user.name for user in self.all_users]
        self.sshd = stack.enter_context(sshd.sshd(
            f"{self.base}/ssh", names, self.log_prefix))

    # -- making --------------------------------------------------------------

    def make_directories(self):
        os.mkdir(self.base, 0o755)
        self.stack.callback(shutil.rmtree, self.base)
        os.mkdir(self.run, 0o755)
        self.stack.callback(shutil.rmtree, self.run)
        self.stack.callback(shutil.rmtree, self.run.removesuffix("-lab"),
                            ignore_errors=True)
        os.mkdir(f"{self.base}/home", 0o755)

    def helpers(self):
        probe = f"{self.base}/probe"
        rootfs.compile_helper("probe", probe, "-static")
        rootfs.compile_helper("callwith", f"{self.base}/callwith")
        rootfs.compile_helper("evil_loader", f"{self.base}/evil_loader",
                              "-nostdlib", "-ffreestanding", "-static-pie",
                              "-fno-stack-protector")
        self.probe = probe

    def make_users(self):
        roles = [*BOXES, "guest", "stranger", "plain", "keeper", "evil",
                 "owner", *HOUSES]
        ids = users.free_ids(len(roles) + 2)
        group = self.stack.enter_context(users.group(self.tag, ids.pop()))
        self.crew = self.stack.enter_context(
            users.group(f"{self.tag}crew", ids.pop()))
        gid = process.run(["getent", "group", group], check=True)
        gid = int(gid.out.split(":")[2])
        self.users = {}
        for role in roles:
            name = self.tag + role
            host = role in ("plain", "keeper", "evil")
            shell = "/bin/sh" if role in ("plain", "evil") \
                else self.ctsh.shell
            self.users[role] = self.stack.enter_context(users.user(
                name, ids.pop(), gid, f"{self.base}/home/{role}", shell,
                [] if host else [self.crew]))
        self.all_users = list(self.users.values())
        self.log.users |= {user.name for user in self.all_users}
        self.log.users |= {f"#{user.uid}" for user in self.all_users}

    def accounts(self):
        """Everybody but the stranger has an account in every container."""
        roles = [*BOXES, "guest", "keeper", "owner"]
        return [(self.users[role].name, INNER_UID + i, INNER_UID + i,
                 "/bin/sh") for i, role in enumerate(roles)]

    def inner_uid(self, role):
        return dict((a[0], a[1]) for a in self.accounts())[
            self.users[role].name]

    def tree(self, name, shift=0):
        """A fresh userland."""
        directory = f"{self.base}/trees/{name}"
        rootfs.make(directory, self.accounts(), self.probe)
        if shift:
            rootfs.shift(directory, shift)
        return directory

    def make_engines(self):
        self.stack.callback(engines.remove_cgroups, self.tag)
        self.crun = engines.Oci("crun", f"{self.run}/crun",
                                f"{self.base}/bundles", self.tag,
                                self.engine_prefix, "labcrun")
        self.runc = engines.Oci("runc", f"{self.run}/runc",
                                f"{self.base}/bundles", self.tag,
                                self.engine_prefix, "labrunc")
        self.docker = self.stack.enter_context(engines.dockerd(
            f"{self.base}/docker", self.run, self.tag, self.engine_prefix,
            "labdocker"))
        self.docker.load("lab", self.tree("docker"))

    @functools.cached_property
    def podman(self):
        return podman.Podman(f"{self.base}/podman", self.run, self.tag,
                             self.engine_prefix)

    @functools.cached_property
    def rootless(self):
        """The owner's own podman, and a container `mine` of it.  From now on
        processes of the owner's run."""
        own = podman.Rootless(self.users["owner"], self.engine_prefix)
        self.stack.enter_context(own.prepared())
        tree = self.tree("rootless")
        own.give(tree)
        own.mine = self.stack.enter_context(own.container("mine", tree))
        return own

    @functools.cached_property
    def containerd(self):
        return containerd.Containerd(self.run, self.tag, "labcontainerd")

    @functools.cached_property
    def lxc(self):
        directory = f"{self.base}/lxc"
        self.stack.enter_context(lxc.traces(directory))
        return lxc.Lxc(directory, self.tag, self.engine_prefix)

    @functools.cached_property
    def lxd(self):
        return self.stack.enter_context(lxd.lxd(
            f"{self.base}/lxd", self.tag, self.engine_prefix))

    @functools.cached_property
    def nspawn(self):
        return nspawn.Nspawn(f"{self.base}/nspawn", self.tag,
                             self.engine_prefix)

    def make_boxes(self):
        made = {
            "crun": self.crun.container("box", self.tree("crun")),
            "userns": self.crun.container(
                "shifted", self.tree("userns", USERNS_START),
                userns=USERNS_START, nnp=True),
            "runc": self.runc.container("box", self.tree("runc")),
            "docker": self.docker.container("box", "lab"),
        }
        self.boxes = {kind: Box(kind, self.users[kind], self.inner_uid(kind),
                                self.stack.enter_context(container))
                      for kind, container in made.items()}

    def standard_conf(self):
        return CONF.format(run=self.run) + "".join(
            RULE.format(title=kind, user=box.user.name,
                        spec=box.container.spec)
            for kind, box in self.boxes.items())

    # -- logging in ----------------------------------------------------------

    def login(self, user, *args, stdin=b"", timeout=30, options=(), **more):
        """`ssh user@here ARGS`, without a terminal on this side."""
        return process.run(self.sshd.argv(user.name, *args, options=options),
                           stdin, timeout, **more)

    def terminal(self, user, *args, size=(50, 200)):
        """`ssh -tt user@here ARGS` at a terminal."""
        return terminal.Terminal(
            self.sshd.argv(user.name, *args, options=["RequestTTY=force"]),
            size, env={"PATH": os.environ["PATH"], "TERM": "xterm"})

    def direct_argv(self, user, *args, argv0="ctsh", how="plain",
                    program=None):
        return [*self.log_prefix, "setpriv", "--reuid", str(user.uid),
                "--regid", str(user.gid), "--init-groups", "--",
                f"{self.base}/callwith", how, program or self.ctsh.shell,
                *([] if argv0 is None else [argv0]), *args]

    def direct(self, user, *args, stdin=b"", timeout=20, env=None,
               argv0="ctsh", how="plain", **more):
        """ctsh called by the user, without sshd."""
        return process.run(
            self.direct_argv(user, *args, argv0=argv0, how=how),
            stdin, timeout,
            env={"PATH": "/usr/bin:/bin", "TERM": "dumb", **(env or {})},
            **more)

    def run_as(self, user, *argv, **more):
        """A program of the host's, as that user."""
        return process.run(
            [*self.log_prefix, "setpriv", "--reuid", str(user.uid), "--regid",
             str(user.gid), "--init-groups", "--", *argv], **more)

    def direct_terminal(self, user, *args, argv0="-ctsh", size=(50, 200)):
        return terminal.Terminal(
            self.direct_argv(user, *args, argv0=argv0), size,
            env={"PATH": "/usr/bin:/bin", "TERM": "xterm"})

    def ctl(self, *args, **more):
        return process.run([self.ctsh.ctl, *args], **more)

    @contextlib.contextmanager
    def fake_engine(self, how, body=None, uid=0):
        """A socket that answers like that; its path."""
        path = f"{self.run}/fake.sock"
        argv = [sys.executable, os.path.join(os.path.dirname(__file__),
                                             "fake_engine.py"),
                path, str(uid), how]
        if body is not None:
            with open(f"{self.run}/fake.body", "wb") as file:
                file.write(body)
            argv.append(f"{self.run}/fake.body")
        with process.daemon(argv, f"{self.base}/fake.log") as server:
            try:
                process.wait_for(lambda: listening(path), what="the fake")
                assert server.poll() is None
                yield path
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def report(self):
        """What an investigator wants to see first."""
        return [("sshd", process.tail(self.sshd.log)),
                ("log of ctsh", "\n".join(self.log.ours()[-25:])),
                ("dockerd", process.tail(self.docker.log, 15))]


def listening(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
