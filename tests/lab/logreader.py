# SPDX-License-Identifier: MIT
"""The log daemon of the laboratory: keeps every line it is sent."""

import contextlib
import ctypes
import os
import re
import socket
import threading

from . import process


def long_queue():
    """A socket that holds 512 lines, as systemd arranges it, and not the
    kernel's 10: what finds it full is lost.  The number is that of the network
    namespace in which a socket is made, so a thread visits one of its own."""
    made = []

    def make():
        clone_newnet = 0x40000000
        assert ctypes.CDLL(None).unshare(clone_newnet) == 0
        with open("/proc/sys/net/unix/max_dgram_qlen", "w") as file:
            file.write("512")
        made.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class Log:
    def __init__(self, path):
        self.path = path
        self.users = set()  # whose lines count; others share this machine
        self.lines = []
        self._go = threading.Event()
        self._go.set()
        self._reading = threading.Lock()
        self._stop = False
        self._socket = long_queue()
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self):
        while not self._stop:
            if not self._go.wait(0.1):
                continue
            with self._reading, contextlib.suppress(TimeoutError):
                self.lines.append(process.text(self._socket.recv(65536)))

    def close(self):
        self._stop = True
        self._thread.join(5)
        self._socket.close()
        os.unlink(self.path)

    @contextlib.contextmanager
    def stopped(self):
        """The daemon hangs, with its queue full to the brim."""
        self._go.clear()
        try:
            with self._reading, contextlib.ExitStack() as fillers:
                # One sender's buffer may be full before the queue is.
                while self._fill(fillers):
                    pass
                yield
        finally:
            self._go.set()

    def _fill(self, fillers):
        """Sends what a new sender can; how many lines that were."""
        filler = fillers.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        filler.setblocking(False)
        filler.connect(self.path)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.send(b"<86>filler")
                count += 1
        return count

    def ours(self, start=0):
        """The lines of ctsh from a mark on, without the header."""
        found = (re.search(r"ctsh\[\d+\]: (.*)", line, re.S)
                 for line in self.lines[start:])
        return [match.group(1) for match in found if match
                and parse(match.group(1)).get("user") in self.users]

    def since(self):
        """A mark: calling what this returns gives our lines after it."""
        start = len(self.lines)
        return lambda: self.ours(start)

    def login(self, mark, timeout=5):
        """Waits for the opening line of the one login after a mark and for
        its closing line; both as they are."""
        def opened():
            return [line for line in mark() if line.startswith("open ")]
        first, = process.wait_for(opened, timeout, "an opening line")
        ref = parse(first)["ref"]

        def closed():
            return [line for line in mark() if line.startswith("close ")
                    and parse(line)["ref"] == ref]
        last, = process.wait_for(closed, timeout, "a closing line")
        return first, last

    def line(self, event, timeout=5, **fields):
        """Waits for exactly one line of ours with this first word and these
        fields, and gives it as parse() does."""
        def fits():
            return [one for one in map(parse, self.ours())
                    if one["event"] == event and
                    all(one.get(k) == v for k, v in fields.items())]
        found = process.wait_for(fits, timeout, f"log line {event} {fields}")
        assert len(found) == 1, found
        return found[0]


def parse(line):
    """`refused user=alice code=E_ABSENT reason="..." ref=7f3a91c2` as a
    dictionary, with the first word as `event`."""
    fields = {key: quoted or plain for key, quoted, plain in
              re.findall(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)}
    return {**fields, "event": line.partition(" ")[0]}
