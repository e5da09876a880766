# SPDX-License-Identifier: MIT
"""What the file system has more where systemd is process 1: systemd itself,
its machined and the bus that they talk over, its journal, runc."""

import os

from image import GROUP, INNER_ALICE, PASSWD, copy, copy_program, libraries, \
    pack_beside, write
from lab import rootfs

PROGRAMS = ("/usr/lib/systemd/systemd", "/usr/bin/systemd-run",
            "/usr/bin/systemctl", "/usr/sbin/runc",
            "/usr/lib/systemd/systemd-machined", "/usr/bin/systemd-nspawn",
            "/usr/bin/machinectl", "/usr/bin/dbus-daemon",
            "/usr/lib/systemd/systemd-journald", "/usr/bin/journalctl")

# As they are installed; whatever else they want is not there.
INSTALLED = ("shutdown.target", "basic.target", "sysinit.target",
             "dbus.service", "dbus.socket", "systemd-machined.service",
             "systemd-nspawn@.service", "machine.slice",
             "systemd-journald.service", "systemd-journald.socket")

BUS = ("system.conf", "system.d/org.freedesktop.machine1.conf",
       "system.d/org.freedesktop.systemd1.conf",
       "system-services/org.freedesktop.machine1.service")

UNITS = {
    "default.target": """\
[Unit]
DefaultDependencies=no
Wants=loop.service dbus.socket systemd-journald.service
""",
    "loop.service": """\
[Unit]
DefaultDependencies=no
After=dbus.socket
[Service]
ExecStart=/loop
KillMode=process
""",
}

# Of the machine that its unit starts: what the unit says holds for all else.
# This kernel has no veth, and this userland, the machine's too, no halt.target.
# A systemd that is not ready yet moves itself, and whoever is in its group.
NSPAWN = """\
[Exec]
NotifyReady=yes
KillSignal=SIGKILL
[Network]
Private=yes
VirtualEthernet=no
[Files]
BindReadOnly=/usr
BindReadOnly=/lib64
"""

MACHINE = "var/lib/machines/box"


def add_units(tree):
    units = f"{tree}/etc/systemd/system"
    os.makedirs(units)
    for name in INSTALLED:
        copy(tree, f"/usr/lib/systemd/system/{name}")
    for name, content in UNITS.items():
        write(f"{units}/{name}", content)
    os.symlink("systemd-machined.service", f"{tree}/usr/lib/systemd/system/"
               "dbus-org.freedesktop.machine1.service")


def add_bus(tree):
    """Which starts machined for the first who asks for it."""
    for name in BUS:
        copy(tree, f"/usr/share/dbus-1/{name}")
    write(f"{tree}/etc/passwd", PASSWD +
          "messagebus:x:100:100::/nonexistent:/bin/false\n")
    write(f"{tree}/etc/group", f"{GROUP}messagebus:x:100:\n")


def add_machine(tree, scratch):
    """One that is booted: a systemd of its own is its init."""
    machine = f"{tree}/{MACHINE}"
    rootfs.make(machine, [("alice", INNER_ALICE, INNER_ALICE, "/bin/sh")],
                f"{scratch}/probe")
    write(f"{machine}/etc/os-release", "ID=inside\n")
    write(f"{machine}/etc/machine-id", "")
    write(f"{machine}/etc/systemd/system/default.target",
          "[Unit]\nDefaultDependencies=no\n")
    for library in libraries("/usr/bin/systemd-nspawn"):
        if "/libsystemd-shared-" in library:
            # By its name nspawn knows which cgroups that systemd can use.
            write(f"{machine}{library}", "")
    write(f"{tree}/etc/systemd/nspawn/box.nspawn", NSPAWN)
    copy(tree, os.path.realpath("/etc/os-release"), "/usr/lib/os-release")


def make(scratch):
    """To be unpacked after the file system that all have."""
    tree = f"{scratch}/machined-tree"
    for path in PROGRAMS:
        copy_program(tree, path)
    add_units(tree)
    add_bus(tree)
    add_machine(tree, scratch)
    write(f"{tree}/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    return pack_beside(tree, f"{scratch}/machined-initrd")
