# SPDX-License-Identifier: MIT
"""Takes the name of an LXC monitor and answers as one that runs:

    fake_monitor.py LXCPATH NAME PID [FILE]

With FILE, over which a file system is mounted that never answers to a close,
each answer brings a descriptor of that along.
"""

import os
import select
import signal
import socket
import struct
import subprocess
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


# linux/fuse.h
FUSE_INIT, FUSE_OPEN, ENOSYS = 26, 14, 38

# What waits for an answer waits no longer than that.
LIFETIME_S = 8


def serve(device, life):
    """Opens without being asked, and then not a word."""
    while life not in select.select([device, life], [], [])[0]:
        request = os.read(device, 1 << 20)
        opcode, unique = struct.unpack_from("=IQ", request, 4)
        if opcode == FUSE_INIT:
            said = struct.pack("IIIIHHIIHH8I", 7, 31, 0, 0, 0, 0, 4096,
                               *[0] * 11)
            os.write(device, struct.pack("IiQ", 16 + len(said), 0, unique)
                     + said)
        elif opcode == FUSE_OPEN:
            os.write(device, struct.pack("IiQ", 16, -ENOSYS, unique))


def mute(path):
    # Closed before the file is: what then waits for us waits no longer.
    life, hold = os.pipe()
    device = os.open("/dev/fuse", os.O_RDWR)
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", f"fd={device},"
                    "rootmode=100644,user_id=0,group_id=0,allow_other",
                    "mute", path], check=True, pass_fds=[device])
    if os.fork() == 0:
        os.close(hold)
        signal.alarm(LIFETIME_S)
        serve(device, life)
        os._exit(0)
    os.close(device)
    return os.open(path, os.O_RDONLY)


def main(path, name, pid, *mutes):
    along = [mute(at) for at in mutes]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{path}/{name}/command")
        listener.listen(8)
        print("ready", flush=True)
        while True:
            with listener.accept()[0] as conn:
                question = conn.recv(4096)
                if len(question) >= 16:
                    command, = struct.unpack_from("i", question)
                    said = answer(command, path, name, pid)
                    # Linux 6.16 lets one refuse what comes along.
                    try:
                        socket.send_fds(conn, [said], along)
                    except PermissionError:
                        conn.sendall(said)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
