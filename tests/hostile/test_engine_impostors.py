# SPDX-License-Identifier: MIT
"""Somebody else pretends to be the engine, or the process it left.

A monitor's name is free while its container is stopped, and any process may
take it; any process may call itself systemd-nspawn.
"""

import contextlib
import os
import subprocess
import sys

import pytest

from lab import process, rootfs

PATH = "/var/lib/lxc"
FAKE = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "lab", "fake_monitor.py")


@contextlib.contextmanager
def squatter(lab, name, pid, *prefix, along=()):
    """Has the monitor's name, and says that `pid` is the init."""
    log = f"{lab.base}/squatter.log"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    with process.daemon([*prefix, sys.executable, FAKE, PATH, name, str(pid),
                         *along], log, patience=1):
        process.wait_for(lambda: "ready" in process.tail(log),
                         what="a squatter")
        yield
    process.wait_for(lambda: f"@{PATH}/{name}/command\n" not in
                     process.read("/proc/net/unix"), what="a free name")


@pytest.fixture
def attempt(lab, guest, refusal):
    """A login that must be refused with that code; gives the reason."""
    def check(container, code):
        with lab.config.own(guest, f'container = "{container}"\n'):
            return refusal(lab.direct(guest, "-c", "id"), guest, code)
    return check


def as_user(user):
    return ("setpriv", "--reuid", str(user.uid), "--regid", str(user.gid),
            "--clear-groups", "--")


@pytest.fixture
def free_name(lab):
    """That of a container which does not run."""
    return f"{lab.tag}free"


def test_a_user_who_took_the_monitors_name_is_refused(lab, attempt, free_name):
    evil, box = lab.users["evil"], lab.boxes["crun"]
    with squatter(lab, free_name, box.init, *as_user(evil)):
        assert attempt(f"lxc:{free_name}", "E_UNSAFE") == \
            f"@{PATH}/{free_name}/command was taken by uid {evil.uid}"


@pytest.mark.parametrize("kind", ["pid", "user"])
def test_root_of_a_container_that_took_it_is_refused(lab, attempt, free_name,
                                                     kind):
    """One that shares the host's network, where those names live."""
    prefix = {"pid": ("unshare", "--pid", "--fork", "--kill-child"),
              "user": ("unshare", "--user", "--map-root-user")}[kind]
    with squatter(lab, free_name, lab.boxes["crun"].init, *prefix):
        assert attempt(f"lxc:{free_name}", "E_UNSAFE") == \
            f"socket peer is in another {kind} namespace"


def test_a_file_that_comes_along_is_never_closed_here(lab, guest, refusal,
                                                      free_name, tmp_path):
    """Whoever closes it hangs where nothing can end it, until its server is
    gone, after eight seconds here."""
    mute = tmp_path / "mute"
    mute.touch()
    with squatter(lab, free_name, lab.boxes["crun"].init, "unshare", "--pid",
                  "--mount", "--fork", "--kill-child", along=[str(mute)]), \
            lab.config.own(guest, f'container = "lxc:{free_name}"\n'):
        result = lab.direct(guest, "-c", "id")
    assert refusal(result, guest, "E_UNSAFE") in (
        "descriptors come from the monitor's name",
        "socket peer is in another pid namespace")  # they may not come
    assert result.seconds < 4


@pytest.mark.parametrize("whose", ["another", "ours", "first"])
def test_a_monitor_that_names_a_stranger_is_refused(lab, attempt, free_name,
                                                    whose):
    pid = {"another": lab.boxes["docker"].init, "ours": os.getpid(),
           "first": 2}[whose]
    with squatter(lab, free_name, pid):
        assert f"pid {pid} is not a child of the monitor" in \
            attempt(f"lxc:{free_name}", "E_UNSAFE")


def test_a_monitor_cannot_name_the_first_process(lab, attempt, free_name):
    with squatter(lab, free_name, 1):
        assert attempt(f"lxc:{free_name}", "E_ENGINE") == \
            "the monitor gives no sensible pid"


def test_what_is_a_child_of_the_monitor_must_be_a_container(lab, attempt,
                                                            free_name):
    """As far as it comes, the engine's word is not enough."""
    script = f'sleep 60 & exec "$0" {FAKE} {PATH} {free_name} $!'
    log = f"{lab.base}/squatter.log"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    with process.daemon(["sh", "-c", script, sys.executable], log) as fake:
        process.wait_for(lambda: "ready" in process.tail(log))
        child, = process.children(fake.pid)
        try:
            assert f"pid {child} is in the host" in \
                attempt(f"lxc:{free_name}", "E_UNSAFE")
        finally:
            process.kill_if_there(child)


