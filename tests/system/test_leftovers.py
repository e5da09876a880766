# SPDX-License-Identifier: MIT
"""After all other tests: what is still there?"""

import os

import pytest

from lab import logreader, machine, process, users


def test_no_process_of_ours_is_left(lab):
    process.wait_for(
        lambda: not [pid for pid in process.pids()
                     if process.cmdline(pid)[:1] == ["ctsh-session"]
                     and belongs(lab, pid)], what="the last of them")


def belongs(lab, pid):
    """Other installations on this machine are not our business."""
    try:
        return os.stat(f"/proc/{pid}/exe").st_ino == \
            os.stat(lab.ctsh.session).st_ino
    except OSError:
        return False


def of_the_owners_podman(lab):
    """Which runs to the end, with one container."""
    if "rootless" not in vars(lab):
        return set()
    init = lab.rootless.mine.pid
    pause = process.read(f"{lab.rootless.run}/libpod/tmp/pause.pid")
    return {init, int(process.status(init)["PPid"]), int(pause)}


def test_no_process_of_a_user_is_left(lab):
    podman = of_the_owners_podman(lab)
    for user in lab.all_users:
        process.wait_for(lambda u=user: not set(users.of_uid(u.uid)) - podman,
                         what=f"no process of {user.name}")


def test_only_the_init_is_left_in_a_container(lab, box):
    init = box.init
    own = os.readlink(f"/proc/{init}/ns/pid")

    def others():
        found = []
        for pid in process.pids():
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == own and pid != init:
                    found.append(pid)
            except OSError:
                pass
        return found
    process.wait_for(lambda: not others(), what="an empty container")


def test_no_terminal_of_a_container_is_left(box):
    assert os.listdir(f"/proc/{box.init}/root/dev/pts") == ["ptmx"]


@pytest.mark.parametrize("name", ["null", "zero", "tty", "full"])
def test_no_device_of_the_host_has_another_owner(name):
    info = os.stat(f"/dev/{name}")
    assert (info.st_uid, oct(info.st_mode & 0o777)) == (0, "0o666")


def test_no_mount_of_ours_is_left(lab):
    programs = (lab.ctsh.session, lab.ctsh.shell)
    assert [line for line in machine.mounts()
            if any(name in line for name in programs)] == []


def group_of(kind, container):
    """The name of its cgroup."""
    return container.extra.get("id") or f"{kind}-{container.name}"


def test_no_cgroup_is_left_but_the_containers(lab, houses):
    boxes = {"userns": "crun"}
    names = {group_of(boxes.get(kind, kind), box.container)
             for kind, box in (*lab.boxes.items(), *houses.made.items())}
    below = {path.rpartition(f"/{lab.tag}/")[2].split("/")[0]
             for path in machine.cgroup_dirs() if f"/{lab.tag}/" in path}
    assert below - names == set()


def test_nobody_holds_a_lock(lab):
    """Slots and locks are files that may stay; held they may not be."""
    import fcntl
    for path, _, files in os.walk(lab.ctsh.run):
        for name in files:
            with open(os.path.join(path, name), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_run_directory_is_roots_alone(lab):
    info = os.stat(lab.ctsh.run)
    assert (info.st_uid, oct(info.st_mode & 0o7777)) == (0, "0o700")


@pytest.mark.parametrize("kind", ["userns", "runc", "docker"])
def test_every_login_that_was_opened_was_closed(lab, kind):
    """crun's is left out: its log daemon was stopped once, by a test."""
    name = lab.boxes[kind].user.name

    def unmatched():
        refs = {event: {line["ref"] for line in
                        map(logreader.parse, lab.log.ours())
                        if line["event"] == event and line["user"] == name}
                for event in ("open", "close")}
        assert refs["open"]
        return refs["open"] ^ refs["close"]
    try:
        process.wait_for(lambda: not unmatched(), what="the last line")
    except process.Late:
        assert [line for line in lab.log.ours()
                if logreader.parse(line)["ref"] in unmatched()] == []
