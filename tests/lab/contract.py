# SPDX-License-Identifier: MIT
"""Recorded system calls as text that two machines agree on."""

import itertools
import struct

from . import faults

NAMESPACE_FLAGS = {0x00020000: "mnt", 0x02000000: "cgroup",
                   0x04000000: "uts", 0x08000000: "ipc",
                   0x10000000: "user", 0x20000000: "pid",
                   0x40000000: "net", 0x00000080: "time"}

CLONE_FLAGS = {0x00008000: "PARENT", 0x00100000: "PARENT_SETTID",
               0x01000000: "CHILD_SETTID", 0x00000011: "SIGCHLD"}

STARTED = 3  # enum ctsh_stage: what is said with it is S, a PID

PRCTL = {1: "SET_PDEATHSIG", 3: "GET_DUMPABLE", 4: "SET_DUMPABLE",
         8: "SET_KEEPCAPS", 15: "SET_NAME", 22: "SET_SECCOMP",
         23: "CAPBSET_READ", 24: "CAPBSET_DROP", 26: "SET_TSC",
         27: "GET_SECUREBITS", 28: "SET_SECUREBITS", 29: "SET_TIMERSLACK",
         38: "SET_NO_NEW_PRIVS", 39: "GET_NO_NEW_PRIVS", 47: "CAP_AMBIENT",
         62: "SCHED_CORE"}

RESOURCES = 16
IDS = ("setresuid", "setresgid")


def flags(value, names):
    known = [name for flag, name in names.items() if value & flag == flag]
    rest = value & ~sum(flag for flag in names if value & flag == flag)
    return "|".join(known + ([hex(rest)] if rest else [])) or "0"


def descriptor(number):
    """Those that the design numbers; the others are anybody's guess."""
    return str(number) if number <= 4 else "fd"


def one(name, args, memory, ids):
    """A line for one call.  `ids` are the numbers that stand for a user."""
    text = memory.decode("utf-8", "replace")
    number = args[0] & 0xffffffff
    if name == "prctl":
        option = PRCTL.get(args[0], str(args[0]))
        return f"prctl {option}" if option in (
            "CAPBSET_DROP", "SET_TIMERSLACK") else f"prctl {option} {args[1]}"
    if name == "setns":
        return f"setns pidfd {flags(args[1], NAMESPACE_FLAGS)}"
    if name == "clone":
        return f"clone {flags(args[0], CLONE_FLAGS)}"
    if name in IDS:
        return f"{name} " + " ".join(ids.get(arg, str(arg))
                                     for arg in args[:3])
    if name in ("setuid", "setgid", "setgroups", "exit_group"):
        return f"{name} {number}"
    if name == "capset":
        low, high = struct.unpack("<6I", memory)[1::3]
        return f"capset permitted {high << 32 | low:#x}"
    if name == "prlimit64":
        return f"prlimit64 {'set' if args[2] else 'get'} {args[1]}"
    if name in ("chroot", "execve", "openat"):
        return f"{name} {text}"
    if name == "execveat":
        return f"execveat {number} {args[4]:#x}"
    if name == "chdir":
        return "chdir /" if text == "/" else "chdir (the home)"
    if name == "write":
        stage, sys = struct.unpack("<Ii", memory[:8])
        said = "PID" if stage == STARTED else sys
        return f"write {descriptor(number)} stage {stage}, {said}" \
            if args[2] == 8 else f"write {descriptor(number)} ({args[2]})"
    if name == "read":
        return f"read {descriptor(number)} ({args[2]})"
    if name == "fcntl":
        return f"fcntl {descriptor(number)} {args[1]} {args[2]}"
    if name == "dup2":
        return f"dup2 fd {args[1]}"
    if name == "dup3":
        return f"dup3 fd {args[1]} {args[2]:#x}"
    if name == "close_range":
        return f"close_range {args[0]} {args[1]:#x} {args[2]}"
    if name in ("close", "fchdir"):
        return f"{name} {descriptor(number)}"
    if name == "ioctl":
        return f"ioctl {descriptor(number)} {args[1]:#x}"
    if name in ("keyctl", "seccomp", "umask", "personality"):
        return f"{name} {args[0]:#x}"
    if name == "rt_sigaction":
        return f"rt_sigaction {args[0]}"
    return name


def merge_limits(lines):
    """Whether a limit has to be lowered depends on the machine."""
    gets = [f"prlimit64 get {i}" for i in range(RESOURCES)]
    if [line for line in lines if line.startswith("prlimit64 get")] != gets:
        return lines
    for line, before in zip(lines[1:], lines):
        if line.startswith("prlimit64 set") and \
                line.replace("set", "get") != before:
            return lines
    first = lines.index(gets[0])
    rest = [line for line in lines if not line.startswith("prlimit64")]
    return rest[:first] + ["prlimit64 get 0 to 15, each set where the "
                           "init's is lower"] + rest[first:]


def merge_repeated(lines):
    """How many capabilities there are depends on the kernel."""
    result = []
    for line, group in itertools.groupby(lines):
        several = len(list(group)) > 1
        result.append(f"{line} (repeated)" if several else line)
    return result


def merge_signals(lines):
    """The numbers that libc keeps for itself are left out."""
    numbers = [int(line.split()[1]) for line in lines
               if line.startswith("rt_sigaction")]
    expected = [n for n in range(1, 65) if n not in (32, 33)]
    if numbers != expected:
        return lines
    first = lines.index("rt_sigaction 1")
    rest = [line for line in lines if not line.startswith("rt_sigaction")]
    return rest[:first] + ["rt_sigaction 1 to 64"] + rest[first:]


def lines(outcome, role, ids):
    """What a process of that login did until it executed the shell."""
    names = {number: name for name, number in faults.numbers().items()}
    found = [one(names[call.number], call.args, call.memory, ids)
             for call in outcome.calls
             if call.role == role and call.generation == 0]
    return merge_repeated(merge_signals(merge_limits(found)))
