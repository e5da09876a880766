# SPDX-License-Identifier: MIT
"""fake_engine.py SOCKET UID HOW [FILE] - something that answers like docker.

The socket is made by root and listened on by UID, so that its peer is UID.
HOW: answer (the bytes of FILE), script (by method, from JSON in FILE; null is
silence), silent, drip, huge.
"""

import json
import os
import socket
import sys
import time

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def serve(client, how, body):
    asked = client.recv(65536)
    if how == "script":
        said = json.loads(body)[asked.split()[0].decode()]
        how, body = ("silent", b"") if said is None \
            else ("answer", said.encode("latin-1"))
    if how == "answer":
        client.sendall(body)
    elif how == "silent":
        time.sleep(60)
    elif how == "drip":
        client.sendall(HEAD)
        for _ in range(60):
            client.sendall(b" ")
            time.sleep(1)
    elif how == "huge":
        client.sendall(HEAD + b'{"Id":"')
        for _ in range(1 << 10):
            client.sendall(b"a" * (1 << 20))


def main(path, uid, how, file=None):
    body = b""
    if file:
        with open(file, "rb") as source:
            body = source.read()
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    server.listen(16)
    while True:
        client, _ = server.accept()
        if os.fork() == 0:
            try:
                serve(client, how, body)
            except OSError:
                pass
            os._exit(0)
        client.close()
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


main(*sys.argv[1:])
