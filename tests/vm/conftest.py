# SPDX-License-Identifier: MIT
"""Tests in machines whose kernel has what this one's lacks.  As the others:

    /usr/bin/python3 -m pytest tests/vm
"""

import contextlib

import pytest

from guest import Guest
from image import kernel, make

MACHINES = {
    "apparmor": "security=apparmor apparmor=1",
    "selinux": "security=selinux selinux=1 enforcing=1",
}


@pytest.fixture(scope="session")
def guests(tmp_path_factory):
    """All machines, booting at the same time."""
    scratch = str(tmp_path_factory.mktemp("vm"))
    vmlinuz = kernel()
    initrd = make(scratch)
    with contextlib.ExitStack() as stack:
        machines = {}
        for name, parameters in MACHINES.items():
            machines[name] = Guest(vmlinuz, initrd, f"{scratch}/{name}",
                                   parameters)
            stack.callback(machines[name].stop)
        yield machines
