# SPDX-License-Identifier: MIT
"""Containers that lay out code, and files that whoever runs there opens.

Evil code leaves a mark that says with which power it ran.  The user's own
programs may run it, with the user's own power: some cases are there to show
that it would be seen."""

import contextlib
import os
import re
import shutil
import socket
import stat

import pytest

from lab import process, rootfs
from lab.hostile import (  # noqa: F401  (siege is a fixture)
    USERNS, Case, Ground, Lands, Refused, Says, Tree, read_marks, siege)

FIFO = stat.S_IFIFO
NULL = os.makedev(1, 3)
INTERPRETER = rootfs.INTERPRETERS[os.uname().machine]
LIBRARIES = ("lib", "lib64", "usr/lib", "usr/lib64",
             f"lib/{os.uname().machine}-linux-gnu",
             f"usr/lib/{os.uname().machine}-linux-gnu")

MISSING = Refused("E_IDENTITY", "no account in the container for {user}")

DYNAMIC = 'shell = "/bin/dynamic"\n'
ROOT = 'user = "root"\nallow_root = true\n'


def together(*spoilers):
    def spoil(tree):
        for one in spoilers:
            one(tree)
    return spoil


def dynamic(*programs):
    """Programs of the host's with the libraries and the loader they need."""
    def spoil(tree):
        for name, source in programs:
            tree.copy(name, source)
            listed = process.run(["ldd", source], check=True).out
            for path in re.findall(r"(/\S+) \(0x", listed):
                tree.copy(path.lstrip("/"), path)
    return spoil


dynamic_shell = dynamic(("bin/dynamic", "/bin/dash"))


def evil_everywhere(*names):
    def spoil(tree):
        for directory in LIBRARIES:
            for name in names:
                tree.copy(f"{directory}/{name}", tree.siege.evil)
    return spoil


def nsswitch(tree):
    tree.put("etc/nsswitch.conf", "passwd: evil files\ngroup: evil files\n"
             "initgroups: evil\nhosts: evil\nshadow: evil\n")


evil_nss = together(nsswitch, evil_everywhere("libnss_evil.so.2",
                                              "libnss_files.so.2",
                                              "libnss_compat.so.2"))


def preload(tree):
    tree.copy("lib/evil.so", tree.siege.evil)
    tree.put("etc/ld.so.preload", "/lib/evil.so\n")


def gconv(tree):
    for directory in LIBRARIES:
        tree.put(f"{directory}/gconv/gconv-modules",
                 "module UTF-8// INTERNAL evil 1\n"
                 "module INTERNAL UTF-8// evil 1\nmodule ANSI_X3.4-1968//"
                 " INTERNAL evil 1\n")
        tree.copy(f"{directory}/gconv/evil.so", tree.siege.evil)


def evil_loader(tree):
    tree.copy(INTERPRETER, tree.siege.loader)


def environment(config):
    """The image's: what a libc makes something of."""
    config["process"]["env"] += [
        "LD_PRELOAD=/lib/evil.so", "LD_LIBRARY_PATH=/lib",
        "GCONV_PATH=/lib/gconv", "LOCPATH=/usr/lib/locale",
        "TZ=:/etc/localtime", "MALLOC_CHECK_=3", "LC_ALL=evil.UTF-8"]


ASKED_BY_LIBC = (
    "etc/localtime", "etc/nsswitch.conf", "etc/ld.so.cache", "etc/hosts",
    "etc/ld.so.preload", "etc/resolv.conf", "etc/host.conf", "etc/gai.conf",
    "etc/locale.alias", "usr/lib/locale/locale-archive", "etc/shadow",
    "usr/lib/locale/C.utf8/LC_CTYPE", "usr/share/locale/locale.alias",
    "usr/share/zoneinfo/UTC", "etc/shells", "etc/login.defs", "etc/nologin",
    "etc/environment", "etc/subuid", "etc/subgid", "etc/gshadow",
    "etc/ctsh/ctsh.conf", "etc/ctsh/break_glass", "etc/selinux/config",
    "run/ctsh", "var/run/nscd/socket", "run/systemd/userdb")


