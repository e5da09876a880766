# SPDX-License-Identifier: MIT
"""Containers with a /proc, a devpts or a root directory that lies."""

import contextlib
import os
import stat

import pytest

from lab import process
from lab.hostile import (  # noqa: F401  (siege is a fixture)
    USERNS, Case, Lands, Refused, siege)

# Its program is on no mount that can be seen from its root directory.
NOT_ITS_OWN = Refused("E_ABSENT", "pid {init} does not run a program of its "
                      "container: made, but not started?")
NO_PTS = Refused("E_UNSAFE", "the container has no devpts of its own")
LANDS = (Lands(), Lands())


def does(*commands):
    """Commands in the container's mounts, and no more once they are done."""
    @contextlib.contextmanager
    def haunt(ground):
        for command in commands:
            if callable(command):
                command(ground)
            else:
                ground.inside(*command.split())
        yield
    return haunt


def writes(name, content):
    def write(ground):
        path = ground.seen(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
    return write


def links(name, target):
    def link(ground):
        path = ground.seen(name)
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
    return link


def makes(name, kind, device=0):
    def make(ground):
        path = ground.seen(name)
        if os.path.isdir(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.mknod(path, kind | 0o666, device)
        os.chmod(path, 0o666)
    return make


# -- /proc -------------------------------------------------------------------

NO_PROC = "umount -l /proc"
STATUS = "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000000000\nSeccomp:\t0\n"

FAKE_FILES = [writes(f"proc/{who}/{name}", content)
              for who in ("self", "1", "thread-self")
              for name, content in {
                  "status": STATUS, "attr/exec": "", "attr/current": "",
                  "attr/apparmor/exec": "", "cgroup": "0::/\n",
                  "oom_score_adj": "-1000\n", "uid_map": "0 0 4294967295\n",
                  "setgroups": "allow\n", "mountinfo": "",
                  "loginuid": "0\n", "fd/0": "", "fd/3": ""}.items()]


def other_containers_proc(ground):
    """The procfs of the PID namespace of another container."""
    other = ground.lab.boxes["crun"].init
    ground.inside("mount", "-t", "proc", "proc", "/proc",
                  also=[f"--pid=/proc/{other}/ns/pid"])


PROC = [
    Case("proc-tmpfs", *LANDS, haunt=does("mount -t tmpfs none /proc")),
    Case("proc-of-files", *LANDS, haunt=does(
        "mount -t tmpfs none /proc", *FAKE_FILES,
        writes("proc/sys/kernel/cap_last_cap", "0\n"),
        writes("proc/sys/kernel/overflowuid", "0\n"))),
    Case("proc-files-bound-over-files", *LANDS, haunt=does(*[
        f"mount --bind /proc/sys/kernel/hostname /proc/1/{name}"
        for name in ("attr/exec", "attr/current", "status", "stat",
                     "environ", "cgroup", "mountinfo", "uid_map", "limits",
                     "oom_score_adj")])),
    Case("proc-writes-bound-over-files", *LANDS, haunt=does(
        "mount --bind /proc/1/clear_refs /proc/1/attr/exec",
        "mount --bind /proc/1/oom_score_adj /proc/1/loginuid")),
    Case("proc-of-the-host", *LANDS, haunt=does("mount -t proc proc /proc")),
    Case("proc-of-another-container", *LANDS,
         haunt=does(other_containers_proc)),
    Case("proc-link", *LANDS, haunt=does(
        NO_PROC, links("proc", "/etc"))),
    Case("proc-link-to-itself", *LANDS, haunt=does(
        NO_PROC, links("proc", "proc"))),
    Case("proc-empty", *LANDS, haunt=does(NO_PROC)),
    Case("proc-fifo", *LANDS, haunt=does(
        NO_PROC, makes("proc", stat.S_IFIFO))),
    Case("proc-hidden", *LANDS, haunt=does(
        "mount -t proc -o hidepid=2 proc /proc")),
    Case("proc-tmpfs-in-a-user-namespace", *LANDS, options=USERNS,
         haunt=does("mount -t tmpfs none /proc", *FAKE_FILES)),
]


# -- terminals ---------------------------------------------------------------

NO_DEVPTS = "umount -l /dev/pts"
BARE = (NO_DEVPTS, "mount -t tmpfs none /dev/pts")
NEW = "mount -t devpts -o newinstance,mode=620"


def no_terminal(reason):
    return Lands(), Refused("E_SYSTEM", reason)


def bound(source):
    """The engine puts that over /dev/pts."""
    def alter(config):
        for mount in config["mounts"]:
            if mount["destination"] == "/dev/pts":
                mount.update(type="bind", source=source, options=["bind"])
    return alter


@contextlib.contextmanager
def full(ground):
    ground.inside(*NO_DEVPTS.split())
    ground.inside(*f"{NEW},max=1 devpts /dev/pts".split())
    only = os.open(ground.seen("dev/pts/ptmx"), os.O_RDWR | os.O_NOCTTY)
    try:
        yield
    finally:
        os.close(only)


PTS = [
    Case("pts-file", Lands(), NO_PTS, haunt=does(
        *BARE, writes("dev/pts/ptmx", ""))),
    Case("pts-link-to-a-descriptor", Lands(), NO_PTS, haunt=does(
        *BARE, links("dev/pts/ptmx", "/proc/self/fd/0"))),
    Case("pts-link-to-the-hosts-path", Lands(), NO_PTS, haunt=does(
        *BARE, links("dev/pts/ptmx", "/../../dev/ptmx"))),
    Case("pts-link-through-the-init", Lands(), NO_PTS, haunt=does(
        *BARE, links("dev/pts/ptmx", "/proc/1/root/dev/pts/ptmx"))),
    Case("pts-link-to-itself", Lands(), NO_PTS, haunt=does(
        *BARE, links("dev/pts/ptmx", "ptmx"))),
    Case("pts-device-outside-of-a-devpts", Lands(), NO_PTS, haunt=does(
        *BARE, makes("dev/pts/ptmx", stat.S_IFCHR, os.makedev(5, 2)))),
    Case("pts-other-device", Lands(), NO_PTS, haunt=does(
        *BARE, makes("dev/pts/ptmx", stat.S_IFCHR, os.makedev(5, 0)))),
    Case("pts-fifo", Lands(), NO_PTS, haunt=does(
        *BARE, makes("dev/pts/ptmx", stat.S_IFIFO))),
    Case("pts-file-over-the-device", Lands(), NO_PTS, haunt=does(
        "mount --bind /etc/passwd /dev/pts/ptmx")),
    Case("pts-device-over-the-device", Lands(), NO_PTS, haunt=does(
        "mount --bind /dev/null /dev/pts/ptmx")),
    Case("pts-empty", Lands(), NO_PTS, haunt=does(NO_DEVPTS)),
    Case("pts-link-to-nothing", Lands(), NO_PTS, haunt=does(
        NO_DEVPTS, links("dev/pts", "/tmp"))),
    Case("pts-of-the-host", Lands(), NO_PTS, alter=bound("/dev/pts")),
    Case("pts-linked-inside", *LANDS, haunt=does(
        NO_DEVPTS, links("dev/pts", "/srv/pts"), "mkdir -p /srv/pts",
        f"{NEW} devpts /srv/pts")),
    Case("pts-nobody-may-open", *LANDS, haunt=does(
        NO_DEVPTS, f"{NEW},ptmxmode=000 devpts /dev/pts")),
    Case("pts-full", *no_terminal("open the container's ptmx: ENOSPC"),
         haunt=full),
    Case("pts-without-devices",
         *no_terminal("open the container's ptmx: EACCES"),
         haunt=does(NO_DEVPTS, f"{NEW},nodev devpts /dev/pts")),
    Case("pts-read-only", *no_terminal("owner of the terminal: EROFS"),
         haunt=does(NO_DEVPTS, f"{NEW},ro devpts /dev/pts")),
    Case("dev-ptmx-file", *LANDS, haunt=does(
        makes("dev/ptmx", stat.S_IFREG))),
    Case("dev-ptmx-fifo", *LANDS, haunt=does(
        makes("dev/ptmx", stat.S_IFIFO))),
    Case("dev-tty-file", *LANDS, haunt=does(
        makes("dev/tty", stat.S_IFREG))),
    Case("dev-empty", Lands(), NO_PTS, haunt=does(
        "mount -t tmpfs none /dev")),
]


# -- the root directory ------------------------------------------------------

def inner_tree(tree):
    """A second userland below srv/."""
    for name in ("busybox", "sh"):
        tree.copy(f"srv/bin/{name}", "/usr/bin/busybox")
    tree.put("srv/etc/passwd", tree.account())
    tree.put("srv/etc/group", f"crew:x:7001:{tree.user.name}\n")


def as_init(*argv):
    def alter(config):
        config["process"]["args"] = ["/bin/imp", *argv]
    return alter


def moved(ground):
    return os.path.samestat(os.stat(f"/proc/{ground.init}/root"),
                            os.stat(ground.tree.path("srv")))


ROOTS = [
    Case("root-by-chroot-alone", *LANDS, options={"flags": ("--no-pivot",)}),
    Case("root-by-chroot-alone-in-a-user-namespace", *LANDS,
         options={**USERNS, "flags": ("--no-pivot",)}),
    Case("root-below-the-root", NOT_ITS_OWN, NOT_ITS_OWN, prepare=inner_tree,
         alter=as_init("rooted", "/srv"), settled=moved),
    Case("root-deleted", NOT_ITS_OWN, prepare=inner_tree,
         alter=as_init("rooted", "/srv"), settled=moved,
         spoil=lambda tree: tree.remove("srv")),
]

CASES = PROC + PTS + ROOTS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_views(siege, case):  # noqa: F811
    siege.run(case)


def test_another_containers_devpts_is_given_back(siege, lab):  # noqa: F811
    """An engine that gave the container somebody else's: it is used, since
    the container has no other; and nothing stays there."""
    other = lab.boxes["crun"].init
    siege.run(Case("pts-of-another-container", *LANDS, haunt=graft(other)))
    assert os.listdir(f"/proc/{other}/root/dev/pts") == ["ptmx"]


def graft(other):
    @contextlib.contextmanager
    def haunt(ground):
        process.run([ground.siege.imp, "graft", str(other),
                     str(ground.init), "/dev/pts"], check=True)
        yield
    return haunt
