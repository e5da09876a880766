# SPDX-License-Identifier: MIT
"""Containers with a real userland: the distribution's own programs.

The tree is made once by debootstrap and kept below build/; each container gets
a layer of its own over it.  So what one of them changes, no other sees.
"""

import hashlib
import os
import shutil

from . import install, laboratory, process, rootfs

CACHE = f"{install.SOURCE}/build/debian"

KINDS = ("crun", "docker", "podman", "lxc")

PACKAGES = (
    "bsdutils", "git", "gnupg", "less", "login", "ncurses-term",
    "netcat-openbsd", "openssh-client", "openssh-sftp-server", "passwd",
    "pinentry-curses", "procps", "python3", "rsync", "screen", "sudo",
    "tmux", "util-linux", "vim-tiny", "xauth")

# Nobody reads them here, and docker copies them.
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/info",
              "usr/share/locale", "usr/share/i18n", "var/cache/apt",
              "var/lib/apt/lists")

INNER_UID = 2500
PASSWORD = "correct horse"

LXC_LINES = ("lxc.mount.auto = proc:mixed sys:ro", "lxc.pty.max = 64")


def release():
    """The machine's own: debootstrap knows it, and so does its mirror."""
    for line in process.read("/etc/os-release").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=")[1].strip('"')
    raise RuntimeError("/etc/os-release names no release")


def tree():
    """The common tree: from the last run, or from the distribution."""
    name = release()
    what = hashlib.sha256(" ".join((name, *PACKAGES)).encode()).hexdigest()
    place = f"{CACHE}/{name}-{what[:12]}"
    if not os.path.isdir(place):
        make(name, place)
    return place


def make(name, place):
    scratch = f"{place}.{os.getpid()}"
    os.makedirs(CACHE, exist_ok=True)
    try:
        process.run(["debootstrap", "--variant=minbase",
                     f"--include={','.join(PACKAGES)}", name, scratch],
                    timeout=360, check=True)
        for path in NOT_NEEDED:
            shutil.rmtree(f"{scratch}/{path}", ignore_errors=True)
        rootfs.write(scratch, "etc/hostname", "inside\n")
        rootfs.write(scratch, "etc/hosts", "127.0.0.1 localhost inside\n")
        os.rename(scratch, place)
    except OSError:
        # Another run was faster.
        if not os.path.isdir(place):
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class Houses:
    """One of each engine, made when it is asked for."""

    def __init__(self, lab):
        self.lab = lab
        self.made = {}
        os.makedirs(f"{lab.base}/houses")

    def house(self, kind):
        if kind not in self.made:
            container = getattr(self, kind)()
            self.made[kind] = self.furnish(kind, container)
        return self.made[kind]

    def furnish(self, kind, container):
        """The account inside, and the rule that leads to it."""
        user = self.lab.users[f"deb{kind}"]
        root = f"/proc/{container.pid}/root"
        uid = INNER_UID + KINDS.index(kind)
        settle(root, user.name, uid)
        spec = container.spec
        if not spec:
            spec = f"pidfile:{self.lab.run}/house-{kind}.pid"
            with open(spec.removeprefix("pidfile:"), "w") as file:
                file.write(f"{container.pid}\n")
        self.lab.stack.enter_context(self.lab.config.own(
            user, f'container = "{spec}"\n'))
        return laboratory.Box(kind, user, uid, container)

    def layer(self, kind):
        """A tree of its own, which only the engines see."""
        directory = f"{self.lab.base}/houses/{kind}"
        for name in ("upper", "work", "root"):
            os.makedirs(f"{directory}/{name}")
        process.run([*self.lab.engine_prefix, "mount", "-t", "overlay",
                     "-o", f"lowerdir={tree()},upperdir={directory}/upper,"
                     f"workdir={directory}/work", "house",
                     f"{directory}/root"], check=True)
        self.lab.stack.callback(process.run, [
            *self.lab.engine_prefix, "umount", "--lazy", f"{directory}/root"])
        process.run([*self.lab.engine_prefix, "cp", self.lab.probe,
                     f"{directory}/root/usr/bin/probe"], check=True)
        return f"{directory}/root"

    def enter(self, context):
        return self.lab.stack.enter_context(context)

    def crun(self):
        return self.enter(self.lab.crun.container(
            "house", self.layer("crun"), seccomp=False,
            capabilities=("CAP_AUDIT_WRITE",)))

    def docker(self):
        self.lab.docker.load("house", tree(), self.lab.probe)
        return self.enter(self.lab.docker.container("house", "house"))

    def podman(self):
        return self.enter(self.lab.podman.container(
            "house", self.layer("podman")))

    def lxc(self):
        return self.enter(self.lab.lxc.container(
            "house", self.layer("lxc"), *LXC_LINES))


def settle(root, name, uid):
    """An account with a home and a password, which may use sudo."""
    hashed = process.run(["openssl", "passwd", "-6", PASSWORD],
                         check=True).out.strip()
    for path, line in (
            ("etc/passwd", f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash"),
            ("etc/shadow", f"{name}:{hashed}:19000:0:99999:7:::"),
            ("etc/group", f"{name}:x:{uid}:")):
        with open(f"{root}/{path}", "a") as file:
            file.write(f"{line}\n")
    rootfs.write(root, f"etc/sudoers.d/{name}", f"{name} ALL=(ALL) ALL\n",
                 0o440)
    shutil.copytree(f"{root}/etc/skel", f"{root}/home/{name}")
    for path, dirs, files in os.walk(f"{root}/home/{name}"):
        for each in (path, *(f"{path}/{n}" for n in dirs + files)):
            os.lchown(each, uid, uid)