def fifos(tree):
    """Whoever opens one of them waits for ever."""
    for name in ASKED_BY_LIBC:
        tree.node(name, FIFO)


@contextlib.contextmanager
def log_socket(ground):
    """A /dev/log of the container's: nothing of ours goes there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(ground.seen("dev/log"))
        os.chmod(ground.seen("dev/log"), 0o666)
        log.setblocking(False)
        yield
        with pytest.raises(BlockingIOError):
            log.recv(4096)


@contextlib.contextmanager
def log_fifo(ground):
    os.mkfifo(ground.seen("dev/log"))
    yield


@contextlib.contextmanager
def null_device(ground):
    """/dev/null and /dev/tty are files that keep what is written there."""
    for name in ("null", "tty", "zero"):
        os.unlink(ground.seen(f"dev/{name}"))
        with open(ground.seen(f"dev/{name}"), "w"):
            os.chmod(ground.seen(f"dev/{name}"), 0o666)
    yield
    for name in ("null", "tty", "zero"):
        assert os.stat(ground.seen(f"dev/{name}")).st_size == 0


CODE = [
    Case("nss", Lands(), Lands(), prepare=evil_nss),
    Case("nss-that-the-user-loads",
         Says(2, asked="exec getent passwd nobody"), marks=1,
         prepare=together(dynamic(("bin/getent", "/usr/bin/getent")),
                          evil_nss)),
    Case("preload", Lands(), Lands(), prepare=preload),
    Case("preload-that-the-user-loads", Lands(), Lands(), marks=2,
         prepare=together(preload, dynamic_shell), keys=DYNAMIC),
    Case("gconv", Lands(), Lands(), prepare=gconv),
    Case("loader", Lands(), Lands(), prepare=evil_loader),
    Case("loader-that-the-user-runs", Says(77), Says(77), marks=2,
         prepare=together(dynamic_shell, evil_loader), keys=DYNAMIC),
    Case("environment-of-the-image", Lands(), Lands(),
         prepare=together(preload, gconv), alter=environment),
    Case("environment-that-the-user-takes", Lands(), marks=1, keys=DYNAMIC,
         prepare=together(dynamic_shell, lambda tree: tree.copy(
             "lib/evil.so", tree.siege.evil)), alter=environment),
    Case("everything-at-once", Lands(), Lands(),
         prepare=together(evil_nss, preload, gconv, evil_loader),
         spoil=fifos, alter=environment),
    Case("everything-at-once-in-a-user-namespace", Lands(), Lands(),
         prepare=together(evil_nss, preload, gconv, evil_loader),
         spoil=fifos, alter=environment, options=USERNS),
    Case("fifos-that-libc-opens", Lands(), Lands(), spoil=fifos),
    Case("log-socket", Lands(), Lands(), haunt=log_socket),
    Case("log-socket-of-a-refusal", MISSING,
         haunt=log_socket, spoil=lambda tree: tree.remove("etc/passwd")),
    Case("log-fifo", Lands(), Lands(), haunt=log_fifo),
    Case("devices-that-are-files", Lands(), haunt=null_device),
]


# -- the shell ---------------------------------------------------------------

def shell(content, mode=0o755):
    return lambda tree: tree.put("bin/sh", content, mode)


def cannot(name, **more):
    return Refused("E_SHELL", f"execute the shell: {name}", **more)


def shell_link(target):
    return lambda tree: tree.link("bin/sh", target)


def shell_directory(tree):
    tree.remove("bin/sh")
    os.mkdir(tree.path("bin/sh"))


def account_shell(path):
    return lambda tree: tree.put("etc/passwd", tree.account(shell=path))


def ctsh_shell(tree):
    """Were it executed, it would fail."""
    tree.put("usr/bin/ctsh", "#!/bin/busybox false\n", 0o755)
    tree.put("etc/passwd", tree.account(shell="/usr/bin/ctsh"))


def planted_shell(tree):
    """One of the host's, where it would lead out of the container."""
    path = f"{tree.siege.lab.base}/planted-shell"
    shutil.copy("/usr/bin/busybox", path)
    tree.link("bin/sh", path)


