# SPDX-License-Identifier: MIT
"""Accounts on the host, made and removed with the machine's own tools."""

import contextlib
import grp
import os
import pwd
import signal
from dataclasses import dataclass

from . import process

FIRST_UID = 59000
LAST_UID = 59999


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    group: str
    home: str


def free_ids(count):
    """So many ids that neither an account nor a group has."""
    taken = {p.pw_uid for p in pwd.getpwall()}
    taken |= {g.gr_gid for g in grp.getgrall()}
    free = [i for i in range(FIRST_UID, LAST_UID) if i not in taken]
    return free[:count]


@contextlib.contextmanager
def group(name, gid):
    process.run(["groupadd", "--gid", str(gid), name], check=True)
    try:
        yield name
    finally:
        process.run(["groupdel", name])


@contextlib.contextmanager
def user(name, uid, gid, home, shell, groups=()):
    """No password, but not locked: sshd would not let it in."""
    more = ["--groups", ",".join(groups)] if groups else []
    process.run(["useradd", "--uid", str(uid), "--gid", str(gid),
                 "--no-log-init", "--create-home", "--skel", "/nonexistent",
                 "--home-dir", home, "--shell", shell, "--password", "*",
                 *more, name], check=True)
    try:
        yield User(name, uid, gid, grp.getgrgid(gid).gr_name, home)
    finally:
        process.wait_for(lambda: not of_uid(uid) or kill_all(uid),
                         what=f"no process of {name}")
        process.run(["userdel", name], check=True)


def of_uid(uid):
    """Processes of an account that exists only for this run."""
    return [pid for pid in process.pids()
            if process.status(pid).get("Uid", "").split()[:1] == [str(uid)]
            and process.alive(pid)]


def kill_all(uid):
    for pid in of_uid(uid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return False