# -- nspawn ------------------------------------------------------------------

@pytest.fixture(scope="module")
def waiter(lab):
    path = f"{lab.base}/waiter"
    rootfs.compile_helper("waiter", path)
    return path


@contextlib.contextmanager
def impostor(lab, waiter, name, *prefix):
    """A process with the command line of an nspawn, and a child."""
    argv = [*prefix, "bash", "-c", 'exec -a systemd-nspawn "$0" "$@"',
            waiter, f"--machine={name}"]
    with process.daemon(argv, f"{lab.base}/impostor.log") as fake:
        process.wait_for(lambda: process.children(fake.pid),
                         what="an impostor")
        assert process.cmdline(fake.pid) == ["systemd-nspawn",
                                             f"--machine={name}"]
        yield


def test_a_users_process_with_nspawns_name_is_nobody(lab, attempt, waiter):
    name = f"{lab.tag}fake"
    with impostor(lab, waiter, name, *as_user(lab.users["evil"])):
        assert attempt(f"nspawn:{name}", "E_ABSENT") == \
            f"no systemd-nspawn runs with -M {name}"


def test_nor_is_one_of_roots_if_the_program_is_another(lab, attempt, waiter):
    name = f"{lab.tag}fake"
    with impostor(lab, waiter, name):
        assert attempt(f"nspawn:{name}", "E_ABSENT") == \
            f"no systemd-nspawn runs with -M {name}"


@contextlib.contextmanager
def hung(name, *prefix):
    """The very program, which hangs where its help finds no room."""
    pipe = os.pipe()
    os.set_blocking(pipe[1], False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe[1], bytes(4096))
    os.set_blocking(pipe[1], True)
    running = subprocess.Popen(
        [*prefix, "systemd-nspawn", f"--machine={name}", "--help"],
        stdout=pipe[1], preexec_fn=process.die_with_parent)

    def there():
        return [pid for pid in
                (running.pid, *process.descendants(running.pid))
                if program(pid) == "/usr/bin/systemd-nspawn"]
    try:
        process.wait_for(there, what="the true program")
        yield
    finally:
        for pid in there():
            process.kill_if_there(pid)
        running.wait(10)
        for end in pipe:
            os.close(end)


def program(pid):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe")


@pytest.mark.parametrize("who", ["user", "userns", "pidns"])
def test_nor_is_the_true_program_in_other_hands(lab, attempt, who):
    prefix = {"user": as_user(lab.users["evil"]),
              "userns": ("unshare", "--user", "--map-root-user"),
              "pidns": ("unshare", "--pid", "--fork")}[who]
    name = f"{lab.tag}hung"
    with hung(name, *prefix):
        assert attempt(f"nspawn:{name}", "E_ABSENT") == \
            f"no systemd-nspawn runs with -M {name}"


def test_in_roots_hands_it_is_looked_at(lab, attempt):
    """So the one above is passed over for whose it is."""
    name = f"{lab.tag}hung"
    with hung(name):
        assert "0 inits below systemd-nspawn" in \
            attempt(f"nspawn:{name}", "E_ABSENT")


def test_an_impostor_is_not_in_the_way_of_the_true_one(lab, guest, waiter):
    name = f"{lab.tag}both"
    with impostor(lab, waiter, name, *as_user(lab.users["evil"])), \
            lab.nspawn.container(name, lab.tree("nspawn-both")), \
            lab.config.own(guest, f'container = "nspawn:{name}"\n'):
        assert lab.direct(guest, "-c", "hostname").out == "inside\n"


def test_two_of_one_name_are_one_too_many(lab, attempt):
    name = f"{lab.tag}twice"
    other = [*lab.engine_prefix,
             *lab.nspawn.argv(name, lab.tree("nspawn-two"))]
    with lab.nspawn.container(name, lab.tree("nspawn-one")) as box:
        os.makedirs(f"{lab.base}/trees/nspawn-two/usr", exist_ok=True)
        with process.daemon(other, f"{lab.base}/impostor.log") as second:
            process.wait_for(lambda: process.children(second.pid),
                             what="a second machine")
            assert attempt(box.spec, "E_ENGINE") == \
                f"2 times systemd-nspawn runs with -M {name}"