SELF = "#!/proc/self/exe\n"
ELF = b"\x7fELF\x02\x01\x01" + b"\xff" * 200

SHELLS = [
    Case("shell-of-ours", cannot("EACCES"), cannot("EACCES"),
         prepare=evil_loader, spoil=shell(SELF)),
    Case("shell-of-ours-in-a-user-namespace", cannot("EACCES"),
         prepare=evil_loader, spoil=shell(SELF),
         options=USERNS),
    Case("shell-link-of-ours", cannot("EACCES"), prepare=evil_loader,
         spoil=shell_link("/proc/self/exe")),
    Case("shell-of-the-init", cannot("EACCES"),
         spoil=shell_link("/proc/1/exe")),
    Case("shell-of-the-host", cannot("ENOENT"), spoil=planted_shell),
    Case("shell-a-descriptor", cannot("EACCES"), cannot("EACCES"),
         spoil=shell_link("/proc/self/fd/3")),
    Case("shell-stdin", cannot("EACCES"), spoil=shell_link("/dev/stdin")),
    Case("shell-fifo", cannot("EACCES"), cannot("EACCES"),
         spoil=lambda tree: tree.node("bin/sh", FIFO)),
    Case("shell-device", cannot("EACCES"),
         spoil=lambda tree: tree.node("bin/sh", stat.S_IFCHR, NULL)),
    Case("shell-directory", cannot("EACCES"), spoil=shell_directory),
    Case("shell-not-executable", cannot("EACCES"),
         spoil=shell("#!/bin/busybox sh\n", 0o644)),
    Case("shell-empty", cannot("ENOEXEC"), spoil=shell("")),
    Case("shell-of-itself", cannot("ELOOP"), spoil=shell("#!/bin/sh\n")),
    Case("shell-garbage", cannot("ENOEXEC"),
         spoil=shell(b"\0" * 100)),
    Case("shell-broken-elf", cannot("ENOEXEC"), spoil=shell(ELF)),
    Case("shell-loop", cannot("ELOOP"), spoil=shell_link("sh")),
    Case("shell-missing", cannot("ENOENT"), cannot("ENOENT"),
         spoil=lambda tree: tree.remove("bin/sh")),
    Case("shell-without-its-interpreter", cannot("ENOENT"),
         spoil=shell("#!/nothing\n")),
    # What the account names instead; then it is bash's turn, and sh's.
    Case("account-shell-ctsh", Lands(), Lands(), spoil=ctsh_shell),
    *[Case(f"account-shell-{name}", Lands(), Lands(),
           spoil=account_shell(path))
      for name, path in {
          "relative": "bin/busybox", "empty": "",
          "missing": "/bin/nothing", "below-a-file": "/etc/passwd/sh",
          "dots": "/bin/../bin/busybox", "a-directory-by-name": "/bin/",
          "of-two-words": "/bin/sh -x"}.items()],
]


# -- the home directory ------------------------------------------------------

def home(path, make=None):
    """The account's home; `make` says what is there."""
    def spoil(tree):
        tree.put("etc/passwd", tree.account(home=path))
        if make:
            make(tree)
    return spoil


def home_link(target):
    return home("/home/trap", lambda tree: tree.link("home/trap", target))


def closed_home(tree):
    os.mkdir(tree.path("home/trap"), 0o700)


