# SPDX-License-Identifier: MIT
"""What a process in a container has, as the probe tells it from inside and as
the host's /proc tells it of the init."""

import ctypes
import os
import re
from dataclasses import dataclass

from . import process

# The part of a setuid-root program's status that is power.
POWER = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
         "Seccomp", "Seccomp_filters", "Uid")


@dataclass
class Seen:
    """One container in one variant."""

    login: dict         # by the login's probe
    exec: dict          # by the same probe under the engine's exec
    init: dict          # what the host knows of the init, same keys
    login_setuid: dict  # POWER of a setuid-root program from a login
    exec_setuid: dict
    nsenter_setuid: dict

    def differences(self):
        """Field to what it is for the login and under exec."""
        return differences(self.login, self.exec)


def differences(one, other):
    return {field: (one.get(field), other.get(field))
            for field in one.keys() | other.keys()
            if one.get(field) != other.get(field)}


def names_of_calls():
    """Number to name, of those that this machine's headers know."""
    done = process.run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-"],
                       check=True)
    found = re.findall(r"#define __NR_(\w+) (\d+)\n", done.out)
    return {int(number): name for name, number in found}


def parse(result, names):
    """The lines of the probe as a dictionary; calls by name."""
    assert result.status == 0, result
    fields = {}
    for line in result.out.splitlines():
        key, _, value = line.partition("=")
        kind, _, number = key.partition(".")
        if kind == "syscall":
            key = f"syscall.{names.get(int(number), number)}"
        assert key not in fields, key
        fields[key] = value
    return fields


def power(result):
    """The lines that count, of `suprobe status`."""
    lines = dict(line.split(":", 1) for line in result.out.splitlines())
    assert result.status == 0, result
    return {name: lines[name].split("\t")[-1].strip() for name in POWER}


# -- from the host -----------------------------------------------------------

SAME_IN_STATUS = ("CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters",
                  "Cpus_allowed", "Mems_allowed", "THP_enabled",
                  "Speculation_Store_Bypass", "SpeculationIndirectBranch")


def of_init(pid):
    """All that the host's /proc tells of a process and the probe, too."""
    proc = f"/proc/{pid}"
    status = process.status(pid)
    fields = {f"status.{name}": status[name] for name in SAME_IN_STATUS}
    for line in process.read(f"{proc}/limits").splitlines()[1:]:
        fields[f"limit.{line[:25].strip()}"] = " ".join(line[25:].split())
    for name in os.listdir(f"{proc}/ns"):
        fields[f"ns.{name}"] = os.readlink(f"{proc}/ns/{name}")
    for name in ("oom_score_adj", "coredump_filter"):
        fields[name] = process.read(f"{proc}/{name}").strip()
    root = os.stat(f"{proc}/root")
    fields["root"] = f"{os.major(root.st_dev)}:{os.minor(root.st_dev)} " \
                     f"{root.st_ino}"
    fields["personality"] = str(int(process.read(f"{proc}/personality"), 16))
    fields["timer_slack"] = process.read(f"{proc}/timerslack_ns").strip()
    return {**fields, **scheduling(pid)}


def scheduling(pid):
    ioprio_get = 252 if os.uname().machine == "x86_64" else 31
    return {
        "scheduling.policy": str(os.sched_getscheduler(pid)),
        "scheduling.nice": str(os.getpriority(os.PRIO_PROCESS, pid)),
        "scheduling.io": str(ctypes.CDLL(None).syscall(ioprio_get, 1, pid)),
    }
