# SPDX-License-Identifier: MIT
"""Users of ordinary shells, whom the PAM module takes into a container."""

import contextlib
import os
import re
from dataclasses import dataclass

from . import engines, laboratory, process, terminal, users

KINDS = ("crun", "userns", "docker", "lxc")

# And LXD's, whose containers have a user namespace: by its name, and as one
# that ctsh does not know.
ALL_KINDS = (*KINDS, "lxd", "lxdfile")

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


LXD_SECTION = """
engine visitlxd {{ type = "lxd"  root = "{root}" }}
"""


def lxd_containers(lab, stack, name):
    """The same one, by two names."""
    lab.lxd.load(name, lab.tree(f"lxd{name}"))
    made = stack.enter_context(lab.lxd.container(name, name))
    stack.enter_context(lab.config.extended(
        LXD_SECTION.format(root=lab.lxd.root)))
    again = engines.Container(made.engine, made.name, "")
    pidfile(lab, f"lxd{name}", again)
    made.spec = f"visitlxd:{made.name}"
    return {"lxd": made, "lxdfile": again}


def shift_of(pid):
    """What the host adds to an id of that process."""
    inside, outside, _ = process.read(f"/proc/{pid}/uid_map").split()[:3]
    return int(outside) - int(inside)


def lxc_container(lab, stack, name):
    made = stack.enter_context(lab.lxc.container(
        name, lab.tree(f"lxc{name}"), "lxc.mount.auto = proc:mixed sys:ro",
        "lxc.pty.max = 64"))
    pidfile(lab, f"lxc{name}", made)
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
        if "lxd" in kinds:
            containers |= lxd_containers(lab, stack, name)
        made = {}
        for kind, container in containers.items():
            user = make_user(lab, stack, f"{name}{kind}")
            one = Visitor(kind, user, container, shift_of(container.pid))
            settle(one)
            stack.enter_context(lab.config.own(one.user, one.keys))
            made[kind] = one
        yield made


# -- where a session is --------------------------------------------------------

SHOW = ("for n in " + " ".join(process.NAMESPACES) + "; do "
        "echo ns.$n=$(readlink /proc/self/ns/$n); done; "
        "cat /proc/self/status; "
        "echo label=$(cat /proc/self/attr/current 2>/dev/null); "
        "cmp /proc/1/cgroup /proc/self/cgroup && echo cgroup=same; "
        "echo id=$(id -u):$(id -g):$(id -G)")

OF_THE_INIT = ("CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters")


def namespaces(pid):
    return {f"ns.{name}": place
            for name, place in process.namespaces(pid).items()}


def parse(text):
    return {key: value.strip() for key, _, value in
            (re.sub(r"^(\w+):", r"\1=", row).partition("=")
             for row in text.splitlines())}


def label(pid):
    try:
        return process.read(f"/proc/{pid}/attr/current").strip("\0\n")
    except OSError:
        return ""


def expected(visitor):
    """Of the user's shell, from what the host knows of the init."""
    init, user = process.status(visitor.init), visitor.user
    return {**namespaces(visitor.init), "cgroup": "same",
            "label": label(visitor.init),
            "id": f"{user.uid}:{user.gid}:{user.gid} 7100",
            "CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16,
            "CapAmb": "0" * 16,
            **{name: init[name] for name in OF_THE_INIT}}


def check(visitor, text):
    seen, wanted = parse(text), expected(visitor)
    assert {key: seen.get(key) for key in wanted} == wanted


def at_a_terminal(argv):
    return terminal.Terminal(argv, env={"PATH": os.environ["PATH"],
                                        "TERM": "dumb"})


def login(services, name):
    """login(1) wants a terminal of its own."""
    return at_a_terminal([*services.prefix, "login", "-f", name])
