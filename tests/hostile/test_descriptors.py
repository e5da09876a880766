# SPDX-License-Identifier: MIT
"""A descriptor of the host's in the hands of a container's root.

Each attack is shown to work when the descriptor comes along, as `nsenter`
would bring it, with the capabilities that docker gives; then the same program
is given to ctsh with the same descriptor.
"""

import contextlib
import fcntl
import os
import pty
import select
import shutil
import socket
import stat
import struct
import subprocess
import termios
import threading
from dataclasses import dataclass, field
from typing import Callable

import pytest

from lab import process, rootfs

ATTACK = "/bin/fd_attack"


@dataclass
class Attack:
    """One descriptor, and what is done with it inside."""

    fd: int
    how: str
    worked: Callable          # whether the host was harmed
    place: int = 0            # which of 0 to 2 it becomes
    argument: str = ""
    # What comes of it through ctsh: None is a refusal, else the status of the
    # attacking program: 0 if it thinks that it had success, on a mere pipe.
    through: int | None = None
    extra: dict = field(default_factory=dict)


@pytest.fixture(scope="module")
def tools(lab):
    """`carry` on the host; the attacker's program in the container."""
    carry = rootfs.compile_helper("carry", f"{lab.base}/carry")
    attack = rootfs.compile_helper("fd_attack", f"{lab.base}/fd_attack",
                                   "-static")
    inside = f"/proc/{lab.boxes['docker'].init}/root{ATTACK}"
    shutil.copy(attack, inside)
    os.chmod(inside, 0o755)
    yield carry
    os.unlink(inside)


@contextlib.contextmanager
def precious(lab, mode=0o644):
    """A file of root's on the host, and whether it was overwritten."""
    path = f"{lab.base}/precious"
    with open(path, "w") as file:
        file.write("precious")
    os.chmod(path, mode)
    yield path, lambda: process.read(path) != "precious"
    os.unlink(path)


@contextlib.contextmanager
def opened(path, flags):
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


# -- the attacks: each makes one, in a directory of root's ----------------

@contextlib.contextmanager
def a_file_of_roots_read_only(lab):
    with precious(lab) as (path, changed), opened(path, os.O_RDONLY) as fd:
        yield Attack(fd, "rewrite", changed, through=0)


@contextlib.contextmanager
def a_log_that_may_only_be_appended_to(lab):
    """What cannot be read through the descriptor can be by its link.  Nothing
    but the program's own word tells of it."""
    with precious(lab, 0o600) as (path, _), \
            opened(path, os.O_WRONLY | os.O_APPEND) as fd:
        yield Attack(fd, "reread", None, place=1, through=1)


@contextlib.contextmanager
def a_directory(lab):
    with precious(lab, 0o600) as (path, changed), \
            opened("/", os.O_RDONLY | os.O_DIRECTORY) as fd:
        yield Attack(fd, "below", changed, argument=path[1:])


@contextlib.contextmanager
def a_mere_path_to_a_file(lab):
    with precious(lab, 0o600) as (path, changed), \
            opened(path, os.O_PATH) as fd:
        yield Attack(fd, "rewrite", changed)


@contextlib.contextmanager
def a_mere_path_to_a_directory(lab):
    with precious(lab, 0o600) as (path, changed), \
            opened("/", os.O_PATH | os.O_DIRECTORY) as fd:
        yield Attack(fd, "below", changed, argument=path[1:])


@contextlib.contextmanager
def host_service():
    """Tells everybody who connects on the host's loopback the secret; its
    port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as client:
                        with contextlib.suppress(OSError):
                            client.sendall(b"precious")
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@contextlib.contextmanager
def a_fresh_socket(_):
    """Of the host's network, whatever network its holder is in."""
    with host_service() as port, socket.socket() as sock:
        yield Attack(sock.fileno(), "connect", None, argument=str(port))


@contextlib.contextmanager
def a_connected_socket(_):
    """It can be disconnected, and connected elsewhere."""
    with host_service() as port, socket.create_server(
            ("127.0.0.1", 0)) as other, socket.create_connection(
            other.getsockname()) as sock, other.accept()[0]:
        yield Attack(sock.fileno(), "connect", None, argument=str(port),
                     through=1)


@contextlib.contextmanager
def a_listening_socket(_):
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        client.sendall(b"precious")
        yield Attack(server.fileno(), "accept", None)


@contextlib.contextmanager
def a_datagram_socket(_):
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    with ours, theirs:
        ours.sendall(b"precious")
        yield Attack(theirs.fileno(), "read", None)


@contextlib.contextmanager
def a_namespace(_):
    """A way to the host's user namespace."""
    with opened("/proc/self/ns/net", os.O_RDONLY) as fd:
        yield Attack(fd, "namespace", None)


@contextlib.contextmanager
def a_device(lab):
    """The kernel's log: what may be read is asked at open only."""
    path = f"{lab.base}/kmsg"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 11))
    with open(path, "w") as log:
        log.write("precious\n")
    try:
        with opened(path, os.O_RDONLY | os.O_NONBLOCK) as fd:
            os.lseek(fd, 0, os.SEEK_END)
            with open(path, "w") as log:
                log.write("precious\n")
            yield Attack(fd, "read", None)
    finally:
        os.unlink(path)


@contextlib.contextmanager
def a_memfd(_):
    """Memory that a program of the host's shares with its children."""
    fd = os.memfd_create("shared")
    try:
        os.write(fd, b"precious")
        os.lseek(fd, 0, os.SEEK_SET)
        yield Attack(fd, "rewrite",
                     lambda: os.pread(fd, 8, 0) != b"precious", through=0)
    finally:
        os.close(fd)


