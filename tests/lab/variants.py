# SPDX-License-Identifier: MIT
"""What a container can be asked for, in the words of each engine."""

import ctypes
import os
import resource
import signal

from . import engines

VARIANTS = ("default", "dropped", "added", "seccomp", "nnp", "rlimits",
            "scheduling")

USERNS_START = 400000

DROPPED = ("DAC_OVERRIDE", "FSETID", "SYS_CHROOT")
ADDED = ("NET_ADMIN", "SYS_PTRACE")

# Every kind of answer that a filter can give but a listener's.
OCI_SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": engines.SECCOMP["architectures"],
    "syscalls": [
        {"names": ["unshare", "keyctl"], "action": "SCMP_ACT_ERRNO",
         "errnoRet": 1},
        {"names": ["sysinfo", "times"], "action": "SCMP_ACT_ERRNO",
         "errnoRet": 95},
        {"names": ["vhangup"], "action": "SCMP_ACT_KILL_PROCESS"},
        {"names": ["acct"], "action": "SCMP_ACT_TRAP"},
        {"names": ["mincore"], "action": "SCMP_ACT_ERRNO", "errnoRet": 71,
         "args": [{"index": 2, "value": 2 ** 64 - 1,
                   "op": "SCMP_CMP_EQ"}]},
    ],
}
LXC_SECCOMP = """\
2
denylist
[all]
unshare errno 1
keyctl errno 1
sysinfo errno 95
times errno 95
vhangup kill
acct trap
mincore errno 71 [2,18446744073709551615,SCMP_CMP_EQ]
"""

# What root without SYS_RESOURCE can set: nothing but lower.
RLIMITS = {"nofile": (300, 700), "nproc": (150, 250), "core": (0, 0),
           "fsize": (1 << 30, 1 << 31), "cpu": (900, 1000),
           "stack": (4 << 20, 16 << 20), "msgqueue": (4096, 8192)}
OOM_SCORE_ADJ = 300
CPU = min(os.sched_getaffinity(0))

# runc is written in Go, whose start raises the soft number of open files to
# the hard one; whether that comes before or after runc sets it is a race.
RUNC_NOFILE = (700, 700)


def scheduled():
    """Before the exec of an engine: what it starts has these by birth."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.nice(5)
    os.sched_setaffinity(0, {CPU})
    ioprio_set, best_effort = 251, 2 << 13
    if os.uname().machine != "x86_64":
        ioprio_set = 30
    assert libc.syscall(ioprio_set, 1, 0, best_effort | 6) == 0
    pr_set_timerslack, addr_no_randomize = 29, 0x0040000
    assert libc.prctl(pr_set_timerslack, 70000, 0, 0, 0) == 0
    assert libc.personality(addr_no_randomize) >= 0


def started(variant):
    """How an engine that is no daemon is started: arguments of Popen."""
    return {"preexec_fn": scheduled} if variant == "scheduling" else {}


def odd():
    """Before the exec of a caller: what a user can change of a process, and
    the exec of a setuid program keeps."""
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_timerslack, pr_set_thp_disable, hours = 29, 41, 3600 * 10 ** 9
    assert libc.prctl(pr_set_timerslack, hours, 0, 0, 0) == 0
    assert libc.prctl(pr_set_thp_disable, 1, 0, 0, 0) == 0
    read_implies_exec = 0x0400000
    assert libc.personality(read_implies_exec) >= 0
    os.sched_setaffinity(0, {CPU})
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 150))
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    with open("/proc/self/coredump_filter", "w") as file:
        file.write("0x7f")
    os.umask(0)


def change_bundle(config, variant, program):
    """For crun and runc: the OCI configuration."""
    inside = config["process"]
    names = list(engines.CAPABILITIES)
    if variant == "dropped":
        names = [n for n in names if n[4:] not in DROPPED]
    if variant == "added":
        names += [f"CAP_{name}" for name in ADDED]
    inside["capabilities"] = dict.fromkeys(inside["capabilities"], names)
    if variant == "seccomp":
        config["linux"]["seccomp"] = OCI_SECCOMP
    limits = {"nofile": RUNC_NOFILE} if program == "runc" else {}
    if variant == "rlimits":
        limits = {**RLIMITS, **limits}
        inside["oomScoreAdj"] = OOM_SCORE_ADJ
    if limits:
        inside["rlimits"] = [
            {"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}
            for name, (soft, hard) in limits.items()]


def options(variant, profile):
    """What docker and podman agree on."""
    return {
        "default": [],
        "dropped": [f"--cap-drop={name}" for name in DROPPED],
        "added": [f"--cap-add={name}" for name in ADDED],
        "seccomp": [f"--security-opt=seccomp={profile}"],
        "nnp": ["--security-opt=no-new-privileges"],
        "rlimits": [f"--ulimit={name}={soft}:{hard}"
                    for name, (soft, hard) in RLIMITS.items()]
        + [f"--oom-score-adj={OOM_SCORE_ADJ}"],
        "scheduling": [f"--cpuset-cpus={CPU}"],
    }[variant]


def lines(variant, policy):
    """What LXC, and LXD by way of it, take as configuration."""
    return {
        "default": [],
        "dropped": [f"lxc.cap.drop = {name.lower()}" for name in DROPPED],
        "added": ["lxc.cap.drop ="],
        "seccomp": [f"lxc.seccomp.profile = {policy}"],
        "nnp": ["lxc.no_new_privs = 1"],
        "rlimits": [f"lxc.prlimit.{name} = {soft}:{hard}"
                    for name, (soft, hard) in RLIMITS.items()]
        + [f"lxc.proc.oom_score_adj = {OOM_SCORE_ADJ}"],
        "scheduling": [f"lxc.cgroup.cpuset.cpus = {CPU}",
                       f"lxc.cgroup2.cpuset.cpus = {CPU}"],
        "userns": [
            "lxc.include = /usr/share/lxc/config/userns.conf",
            f"lxc.idmap = u 0 {USERNS_START} 65536",
            f"lxc.idmap = g 0 {USERNS_START} 65536"],
    }[variant]


def lxd_settings(variant):
    """What LXD has keys of its own for."""
    return {
        "added": ["security.syscalls.intercept.mknod=true",
                  "security.syscalls.intercept.setxattr=true"],
        "seccomp": [f"raw.seccomp={LXC_SECCOMP}"],
        "rlimits": [f"limits.kernel.{name}={soft}:{hard}"
                    for name, (soft, hard) in RLIMITS.items()],
        "scheduling": [f"limits.cpu={CPU}-{CPU}"],
    }.get(variant, [])


def lxd_lines(variant):
    """What it passes on to LXC below it."""
    return [line for line in lines(variant, "") if line.startswith(
        ("lxc.cap.", "lxc.no_new_privs", "lxc.proc."))]
