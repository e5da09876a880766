#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The server that the bootstrap starts: it detaches itself, says where it
listens, and answers each line of a connection."""

import os
import socket
import socketserver
import sys


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"%s: " % socket.gethostname().encode() + line)


def detach():
    """A child of a new session's leader, which ends: nobody's child."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


detach()
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()}\n")
print("listening on", server.server_address[1], flush=True)
server.serve_forever()
