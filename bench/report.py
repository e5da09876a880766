#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py DIR: medians of what was measured, and ratios beside targets.

Exit status 1 if one misses its target.
"""
import glob
import json
import os
import statistics
import sys

# Of two medians: at most or at least.
RATIOS = [
    ("ctsh-crun", "nsenter", "most", 1.5),
    ("ctsh-crun", "crun-exec", "most", 0.65),
    ("ctsh-pidfile", "nsenter", "most", 1.5),
    ("ctsh-pidfile", "crun-exec", "most", 0.65),
    ("ctsh-docker", "docker-exec", "most", 1 / 15),
    ("ctsh-podman", "podman-exec", "most", 1 / 30),
    ("ctsh-lxc", "lxc-attach", "most", 0.65),
    # By direct call, or a daemon's client beside which a tenth must do.
    ("ctsh-containerd", "ctr-exec", "most", 1 / 15),
    ("ctsh-kubernetes", "kube-exec", "most", 1 / 15),
    ("ctsh-lxd", "lxc-exec", "most", 1 / 15),
    ("ctsh-own", "own-exec", "most", 1 / 30),
    ("ctsh-nspawn", "nsenter", "most", 1.5),
    ("pty-ctsh", "pty-crun-exec", "least", 1.1),
    ("pty-ctsh", "pty-bare", "least", 0.8),
    # The same, but for what two measurements of one thing differ by.
    ("sshd-in-ctsh", "sshd-in-plain", "least", 0.9),
    ("sshd-out-ctsh", "sshd-out-plain", "least", 0.9),
]
SSHD_LOGIN_MS = 5
IDLE_KB = 350

# Finding the init, in ms: by an engine's socket or store, or by files alone.
LOOKUP_MS = {"docker": 1, "podman": 1, "own": 1, "lxc": 1, "lxd": 1,
             "crun": 0.3, "containerd": 0.3, "kubernetes": 0.3}


def read(directory):
    """For each name its unit and its values."""
    seen = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        name = os.path.basename(path).split(".")[0]
        with open(path, encoding="ascii") as file:
            content = json.load(file)
        if name == "session":
            for each, (unit, *values) in content.items():
                seen[each] = unit, values
        else:
            seen.setdefault(name, ("ms", []))[1].extend(
                second * 1000 for second in content["results"][0]["times"])
    return seen


def judge(what, value, most_or_least, target):
    missed = value > target if most_or_least == "most" else value < target
    print(f"  {what:31} {value:8.3f}   at {most_or_least} {target:.3f}"
          f"   {'MISSED' if missed else 'met'}")
    return missed


def main(directory):
    seen = read(directory)
    middle = {}
    for name, (unit, values) in seen.items():
        middle[name] = statistics.median(values)
        print(f"  {name:17} {middle[name]:9.2f} {unit:4}"
              f"   ({min(values):.2f} to {max(values):.2f})")
    print()
    missed = sum(judge(f"{ours} / {theirs}", middle[ours] / middle[theirs],
                       bound, target)
                 for ours, theirs, bound, target in RATIOS
                 if ours in middle and theirs in middle)
    missed += sum(judge(f"lookup-{name}: ms", middle[f"lookup-{name}"],
                        "most", target)
                  for name, target in LOOKUP_MS.items()
                  if f"lookup-{name}" in middle)
    missed += judge("sshd-login: ms more than plain",
                    middle["sshd-login-ctsh"] - middle["sshd-login-plain"],
                    "most", SSHD_LOGIN_MS)
    missed += judge("idle-session: kB", middle["idle-session"], "most",
                    IDLE_KB)
    return 1 if missed else 0


sys.exit(main(sys.argv[1]))
