# SPDX-License-Identifier: MIT
"""join=all where the host's own nsswitch.conf is out of the ordinary: what it
names is never taken from the container."""

import contextlib
import os
import shutil

import pytest

from lab import machine, pam_all, process, rootfs

from conftest import SENTENCES

MACHINE = os.uname().machine
LIBRARIES = ("lib", "lib64", "usr/lib", "usr/lib64",
             f"lib/{MACHINE}-linux-gnu", f"usr/lib/{MACHINE}-linux-gnu")

# The host has no such service.
EVIL = "passwd: files\ngroup: files evil\n"

# Asks for a group when it is inside, for the first time.
SERVICE = """\
import ctypes, grp, sys
pam = ctypes.CDLL("libpam.so.0")
CONVERSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3)
class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]
conversation = Conversation(CONVERSE(lambda *_: 19), None)
handle = ctypes.c_void_p()
pam.pam_start(b"ctsh-test", sys.argv[1].encode(), ctypes.byref(conversation),
              ctypes.byref(handle))
said = pam.pam_open_session(handle, 0)
try:
    grp.getgrnam("nosuchgroup")
except KeyError:
    print(said, "no such group")
"""


@pytest.fixture(scope="module")
def visitor(lab):
    with pam_all.visitors(lab, "named", ("crun",)) as made:
        lay_out(lab, made["crun"].inside("").rstrip("/"))
        yield made["crun"]


def lay_out(lab, root):
    evil = f"{lab.base}/evil-service.so"
    rootfs.compile_helper(
        "marker", evil, f'-DHOST_MARKS="{lab.base}/marks"', "-nostdlib",
        "-ffreestanding", "-fno-stack-protector", "-shared", "-fPIC")
    os.makedirs(f"{root}/marks", exist_ok=True)
    os.chmod(f"{root}/marks", 0o1777)
    for directory in LIBRARIES:
        os.makedirs(f"{root}/{directory}", exist_ok=True)
        shutil.copy(evil, f"{root}/{directory}/libnss_evil.so.2")


@contextlib.contextmanager
def linked(lab, services, text):
    """A view of an /etc in which nsswitch.conf is a link to that."""
    etc, conf = f"{lab.base}/etc-linked", f"{lab.base}/nsswitch.linked"
    with open(conf, "w") as file:
        file.write(text)
    with machine.view(
            ["cp", "-a", "/etc", etc],
            ["ln", "-sf", conf, f"{etc}/nsswitch.conf"],
            ["mount", "--bind", etc, "/etc"],
            inside=services.prefix) as prefix:
        yield prefix
    shutil.rmtree(etc)


def test_a_link_is_followed_and_what_it_names_is_not_loaded(lab, services,
                                                           visitor):
    """As authselect makes it."""
    services.line("join=all", f"users={visitor.user.name}")
    with linked(lab, services, EVIL) as prefix:
        result = process.run([*prefix, "/usr/bin/python3", "-c", SERVICE,
                              visitor.user.name])
    assert (result.out, result.err) == ("0 no such group\n", ""), result
    assert os.listdir(visitor.inside("marks")) == []


def test_what_cannot_be_read_refuses(lab, services, visitor):
    """Before the first step; half of it would be the container's."""
    services.line("join=all", f"users={visitor.user.name}")
    mark = len(lab.log.lines)
    with linked(lab, services, f"passwd: files\n#{'x' * 70000}\n") as prefix:
        result = process.run([*prefix, "su", visitor.user.name, "-c", "id"])
    assert (result.status, result.out) == (1, ""), result
    assert SENTENCES["E_SYSTEM"] in result.err, result
    line, = process.wait_for(lambda: services.said(mark), what="a line")
    assert line["reason"] == "/etc/nsswitch.conf: EFBIG"
