# SPDX-License-Identifier: MIT
"""Tests in machines whose kernel has what this one's lacks.  As the others:

    /usr/bin/python3 -m pytest tests/vm
"""

import contextlib

import pytest

import image_systemd
from guest import Guest, with_systemd
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
    with with_systemd(images, "machined", image_systemd.make) as machine:
        yield machine
