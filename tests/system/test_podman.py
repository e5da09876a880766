# SPDX-License-Identifier: MIT
"""podman's containers, found by its files alone; no service runs here."""

import concurrent.futures
import contextlib
import glob
import json
import os
import shutil
import time

import pytest

from lab import process

WHERE = "exec readlink /proc/self/ns/pid"


@pytest.fixture(scope="module")
def trees(lab):
    return lab.tree("podman")


@pytest.fixture(scope="module")
def boxes(lab, trees):
    """One that runs through all of this, and its file of the run root."""
    with lab.podman.container("box", trees) as container:
        yield container


@pytest.fixture(scope="module")
def section(lab):
    """The engine section, as rules name it."""
    text = 'engine labpodman { type = "podman" ' \
           f'root = "{lab.podman.root}" runroot = "{lab.podman.run_root}" }}\n'
    with lab.config.extended(text):
        yield "labpodman"


@pytest.fixture
def login(lab, guest, section):
    """The guest's login to the container that is called so."""
    def call(name, command=WHERE, wait=0, **more):
        with lab.config.own(guest, f'container = "{section}:{name}"\n'
                            f'wait = {wait}\n'):
            return lab.direct(guest, "-c", command, **more)
    return call


@pytest.fixture
def refused(login, guest, refusal):
    return lambda name, code: refusal(login(name), guest, code)


@pytest.fixture
def lands(login):
    def check(name, pid):
        result = login(name)
        assert (result.status, result.err) == (0, ""), result
        assert result.out.strip() == os.readlink(f"/proc/{pid}/ns/pid")
    return check


def identity(lab, name):
    """The full ID of the container."""
    return lab.podman.call("inspect", "--format", "{{.Id}}", name,
                           check=True).out.strip()


def files(lab, name, below="run_root"):
    """The directory of its files below that root."""
    root = getattr(lab.podman, below)
    found = glob.glob(f"{root}/*-containers/{identity(lab, name)}/userdata")
    assert len(found) == 1, found
    return found[0]


@contextlib.contextmanager
def kept(path):
    """Whatever is done to that file, it is as it was afterwards."""
    shutil.copy2(path, f"{path}.kept")
    try:
        yield path
    finally:
        os.rename(f"{path}.kept", path)


# -- what lands --------------------------------------------------------------

def test_a_login_lands_in_the_container_of_that_name(lab, guest, boxes, login):
    mark = lab.log.since()
    result = login("box", "id -un; hostname; readlink /proc/self/ns/pid")
    space = os.readlink(f"/proc/{boxes.pid}/ns/pid")
    assert result.out == f"{guest.name}\ninside\n{space}\n", result
    opened, _ = lab.log.login(mark)
    assert " container=labpodman:box " in opened
    assert f" id={identity(lab, 'box')[:12]} " in opened


def test_a_full_id_names_a_container(lab, boxes, lands):
    lands(f"id={identity(lab, 'box')}", boxes.pid)


def test_a_running_service_changes_nothing(lab, boxes, lands):
    socket = f"{lab.run}/podman.sock"
    argv = [*lab.podman.head, "system", "service", "--time", "0",
            f"unix://{socket}"]
    with process.daemon(argv, f"{lab.base}/podman-service.log"):
        process.wait_for(lambda: os.path.exists(socket), what="the service")
        lands("box", boxes.pid)


def test_a_container_without_a_cgroup_of_its_own_lands(lab, trees, lands):
    """Then its start, and crun's record, prove it."""
    with lab.podman.container("bare", trees, "--cgroups", "disabled",
                              cgroup=False) as container:
        lands("bare", container.pid)


def test_a_restart_leads_to_the_new_one(lab, trees, lands):
    with lab.podman.container("again", trees) as container:
        old = container.pid
        lands("again", old)
        lab.podman.call("restart", "--time", "0", "again", check=True)
        assert container.pid != old
        lands("again", container.pid)


def test_a_new_name_counts_and_the_old_one_no_more(lab, trees, lands, refused):
    with lab.podman.container("before", trees) as container:
        lab.podman.call("rename", "before", "after", check=True)
        try:
            pid = lab.podman.pid("after")
            lands("after", pid)
            assert refused("before", "E_ABSENT") == "no such container"
        finally:
            lab.podman.call("rename", "after", container.name, check=True)


def test_lists_of_newer_versions_are_read(lab, boxes, lands, refused):
    """Containers that go when they end are in a list of their own, and with a
    transient store in the run root."""
    (stable,) = glob.glob(f"{lab.podman.root}/*-containers/containers.json")
    driver = os.path.basename(os.path.dirname(stable))
    pid = boxes.pid
    with kept(stable):
        records = json.loads(process.read(stable))
        for place in (lab.podman.root, lab.podman.run_root):
            moved = f"{place}/{driver}/volatile-containers.json"
            with open(moved, "w") as file:
                json.dump(records, file)
            try:
                with open(stable, "w") as file:
                    file.write("[]")
                lands("box", pid)
                os.unlink(stable)
                lands("box", pid)
            finally:
                os.unlink(moved)
        assert refused("box", "E_ABSENT") == "no such container"


# -- what does not run -------------------------------------------------------

