# SPDX-License-Identifier: MIT
"""Running commands with a limit, waiting for things, reading /proc."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass

NAMESPACES = ("mnt", "uts", "ipc", "net", "pid", "cgroup", "user", "time")


@dataclass
class Result:
    """How a command ended.  `status` is the shell's number; -N: signal N."""

    status: int
    out: str
    err: str
    seconds: float


class Late(AssertionError):
    """Something did not happen in time."""


def text(data):
    return data.decode("utf-8", "surrogateescape")


def run(argv, stdin=b"", timeout=20, check=False, **more):
    """Runs a command to its end.  `stdin` is bytes, or an open file."""
    start = time.monotonic()
    feed = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout,
                              **feed, **more)
    except subprocess.TimeoutExpired as late:
        raise Late(f"no end after {timeout} s: {argv}\n"
                   f"stdout: {late.stdout!r}\nstderr: {late.stderr!r}"
                   ) from None
    result = Result(done.returncode, text(done.stdout), text(done.stderr),
                    time.monotonic() - start)
    if check and result.status:
        raise RuntimeError(f"{argv}: status {result.status}\n"
                           f"{result.out}{result.err}")
    return result


def wait_for(predicate, timeout=10, what="", nap=0.02):
    """The first true value of predicate(); Late when time is up."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"after {timeout} s still not: "
                       f"{what or predicate.__name__}")
        time.sleep(nap)


def die_with_parent():
    """In a child before exec: no daemon of ours outlives this process."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@contextlib.contextmanager
def daemon(argv, log, patience=10, **more):
    """A long-running process with its output in the file `log`."""
    with open(log, "ab") as sink:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                   stdout=sink, stderr=sink,
                                   preexec_fn=die_with_parent, **more)
    try:
        yield process
    finally:
        stop(process, patience)


def stop(process, patience=10):
    """Ends a process of ours: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(10)


def tail(path, count=40):
    try:
        with open(path, "rb") as file:
            return "\n".join(text(file.read()).splitlines()[-count:])
    except OSError as error:
        return f"({error})"


# -- /proc -------------------------------------------------------------------

def read(path):
    with open(path, "rb") as file:
        return text(file.read())


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def cmdline(pid):
    """The argument vector, or [] for a process that is gone."""
    try:
        return read(f"/proc/{pid}/cmdline").split("\0")[:-1]
    except OSError:
        return []


def status(pid):
    """/proc/PID/status as a dictionary; {} for a process that is gone."""
    try:
        lines = read(f"/proc/{pid}/status").splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in lines)}


def parent(pid):
    return int(status(pid).get("PPid", 0))


def children(pid):
    return [other for other in pids() if parent(other) == pid]


def descendants(pid):
    below = children(pid)
    return below + [deep for child in below for deep in descendants(child)]


def alive(pid):
    return status(pid).get("State", "Z")[0] not in "ZX"


def kill_if_there(pid):
    """Whether the process is gone; if not, it is told to."""
    if alive(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return False
    return True


def end_all(*argv, timeout=10):
    """Ends every process with such arguments and waits until it is gone."""
    wait_for(lambda: all([kill_if_there(pid) for pid in find(*argv)]),
             timeout, f"the end of {argv}")


def find(*argv):
    """All processes whose argument vector ends so."""
    return [pid for pid in pids()
            if cmdline(pid)[-len(argv):] == list(argv) and alive(pid)]


def find_one(*argv, timeout=10):
    """Waits for exactly one such process."""
    found = wait_for(lambda: find(*argv), timeout, f"a process {argv}")
    assert len(found) == 1, f"{argv} runs {len(found)} times"
    return found[0]


def namespaces(pid):
    """Name to identity, for all eight."""
    return {name: os.readlink(f"/proc/{pid}/ns/{name}")
            for name in NAMESPACES}


def cgroups(pid):
    """The lines of /proc/PID/cgroup, sorted."""
    return sorted(read(f"/proc/{pid}/cgroup").splitlines())
