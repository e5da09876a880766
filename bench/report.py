#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py DIR: medians of hyperfine's results, and ratios beside targets.

Exit status 1 if a ratio is over its target.
"""
import glob
import json
import os
import statistics
import sys

TARGETS = [  # of design: login latency
    ("ctsh-crun", "nsenter", 1.5),
    ("ctsh-crun", "crun-exec", 0.65),
    ("ctsh-pidfile", "nsenter", 1.5),
    ("ctsh-pidfile", "crun-exec", 0.65),
    ("ctsh-docker", "docker-exec", 1 / 15),
]


def main(directory):
    times = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        name = os.path.basename(path).split(".")[0]
        with open(path, encoding="ascii") as file:
            times.setdefault(name, []).extend(
                json.load(file)["results"][0]["times"])
    for name, values in times.items():
        print(f"  {name:14} {statistics.median(values) * 1000:9.2f} ms"
              f"   (least {min(values) * 1000:.2f})")
    print()
    missed = 0
    for ours, theirs, target in TARGETS:
        if ours not in times or theirs not in times:
            continue
        ratio = statistics.median(times[ours]) / statistics.median(times[theirs])
        missed += ratio > target
        print(f"  {ours + ' / ' + theirs:30} {ratio:6.3f}   at most "
              f"{target:.3f}   {'MISSED' if ratio > target else 'met'}")
    return 1 if missed else 0


sys.exit(main(sys.argv[1]))
