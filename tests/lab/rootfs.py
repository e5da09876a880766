# SPDX-License-Identifier: MIT
"""The userland of the containers: busybox and the probe, both static."""

import os
import shutil

from . import process

HELPERS = os.path.join(os.path.dirname(__file__), "helpers")

INTERPRETERS = {"x86_64": "lib64/ld-linux-x86-64.so.2",
                "aarch64": "lib/ld-linux-aarch64.so.1"}


def compile_helper(name, out, *flags):
    process.run(["gcc", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", *flags,
                 "-o", out, f"{HELPERS}/{name}.c"], check=True, timeout=60)
    return out


def make(directory, accounts, probe):
    """A tree with these accounts: (name, uid, gid, shell)."""
    for name in ("bin", "dev", "etc", "home", "lib", "lib64", "proc", "root",
                 "run", "sys", "tmp", "usr/bin"):
        os.makedirs(f"{directory}/{name}")
    os.chmod(f"{directory}/tmp", 0o1777)
    shutil.copy("/usr/bin/busybox", f"{directory}/bin/busybox")
    applets = process.run(["/usr/bin/busybox", "--list"], check=True)
    for applet in applets.out.split():
        if applet != "busybox":
            os.symlink("busybox", f"{directory}/bin/{applet}")
    install_probe(directory, probe)
    write(directory, "etc/hostname", "inside\n")
    write(directory, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" + "".join(
        f"{name}:x:{uid}:{gid}::/home/{name}:{shell}\n"
        for name, uid, gid, shell in accounts))
    write(directory, "etc/group", "root:x:0:\ntty:x:5:\n" + "".join(
        f"{name}:x:{gid}:\n" for name, _, gid, _ in accounts) +
        "crew:x:7001:" + ",".join(a[0] for a in accounts) + "\n"
        "others:x:7002:nobody\n")
    for name, uid, gid, _ in accounts:
        os.mkdir(f"{directory}/home/{name}", 0o755)
        os.chown(f"{directory}/home/{name}", uid, gid)


def install_probe(directory, probe):
    """Plain, and setuid root."""
    for name, mode in (("probe", 0o755), ("suprobe", 0o4755)):
        shutil.copy(probe, f"{directory}/bin/{name}")
        os.chmod(f"{directory}/bin/{name}", mode)


def write(directory, name, content, mode=0o644):
    path = f"{directory}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(content)
    os.chmod(path, mode)
    return path


def shift(directory, by):
    """Gives the tree to a user namespace that starts at that id."""
    for path, dirs, files in os.walk(directory):
        for name in [path] + [os.path.join(path, n) for n in dirs + files]:
            info = os.lstat(name)
            if info.st_uid < by:
                os.lchown(name, info.st_uid + by, info.st_gid + by)
                if os.path.isfile(name) and not os.path.islink(name):
                    os.chmod(name, info.st_mode & 0o7777)
