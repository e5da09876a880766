# SPDX-License-Identifier: MIT
"""A container that is ended and made anew, again and again, during logins."""

import collections
import contextlib
import json
import os
import random
import subprocess
import threading
import time

from . import process

# What a login tells about where it is; nothing in it needs a fork, which a
# container that ends may refuse.
NAMESPACES = ("pid", "mnt", "uts", "net", "ipc")
WHERE = ("read -r marker </marker; read -r name </proc/sys/kernel/hostname; "
         "echo $marker $name; exec stat -L -c %i " +
         " ".join(f"/proc/self/ns/{name}" for name in NAMESPACES))

# One login after the other; a line for each: status, output, stderr.
LOGINS = r"""
left=$0
while [ "$left" -gt 0 ]; do
    out=$("$1" -c "$2" 2>"$3" </dev/null)
    printf '%s\t' "$?"
    printf '%s ' $out
    err=
    read -r err <"$3"
    printf '\t%s\n' "$err"
    left=$((left - 1))
done
"""


def logins(lab, user, count, side_by_side):
    """(status, output, stderr) of so many logins."""
    each = count // side_by_side
    running = [subprocess.Popen(
        [*lab.direct_argv(user, "-c", LOGINS, str(each), lab.ctsh.shell,
                          WHERE, f"{user.home}/storm.{number}",
                          argv0="sh", program="/bin/sh")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"})
        for number in range(side_by_side)]
    try:
        lines = [line for one in running for line in
                 process.text(one.communicate(timeout=200)[0]).splitlines()]
    finally:
        for one in running:
            one.kill()
            one.wait(10)
    assert len(lines) == each * side_by_side
    return [(int(status), out.strip(), err) for status, out, err in
            (line.split("\t") for line in lines)]


def describe(pid, marker, name):
    """What a login into the container of that init says."""
    inodes = [str(os.stat(f"/proc/{pid}/ns/{kind}").st_ino)
              for kind in NAMESPACES]
    return " ".join([marker, name, *inodes])


class Restarting:
    """One generation after the other until told to stop: `first` is there
    already, and `renew(number)` ends the last one and makes the next.  Both
    are what describe() gives."""

    def __init__(self, first, renew, pause):
        self.renew = renew
        self.pause = pause
        self.seen = [first]
        self.failure = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def _loop(self):
        try:
            while not self._stop.is_set():
                self.seen.append(self.renew(len(self.seen)))
                time.sleep(random.uniform(0, self.pause))
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "it still makes containers"
        assert self.failure is None, self.failure


@contextlib.contextmanager
def crun_storm(lab, roots, pause):
    """`roots`: marker -> userland, in turn; the name is always `storm`."""
    crun, markers = lab.crun, list(roots)
    state = f"{crun.state}/storm/status"

    def renew(number):
        marker = markers[number % len(markers)]
        crun.call("delete", "--force", "storm", check=True)
        with open(config, encoding="utf-8") as file:
            content = json.load(file)
        content["root"]["path"] = roots[marker]
        content["hostname"] = f"generation-{number}"
        with open(config, "w", encoding="utf-8") as file:
            json.dump(content, file)
        crun_run(crun, directory)
        pid = json.loads(process.read(state))["pid"]
        return describe(pid, marker, content["hostname"])

    with crun.container("storm", roots[markers[0]]):
        directory = f"{crun.directory}/{crun.program}-storm"
        config = f"{directory}/config.json"
        first = describe(crun.pid("storm"), markers[0], "inside")
        with Restarting(first, renew, pause) as restarting:
            yield restarting


def crun_run(crun, directory):
    log = f"{directory}/run.log"
    with open(log, "wb") as sink, open(log, "rb") as nothing:
        started = subprocess.run(
            [*crun.prefix, crun.program, "--root", crun.state, "run",
             "--detach", "--bundle", directory, "storm"],
            stdin=nothing, stdout=sink, stderr=sink, timeout=30, check=False)
    assert started.returncode == 0, process.tail(log)


def tally(results):
    """How often each ending came: the status, or the code of a refusal."""
    def ending(status, err):
        return err.partition("[")[2].split()[0] if "[" in err else status
    return collections.Counter(ending(status, err)
                               for status, _, err in results)