@contextlib.contextmanager
def a_fifo(lab):
    """Another reader of the host's gets what is written to it."""
    path = f"{lab.base}/fifo"
    os.mkfifo(path)
    try:
        with opened(path, os.O_RDONLY | os.O_NONBLOCK) as fd, \
                opened(path, os.O_RDONLY | os.O_NONBLOCK) as other:
            yield Attack(fd, "rewrite",
                         lambda: select.select([other], [], [], 0)[0]
                         and os.read(other, 8) == b"attacked", through=0)
    finally:
        os.unlink(path)


@contextlib.contextmanager
def a_pidfd(lab):
    """Of a host process of root's without capabilities: its descriptors can
    be had by whoever has as many and the same uid."""
    with precious(lab, 0o600) as (path, _), subprocess.Popen(
            ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all",
             "sh", "-c", 'exec 7<"$0"; exec sleep 3301', path],
            preexec_fn=process.die_with_parent) as victim:
        try:
            process.wait_for(lambda: process.cmdline(victim.pid)[:1] ==
                             ["sleep"], what="the victim")
            fd = os.pidfd_open(victim.pid)
            try:
                yield Attack(fd, "process", None)
            finally:
                os.close(fd)
        finally:
            victim.kill()


@contextlib.contextmanager
def an_epoll(_):
    """Tells what happens to the host's descriptors."""
    reader, writer = os.pipe()
    with select.epoll() as watched:
        watched.register(reader, select.EPOLLIN)
        os.write(writer, b"x")
        yield Attack(watched.fileno(), "events", None)
    os.close(reader)
    os.close(writer)


def size(fd):
    return struct.unpack("4H", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))


@contextlib.contextmanager
def a_terminal_as(place, _):
    """The other two are pipes.  Its size stands for all its ioctls."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
        yield Attack(slave, "resize",
                     lambda: size(master) != (33, 99, 0, 0), place=place,
                     through=0)
    finally:
        os.close(master)
        os.close(slave)


def a_terminal_as_stdin(lab):
    return a_terminal_as(0, lab)


def a_terminal_as_stdout(lab):
    return a_terminal_as(1, lab)


def a_terminal_as_stderr(lab):
    return a_terminal_as(2, lab)


@contextlib.contextmanager
def the_other_side_of_a_terminal(_):
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
        yield Attack(master, "resize",
                     lambda: size(slave) != (33, 99, 0, 0), through=0)
    finally:
        os.close(master)
        os.close(slave)


ATTACKS = [
    a_file_of_roots_read_only, a_log_that_may_only_be_appended_to,
    a_directory, a_mere_path_to_a_file, a_mere_path_to_a_directory,
    a_fresh_socket, a_connected_socket, a_listening_socket,
    a_datagram_socket, a_namespace, a_device, a_memfd, a_fifo, a_pidfd,
    an_epoll, a_terminal_as_stdin, a_terminal_as_stdout,
    a_terminal_as_stderr, the_other_side_of_a_terminal,
]


@pytest.fixture(params=ATTACKS, ids=lambda attack: attack.__name__)
def attack(request, lab, tools):
    with request.param(lab) as made:
        yield made


def run(argv, attack):
    """The command with the descriptor in its place and pipes in the others;
    its status and what it said on them."""
    places = [subprocess.PIPE] * 3
    places[attack.place] = attack.fd
    with subprocess.Popen(argv, stdin=places[0], stdout=places[1],
                          stderr=places[2]) as ran:
        out, err = ran.communicate(timeout=20)
        return process.Result(ran.returncode, process.text(out or b""),
                              process.text(err or b""), 0)


def harmed(attack):
    return bool(attack.worked and attack.worked())


def program(attack):
    return [ATTACK, attack.how, str(attack.place), attack.argument]


def test_what_a_descriptor_would_do_if_it_came_along(lab, tools, attack):
    """Or the test below would show nothing."""
    init = lab.boxes["docker"].init
    result = run([tools, str(init), *program(attack)], attack)
    assert result.status == 0, result
    if attack.worked:
        assert harmed(attack)


def test_it_does_not_come_along(lab, guest, refusal, attack):
    spec = lab.boxes["docker"].container.spec
    with lab.config.own(guest, f'container = "{spec}"\nuser = "root"\n'
                        'allow_root = true\n'):
        result = run(lab.direct_argv(
            guest, "-c", "exec " + " ".join(program(attack))), attack)
    assert not harmed(attack)
    if attack.through is None:
        assert refusal(result, guest, "E_USAGE")
    else:
        assert result.status == attack.through, result


def test_the_attacker_has_what_docker_gives(lab, guest, tools):
    """The one who attacks above is root, with docker's capabilities; the
    login has as many."""
    init = lab.boxes["docker"].init
    theirs = process.status(init)
    result = process.run([tools, str(init), "/bin/probe", "status"])
    assert f"CapEff:\t{theirs['CapPrm']}\n" in result.out
    assert f"CapBnd:\t{theirs['CapBnd']}\n" in result.out
    with lab.config.own(guest, 'container = "labdocker:box"\n'
                        'user = "root"\nallow_root = true\n'):
        result = lab.direct(guest, "-c", "exec probe status")
    assert "Uid:\t0\t0\t0\t0\n" in result.out
    assert f"CapEff:\t{theirs['CapPrm']}\n" in result.out
