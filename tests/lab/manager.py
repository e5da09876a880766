# SPDX-License-Identifier: MIT
"""What stands in for systemd where it is not the service manager: tests/vm has
the real one."""

import contextlib
import os
import shutil

from . import machine, process

# Its environment is fixed; with ids given it is that user's own.
RUN = """\
#!/bin/sh
echo "$@" >>{calls}
while [ "$1" != -- ]; do
    case $1 in
    --uid=*) uid=${{1#*=}} ;;
    --gid=*) gid=${{1#*=}} ;;
    --setenv=*) own=${{1#*=}} ;;
    esac
    shift
done
shift
if [ -n "$uid" ]; then
    home=$(getent passwd "$uid" | cut -d: -f6)
    set -- setpriv --reuid "$uid" --regid "$gid" --init-groups -- \\
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" "$own" "$@"
else
    set -- env PATH={path} {more} "$@"
fi
setsid --wait {prefix} "$@" </dev/null >{journal} 2>&1 && exit
echo "Job for a unit failed."
exit 1
"""

JOURNAL = """\
#!/bin/sh
[ "$1" = --sync ] || cat {journal}
"""


class Manager:
    """Logins in a view that has a service manager.  `calls` is what it was
    told, a line for each."""

    def __init__(self, lab):
        self.lab = lab
        self.place = f"{lab.run}/manager"
        self.calls = f"{self.place}/calls"
        self.journal = f"{self.place}/journal"
        self.view = None
        os.mkdir(self.place)
        self.program("systemctl", "#!/bin/sh\nexit 1\n")
        self.program("journalctl", JOURNAL.format(journal=self.journal))
        self.service()

    def program(self, name, text):
        # Not by another file: this one is mounted.
        with open(f"{self.place}/{name}", "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o755)

    def service(self, path="/nonexistent", more=""):
        """How the next one is run."""
        self.program("systemd-run", RUN.format(
            prefix=" ".join(self.lab.engine_prefix), path=path, more=more,
            calls=self.calls, journal=self.journal))

    def argv(self, user, *args):
        prefix = len(self.lab.log_prefix)
        return [*self.view, *self.lab.direct_argv(user, *args)[prefix:]]

    def login(self, user, *args, timeout=40):
        return process.run(self.argv(user, *args), timeout=timeout)

    def told(self):
        try:
            return process.read(self.calls).splitlines()
        except FileNotFoundError:
            return []


@contextlib.contextmanager
def manager(lab):
    made = Manager(lab)
    mounts = [["mount", "--bind", f"{made.place}/{name}", f"/usr/bin/{name}"]
              for name in ("systemd-run", "systemctl", "journalctl")]
    try:
        with machine.view(["mkdir", "-p", "/run/systemd"],
                          ["mount", "-t", "tmpfs", "-o", "mode=0755", "none",
                           "/run/systemd"],
                          ["mkdir", "/run/systemd/system"],
                          *mounts, inside=lab.log_prefix) as made.view:
            yield made
    finally:
        shutil.rmtree(made.place)
