# SPDX-License-Identifier: MIT
"""Containers that lay out code for a service that comes in with join=all."""

import os
import shutil

import pytest

from lab import pam, pam_all, process, rootfs, sshd, terminal

MACHINE = os.uname().machine
LIBRARIES = ("lib", "lib64", "usr/lib", "usr/lib64",
             f"lib/{MACHINE}-linux-gnu", f"usr/lib/{MACHINE}-linux-gnu")
SERVICES = ("evil", "files", "compat", "dns", "nis", "db", "systemd",
            "hesiod", "myhostname", "resolve", "mymachines")


@pytest.fixture(scope="module")
def visitors(lab):
    with pam_all.visitors(lab, "evil", ("crun", "userns")) as made:
        yield made


def lay_out(lab, root):
    """Whatever a libc of the host's may look for by a path."""
    evil = f"{lab.base}/evil-module.so"
    if not os.path.exists(evil):
        rootfs.compile_helper(
            "marker", evil, f'-DHOST_MARKS="{lab.base}/marks"', "-nostdlib",
            "-ffreestanding", "-fno-stack-protector", "-shared", "-fPIC")
    os.makedirs(f"{root}/marks", exist_ok=True)
    os.chmod(f"{root}/marks", 0o1777)
    names = [f"libnss_{name}.so.2" for name in SERVICES]
    for directory in LIBRARIES:
        os.makedirs(f"{root}/{directory}/security", exist_ok=True)
        os.makedirs(f"{root}/{directory}/gconv", exist_ok=True)
        for name in [*names, "libgcc_s.so.1", "libidn2.so.0", "gconv/evil.so",
                     "security/pam_evil.so", "security/pam_permit.so"]:
            shutil.copy(evil, f"{root}/{directory}/{name}")
        rootfs.write(root, f"{directory}/gconv/gconv-modules",
                     "module UTF-8// INTERNAL evil 1\n"
                     "module INTERNAL UTF-8// evil 1\n")
    rootfs.write(root, "etc/nsswitch.conf", "".join(
        f"{name}: evil nis db files\n" for name in (
            "passwd", "group", "initgroups", "shadow", "hosts", "services",
            "netgroup", "gshadow")))
    rootfs.write(root, "etc/ld.so.preload", "/lib/libnss_evil.so.2\n")
    for name in pam.SERVICES:
        rootfs.write(root, f"etc/pam.d/{name}",
                     "session required pam_evil.so\n")
    mark = "#!/bin/sh\ntouch /marks/script\n"
    rootfs.write(root, "etc/update-motd.d/00-evil", mark, 0o755)
    rootfs.write(root, "usr/sbin/run-parts", mark, 0o755)


@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_nothing_that_lies_there_is_loaded(lab, services, visitors, kind):
    visitor = visitors[kind]
    lay_out(lab, visitor.inside("").rstrip("/"))
    services.line("join=all", f"users={visitor.user.name}")
    with sshd.sshd(f"{lab.base}/ssh-evil-{kind}", [visitor.user.name],
                   services.prefix, pam=True, sftp="internal-sftp") as server:
        argv = server.argv(visitor.user.name, "echo", "there")
        assert process.run(argv).out == "there\n"
        with terminal.Terminal(
                server.argv(visitor.user.name,
                            options=["RequestTTY=force"]),
                env={"PATH": os.environ["PATH"], "TERM": "dumb"}) as screen:
            screen.prompt()
            screen.type("exit\n")
            assert screen.end() == 0
    for way in (["su"], ["su", "-"]):
        result = services.run(*way, visitor.user.name, "-c", "echo there",
                              env={**os.environ, "LANG": "de_DE.UTF-8"})
        assert (result.out, result.err) == ("there\n", "")
    assert os.listdir(visitor.inside("marks")) == []
