# SPDX-License-Identifier: MIT
"""A login service that looks at what a module does to its process.

pam_witness.py USER MODULE [STEP...] - a session of that user, by each step:
open, close, or load (the module alone, a thousand times).  Prints in JSON what
each said, and what of the process was different afterwards from before, between
the steps and behind all of them.
"""

import ctypes
import glob
import json
import os
import resource
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PAM = ctypes.CDLL("libpam.so.0")
CONVERSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3)
LOG_NDELAY, LOG_AUTHPRIV = 8, 10 << 3
LC_ALL, RTLD_NOW = 6, 2
CONV_ERR = 19

# What the kernel counts by itself, SigQ for all processes of the user.
MOVING = ("Vm", "Rss", "voluntary", "nonvoluntary", "HugetlbPages", "SigQ")


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


CONVERSATION = Conversation(CONVERSE(lambda *_: CONV_ERR), None)


def text(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace")


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def environment():
    """As libc has it."""
    pointer = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
    found = []
    while pointer[len(found)]:
        found.append(pointer[len(found)].decode())
    return found


def descriptors():
    own = {path: link(path) for path in glob.glob("/proc/self/fd/*")}
    # Not the one that the directory was read by.
    return {path: [target, text(path.replace("/fd/", "/fdinfo/"))]
            for path, target in own.items() if target}


def libraries():
    return sorted({line.split(None, 5)[5] for line in
                   text("/proc/self/maps").splitlines()
                   if "/" in line and ".so" in line})


def timers():
    made = (ctypes.c_long * 4)()
    found = []
    for which in range(3):
        LIBC.getitimer(which, made)
        found.append(list(made))
    return found


def status():
    lines = (line.partition(":") for line in
             text("/proc/self/status").splitlines())
    return {key: value for key, _, value in lines
            if not key.startswith(MOVING)}


def look():
    """All that there is to see of a process, but for its memory."""
    seen = {name: text(f"/proc/self/{name}") for name in (
        "limits", "cgroup", "personality", "timerslack_ns", "oom_score_adj",
        "comm", "loginuid", "sessionid", "mountinfo", "coredump_filter")}
    seen.update(status())
    seen["environment"] = environment()
    seen["descriptors"] = descriptors()
    seen["libraries"] = libraries()
    seen["timers"] = timers()
    seen["namespaces"] = {path: link(path)
                          for path in glob.glob("/proc/self/ns/*")}
    seen["cwd"], seen["root"] = link("/proc/self/cwd"), link("/proc/self/root")
    seen["children"] = [text(path) for path in
                        glob.glob("/proc/self/task/*/children")]
    LIBC.setlocale.restype = ctypes.c_char_p
    seen["locale"] = LIBC.setlocale(LC_ALL, None).decode()
    seen["ids"] = [os.getresuid(), os.getresgid(), os.getgroups()]
    seen["nice"] = os.getpriority(os.PRIO_PROCESS, 0)
    seen["affinity"] = sorted(os.sched_getaffinity(0))
    seen["resource"] = [resource.getrlimit(i) for i in range(16)]
    return json.loads(json.dumps(seen))


def differences(before, after):
    return sorted(key for key in before if before[key] != after[key])


class Session:
    def __init__(self, user):
        self.handle = ctypes.c_void_p()
        assert PAM.pam_start(b"ctsh-test", user.encode(),
                             ctypes.byref(CONVERSATION),
                             ctypes.byref(self.handle)) == 0

    def open(self):
        return PAM.pam_open_session(self.handle, 0)

    def close(self):
        return PAM.pam_close_session(self.handle, 0)

    def end(self):
        return PAM.pam_end(self.handle, 0)


def in_use():
    """Bytes that malloc(3) has given out."""
    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks",
            "fsmblks", "uordblks", "fordblks", "keepcost")]

    LIBC.mallinfo2.restype = Info
    return LIBC.mallinfo2().uordblks


def load(module, times):
    LIBC.dlopen.restype = ctypes.c_void_p
    LIBC.dlopen.argtypes = [ctypes.c_char_p, ctypes.c_int]
    LIBC.dlclose.argtypes = [ctypes.c_void_p]
    for _ in range(times):
        handle = LIBC.dlopen(module.encode(), RTLD_NOW)
        assert handle and LIBC.dlclose(handle) == 0


def load_often(module):
    """How many bytes a thousand times more cost than ten."""
    load(module, 10)
    before = in_use()
    load(module, 1000)
    return in_use() - before


def main(user, module, *steps):
    # libc keeps the socket of the first line that is sent.
    LIBC.openlog(b"witness", LOG_NDELAY, LOG_AUTHPRIV)
    look()
    said, changed = [], {}
    before = look()
    if steps == ("load",):
        said.append(load_often(module))
    else:
        session = Session(user)
        started = look()
        for step in steps:
            said.append(getattr(session, step)())
            changed[step] = differences(started, look())
        session.end()
    changed["end"] = differences(before, look())
    print(json.dumps({"said": said, "changed": changed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
