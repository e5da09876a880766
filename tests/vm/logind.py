# SPDX-License-Identifier: MIT
"""The system bus and logind for a guest whose service manager is systemd, and
su(1) with a pam.d of its own."""

import os

from image import CACHE, copy, copy_program, libraries, write
from lab import process

LOGIND = "/lib/systemd/systemd-logind"
PROGRAMS = (LOGIND, "/usr/bin/dbus-daemon", "/usr/bin/loginctl", "/usr/bin/su")
MODULES = ("permit", "systemd")

BOB = 1002

# Everybody may do everything.
BUS = """\
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

# systemd itself looks for these two units of the bus.
UNITS = {
    "dbus.socket": """\
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
""",
    "dbus.service": """\
[Unit]
DefaultDependencies=no
Requires=dbus.socket
After=dbus.socket
[Service]
Type=notify
ExecStart=/usr/bin/dbus-daemon --config-file=/etc/bus.conf \
--address=systemd: --nofork --nopidfile --systemd-activation
""",
    "logind.service": f"""\
[Unit]
DefaultDependencies=no
Requires=dbus.service
After=dbus.service
[Service]
Type=notify
ExecStart={LOGIND}
""",
    "user-.slice": "[Unit]\nDefaultDependencies=no\n",
}


def module(name):
    """Where the distribution keeps that module of PAM."""
    triplet = process.run(["gcc", "-print-multiarch"], check=True).out.strip()
    places = [f"{room}/security/pam_{name}.so" for room in (
        f"/usr/lib/{triplet}", f"/lib/{triplet}", "/usr/lib64", "/lib64")]
    return next(place for place in places if os.path.exists(place))


def add(tree):
    for path in PROGRAMS:
        copy_program(tree, path)
    for name in MODULES:
        copy_program(tree, module(name))
    for library in libraries(f"{CACHE}/ctsh/pam_ctsh.so"):
        copy(tree, library)
    copy(tree, f"/lib/{os.uname().machine}-linux-gnu/libgcc_s.so.1")
    write(f"{tree}/etc/bus.conf", BUS)
    for name, content in UNITS.items():
        write(f"{tree}/etc/systemd/system/{name}", content)


def pam(*lines):
    """A file of pam.d whose session lines are these."""
    always = "".join(f"{kind} required {module('permit')}\n"
                     for kind in ("auth", "account", "session"))
    return always + "".join(f"session required {line}\n" for line in lines)