def test_one_that_is_paused_is_refused(lab, boxes, lands, refused):
    lab.podman.call("pause", "box", check=True)
    try:
        refused("box", "E_PAUSED")
    finally:
        lab.podman.call("unpause", "box", check=True)
    lands("box", boxes.pid)


def test_one_that_is_stopped_is_refused(lab, trees, refused):
    with lab.podman.container("stopped", trees):
        lab.podman.call("stop", "--time", "0", "stopped", check=True)
        refused("stopped", "E_ABSENT")


def test_one_whose_init_has_ended_is_refused(lab, trees, refused):
    """Without podman's doing: its files say nothing of it."""
    with lab.podman.container("ended", trees) as container:
        pid = container.pid
        os.kill(pid, 9)
        process.wait_for(lambda: not process.alive(pid), what="its end")
        refused("ended", "E_ABSENT")


@pytest.mark.parametrize("step", ["create", "init"])
def test_one_that_is_made_and_not_started_is_refused(lab, trees, refused,
                                                     step):
    """After `init` there is a process: crun's, waiting with all its power."""
    with lab.podman.made("made", trees):
        if step == "init":
            lab.podman.call("init", "made", check=True)
        refused("made", "E_ABSENT")


def test_one_that_is_being_started_is_waited_for(lab, trees, login):
    with lab.podman.made("late", trees) as container:
        lab.podman.call("init", "late", check=True)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            result = pool.submit(login, "late", wait=15)
            time.sleep(0.2)
            assert not result.done()
            lab.podman.call("start", "late", check=True)
            result = result.result(20)
        assert (result.status, result.err) == (0, ""), result
        assert result.out.strip() == \
            os.readlink(f"/proc/{container.pid}/ns/pid")


# -- another one's name ------------------------------------------------------

def test_a_beginning_of_a_name_or_an_id_is_none(lab, boxes, refused):
    whole = identity(lab, "box")
    for name in ("bo", "boxx", whole, whole[:12], whole[:1]):
        assert refused(name, "E_ABSENT") == "no such container"
    assert "cannot name" in refused(f"id={whole[:12]}", "E_CONFIG")


# -- files that are not root's alone -----------------------------------------

def test_an_engine_directory_of_others_is_refused(lab, boxes, guest, lands,
                                                  refused):
    (stable,) = glob.glob(f"{lab.podman.root}/*-containers/containers.json")
    own = [stable, os.path.dirname(stable), lab.podman.root, files(lab, "box"),
           f"{files(lab, 'box')}/pidfile", lab.podman.run_root,
           f"{files(lab, 'box', 'root')}/config.json"]
    for path in own:
        mode = os.stat(path).st_mode & 0o7777
        os.chown(path, guest.uid, -1)
        try:
            refused("box", "E_UNSAFE")
        finally:
            os.chown(path, 0, -1)
        os.chmod(path, mode | 0o020)
        try:
            refused("box", "E_UNSAFE")
        finally:
            os.chmod(path, mode)
    lands("box", boxes.pid)


def test_a_link_or_a_fifo_in_a_files_place_is_refused(lab, boxes, lands,
                                                      refused):
    pidfile = f"{files(lab, 'box')}/pidfile"
    with kept(pidfile):
        shutil.copy2(pidfile, f"{pidfile}.other")
        os.unlink(pidfile)
        os.symlink(f"{pidfile}.other", pidfile)
        refused("box", "E_UNSAFE")
        os.unlink(f"{pidfile}.other")
        os.unlink(pidfile)
        os.mkfifo(pidfile)
        refused("box", "E_UNSAFE")
    lands("box", boxes.pid)


@pytest.mark.parametrize("number", ["1", "init of another", "a new process"])
def test_a_pidfile_that_names_another_process_is_refused(lab, boxes, lands,
                                                         refused, number):
    pidfile = f"{files(lab, 'box')}/pidfile"
    with kept(pidfile), process.daemon(["sleep", "100"], "/dev/null") as new:
        pid = {"1": 1, "init of another": lab.boxes["crun"].init,
               "a new process": new.pid}[number]
        with open(pidfile, "w") as file:
            file.write(str(pid))
        refused("box", "E_ENGINE" if pid == 1 else "E_ABSENT")
    lands("box", boxes.pid)


def test_without_a_record_of_crun_the_cgroup_proves(lab, boxes, lands,
                                                    refused):
    """As with another OCI runtime: the pidfile alone convinces nobody."""
    pidfile = f"{files(lab, 'box')}/pidfile"
    record = f"/run/crun/{identity(lab, 'box')}"
    os.rename(record, f"{record}.away")
    try:
        lands("box", boxes.pid)
        with kept(pidfile):
            with open(pidfile, "w") as file:
                file.write(str(lab.boxes["crun"].init))
            reason = refused("box", "E_UNSAFE")
        assert "does not name container" in reason
    finally:
        os.rename(f"{record}.away", record)


def test_a_filter_that_is_named_and_missing_is_refused(lab, trees, refused,
                                                       lands):
    with lab.podman.container("open", trees, "--security-opt",
                              "seccomp=unconfined") as container:
        lands("open", container.pid)
        config = f"{files(lab, 'open', 'root')}/config.json"
        text = json.loads(process.read(config))
        text["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO"}
        with open(config, "w") as file:
            json.dump(text, file)
        refused("open", "E_UNSAFE")
