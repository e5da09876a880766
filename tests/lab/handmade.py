# SPDX-License-Identifier: MIT
"""Containers without an engine, and inits that do not sit still."""

import contextlib
import errno
import os
import shutil
import subprocess
import time

from . import process, rootfs

# What the filters of these containers answer to mkdir, and how that reads.
REFUSAL = {errno.ENOANO: "No anode", errno.EBADSLT: "Invalid slot"}


def tool(lab, name, *flags):
    """A helper program, compiled when it is first asked for."""
    path = f"{lab.base}/{name}"
    if not os.path.exists(path):
        rootfs.compile_helper(name, path, *flags)
    return path


def strange_tree(lab, name):
    """A userland whose init does what helpers/strange.c says."""
    root = lab.tree(name)
    shutil.copy(tool(lab, "strange", "-static"), f"{root}/bin/probe")
    return root


class Handmade:
    """A running one; `pid` is its init as the host counts."""

    def __init__(self, keeper, pid):
        self.keeper = keeper
        self.pid = pid

    @property
    def start(self):
        """Start time of the init, in clock ticks since boot."""
        text = process.read(f"/proc/{self.pid}/stat")
        return int(text.rpartition(")")[2].split()[19])

    def end(self):
        """Kills the init and waits until its number is free."""
        if self.keeper.poll() is None:
            os.kill(self.pid, 9)
        self.keeper.wait(10)
        assert not os.path.exists(f"/proc/{self.pid}")


@contextlib.contextmanager
def handmade(lab, root, refuses=0, pid=0):
    """A container with that userland whose filter refuses mkdir with that
    errno (0: it has no filter) and whose init has that PID (0: any)."""
    keeper = subprocess.Popen(
        [tool(lab, "handmade"), str(pid), root, str(refuses)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        preexec_fn=process.die_with_parent)
    try:
        made = Handmade(keeper, int(keeper.stdout.readline()))
        assert pid in (0, made.pid)
        yield made
        made.end()
    finally:
        keeper.kill()
        keeper.wait(10)
        keeper.stdout.close()


@contextlib.contextmanager
def pidfile(lab, pid, age=0):
    """A file of root's with that number, written so many seconds ago."""
    path = f"{lab.run}/handmade.pid"
    with open(path, "w") as file:
        file.write(f"{pid}\n")
    if age:
        os.utime(path, (time.time() - age,) * 2)
    try:
        yield path
    finally:
        os.unlink(path)


def copies(lab):
    """Names of the kept filter copies: PID-START-COUNT-STACK."""
    directory = f"{lab.ctsh.run}/filters"
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return {name for name in names if not name.endswith((".lock", ".new"))}


def copies_of(lab, pid):
    return {name for name in copies(lab) if name.startswith(f"{pid}-")}
