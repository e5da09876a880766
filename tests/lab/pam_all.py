# SPDX-License-Identifier: MIT
"""Users of ordinary shells, whom the PAM module takes into a container."""

import contextlib
import os
from dataclasses import dataclass

from . import engines, laboratory, process, rootfs, users

KINDS = ("crun", "userns", "docker", "lxc")

TRUST = "trust_container = true\n"


@dataclass
class Visitor:
    """Has the same name, uid and gid on the host and inside."""

    kind: str
    user: users.User
    container: engines.Container
    shift: int             # what the host adds to an id

    @property
    def init(self):
        return self.container.pid

    @property
    def keys(self):
        trust = "" if self.shift else TRUST
        return f'container = "{self.container.spec}"\n{trust}'

    def inside(self, path):
        return f"/proc/{self.init}/root/{path}"


def settle(visitor):
    """The account inside, in one group more, with a home of its own."""
    user = visitor.user
    for path, line in (
            ("etc/passwd", f"{user.name}:x:{user.uid}:{user.gid}::"
             f"{user.home}:/bin/sh"),
            ("etc/group", f"visitors{user.uid}:x:7100:{user.name}")):
        with open(visitor.inside(path), "a") as file:
            file.write(f"{line}\n")
    home = visitor.inside(user.home)
    os.makedirs(home)
    os.chown(home, user.uid + visitor.shift, user.gid + visitor.shift)
    with open(f"{home}/whose", "w") as file:
        file.write("the container's\n")
    with open(f"{user.home}/whose", "w") as file:
        file.write("the host's\n")


def pidfile(lab, name, container):
    path = f"{lab.run}/{name}.pid"
    with open(path, "w") as file:
        file.write(f"{container.pid}\n")
    container.spec = f"pidfile:{path}"


def make_user(lab, stack, role):
    uid, = users.free_ids(1)
    gid = lab.users["guest"].gid
    made = stack.enter_context(users.user(
        lab.tag + role, uid, gid, f"{lab.base}/home/{role}", "/bin/sh"))
    lab.log.users.add(made.name)
    return made


def own_containers(lab, stack, name):
    """Nobody else's.  sshd, whose audit is refused without that capability,
    gives up at a terminal."""
    return {
        "crun": stack.enter_context(lab.crun.container(
            name, lab.tree(f"crun{name}"),
            capabilities=("CAP_AUDIT_WRITE",))),
        "userns": stack.enter_context(lab.crun.container(
            f"{name}ns", lab.tree(f"ns{name}", laboratory.USERNS_START),
            userns=laboratory.USERNS_START, nnp=True))}


def lxc_container(lab, stack, name):
    made = stack.enter_context(lab.lxc.container(
        name, lab.tree(f"lxc{name}"), "lxc.mount.auto = proc:mixed sys:ro",
        "lxc.pty.max = 64"))
    pidfile(lab, name, made)
    return made


@contextlib.contextmanager
def visitors(lab, name="visited", kinds=KINDS):
    """One for each kind of container, with a rule."""
    with contextlib.ExitStack() as stack:
        containers = own_containers(lab, stack, name)
        if "docker" in kinds:
            containers["docker"] = lab.boxes["docker"].container
        if "lxc" in kinds:
            containers["lxc"] = lxc_container(lab, stack, name)
        made = {}
        for kind, container in containers.items():
            one = Visitor(kind, make_user(lab, stack, f"in{kind}"), container,
                          laboratory.USERNS_START * (kind == "userns"))
            settle(one)
            stack.enter_context(lab.config.own(one.user, one.keys))
            made[kind] = one
        yield made
