# SPDX-License-Identifier: MIT
"""Container root reaches for the sftp-server that the host lends.

It runs inside as the user, so root of the container may do with the process
what it likes.  The file that it was executed from is the host's, and must
neither change nor lead anywhere, not even for who may mount: without a user
namespace that root is the host's uid 0, and owns the file."""

import hashlib
import os
import stat
import threading
import time

import pytest

from lab import process, rootfs, sftp

MOUNTER = ("CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")

KINDS = {
    "root": {"capabilities": MOUNTER[1:]},
    "mounting-root": {"capabilities": MOUNTER},
    "userns-root": {"capabilities": MOUNTER, "userns": 300000},
}

READ_ONLY = {"EROFS", "ETXTBSY", "EPERM", "EACCES"}
ALLOWED = {
    "read": {"ok"}, "path": {"ok"},
    **{way: READ_ONLY for way in (
        "write", "read-write", "truncate", "chmod", "chown", "times",
        "reopen")},
    "link": {"EXDEV", "EPERM", "EROFS"},
    "up": {"ENOTDIR"}, "beside": {"ENOTDIR"}, "openat-up": {"ENOTDIR"},
    "chdir": {"ENOTDIR"},
    **{way: {"EINVAL", "EPERM"} for way in (
        "open-tree", "move", "bind", "remount", "set-attr")},
}


def server_of(lab):
    return f"{lab.base}/libexec/ctsh/ctsh-sftp-server"


def state(path):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    info = os.stat(path)
    return digest, info.st_mode, info.st_uid, info.st_mtime_ns, info.st_nlink


@pytest.fixture(scope="module", params=KINDS)
def attacked(request, lab):
    kind = request.param
    directory = lab.tree(f"sftp-{kind}")
    rootfs.compile_helper("sftp_attack", f"{directory}/bin/sftp_attack",
                          "-static")
    options = KINDS[kind]
    if "userns" in options:
        rootfs.shift(directory, options["userns"])
    user = lab.users["guest"]
    with lab.crun.container(f"sftp-{kind}", directory, seccomp=False,
                            **options) as container, \
            lab.config.own(user, f'container = "{container.spec}"\n'):
        yield container


def inner_pid(pid):
    return process.status(pid)["NSpid"].split()[-1]


def test_the_program_can_neither_be_changed_nor_left(lab, attacked):
    before = state(server_of(lab))
    assert stat.S_IMODE(before[1]) == 0o755
    with sftp.raw(lab, lab.users["guest"]) as client:
        client.greet()
        pid = process.find_one("sftp-server")
        result = attacked.exec("/bin/sftp_attack", inner_pid(pid))
        assert os.readlink(f"/proc/{pid}/exe") == "/"
    assert (result.status, result.err) == (0, "")
    found = dict(line.split() for line in result.out.splitlines())
    assert set(found) == set(ALLOWED)
    assert {way: error for way, error in found.items()
            if error not in ALLOWED[way]} == {}
    assert state(server_of(lab)) == before


def test_nor_when_nobody_runs_it_any_more(lab, attacked):
    """What is kept open of it outlives the session."""
    before = state(server_of(lab))
    with sftp.raw(lab, lab.users["guest"]) as client:
        client.greet()
        pid = process.find_one("sftp-server")
        holder = (f"exec 9</proc/{inner_pid(pid)}/exe; echo held; "
                  "until [ -e /tmp/over ]; do sleep 0.05; done; "
                  "{ echo evil >/proc/self/fd/9; } 2>&1")
        results = []
        keeper = threading.Thread(target=lambda: results.append(
            attacked.exec("/bin/sh", "-c", holder)))
        keeper.start()
        time.sleep(0.5)
    process.wait_for(lambda: not process.alive(pid), what="its end")
    attacked.exec("/bin/touch", "/tmp/over")
    keeper.join(10)
    attacked.exec("/bin/rm", "/tmp/over")
    assert results[0].out.startswith("held\n")
    assert "Read-only file system" in results[0].out or \
        "Permission denied" in results[0].out
    assert state(server_of(lab)) == before
