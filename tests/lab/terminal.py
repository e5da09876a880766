# SPDX-License-Identifier: MIT
"""A person at a keyboard."""

import re

import pexpect

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PROMPT = r"[$#] (?:\x1b\[[0-9;?]*[A-Za-z])*$"


class Terminal:
    """A command on a pty of its own, with that window size."""

    def __init__(self, argv, size=(50, 200), timeout=15, env=None, cwd=None):
        self.child = pexpect.spawn(argv[0], argv[1:], dimensions=size,
                                   timeout=timeout, encoding="utf-8",
                                   codec_errors="surrogateescape", env=env,
                                   cwd=cwd)
        self.child.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def prompt(self):
        """Waits until the shell waits."""
        self.child.expect(PROMPT)
        return self

    def ask(self, command):
        """What the command prints.  Leaves its status in `self.status`."""
        self.child.sendline(f'{command}; echo "<""end $?>"')
        self.child.expect(r"<end (\d+)>")
        self.status = int(self.child.match.group(1))
        _, _, output = self.child.before.rpartition('$?>"')
        self.prompt()
        return ESCAPES.sub("", output).replace("\r", "").strip("\n")

    def type(self, text):
        self.child.send(text)

    def see(self, pattern, timeout=-1):
        self.child.expect(pattern, timeout=timeout)
        return self.child.match

    def end(self):
        """Waits for the end: exit status, or -N for signal N."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        if self.child.signalstatus is not None:
            return -self.child.signalstatus
        return self.child.exitstatus
