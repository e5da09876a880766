# SPDX-License-Identifier: MIT
"""ctsh itself, built for places of its own, since those are compiled in."""

import os
import shutil
import stat
from dataclasses import dataclass

from . import process

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


@dataclass(frozen=True)
class Installed:
    shell: str       # the setuid program
    session: str
    ctl: str
    etc: str         # the directory of ctsh.conf
    run: str
    pam: str         # the module

    @property
    def static(self):
        """Whether the session needs no loader: so it is linked where its
        libraries have a static form."""
        return "INTERP" not in process.run(
            ["readelf", "-Wl", self.session], check=True).out


def install(base, run):
    """Builds and installs below `base`, a directory of root's alone."""
    demand_safe(base)
    places = [f"B={base}/build", f"prefix={base}", f"sysconfdir={base}/etc",
              f"rundir={run}", f"logdir={base}/log"]
    process.run(["make", "-C", SOURCE, "-j2", "all", *places], check=True,
                timeout=240)
    process.run(["make", "-C", SOURCE, "install", *places], check=True,
                timeout=60)
    return Installed(f"{base}/bin/ctsh",
                     f"{base}/libexec/ctsh/ctsh-session",
                     f"{base}/sbin/ctshctl", f"{base}/etc/ctsh", run,
                     f"{base}/lib/security/pam_ctsh.so")


def demand_safe(path):
    """What ctsh will demand of the directories above its files."""
    while True:
        info = os.lstat(path)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != 0 \
                or info.st_mode & 0o022:
            raise RuntimeError(f"{path} is not root's alone")
        if path == "/":
            return
        path = os.path.dirname(path)


def install_sanitized(base, ctsh, options):
    """The same once more, checking itself, beside the first: it reads the
    same configuration and knows the same slots.  `options` is an object file
    with the sanitizer's."""
    places = [f"B={base}/build", f"prefix={base}",
              f"sysconfdir={os.path.dirname(ctsh.etc)}", f"rundir={ctsh.run}",
              f"logdir={base}/log"]
    process.run(["make", "-C", SOURCE, "-j2", "all", *places,
                 "SANITIZE=address,undefined", f"LDFLAGS={options}"],
                check=True, timeout=240)
    made = Installed(f"{base}/bin/ctsh", f"{base}/libexec/ctsh/ctsh-session",
                     "", ctsh.etc, ctsh.run,
                     f"{base}/build/pam_ctsh.so")
    names = os.path.join(os.path.dirname(made.session), "ctsh-names")
    for path, mode in ((made.shell, 0o4755), (made.session, 0o700),
                       (names, 0o700)):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(f"{base}/build/{os.path.basename(path)}", path)
        os.chmod(path, mode)
    return made


def build_sanitized(base, ctsh):
    """The module alone, checking itself, for the first one's places."""
    process.run(["make", "-C", SOURCE, "-j2", f"{base}/pam_ctsh.so",
                 f"B={base}", f"sysconfdir={os.path.dirname(ctsh.etc)}",
                 f"rundir={ctsh.run}", "SANITIZE=address,undefined"],
                check=True, timeout=240)
    return f"{base}/pam_ctsh.so"
