# SPDX-License-Identifier: MIT
"""What the entering processes ask of the kernel, call by call.

M is recorded from its birth to its end, S from its birth to the execve: the
join lies in M.  The lists are in tests/data/contract/, one for each process,
container and kind of session.  A call that appears, vanishes or moves fails
the test.  Who means it writes the lists anew:

    CTSH_RENEW_CONTRACT=1 /usr/bin/python3 -m pytest \\
        tests/system/test_contract.py

and looks at what git shows before it is committed.
"""

import difflib
import os

import pytest

from lab import contract, faults, install, process, rootfs

DATA = f"{install.SOURCE}/tests/data/contract"
RENEW = "CTSH_RENEW_CONTRACT"


@pytest.fixture(scope="module")
def program(lab):
    faults.demand_machine()
    return rootfs.compile_helper("inject", f"{lab.base}/inject-contract")


# Our own sftp-server, by a descriptor.
COMMANDS = {"command": "exit 0", "terminal": "exit 0",
            "sftp": "/usr/lib/openssh/sftp-server"}


def record(lab, program, box, session):
    """The second login: the first one may have things to do that the others
    have not."""
    injector = faults.Injector(lab, program, box.user,
                               f"{lab.run}/contract.report")
    for _ in range(2):
        words = faults.EVERYTHING, "-c", COMMANDS[session]
        outcome = faults.at_terminal(injector, *words) \
            if session == "terminal" else injector.inject(*words)
        assert outcome.status == 0, outcome
    return outcome


@pytest.mark.parametrize("session", ["command", "terminal", "sftp"])
@pytest.mark.parametrize("kind", ["crun", "userns"])
def test_the_calls_of_an_entry_are_those_that_are_written_down(
        lab, program, kind, session):
    box = lab.boxes[kind]
    outcome = record(lab, program, box, session)
    for role in ("M", "S"):
        found = contract.lines(outcome, role, {box.uid: "THE-ID"})
        compare(f"{DATA}/{kind}-{session}-{role}.txt", found)
    if os.environ.get(RENEW):
        pytest.skip("written anew, and compared with nothing")


def compare(path, found):
    text = "".join(f"{line}\n" for line in found)
    if os.environ.get(RENEW):
        os.makedirs(DATA, exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    written = process.read(path)
    assert written == text, f"set {RENEW}=1 if this is meant:\n" + "".join(
        difflib.unified_diff(written.splitlines(True), text.splitlines(True),
                             path, "this login"))


def test_nothing_is_asked_between_the_filters_and_the_word_to_go(
        lab, program):
    """What a filter could fake is no longer relied upon."""
    outcome = record(lab, program, lab.boxes["userns"], "command")
    found = contract.lines(outcome, "M", {})
    assert found[found.index("seccomp 0x1") + 1:] == [
        "write 3 stage 2, 0", "read 4 (1)",
        "clone PARENT|PARENT_SETTID|CHILD_SETTID|SIGCHLD",
        "write 3 stage 3, PID", "exit_group 0"]
