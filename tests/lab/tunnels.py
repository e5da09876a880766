# SPDX-License-Identifier: MIT
"""Connections that an ssh carries, and who is at their ends."""

import contextlib
import socket
import subprocess
import threading

from . import process

ECHO = r"""
import os, socket, sys
if sys.argv[1].startswith("/"):
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o666)
else:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
print("ready", flush=True)
while True:
    one, _ = server.accept()
    one.sendall(sys.argv[2].encode())
    one.close()
"""


@contextlib.contextmanager
def listener(word, port, prefix=()):
    """Says that word to everybody who connects to that port, or path, there."""
    with subprocess.Popen([*prefix, "/usr/bin/python3", "-c", ECHO,
                           str(port), word],
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


def inside(box):
    """A command of the host's in the container's network, with lo up."""
    prefix = ["nsenter", f"--net=/proc/{box.init}/ns/net", "--"]
    process.run([*prefix, "ip", "link", "set", "lo", "up"], check=True)
    return prefix


def talk(port):
    """What is said there: "" if the connection ends at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.settimeout(10)
        try:
            return one.recv(100).decode()
        except ConnectionResetError:
            return ""


@contextlib.contextmanager
def tunnel(server, user, *arguments):
    """ssh -N, until it forwards."""
    argv = server.argv(user.name)
    argv[1:1] = ["-N", *arguments, "-o", "ExitOnForwardFailure=yes"]
    argv.remove("-q")
    argv[1:1] = ["-v"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as client:
        try:
            for line in client.stderr:
                if "Entering interactive session" in line:
                    break
            else:
                raise AssertionError("no session")
            threading.Thread(target=client.stderr.read, daemon=True).start()
            yield
        finally:
            client.kill()
