# SPDX-License-Identifier: MIT
"""containerd: tasks of ctr's, in namespaces of their own, and docker's."""

import contextlib
import os
import re

import pytest

from lab import process

DEMO = "demo"


@pytest.fixture(scope="module")
def tree(lab):
    return lab.tree("containerd")


@pytest.fixture(scope="module")
def task(lab, tree):
    with lab.containerd.container(DEMO, f"{lab.tag}box", tree,
                                  "--seccomp") as made:
        yield made


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login of the guest there must be refused with that code; gives the
    reason."""
    def check(spec, code):
        with lab.config.own(guest, f'container = "{spec}"\n'):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


@pytest.fixture
def lands(lab, guest):
    """Where a login of the guest comes to, over ssh: its PID namespace."""
    def check(spec, keys=""):
        with lab.config.own(guest, f'container = "{spec}"\n{keys}'):
            result = lab.login(guest, "id -u; exec readlink "
                               "/proc/self/ns/pid")
        assert (result.status, result.err) == (0, ""), result
        uid, space = result.out.splitlines()
        assert int(uid) == lab.inner_uid("guest")
        return space
    return check


def space(container):
    return os.readlink(f"/proc/{container.pid}/ns/pid")


def test_a_task_of_ctr(task, lands):
    assert lands(task.spec) == space(task)


def test_a_terminal_there(lab, guest, task):
    with lab.config.own(guest, f'container = "{task.spec}"\n'):
        with lab.terminal(guest) as opened:
            opened.prompt()
            assert re.fullmatch(r"/dev/pts/\d+", opened.ask("tty"))
            opened.type("exit 6\r")
            assert opened.end() == 6


def test_it_is_confined_as_its_init(lab, guest, task):
    keys = ("CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters")
    with lab.config.own(guest, f'container = "{task.spec}"\n'):
        result = lab.login(guest, "exec cat /proc/self/status")
    found = dict(line.split(":\t", 1) for line in result.out.splitlines())
    init = process.status(task.pid)
    assert {k: found[k].strip() for k in keys} == {k: init[k] for k in keys}
    assert init["Seccomp_filters"] == "1"


def test_where_the_shim_keeps_its_records_by_itself(lab, tree, lands):
    """And without a filter, which the configuration does not name either."""
    ns = f"{lab.tag}ns"
    with lab.containerd.container(ns, "box", tree, records=False) as other:
        assert os.path.exists(f"/run/containerd/runc/{ns}/box/state.json")
        assert lands(other.spec) == space(other)
        line = lab.log.line("open", container=other.spec)
        assert (line["id"], int(line["pid"])) == ("box", other.pid)


def test_without_records_of_runc(lab, task, lands):
    with hidden(f"{lab.containerd.records}/{DEMO}"):
        assert lands(task.spec) == space(task)


def test_a_container_of_docker_by_its_full_id(lab, lands):
    box = lab.boxes["docker"].container
    assert lands(f"labcontainerd:moby/{box.extra['id']}") == space(box)


def test_a_prefix_of_an_id_is_none(lab, attempt):
    box = lab.boxes["docker"].container
    attempt(f"labcontainerd:moby/{box.extra['id'][:12]}", "E_ABSENT")


def test_a_name_of_docker_is_none(lab, attempt):
    box = lab.boxes["docker"].container
    attempt(f"labcontainerd:moby/{box.name}", "E_ABSENT")


def test_another_namespace_is_another_container(task, attempt):
    attempt(task.spec.replace(f":{DEMO}/", ":default/"), "E_ABSENT")


@pytest.mark.parametrize("name", ["box", "demo/../box", "demo//box",
                                  "demo/box/box", "/demo/box", "demo/"])
def test_what_is_no_namespace_and_name(attempt, name):
    reason = attempt(f"labcontainerd:{name}", "E_CONFIG")
    assert "cannot name a container" in reason


def test_a_paused_task(lab, task, attempt):
    with lab.containerd.paused(task.name):
        attempt(task.spec, "E_PAUSED")


def test_a_task_that_ended_and_was_not_removed(lab, tree, attempt):
    name = f"{lab.tag}over"
    with lab.containerd.container(DEMO, name, tree) as over:
        pid = over.pid
        lab.containerd.call(DEMO, "task", "kill", "--signal", "KILL", name,
                            check=True)
        process.wait_for(lambda: not process.alive(pid), what="its end")
        assert os.path.exists(lab.containerd.bundle(DEMO, name))
        attempt(over.spec, "E_ABSENT")
        with hidden(f"{lab.containerd.records}/{DEMO}"):
            attempt(over.spec, "E_ABSENT")


# -- files that do not fit ---------------------------------------------------

@contextlib.contextmanager
def hidden(path):
    os.rename(path, f"{path}.hidden")
    try:
        yield
    finally:
        os.rename(f"{path}.hidden", path)


@contextlib.contextmanager
def written(path, content):
    """With that in the file, as old as it was."""
    info = os.stat(path)
    before = process.read(path)
    try:
        put(path, content, info)
        yield
    finally:
        put(path, before, info)


def put(path, content, info):
    with open(path, "w") as file:
        file.write(content)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.fixture
def pidfile(lab, task):
    return f"{lab.containerd.bundle(DEMO, task.extra['id'])}/init.pid"


def test_another_pid_than_runc_recorded(lab, task, pidfile, attempt):
    other = lab.boxes["crun"].init
    with written(pidfile, f"{other}\n"):
        assert "record says" in attempt(task.spec, "E_UNSAFE")


@pytest.mark.parametrize("whose", ["another container", "the host"])
def test_another_pid_and_no_record(lab, task, pidfile, attempt, whose):
    """Older than the file, as a forger would choose it."""
    other = lab.boxes["crun"].init if whose == "another container" else \
        os.getpid()
    with hidden(f"{lab.containerd.records}/{DEMO}"), \
            written(pidfile, f"{other}\n"):
        attempt(task.spec, "E_UNSAFE")


def test_a_recycled_pid_and_no_record(lab, task, pidfile, attempt):
    with hidden(f"{lab.containerd.records}/{DEMO}"):
        info = os.stat(pidfile)
        try:
            os.utime(pidfile, (info.st_atime, info.st_mtime - 3600))
            attempt(task.spec, "E_ABSENT")
        finally:
            os.utime(pidfile, ns=(info.st_atime_ns, info.st_mtime_ns))


def test_a_bundle_that_others_may_write(lab, task, attempt):
    path = lab.containerd.bundle(DEMO, task.extra["id"])
    os.chmod(path, 0o770)
    try:
        assert "not a directory of root" in attempt(task.spec, "E_UNSAFE")
    finally:
        os.chmod(path, 0o700)


def test_a_task_of_another_shim(lab, task, attempt):
    shim = f"{lab.containerd.bundle(DEMO, task.extra['id'])}/shim-binary-path"
    with written(shim, "/usr/local/bin/containerd-shim-runsc-v1"):
        assert "runsc" in attempt(task.spec, "E_UNSAFE")