HOMES = [
    *[Case(f"home-descriptor-{fd}", Lands(cwd="/"),
           Lands(cwd="/") if fd == 3 else None,
           spoil=home_link(f"/proc/self/fd/{fd}"))
      for fd in (0, 3, 4, 5, 7, 9, 10, 16, 17)],
    Case("home-below-a-descriptor", Lands(cwd="/"),
         spoil=home_link("/proc/self/fd/3/../../../..")),
    Case("home-root-of-the-init", Lands(cwd="/"),
         spoil=home_link("/proc/1/root")),
    Case("home-cwd-of-the-init", Lands(cwd="/"),
         spoil=home_link("/proc/1/cwd")),
    Case("home-cwd-of-itself", Lands(cwd="/"),
         spoil=home_link("/proc/self/cwd")),
    Case("home-climbing", Lands(cwd="/"), spoil=home("/" + "../" * 60)),
    Case("home-relative", Lands(cwd="/"), spoil=home("tmp")),
    Case("home-empty", Lands(cwd="/"), spoil=home("")),
    Case("home-file", Lands(cwd="/"), spoil=home("/etc/passwd")),
    Case("home-fifo", Lands(cwd="/"), Lands(cwd="/"), spoil=home(
        "/home/trap", lambda tree: tree.node("home/trap", FIFO))),
    Case("home-loop", Lands(cwd="/"), spoil=home_link("trap")),
    Case("home-closed", Lands(cwd="/"), spoil=home("/home/trap",
                                                   closed_home)),
    Case("home-of-the-host", Lands(cwd="/"), spoil=lambda tree: tree.put(
        "etc/passwd", tree.account(home=tree.siege.lab.base))),
]

CASES = CODE + SHELLS + HOMES


def test_a_mark_left_on_the_host_would_be_seen(siege):  # noqa: F811
    """Or that there is none would show nothing."""
    assert process.run([siege.loader]).status == 77
    marks = read_marks(f"{siege.host_marks}/mark")
    os.unlink(f"{siege.host_marks}/mark")
    assert [mark["euid"] for mark in marks] == [0]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_code_and_files(siege, case):  # noqa: F811
    siege.run(case)


def of_ours_for_root(siege, name, expected, **more):
    """`#!/proc/self/exe`, entered as the container's root, whom the
    administrator let in; the traces that were there before."""
    case = Case(name, expected, spoil=shell(SELF), keys=ROOT, **more)
    return case, siege.ground(case)


def test_our_program_as_a_shell_of_root(siege):  # noqa: F811
    """A static one runs there and finds no word that it would obey; another
    one has no loader."""
    case, place = of_ours_for_root(siege, "shell-of-ours-for-root",
                                   cannot("ENOENT"))
    if not siege.lab.ctsh.static:
        siege.run(case)
        return
    with place as ground, siege.lab.config.own(
            siege.user, siege.keys(case, ground)):
        siege.as_command(ground, Says(125))


def test_our_program_as_a_shell_of_root_and_their_loader(
        siege):  # noqa: F811
    """It is that root, with what a container root has, and no more; and a
    static program has no use for it."""
    case, place = of_ours_for_root(siege, "loader-for-root", None,
                                   prepare=evil_loader)
    static = siege.lab.ctsh.static
    with place as ground:
        before = siege.traces(ground)
        with siege.lab.config.own(siege.user, siege.keys(case, ground)):
            siege.as_command(ground, Says(125 if static else 77))
        siege.nothing_is_left(ground, before)
        marks = read_marks(ground.tree.path("marks/mark"))
        assert read_marks(f"{siege.host_marks}/mark") == []
        if static:
            assert marks == []
            return
        mark, = marks
        bounding = int(process.status(ground.init)["CapBnd"], 16)
        assert mark["effective"] == mark["permitted"] == bounding
        assert mark["inheritable"] == 0
        assert mark["pid_namespace"] == \
            os.readlink(f"/proc/{ground.init}/ns/pid")


def test_everything_at_once_in_docker(siege, lab):  # noqa: F811
    """What is laid out must not matter to the engine's way of mounting."""
    case = Case("docker", Lands(), Lands(), prepare=together(
        evil_nss, preload, gconv, evil_loader))
    with siege.tree(case) as tree:
        lab.docker.load("hostile", tree.directory)
    with lab.docker.container("hostile", "hostile") as container:
        tree = Tree(siege, f"/proc/{container.pid}/root")
        ground = Ground(siege, tree, container)
        fifos(tree)
        siege.log_in(case, ground)
        tree.node("etc/passwd", FIFO)
        siege.log_in(Case("docker-passwd-fifo", MISSING, MISSING), ground)
