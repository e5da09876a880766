# SPDX-License-Identifier: MIT
"""Takes the name of an LXC monitor and answers as one that runs:

    fake_monitor.py LXCPATH NAME PID
"""

import socket
import struct
import sys

GET_STATE, GET_INIT_PID, GET_CONFIG_ITEM, GET_NAME, GET_LXCPATH = 3, 4, 7, 8, 9


def answer(command, path, name, pid):
    text = {GET_NAME: name, GET_LXCPATH: path}.get(command)
    if text is not None:
        text = text.encode() + b"\0"
        return struct.pack("iiQ", 0, len(text), 1) + text
    number = {GET_STATE: 2, GET_INIT_PID: pid}.get(command, 0)
    result = -1 if command == GET_CONFIG_ITEM else 0
    return struct.pack("iiQ", result, 0, number)


def main(path, name, pid):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{path}/{name}/command")
        listener.listen(8)
        print("ready", flush=True)
        while True:
            with listener.accept()[0] as conn:
                question = conn.recv(4096)
                if len(question) >= 16:
                    command, = struct.unpack_from("i", question)
                    conn.sendall(answer(command, path, name, pid))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
