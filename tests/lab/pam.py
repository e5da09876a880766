# SPDX-License-Identifier: MIT
"""Login services with a pam.d of their own, in a view of their own."""

import contextlib
import os
import re

from . import logreader, machine, process

# Nobody is asked for a password here; what is tried is the session.
SERVICE = """\
auth     required pam_permit.so
account  required pam_permit.so
password required pam_permit.so
session  required pam_permit.so
{line}
"""

SERVICES = ("sshd", "su", "su-l", "runuser", "runuser-l", "login", "sudo",
            "sudo-i", "cron", "ctsh-test")


class Services:
    """`prefix` runs a command where all services have the line."""

    def __init__(self, lab, directory):
        self.lab = lab
        self.directory = directory
        self.prefix = None
        os.mkdir(directory)

    def line(self, *arguments, module=None):
        """From now on.  Whole or not at all, since services may be reading."""
        text = SERVICE.format(line="session required " + " ".join(
            (module or self.lab.ctsh.pam, *arguments)))
        for name in SERVICES:
            path = f"{self.directory}/{name}"
            with open(f"{path}.new", "w") as file:
                file.write(text)
            os.rename(f"{path}.new", path)

    def run(self, *argv, **more):
        return process.run([*self.prefix, *argv], **more)

    def said(self, start=0):
        """What the module sent to the log, from a mark on."""
        found = (re.search(r"pam_ctsh\([^)]*\): (.*)", line, re.S)
                 for line in self.lab.log.lines[start:])
        return [logreader.parse(match.group(1)) for match in found if match]

    def line_of(self, event, ref, timeout=5):
        """Waits for that line of that session."""
        def there():
            return [one for one in self.said()
                    if (one["event"], one.get("ref")) == (event, ref)]
        return process.wait_for(there, timeout, f"{event} {ref}")[0]

    def tester(self, user, *operations, **more):
        return self.run("pamtester", "ctsh-test", user.name, *operations,
                        **more)


@contextlib.contextmanager
def services(lab):
    made = Services(lab, f"{lab.base}/pam.d")
    made.line("join=net", "users=nobody")
    with machine.view(["mount", "--bind", made.directory, "/etc/pam.d"],
                      inside=lab.log_prefix) as prefix:
        made.prefix = prefix
        yield made
