# SPDX-License-Identifier: MIT
"""X11 of the client's, as far as a forwarded connection gets."""

import contextlib
import os
import socket
import threading

from . import process


@contextlib.contextmanager
def display():
    """Where an X server of the client's would be; its number, and what it
    got."""
    server = socket.socket()
    number = next(n for n in range(40, 900) if not in_use(server, n))
    server.listen(4)
    got = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                conn, _ = server.accept()
                with conn:
                    got.append(conn.recv(4096))
                    conn.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield number, got
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def in_use(server, number):
    try:
        server.bind(("127.0.0.1", 6000 + number))
    except OSError:
        return True
    return False


# The beginning of every X11 connection: byte order, version, cookie.
GREETING = ("6c000b000000" "1200" "1000" "0000" +
            b"MIT-MAGIC-COOKIE-1".hex() + "0000")
TEMPLATE = ("port=${DISPLAY#*:}; port=$((6000 + ${port%.*})); "
            f"agentclient raw $port {GREETING}COOKIE; "
            "echo $DISPLAY; stat -c %A $XAUTHORITY")
TALK = TEMPLATE.replace("COOKIE", "$(tail -c 16 $XAUTHORITY | xxd -p)")
FORGED = TEMPLATE.replace("COOKIE", "00" * 16)


def login(lab, server, user, command):
    """With -Y, while there is a display; the result, and what that got."""
    with display() as (number, got):
        result = process.run(
            server.argv(user.name, command,
                        options=["ForwardX11=yes", "ForwardX11Trusted=yes"]),
            env={"PATH": os.environ["PATH"], "HOME": lab.base,
                 "DISPLAY": f"127.0.0.1:{number}"})
    return result, got
