#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""session.py ROUNDS RESULTS CTSH BOX USER PLAIN [DOCKER]: what a session costs
once it runs, beside the same without ctsh.

USER's login leads into the crun container BOX, which has the file /data;
PLAIN is a user of the host's.  Everything is measured in turns.  Writes
RESULTS/session.json: the unit, and for each name the values.
"""
import contextlib
import fcntl
import json
import os
import pty
import pwd
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests"))
from lab import process, sshd  # noqa: E402

DATA = "/data"
PIPE_MB = 500
LOGINS = 10
TERMINAL_TURNS = 2     # in each round


def as_user(name, *argv):
    entry = pwd.getpwnam(name)
    return ["setpriv", "--reuid", str(entry.pw_uid), "--regid",
            str(entry.pw_gid), "--clear-groups", "--", *argv]


# -- at a terminal -------------------------------------------------------------

def spawn(argv, user):
    """A command on a pty of its own, which is the user's as after a login:
    ctsh has another way for one that it may not open.  Its pid and our side."""
    pid, master = pty.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.fchown(0, pwd.getpwnam(user).pw_uid, -1)
            os.execvpe(argv[0], argv,
                       {"PATH": os.environ["PATH"], "TERM": "xterm"})
        os._exit(127)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))
    return pid, master


def read_some(master):
    try:
        return os.read(master, 65536)
    except OSError:     # EIO: nobody has the other side open any more
        return b""


def terminal_rate(argv, user):
    """Megabytes a second, from the first byte to the last."""
    pid, master = spawn(argv, user)
    total = -len(read_some(master))
    start = time.monotonic()
    while data := read_some(master):
        total += len(data)
    seconds = time.monotonic() - start
    os.close(master)
    _, status = os.waitpid(pid, 0)
    if status or total < 1_000_000:
        raise RuntimeError(f"{argv}: status {status}, {total} bytes")
    return total / seconds / 1e6


def wait_for_prompt(master):
    seen = b""
    while not re.search(rb"[$#] (\x1b\[6n)?$", seen):
        data = read_some(master)
        if not data:
            raise RuntimeError(f"no prompt: {seen!r}")
        seen += data


@contextlib.contextmanager
def idle_session(ctsh, user):
    """Somebody who looks at the prompt; the supervisor's pid."""
    pid, master = spawn(as_user(user, ctsh), user)
    try:
        wait_for_prompt(master)
        yield pid
    finally:
        os.close(master)
        os.waitpid(pid, 0)


def ours(supervisor):
    """All our processes of a session: the shell is not ours."""
    return [supervisor] + [
        pid for pid in process.children(supervisor)
        if process.read(f"/proc/{pid}/comm") == "ctsh-watchdog\n"]


def private_kb(pid):
    rollup = process.read(f"/proc/{pid}/smaps_rollup")
    return sum(map(int, re.findall(r"^Private_\w+: *(\d+) kB", rollup,
                                   re.MULTILINE)))


def idle_memory(ctsh, user):
    """Of one of two sessions: what all share is not counted."""
    with idle_session(ctsh, user), idle_session(ctsh, user) as supervisor:
        time.sleep(0.2)
        pids = ours(supervisor)
        if len(pids) != 2:
            raise RuntimeError(f"processes of ours: {pids}")
        return sum(map(private_kb, pids))


# -- over sshd -----------------------------------------------------------------

def pipe_rate(argv, megabytes, source, sink):
    with open(source, "rb") as feed, open(sink, "wb") as out:
        start = time.monotonic()
        subprocess.run(argv, stdin=feed, stdout=out, check=True)
        return megabytes / (time.monotonic() - start)


@contextlib.contextmanager
def connection(server, user, place):
    """One for all: what is measured is the session, not the handshake."""
    options = [f"ControlPath={place}/{user}"]
    master = subprocess.Popen(
        server.argv(user, options=[*options, "ControlMaster=yes",
                                   "SessionType=none"]),
        stdin=subprocess.DEVNULL)
    try:
        process.wait_for(lambda: os.path.exists(f"{place}/{user}"),
                         what="a connection")
        yield lambda command: server.argv(user, command, options=options)
    finally:
        process.stop(master, 3)


def login_ms(argv):
    start = time.monotonic()
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
    return (time.monotonic() - start) * 1000


def over_sshd(take, rounds, user, plain, place):
    big = f"{place}/big"
    with open(big, "wb") as file:
        for _ in range(PIPE_MB):
            file.write(os.urandom(1 << 20))
    with sshd.sshd(f"{place}/sshd", [user, plain], []) as server, \
            connection(server, user, place) as here, \
            connection(server, plain, place) as there:
        ways = (("ctsh", here), ("plain", there))
        for _ in range(rounds):
            for name, ssh in ways:
                take("MB/s", f"sshd-in-{name}", pipe_rate(
                    ssh("cat >/dev/null"), PIPE_MB, big, "/dev/null"))
                take("MB/s", f"sshd-out-{name}", pipe_rate(
                    ssh(f"head -c {PIPE_MB << 20} /dev/zero"), PIPE_MB,
                    "/dev/null", "/dev/null"))
            for _ in range(LOGINS):
                for name, ssh in ways:
                    take("ms", f"sshd-login-{name}", login_ms(ssh("true")))


def main(rounds, results, ctsh, box, user, plain, docker=None):
    values = {}

    def take(unit, name, value):
        values.setdefault(name, [unit]).append(value)

    tree = os.path.dirname(os.path.dirname(ctsh)) + "/container/rootfs"
    terminals = {
        "pty-bare": ["busybox", "cat", tree + DATA],
        "pty-ctsh": as_user(user, ctsh, "-c", f"exec cat {DATA}"),
        "pty-crun-exec": ["crun", "exec", "-t", box, "cat", DATA],
    }
    if docker:
        terminals["pty-docker-exec"] = [
            "docker", "-H", docker, "exec", "-t", box, "cat", DATA]
    turns = list(terminals.items())
    for _ in range(int(rounds)):
        # Not always after the same one.
        turns.reverse()
        for name, argv in turns * TERMINAL_TURNS:
            take("MB/s", name, terminal_rate(argv, user))
        take("kB", "idle-session", idle_memory(ctsh, user))
    with tempfile.TemporaryDirectory(dir="/run") as place:
        os.chmod(place, 0o755)
        over_sshd(take, int(rounds), user, plain, place)
    with open(f"{results}/session.json", "w", encoding="ascii") as file:
        json.dump(values, file)


main(*sys.argv[1:])
