# SPDX-License-Identifier: MIT
"""Login services with a pam.d of their own, in a view of their own."""

import contextlib
import os
import re
import shutil
import time

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

CRON_PID = "/run/crond.pid"


class Services:
    """`prefix` runs a command where all services have the line."""

    def __init__(self, lab, directory):
        self.lab = lab
        self.directory = directory
        self.prefix = None
        os.mkdir(directory)

    def line(self, *arguments, module=None, before=(), behind=()):
        """From now on.  Whole or not at all, since services may be reading.
        Other lines can stand before it and behind."""
        text = SERVICE.format(line="\n".join((*before, "session required "
            + " ".join((module or self.lab.ctsh.pam, *arguments)), *behind)))
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

    def jobs(self, users, command, timeout=75, is_done=None):
        """What that command line printed as a job of each user's, by a cron of
        our own, once it is done: the first of them has run it.  It waits for
        the next minute."""
        spool = f"{self.directory}-spool"
        os.makedirs(f"{spool}/crontabs", mode=0o1730)
        places = [f"{spool}/out.{user.name}" for user in users]
        for user, place in zip(users, places):
            tab = f"{spool}/crontabs/{user.name}"
            with open(tab, "w") as file:
                file.write(f"* * * * * {command} >{place} 2>&1\n")
            os.chmod(tab, 0o600)
            os.chown(tab, user.uid, -1)
            with open(place, "w"):
                os.chown(place, user.uid, -1)
        # The machine's own cron holds a lock on its file.
        open(f"{spool}/pid", "w").close()
        made = not os.path.exists(CRON_PID)
        start = (f"mount --bind {spool} /var/spool/cron && : >>{CRON_PID} && "
                 f"mount --bind {spool}/pid {CRON_PID} && "
                 "mount -t tmpfs none /etc/cron.d && exec cron -f -L 0")
        try:
            with process.daemon([*self.prefix, "unshare", "--mount", "sh",
                                 "-c", start], f"{spool}/cron.log"):
                process.wait_for(is_done or (lambda: process.read(places[0])),
                                 timeout, "a job")
                # All jobs of a minute are begun at once.
                time.sleep(2)
        finally:
            if made:
                # Or another one of ours was quicker.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(CRON_PID)
        return [process.read(place) for place in places]


@contextlib.contextmanager
def removed(directory):
    """At the end: the next one has the same name."""
    try:
        yield
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def services(lab, name="pam.d"):
    directory = f"{lab.base}/{name}"
    made = Services(lab, directory)
    made.line("join=net", "users=nobody")
    with removed(directory), machine.view(
            ["mount", "--bind", directory, "/etc/pam.d"],
            inside=lab.log_prefix) as prefix:
        made.prefix = prefix
        yield made


@contextlib.contextmanager
def cron(lab, services, jobs):
    """A cron of the test's own with a line for each user, every minute."""
    spool = f"{lab.base}/spool-all"
    os.makedirs(f"{spool}/crontabs", mode=0o1730)
    for user, command in jobs.items():
        tab = f"{spool}/crontabs/{user.name}"
        with open(tab, "w") as file:
            file.write(f"* * * * * {command}\n")
        os.chmod(tab, 0o600)
        os.chown(tab, user.uid, -1)
    # The machine's own cron holds a lock on its file.
    open(f"{spool}/pid", "w").close()
    made = not os.path.exists(CRON_PID)
    start = (f"mount --bind {spool} /var/spool/cron && : >>{CRON_PID} && "
             f"mount --bind {spool}/pid {CRON_PID} && "
             "mount -t tmpfs none /etc/cron.d && exec cron -f -L 0")
    with process.daemon([*services.prefix, "unshare", "--mount", "sh",
                         "-c", start], f"{lab.base}/cron-all.log"):
        yield
    if made:
        os.unlink(CRON_PID)
