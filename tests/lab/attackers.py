# SPDX-License-Identifier: MIT
"""Processes inside that reach for whoever comes in (helpers/attack.c)."""

import contextlib
import subprocess
from dataclasses import dataclass

from . import process, rootfs

WORKERS = 2

# What would help, if it were held where it matters.
HELPFUL = ("CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH",
           "CAP_CHECKPOINT_RESTORE")

DENIED = {"EPERM", "EACCES"}


@dataclass
class Attacker:
    kind: str
    container: object
    exec_options: tuple
    sees_through: bool    # SYS_PTRACE in the first user namespace

    def argv(self, *argv):
        """`crun exec`, as the attacker."""
        engine = self.container.engine
        return [*engine.prefix, engine.program, "--root", engine.state,
                "exec", *self.exec_options, self.container.name, *argv]


def with_attack(lab, kind, attack, shift=0):
    """A userland that has the attacker's program."""
    directory = f"{lab.base}/trees/{kind}"
    rootfs.make(directory, lab.accounts(), lab.probe)
    process.run(["install", "-m", "755", attack, f"{directory}/bin/attack"],
                check=True)
    if shift:
        rootfs.shift(directory, shift)
    return directory


class Findings:
    """What an attacker reports at its end."""

    def __init__(self, text):
        self.count = {}
        self.seen = set()
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "count":
                phase, way, error, number = rest.split()
                self.count.setdefault((phase, way), {})[error] = int(number)
            elif word == "seen":
                self.seen.add(rest.strip())

    def errors(self, way, phase="before"):
        return set(self.count.get((phase, way), {}))

    def times(self, way, phase="before"):
        return sum(self.count.get((phase, way), {}).values())

    @property
    def ways(self):
        return {way for phase, way in self.count if phase == "before"}


@contextlib.contextmanager
def attacking(attacker, comm, needles):
    """Attackers at work; yields what will hold their findings."""
    argv = attacker.argv("/bin/attack", "watch", str(WORKERS), comm,
                         *needles)
    running = subprocess.Popen(argv, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    found = []
    try:
        for _ in range(WORKERS):
            assert running.stdout.readline() == b"ready\n", \
                running.communicate(timeout=10)
        yield found
    finally:
        out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, b"")
    found.append(Findings(process.text(out)))


class Rounds:
    """The attacker, one round at a time."""

    def __init__(self, attacker, comm, needles):
        self.running = subprocess.Popen(
            attacker.argv("/bin/attack", "rounds", comm, *needles),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self.running.stdout.readline() == "ready\n", \
            self.running.communicate(timeout=10)
        return self

    def __exit__(self, *_):
        if self.running.poll() is None:
            self.running.kill()
        self.running.communicate(timeout=10)

    def visit(self):
        """How many strangers it met and tried."""
        self.running.stdin.write("\n")
        self.running.stdin.flush()
        word, number = self.running.stdout.readline().split()
        assert word == "round"
        return int(number)

    def end(self):
        out, err = self.running.communicate(timeout=10)
        assert (self.running.returncode, err) == (0, "")
        return Findings(out)
