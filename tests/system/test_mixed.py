# SPDX-License-Identifier: MIT
"""A terminal on some of the three descriptors only: each of them is what it
was, and none is a terminal of the host's."""

import itertools
import os
import pty
import stat
import subprocess

import pytest

from lab import process

# Waits to be looked at, then says something on each way out.
SAY = ("read line; for i in 0 1 2; do test -t $i && all=$all$i; done; "
       "echo 1 $line $all; echo 2 $line $all >&2; exit 6")

MIXTURES = list(itertools.product((False, True), repeat=3))


class Mixture:
    """ctsh with terminals where that is asked for, else with pipes."""

    def __init__(self, lab, user, which):
        self.which = which
        self.master, self.slave = pty.openpty()
        pipes = [os.pipe() for _ in range(3)]
        inner = [self.slave if terminal else pipes[fd][fd != 0]
                 for fd, terminal in enumerate(which)]
        self.outer = [self.master if terminal else pipes[fd][fd == 0]
                      for fd, terminal in enumerate(which)]
        self.inodes = [os.fstat(fd).st_ino for fd in inner]
        self.ran = subprocess.Popen(
            lab.direct_argv(user, "-c",
                            f"exec busybox sh -c '{SAY}' mix1301"),
            stdin=inner[0], stdout=inner[1], stderr=inner[2],
            start_new_session=True, env={"PATH": "/usr/bin:/bin"})
        for fd, terminal in enumerate(which):
            if not terminal:
                os.close(inner[fd])
        os.close(self.slave)
        self.open = {self.master} | {pipe[fd == 0] for fd, pipe in
                                     enumerate(pipes)}
        for fd, terminal in enumerate(which):
            if terminal:
                os.close(pipes[fd][fd != 0])

    def close(self):
        self.ran.kill()
        self.ran.wait(10)
        for fd in self.open:
            os.close(fd)

    def say(self, text):
        os.write(self.outer[0], text)

    def heard(self):
        """All that comes out, by descriptor of ours, to the end."""
        return {fd: read_all(fd) for fd in set(self.outer[1:])}


@pytest.fixture
def mixture(lab, box, request):
    made = Mixture(lab, box.user, request.param)
    yield made
    made.close()


def read_all(fd):
    seen = b""
    try:
        while data := os.read(fd, 4096):
            seen += data
    except OSError:     # EIO: how a terminal says that it is over
        pass
    return seen


def name(which):
    return "".join("pt"[terminal] for terminal in which)


@pytest.mark.parametrize("mixture", MIXTURES, ids=name, indirect=True)
def test_each_descriptor_is_what_it_was(box, mixture):
    shell = process.find_one("mix1301")
    inside = os.stat(f"/proc/{box.init}/root/dev/pts").st_dev
    assert inside != os.stat("/dev/pts").st_dev
    links = sorted(os.listdir(f"/proc/{shell}/fd"))
    assert links[:3] == ["0", "1", "2"]
    for link in links:
        at = os.stat(f"/proc/{shell}/fd/{link}")
        if stat.S_ISCHR(at.st_mode):
            assert at.st_dev == inside
            assert link in ("10",) or mixture.which[int(link)]
        else:
            assert stat.S_ISFIFO(at.st_mode)
            assert at.st_ino == mixture.inodes[int(link)]
    mixture.say(b"told\n")
    terminals = "".join(str(fd) for fd in range(3) if mixture.which[fd])
    heard = mixture.heard()
    for fd in (1, 2):
        line = " ".join([str(fd), "told", terminals]).strip()
        assert line.encode() in heard[mixture.outer[fd]]
    assert mixture.ran.wait(20) == 6
