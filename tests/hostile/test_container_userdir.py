# SPDX-License-Identifier: MIT
"""Containers whose /run/user is a trap: nothing is made there but an empty
directory of the user's own, and nothing that was there is changed."""

import contextlib
import os

import pytest

from lab import laboratory, process
from lab.hostile import (  # noqa: F401  (siege is a fixture)
    USERNS, Case, Says, siege)

ASKED = "echo ${XDG_RUNTIME_DIR:+one}"
NONE = Says(0, "\n", asked=ASKED)
ONE = Says(0, "one\n", asked=ASKED)


def run_user(*more):
    """/run/user, and what is done with it: functions of its path, the user's
    name below it and the numbers of root and the user outside."""
    @contextlib.contextmanager
    def haunt(ground):
        path = ground.seen("run/user")
        os.makedirs(path)
        root = laboratory.USERNS_START if is_shifted(ground) else 0
        os.chown(path, root, root)
        own = f"{path}/{ground.siege.uid}"
        for step in more:
            step(path, own, root, root + ground.siege.uid)
        before = listing(ground.seen("run"))
        yield
        assert listing(ground.seen("run")) == before
    return haunt


def is_shifted(ground):
    return "4294967295" not in process.read(f"/proc/{ground.init}/uid_map")


def listing(top):
    """All below it: names, kinds, modes and owners."""
    found = []
    for path, dirs, files in os.walk(top):
        for name in [".", *dirs, *files]:
            info = os.lstat(os.path.join(path, name))
            found.append((path, name, info.st_mode, info.st_uid, info.st_gid))
    return sorted(found)


def own(mode, owner=None, gid=None):
    def step(_, path, root, uid):
        os.mkdir(path)
        os.chown(path, uid if owner is None else root + owner,
                 uid if gid is None else root + gid)
        os.chmod(path, mode)
    return step


def instead(target):
    def step(_, path, root, uid):
        os.makedirs(f"{os.path.dirname(os.path.dirname(path))}/real")
        os.chown(f"{os.path.dirname(os.path.dirname(path))}/real", uid, uid)
        os.symlink(target, path)
    return step


def all_instead(target):
    def step(path, _, root, uid):
        os.rename(path, f"{os.path.dirname(path)}/real")
        os.symlink(target, path)
    return step


def mode_of_all(mode, owner=0):
    def step(path, _, root, uid):
        os.chown(path, root + owner, root)
        os.chmod(path, mode)
    return step


def without(*names):
    def alter(config):
        for kind in config["process"]["capabilities"].values():
            kind[:] = [name for name in kind if name not in names]
    return alter





DIRECTORY = [
    Case("own-link-to-somewhere", NONE, haunt=run_user(instead("../real"))),
    Case("own-link-to-the-root", NONE, haunt=run_user(instead("/"))),
    Case("own-link-to-nothing", NONE, haunt=run_user(instead("../new"))),
    Case("own-link-to-a-descriptor", NONE,
         haunt=run_user(instead("/proc/self/fd/0"))),
    Case("own-of-root", NONE, haunt=run_user(own(0o700, 0))),
    Case("own-of-somebody-else", NONE, haunt=run_user(own(0o700, 7))),
    Case("own-open-to-all", NONE, haunt=run_user(own(0o755))),
    Case("own-open-to-its-group", NONE, haunt=run_user(own(0o770))),
    Case("own-fifo", NONE, haunt=run_user(
        lambda _, path, *__: os.mkfifo(path))),
    Case("own-file", NONE, haunt=run_user(
        lambda _, path, *__: os.close(os.open(path, os.O_CREAT)))),
    Case("user-link", NONE, haunt=run_user(all_instead("real"))),
    Case("user-link-to-the-root", NONE, haunt=run_user(all_instead("/"))),
    Case("user-link-through-the-init", NONE,
         haunt=run_user(all_instead("/proc/1/root/run/real"))),
    Case("user-writable-by-all", NONE, haunt=run_user(mode_of_all(0o1777))),
    Case("user-writable-by-its-group", NONE,
         haunt=run_user(mode_of_all(0o775))),
    Case("user-of-somebody", NONE, haunt=run_user(mode_of_all(0o755, 9))),
    Case("user-of-somebody-in-a-user-namespace", NONE, options=USERNS,
         haunt=run_user(mode_of_all(0o755, 9))),
    Case("user-of-the-hosts-root", NONE, options=USERNS,
         haunt=run_user(mode_of_all(0o755, -laboratory.USERNS_START))),
    Case("init-without-chown", NONE, alter=without("CAP_CHOWN"),
         haunt=run_user()),
    Case("own", ONE, haunt=run_user(own(0o700))),
    Case("own-in-a-user-namespace", ONE, options=USERNS,
         haunt=run_user(own(0o700))),
]


@pytest.mark.parametrize("case", DIRECTORY, ids=str)
def test_a_directory_of_ones_own(siege, case):  # noqa: F811
    siege.run(case)


SWAP = """cd /run/user; mkdir ../real; chown 7:7 ../real; touch ../ready
while :; do
    ln -s ../real {uid}; rm -rf {uid}; mkdir {uid}; rm -rf {uid}
    mv ../real {uid}; mv {uid} ../real
done >/tmp/log 2>&1 </etc/passwd &"""


def test_what_changes_all_the_time_is_not_given_away(lab, guest):
    """By the container's root, between a link, nothing, and directories."""
    uid = lab.inner_uid("guest")
    root = lab.tree("swapped")
    os.makedirs(f"{root}/run/user")
    with lab.crun.container("swapped", root) as it:
        it.exec("/bin/sh", "-c", SWAP.format(uid=uid), check=True)
        process.wait_for(lambda: os.path.exists(f"{root}/run/ready"),
                         what="the swapping")
        with lab.config.own(guest, f'container = "{it.spec}"\n'):
            for _ in range(40):
                result = lab.direct(guest, "-c", "echo in")
                assert (result.status, result.out, result.err) == \
                    (0, "in\n", "")
        lab.crun.call("kill", "--all", "swapped", "KILL", check=True)
    owners = {(info.st_uid, info.st_gid) for info in
              map(os.lstat, below(f"{root}/run"))}
    assert owners <= {(0, 0), (7, 7), (uid, uid)}
    real = [path for path in below(f"{root}/run")
            if os.lstat(path).st_uid == 7]
    assert len(real) == 1, real


def below(top):
    return [os.path.join(path, name) for path, dirs, files in os.walk(top)
            for name in dirs + files]
