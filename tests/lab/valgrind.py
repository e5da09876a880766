# SPDX-License-Identifier: MIT
"""Programs under valgrind, which does not know all of the kernel's calls: those
are made for them here, see helpers/valgrind_calls.c."""

import contextlib
import ctypes
import glob
import os
import re
import socket
import struct
import threading

from . import process, rootfs

# The same numbers on every architecture.
PIDFD_SEND_SIGNAL, PIDFD_OPEN, OPENAT2 = 424, 434, 437

# number, two arguments, struct open_how, path
REQUEST = struct.Struct("=q2q3Q256s")
HOW = struct.Struct("=3Q")

# Its own words about those, and about an ioctl(2) without a direction.
HARMLESS = (r"unhandled \S+-linux syscall|write your own handler|"
            r"README_MISSING_SYSCALL|consider this a bug|bug_reports\.html|"
            r"unhandled ioctl|spurious value errors")

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

# What a child of ours holds that ends where it is, by _exit(2), is no leak.
SUPPRESSED = "".join(f"""\
{{
   {function}
   Memcheck:Leak
   ...
   fun:{function}
}}
""" for function in ("be_child", "witness"))

OPTIONS = ("--quiet", "--vgdb=no", "--leak-check=full", "--error-exitcode=99",
           "--show-leak-kinds=definite,indirect,possible",
           "--errors-for-leak-kinds=definite,indirect,possible")


def make(number, first, second, how, path):
    """The call itself, its arguments as long as they have to be."""
    if number == OPENAT2:
        block = ctypes.create_string_buffer(how, HOW.size)
        arguments = (ctypes.c_long(first), ctypes.c_char_p(path), block,
                     ctypes.c_size_t(HOW.size))
    else:
        assert number in (PIDFD_OPEN, PIDFD_SEND_SIGNAL), number
        arguments = [ctypes.c_long(one) for one in (first, second, 0, 0)]
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    return result if result >= 0 else -ctypes.get_errno()


class Broker:
    """Serves one request after the other until it is closed; `calls` is how
    many of each."""

    def __init__(self, path):
        self.calls = {}
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        # The reader of what is inside has no power.
        os.chmod(path, 0o666)
        self.socket.listen(64)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                self.answer(client)

    def answer(self, client):
        data, fds, _, _ = socket.recv_fds(client, REQUEST.size, 1)
        if len(data) != REQUEST.size:
            return
        number, first, second, *how, path = REQUEST.unpack(data)
        result = make(number, fds[0] if fds else first, second,
                      HOW.pack(*how), path.rstrip(b"\0"))
        self.calls[number] = self.calls.get(number, 0) + 1
        made = [result] if result >= 0 and number != PIDFD_SEND_SIGNAL else []
        # One that was ended meanwhile does not care.
        with contextlib.suppress(OSError):
            socket.send_fds(client, [struct.pack("=q", result)], made)
        for fd in (*fds, *made):
            os.close(fd)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()
        os.unlink(self.path)


class Valgrind:
    """`prefix` is what to put before a command."""

    def __init__(self, lab, name, preload):
        self.directory = f"{lab.base}/{name}"
        os.mkdir(self.directory)
        shim, path = f"{self.directory}/shim.so", f"{lab.run}/{name}"
        rootfs.compile_helper("valgrind_calls", shim, "-shared", "-fPIC",
                              f'-DBROKER="{path}"')
        with open(f"{self.directory}/suppressed", "w") as file:
            file.write(SUPPRESSED)
        self.broker = Broker(path)
        # It does not let a program change its limits for descriptors: they
        # are no wider than those of the containers from the start.
        self.prefix = ["prlimit", "--nofile=512:512", "env", "LD_PRELOAD=" + ":".join((shim, *preload)), "valgrind", *OPTIONS,
                       f"--suppressions={self.directory}/suppressed",
                       f"--log-file={self.directory}/log.%p"]

    def said(self):
        """By each process that had something to say, but for calls that
        valgrind does not know."""
        found = {}
        for place in glob.glob(f"{self.directory}/log.*"):
            lines = [line for line in process.read(place).splitlines()
                     if not re.search(HARMLESS, line)]
            if lines:
                found[place.rpartition(".")[2]] = "\n".join(lines)
        return found


@contextlib.contextmanager
def valgrind(lab, name, preload=()):
    """With those libraries loaded for good, which saves reading them again."""
    made = Valgrind(lab, name, preload)
    try:
        yield made
    finally:
        made.broker.close()
