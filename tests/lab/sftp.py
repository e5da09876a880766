# SPDX-License-Identifier: MIT
"""The real clients, sftp and scp, and raw packets by `ssh -s`."""

import contextlib
import struct
import subprocess

from . import process

OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE = range(6)
UNSUPPORTED = 8

INIT, OPEN, CLOSE, READ, WRITE = 1, 3, 4, 5, 6
STAT, EXTENDED = 17, 200
STATUS, HANDLE, DATA = 101, 102, 103


def options(sshd):
    """What sftp, scp and ssh all take."""
    return ["-F", "none", "-q", "-i", f"{sshd.directory}/key",
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=yes",
            "-o", f"UserKnownHostsFile={sshd.directory}/known_hosts",
            "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "ConnectTimeout=20"]


def batch(lab, user, *commands, sshd=None, more=(), **rest):
    """`sftp -b -`: lines of commands, text or bytes."""
    sshd = sshd or lab.sshd
    lines = b"".join((c if isinstance(c, bytes) else c.encode()) + b"\n"
                     for c in commands)
    return process.run(["sftp", *options(sshd), "-P", str(sshd.port), *more,
                        "-b", "-", f"{user.name}@127.0.0.1"], lines,
                       timeout=60, **rest)


def said(result):
    """Its output without the commands that it repeats."""
    return [line for line in result.out.splitlines()
            if not line.startswith("sftp> ")]


def scp(lab, *words, more=(), **rest):
    return process.run(["scp", *options(lab.sshd), "-P", str(lab.sshd.port),
                        *more, *words], timeout=60, **rest)


def remote(user, path):
    return f"{user.name}@127.0.0.1:{path}"


def string(data):
    return struct.pack(">I", len(data)) + data


def packet(kind, *parts):
    body = bytes([kind]) + b"".join(parts)
    return struct.pack(">I", len(body)) + body


def request(kind, number, *parts):
    return packet(kind, struct.pack(">I", number), *parts)


class Raw:
    """A client that says what it likes, over the subsystem or a command."""

    def __init__(self, argv):
        self.ran = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ran.poll() is None:
            self.ran.kill()
        self.ran.wait(10)
        for pipe in (self.ran.stdin, self.ran.stdout, self.ran.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def send(self, data):
        self.ran.stdin.write(data)
        self.ran.stdin.flush()

    def receive(self):
        """One packet's type and the rest; (None, b"") at the end."""
        head = self.ran.stdout.read(4)
        if len(head) < 4:
            return None, b""
        body = self.ran.stdout.read(struct.unpack(">I", head)[0])
        return body[0], body[1:]

    def greet(self):
        self.send(packet(INIT, struct.pack(">I", 3)))
        kind, rest = self.receive()
        assert kind == 2 and rest[:4] == struct.pack(">I", 3)
        return rest[4:]

    def ask(self, kind, number, *parts):
        """The answer to one request; its number is checked."""
        self.send(request(kind, number, *parts))
        kind, rest = self.receive()
        assert struct.unpack(">I", rest[:4]) == (number,)
        return kind, rest[4:]

    def status(self, kind, number, *parts):
        kind, rest = self.ask(kind, number, *parts)
        assert kind == STATUS, (kind, rest)
        return struct.unpack(">I", rest[:4])[0]


def raw(lab, user, sshd=None):
    argv = (sshd or lab.sshd).argv(user.name, "sftp")
    return Raw([argv[0], "-s", *argv[1:]])
