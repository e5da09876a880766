# SPDX-License-Identifier: MIT
"""What docker says about a container, and the same with lies in it."""

import json
import socket

OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def true_answer(lab, name="box"):
    """Of the real engine."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(lab.docker.socket)
        client.sendall(b"GET /containers/%s/json HTTP/1.0\r\n\r\n"
                       % name.encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def lie(answer, pid):
    """The same answer, but for the PID."""
    content = json.loads(answer.partition(b"\r\n\r\n")[2])
    content["State"]["Pid"] = pid
    return OK + json.dumps(content).encode()
