# SPDX-License-Identifier: MIT
"""Tests in machines whose kernel has what this one's lacks.  As the others:

    /usr/bin/python3 -m pytest tests/vm
"""

import contextlib
import shutil

import pytest

import image_systemd
from guest import Guest
from image import kernel, make

MACHINES = {
    "apparmor": "security=apparmor apparmor=1",
    "selinux": "security=selinux selinux=1 enforcing=1",
}


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A directory for all machines, their kernel, their file system."""
    scratch = str(tmp_path_factory.mktemp("vm"))
    return scratch, kernel(), make(scratch)


@pytest.fixture(scope="session")
def guests(images):
    """All machines that need nothing else, booting at the same time."""
    scratch, vmlinuz, initrd = images
    with contextlib.ExitStack() as stack:
        machines = {}
        for name, parameters in MACHINES.items():
            machines[name] = Guest(vmlinuz, initrd, f"{scratch}/{name}",
                                   parameters)
            stack.callback(machines[name].stop)
        yield machines


@pytest.fixture(scope="session")
def systemd(images):
    """One with systemd as process 1."""
    scratch, vmlinuz, initrd = images
    both = f"{scratch}/machined-both"
    with open(both, "wb") as out:
        for part in (initrd, image_systemd.make(scratch)):
            with open(part, "rb") as archive:
                shutil.copyfileobj(archive, out)
    machine = Guest(vmlinuz, both, f"{scratch}/machined",
                    "ctsh.systemd systemd.log_target=console")
    try:
        machine.wait_until_ready()
        yield machine
    finally:
        machine.stop()
