# SPDX-License-Identifier: MIT
"""Listens like an SSH agent and behaves otherwise.

fake_agent.py SOCKET RECORD HOW: everything that comes is written to the file
RECORD.  HOW is `silent`, or what each connection is sent at once, in
hexadecimal.
"""

import os
import socket
import sys
import threading


def serve(conn, record, how):
    if how != "silent":
        conn.sendall(bytes.fromhex(how))
    while data := conn.recv(65536):
        record.write(data)
        record.flush()


def main():
    path, record, how = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    with open(record, "wb") as file:
        server.bind(path)
        os.chmod(path, 0o666)
        server.listen(64)
        while True:
            conn, _ = server.accept()
            threading.Thread(target=serve, args=(conn, file, how)).start()


if __name__ == "__main__":
    main()
