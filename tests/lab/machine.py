# SPDX-License-Identifier: MIT
"""What this machine is like, and private views of it where it must differ.

A view is a mount namespace of its own, held by a sleeping process; a command
is run in it by putting `view.prefix` in front.
"""

import contextlib
import os
import socket
import subprocess

from . import process

UNIFIED = "/sys/fs/cgroup/unified"


@contextlib.contextmanager
def view(*setup, inside=()):
    """A mount namespace in which the commands `setup` were run; its prefix.
    It is made from the view with the prefix `inside`."""
    holder = subprocess.Popen(
        [*inside, "unshare", "--mount", "--propagation", "private",
         "sleep", "infinity"],
        preexec_fn=process.die_with_parent)
    prefix = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--"]
    own = os.readlink("/proc/self/ns/mnt")
    try:
        # It is the sleeper when it has all its views behind it.
        process.wait_for(
            lambda: os.readlink(f"/proc/{holder.pid}/ns/mnt") != own
            and process.cmdline(holder.pid)[:1] == ["sleep"],
            what="a mount namespace")
        for command in setup:
            process.run(prefix + command, check=True)
        yield prefix
    finally:
        process.stop(holder)


@contextlib.contextmanager
def engine_view():
    """Where engines run.  A hybrid cgroup tree, which they refuse or half
    understand, is made a plain v1 tree for them."""
    if os.path.ismount(UNIFIED):
        with view(["umount", UNIFIED]) as prefix:
            yield prefix
    else:
        with view() as prefix:
            yield prefix


# Whether there is a log daemon, and what else uses it, is different on every
# machine: what logs in here sees a /dev of its own with our socket in it.
PRIVATE_DEV = """
set -e
mkdir "$0"
mount -t tmpfs -o mode=755 dev "$0"
for name in null zero full random urandom tty ptmx console; do
    cp -a "/dev/$name" "$0/"
done
for name in pts shm; do
    mkdir "$0/$name"
    mount --bind "/dev/$name" "$0/$name"
done
ln -s /proc/self/fd "$0/fd"
ln -s "$1" "$0/log"
mount --move "$0" /dev
"""


@contextlib.contextmanager
def log_view(log):
    """Where logins start: the socket `log` is /dev/log there."""
    scratch = f"{log}.dev"
    with view(["sh", "-c", PRIVATE_DEV, scratch, log]) as prefix:
        try:
            yield prefix
        finally:
            os.rmdir(scratch)


def mounts():
    return sorted(line.split(" ", 3)[3] for line in
                  process.read("/proc/self/mountinfo").splitlines())


def cgroup_dirs():
    """All cgroup directories, as paths."""
    return sorted(path for path, _, _ in os.walk("/sys/fs/cgroup"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
