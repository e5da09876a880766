# SPDX-License-Identifier: MIT
"""The owner of a rootless engine writes into its files whatever they like.

The owner has a real podman of their own, whose container `mine` they may be
sent to.  Whatever they make of its files leads there, or to a refusal that
tells them nothing.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from lab import process

# Runs as the owner: makes namespaces, says the pid of what is in them, waits.
STRANGE = """
import ctypes, os, sys
how, uid, gid, target = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
gid = int(gid)
libc = ctypes.CDLL(None, use_errno=True)
USER, MOUNT, PID = 0x10000000, 0x20000, 0x20000000
sleep = ["/bin/sleep", "1000"]

def do(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def become_root(uid, gid):
    for kind in ("setgroups", "uid_map", "gid_map"):
        with open(f"/proc/self/{kind}", "w") as file:
            file.write({"setgroups": "deny", "uid_map": f"0 {uid} 1",
                        "gid_map": f"0 {gid} 1"}[kind])

os.setgroups([])
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
do(libc.prctl(4, 1, 0, 0, 0))
outside = os.open("/", os.O_RDONLY)
if how == "nested":
    space = [os.open(f"/proc/{target}/ns/{name}", os.O_RDONLY)
             for name in ("user", "uts", "ipc", "net", "pid", "mnt")]
    for fd in space:
        do(libc.setns(fd, 0))
    sleep = ["/bin/busybox", "sleep", "1000"]
elif how == "user only":
    do(libc.unshare(USER))
else:
    do(libc.unshare(USER | MOUNT | PID))
    become_root(uid, gid)
child = os.fork()
if child == 0:
    if how == "nested":
        do(libc.unshare(USER))
        become_root(0, 0)
    program = os.open(sleep[0], os.O_RDONLY)
    if how.startswith("root outside"):
        os.fchdir(outside)
        os.chroot(".")
    os.dup2(2, 1)
    if how == "root outside, program inside":
        os.execve(program, sleep, {})
    os.execv(sleep[0], sleep)
print(child, flush=True)
os.waitpid(child, 0)
"""


@pytest.fixture
def guest(lab):
    """Who has a podman of their own."""
    return lab.users["owner"]


@pytest.fixture
def owner(lab, guest):
    """The owner's engine, with its files as they were afterwards."""
    return lab.rootless


@pytest.fixture
def login(lab, guest):
    def call(command="exec readlink /proc/self/ns/pid"):
        with lab.config.own(guest, 'container = "podman:mine"\n'
                            'owner = "%u"\nwait = 0\n'):
            return lab.direct(guest, "-c", command)
    return call


@pytest.fixture
def refused(lab, guest, login, refusal):
    """The same sentence for all of it, soon."""
    def check():
        result = login()
        assert result.seconds < 4, result   # the reader has five
        return refusal(result, guest, "E_UNSAFE")
    return check


@pytest.fixture
def lands(owner, login):
    """That all of this is about files that work when they are honest."""
    def check():
        result = login()
        assert (result.status, result.err) == (0, ""), result
        assert result.out.strip() == \
            os.readlink(f"/proc/{owner.mine.pid}/ns/pid")
    return check


PIDFILE = "{run}/*-containers/*/userdata/pidfile"
LIST = "{root}/*-containers/containers.json"
SETTINGS = "{root}/*-containers/*/userdata/config.json"
FILES = (PIDFILE, LIST, SETTINGS)
PLACES = (*FILES, "{run}", "{run}/*-containers", "{run}/*-containers/*/userdata",
          "{root}", "{root}/*-containers", "{home}/.local/share")


@contextlib.contextmanager
def aside(path):
    """Something else may take its place."""
    os.rename(path, f"{path}.aside")
    try:
        yield f"{path}.aside"
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.rename(f"{path}.aside", path)


@contextlib.contextmanager
def written(owner, place, text):
    """The owner's own words in that file."""
    path = owner.files(place)
    with aside(path) as honest:
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chown(path, owner.user.uid, owner.user.gid)
        yield honest


@contextlib.contextmanager
def strange(owner, how, user=None):
    """The pid of such a process of theirs."""
    user = user or owner.user
    keeper = subprocess.Popen(
        [sys.executable, "-c", STRANGE, how, str(user.uid), str(user.gid),
         str(owner.mine.pid)],
        stdout=subprocess.PIPE, preexec_fn=process.die_with_parent)
    pid = None
    try:
        pid = int(keeper.stdout.readline())
        process.wait_for(lambda: "sleep" in process.cmdline(pid)[:2]
                         or process.cmdline(pid)[:1] == ["/bin/sleep"],
                         what=f"a process {how}")
        yield pid
    finally:
        if pid:
            process.kill_if_there(pid)
        keeper.kill()
        keeper.wait(10)
        keeper.stdout.close()


# -- a pid that is not theirs to name ----------------------------------------

@pytest.mark.parametrize("kind", ["crun", "userns", "runc", "docker"])
def test_a_container_of_roots_is_refused(lab, owner, lands, refused, kind):
    lands()
    with written(owner, PIDFILE, str(lab.boxes[kind].init)):
        assert "its user namespace belongs to uid 0" in refused()


@pytest.mark.parametrize("whose", ["the machine's first", "root's", "theirs"])
def test_a_process_of_the_host_is_refused(owner, refused, whose):
    more = {"user": owner.user.uid} if whose == "theirs" else {}
    with process.daemon(["sleep", "1000"], "/dev/null", **more) as other:
        pid = 1 if whose == "the machine's first" else other.pid
        with written(owner, PIDFILE, str(pid)):
            refused()


def test_a_container_of_another_users_is_refused(lab, owner, refused):
    with strange(owner, "all", lab.users["evil"]) as pid, \
            written(owner, PIDFILE, str(pid)):
        reason = refused()
        assert f"belongs to uid {lab.users['evil'].uid}" in reason


def test_a_user_namespace_over_the_hosts_tree_is_refused(owner, refused):
    with strange(owner, "user only") as pid, \
            written(owner, PIDFILE, str(pid)):
        refused()


def test_a_process_that_their_namespace_does_not_map_is_refused(
        lab, owner, refused):
    """root of the host, come in by nsenter(1): who looks inside has its ids."""
    argv = ["nsenter", "--target", str(owner.mine.pid), "--all",
            "--preserve-credentials", "/bin/busybox", "sleep", "1000"]
    with process.daemon(argv, f"{lab.base}/visitor.log") as visitor:
        process.wait_for(lambda: process.children(visitor.pid),
                         what="a visitor")
        pid, = process.children(visitor.pid)
        try:
            process.wait_for(lambda: "sleep" in process.cmdline(pid),
                             what="a visitor inside")
            with written(owner, PIDFILE, str(pid)):
                assert "does not map" in refused()
        finally:
            process.kill_if_there(pid)


def test_a_namespace_that_owns_neither_tree_nor_processes_is_refused(
        owner, refused):
    """Theirs, but around it is another one (CVE-2022-31214)."""
    with strange(owner, "nested") as pid, written(owner, PIDFILE, str(pid)):
        assert "belongs to another user namespace" in refused()


@pytest.mark.parametrize("how", ["root outside",
                                 "root outside, program inside"])
def test_a_root_directory_outside_of_it_is_refused(owner, guest, login,
                                                   refusal, how):
    """Its owner may have the host's tree open and change root to it."""
    with strange(owner, how) as pid, written(owner, PIDFILE, str(pid)):
        reason = refusal(login(), guest, "E_ABSENT")
        assert "does not run a program of its container" in reason


def test_a_pidfile_that_is_older_than_its_process_is_refused(owner, lands,
                                                             refused):
    with written(owner, PIDFILE, str(owner.mine.pid)):
        lands()
        os.utime(owner.files(PIDFILE), (1, 1))
        refused()


# -- files that are none ------------------------------------------------------

@pytest.mark.parametrize("place", FILES)
def test_a_fifo_does_not_hang(owner, lands, refused, place):
    path = owner.files(place)
    with aside(path):
        os.mkfifo(path, 0o600)
        os.chown(path, owner.user.uid, -1)
        refused()
    lands()


@pytest.mark.parametrize("place", PLACES)
def test_no_link_is_followed(owner, lands, refused, place):
    path = owner.files(place)
    with aside(path) as honest:
        os.symlink(honest, path)
        os.chown(path, owner.user.uid, -1, follow_symlinks=False)
        refused()
    lands()


@pytest.mark.parametrize("place", FILES)
@pytest.mark.parametrize("how", ["a link", "a second name", "their own"])
def test_a_file_they_may_not_read_is_told_nothing_of(lab, owner, refused,
                                                     place, how):
    """Though who asks is root."""
    secret = f"{lab.base}/secret"
    with open(secret, "w") as file:
        file.write('[{"id": "geheim", "names": ["mine", "geheim"]}]')
    os.chmod(secret, 0o600)
    path = owner.files(place)
    # A second name must be on the same file system.
    if how == "a second name" and \
            os.stat(secret).st_dev != os.stat(path).st_dev:
        secret = f"{owner.run}/secret"
        with open(secret, "w") as file:
            file.write("geheim")
        os.chmod(secret, 0o600)
    with aside(path):
        if how == "a link":
            os.symlink(secret, path)
        elif how == "a second name":
            os.link(secret, path)
        else:
            with open(path, "w") as file:
                file.write("geheim")
            os.chmod(path, 0)
        assert "geheim" not in refused()


def test_a_list_of_somebody_elses_is_refused(owner, refused):
    """Though they may read it: a second name of a file of root's."""
    path = owner.files(LIST)
    with aside(path):
        with open(path, "w") as file:
            file.write("[]")
        refused()


@pytest.mark.parametrize("place", FILES)
def test_what_others_may_write_is_refused(owner, refused, place):
    with written(owner, place, process.read(owner.files(place))):
        os.chmod(owner.files(place), 0o666)
        refused()


# -- words made to break what reads them -------------------------------------

BOMBS = {
    "nothing": b"",
    "depth": b"[" * 4_000_000,
    "breadth": b"[" + b"{}," * 2_700_000 + b"{}]",
    "one string": b'["' + b"\\u0041" * 1_300_000 + b'"]',
    "zeros": bytes(1 << 20),
    "too long": b"[" + b" " * (8 << 20) + b"]",
    "another's name": json.dumps([{"id": "../" * 21 + "x", "names": ["mine"]}]
                                 ).encode(),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_list_that_is_a_bomb_is_refused(owner, lands, refused, bomb):
    with written(owner, LIST, BOMBS[bomb]):
        refused()
    lands()


@pytest.mark.parametrize("place", FILES)
def test_their_words_are_not_lines_of_the_log(lab, owner, guest, login, place):
    evil = '\x1b[31m\nopen user=root container="x" ref=00000000\x07'
    text = {LIST: json.dumps([{"id": evil, "names": ["mine"], evil: evil}]),
            SETTINGS: '{"' + evil, PIDFILE: evil}[place]
    with written(owner, place, text):
        result = login()
    assert result.status == 125, result
    ref = result.err.rstrip().rstrip("]").rpartition(" ")[2]
    line, = process.wait_for(
        lambda: [line for line in lab.log.ours() if line.endswith(ref)],
        what="a line")
    assert line.startswith("refused ") and "code=E_UNSAFE" in line
    assert line.isprintable() and "00000000" not in line


def test_their_words_cannot_choose_another_container(lab, owner, guest, login,
                                                     refusal):
    """Of the list only the ID counts, and only as a name below their own
    directories."""
    entry = [{"id": "f" * 64, "names": ["mine"]}]
    with written(owner, LIST, json.dumps(entry)):
        refusal(login(), guest, "E_ABSENT")


# -- files that change meanwhile ----------------------------------------------

def test_a_pidfile_that_flips_leads_to_their_own_or_nowhere(lab, owner, login,
                                                            guest):
    ours = os.readlink(f"/proc/{owner.mine.pid}/ns/pid")
    path = owner.files(PIDFILE)
    numbers = [str(owner.mine.pid), str(lab.boxes["userns"].init),
               str(lab.boxes["docker"].init)]
    stop = threading.Event()

    def flip():
        while not stop.is_set():
            for number in numbers:
                with open(f"{path}.new", "w") as file:
                    file.write(number)
                os.chown(f"{path}.new", guest.uid, guest.gid)
                os.rename(f"{path}.new", path)
                time.sleep(0.0005)
    with written(owner, PIDFILE, numbers[0]):
        thread = threading.Thread(target=flip)
        thread.start()
        try:
            results = [login() for _ in range(40)]
        finally:
            stop.set()
            thread.join()
    for result in results:
        assert result.out.strip() == ours or result.status == 125, result
    assert any(result.status == 125 for result in results)


# -- the reader itself --------------------------------------------------------

def test_what_reads_their_files_has_no_power(lab, owner, guest, lands):
    """It hangs at a file system of theirs: then it is seen, and given up."""
    with lab.config.own(guest, 'container = "podman:mine"\nowner = "%u"\n'
                        'wait = 0\n'), hanging(lab, owner) as reads:
        argv = lab.direct_argv(guest, "-c", "id")
        started = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        reader = process.wait_for(reads, what="a reader")
        state = process.status(reader)
        assert state["Uid"].split() == [str(guest.uid)] * 4
        assert state["Groups"].split() == [str(guest.gid)]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert state[kind] == "0" * 16
        assert state["NoNewPrivs"] == "1" and state["Seccomp"] == "2"
        # Its owner may not look into it, since it was root's.
        assert os.stat(f"/proc/{reader}/mem").st_uid == 0
        opened = os.listdir(f"/proc/{reader}/fd")
        assert len(opened) <= 8, opened
        out, err = started.communicate(timeout=15)
        assert (started.returncode, out) == (125, b"")
        assert b"E_UNSAFE" in err
    lands()


# A file system that nobody serves: the first look at it waits for ever.
SILENT = """
import ctypes, os, sys, time
place, uid, gid = sys.argv[1:]
options = f"fd=0,rootmode=40000,user_id={uid},group_id={gid}"
if ctypes.CDLL(None, use_errno=True).mount(
        b"silent", place.encode(), b"fuse", 6, options.encode()):
    raise OSError(ctypes.get_errno(), "mount")
print("mounted", flush=True)
time.sleep(1000)
"""


@contextlib.contextmanager
def hanging(lab, owner):
    """As a user mounts one with fusermount, where logins see it; gives a
    function that finds who looks at it."""
    place = owner.files("{root}/*-containers")
    ours = set(process.pids())
    with open("/dev/fuse", "r+b", buffering=0) as device:
        server = subprocess.Popen(
            [*lab.log_prefix, sys.executable, "-c", SILENT, place,
             str(owner.user.uid), str(owner.user.gid)], stdin=device,
            stdout=subprocess.PIPE, preexec_fn=process.die_with_parent)
    try:
        assert server.stdout.readline() == b"mounted\n"

        def reads():
            for pid in set(process.pids()) - ours:
                if process.status(pid).get("Uid", "").split()[:1] == \
                        [str(owner.user.uid)] and \
                        process.status(pid)["Seccomp"] == "2":
                    return pid
            return None
        yield reads
    finally:
        process.run([*lab.log_prefix, "umount", "--lazy", place])
        server.kill()
        server.wait(10)
        server.stdout.close()
