# SPDX-License-Identifier: MIT
"""Ten thousand random calls of a ctsh that was built with sanitizers, and some
thousand more of the plain one with limits that no sanitizer lives in.

A case that fails is printed with its number and can be repeated alone:
hostile_caller sanitized PROGRAM DIRECTORY NUMBER 1, as the user.
"""

import fcntl
import os
import re
import subprocess
import time

import pytest

from lab import install, process, rootfs

CASES = 10_000
PLAIN_CASES = 2_000
DRIVERS = 2
LIMIT = 480

pytestmark = pytest.mark.limit(LIMIT + 20)


@pytest.fixture(scope="module")
def driver(lab):
    return rootfs.compile_helper("hostile_caller",
                                 f"{lab.base}/hostile_caller")


@pytest.fixture(scope="module")
def sanitized(lab):
    """The program, and where its reports would be."""
    base = f"{lab.base}/sanitized"
    reports = f"{lab.base}/reports"
    os.mkdir(base, 0o755)
    os.mkdir(reports)
    os.chmod(reports, 0o1777)
    options = rootfs.compile_helper("san_options", f"{base}/options.o", "-c",
                                    f'-DLOG="{reports}/report"')
    yield install.install_sanitized(base, lab.ctsh, options).shell, reports


def start(lab, user, driver, build, program, first, count):
    argv = lab.direct_argv(user, build, program, user.home, str(first),
                           str(count), argv0="hostile_caller",
                           program=driver)
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="backslashreplace")


def run(lab, user, driver, build, program, cases):
    """So many in all; what came how often."""
    # Other cases in each run, the same ones in a run with this set.
    first = int(os.environ.get("CTSH_TEST_SEED", time.time_ns() // 10**6))
    each = cases // DRIVERS
    running = [start(lab, user, driver, build, program, first + i * each,
                     each) for i in range(DRIVERS)]
    end = time.monotonic() + LIMIT
    try:
        outputs = [one.communicate(timeout=end - time.monotonic())[0]
                   for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait(10)
    assert [one.returncode for one in running] == [0] * DRIVERS, \
        f"CTSH_TEST_SEED={first}\n" + "\n".join(outputs)
    total = {}
    for output in outputs:
        for name, number in re.findall(r"(\w+)=(\d+)", output):
            total[name] = total.get(name, 0) + int(number)
    assert sum(total.values()) == each * DRIVERS
    return total


def cores(lab, user):
    """Wherever a relative core_pattern would put them."""
    places = ["/", lab.base, user.home, "/tmp"]
    return [f"{place}/{name}" for place in places
            for name in os.listdir(place) if re.match(r"core(\.\d+)?$", name)]


def held_slots(lab, user):
    directory = f"{lab.ctsh.run}/slots"
    held = []
    for name in os.listdir(directory):
        if not name.startswith(f"{user.uid}."):
            continue
        with open(f"{directory}/{name}", "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(name)
    return held


def terminals(init):
    return os.listdir(f"/proc/{init}/root/dev/pts")


@pytest.fixture
def nothing_left(lab, crun_box):
    """Each case sees to its own processes; this to the rest."""
    before = len(lab.log.lines)
    seen = terminals(crun_box.init), cores(lab, crun_box.user)
    yield
    process.wait_for(lambda: held_slots(lab, crun_box.user) == [],
                     what="free slots")
    assert (terminals(crun_box.init), cores(lab, crun_box.user)) == seen
    assert process.children(crun_box.init) == []
    # So many lines would slow down whoever looks for one later.
    del lab.log.lines[before:]


def test_random_calls_of_a_sanitized_build(lab, crun_box, driver, sanitized,
                                           nothing_left):
    program, reports = sanitized
    total = run(lab, crun_box.user, driver, "sanitized", program, CASES)
    assert os.listdir(reports) == []
    # Each way was gone often enough to mean something.
    assert total["landed"] > CASES // 6, total
    assert total["usage"] > CASES // 3, total
    assert total["system"] > CASES // 100, total
    assert total["died"] > CASES // 200, total


def test_random_calls_with_hard_limits(lab, crun_box, driver, nothing_left):
    total = run(lab, crun_box.user, driver, "plain", lab.ctsh.shell,
                PLAIN_CASES)
    assert total["landed"] > PLAIN_CASES // 10, total
    assert total["other"] > PLAIN_CASES // 100, total


FAULT = "int main(int c, char **v) { char b[2]; b[c + 1] = *v[0]; " \
        "return b[c]; }"


def test_the_sanitizers_would_report(lab, crun_box, sanitized):
    """They are in both programs, and find what they find into a file."""
    program, reports = sanitized
    base = f"{lab.base}/sanitized"
    for path in (program, f"{base}/libexec/ctsh/ctsh-session"):
        assert "__asan_default_options" in process.run(
            ["nm", path], check=True).out
    process.run(["gcc", "-fsanitize=address,undefined", "-O0", "-x", "c", "-",
                 "-x", "none", f"{base}/options.o", "-o", f"{base}/fault"],
                FAULT.encode(), check=True)
    assert lab.run_as(crun_box.user, f"{base}/fault").status != 0
    found = os.listdir(reports)
    for name in found:
        os.unlink(f"{reports}/{name}")
    assert len(found) == 1
